/**
 * Blocked layout: the channels of an image are cut into blocks as wide as a vector register and the block becomes the
 * last axis, [N, C, H, W] → [N, C/b, H, W, b]. ONNX Runtime's fastest convolutions (domain com.microsoft.nchwc) work on
 * this layout; it uses them by itself only for constant weights. This pass puts them into graphs whose weights are
 * *inputs*, so that training steps and paths through weight space run at the same speed.
 *
 * Inside the rewritten graph a blocked value is an ordinary five-dimensional tensor, so every other operator keeps its
 * meaning and its gradient rule. Reshapes around the special operators cost nothing (ONNX Runtime aliases them).
 */
import { sizeOf } from "../tensor/tensor.ts";
import { Builder } from "./builder.ts";
import { type Graph, intAttr, intsAttr, type Node, stringAttr } from "./graph.ts";
import { prune } from "./topology.ts";

export const blockedDomain = "com.microsoft.nchwc";

/** Where a graph in blocked layout notes its block width b, for the gradient rules. */
export const blockNote = "transferscope.block";

/** Operators that act on each element by itself: they may be applied in any layout. */
const elementwise = new Set([
  "Relu",
  "LeakyRelu",
  "Elu",
  "Selu",
  "Celu",
  "Sigmoid",
  "Tanh",
  "Softplus",
  "Softsign",
  "HardSwish",
  "HardSigmoid",
  "Mish",
  "Gelu",
  "Erf",
  "Exp",
  "Log",
  "Neg",
  "Abs",
  "Sqrt",
  "Reciprocal",
  "Clip",
  "Identity",
  "ThresholdedRelu",
]);
const binary = new Set(["Add", "Sub", "Mul", "Div", "Pow"]);
const reductions = new Set(["ReduceMean", "ReduceSum"]);

interface Layouts {
  readonly g: Builder;
  readonly b: number;
  /** Name of the blocked twin of a value, [N, C/b, H, W, b]. */
  readonly blocked: Map<string, string>;
  /** Values that exist in their own layout under their own name. */
  readonly plain: Set<string>;
}

/**
 * The same function with its convolutions (and what lies between them) in blocked layout.
 *
 * `graph` must have numeric shapes (see `bind`). `block` is the width the runtime uses (see `runtime/probe`).
 * Convolutions stay as they are when their channels are not multiples of `block` (an input with fewer channels than a
 * block is taken plain) or when they are grouped, other than depthwise (as many groups as channels in and out). The result computes the same numbers up to rounding.
 *
 * For graphs that will be differentiated the batch size must be a multiple of `block` too, because the weight gradient
 * runs as a convolution over the batch; otherwise the graph is returned unchanged.
 */
export function toBlockedLayout(graph: Graph, block: number, purpose: "training" | "inference"): Graph {
  if (block < 2 || !graph.nodes.some((node) => node.op === "Conv")) return graph;
  const batch = graph.inputs[0]?.shape[0];
  if (purpose === "training" && (typeof batch !== "number" || batch % block !== 0)) return graph;

  const g = new Builder(graph.opsets[""] ?? 17);
  g.reserve([...graph.initializers.keys(), ...graph.nodes.flatMap((node) => node.outputs)]);
  const state: Layouts = { g, b: block, blocked: new Map(), plain: new Set() };
  for (const input of graph.inputs) state.plain.add(g.input(input.name, input.dtype, input.shape));
  for (const initializer of graph.initializers.values()) state.plain.add(g.parameter(initializer));
  for (const [key, text] of Object.entries(graph.metadata)) g.note(key, text);
  g.note(blockNote, String(block));
  const inputs = new Set(graph.inputs.map((input) => input.name));
  for (const node of graph.nodes) {
    const done = convolve(state, node, inputs) || follow(state, node);
    if (done) continue;
    for (const input of node.inputs) if (input !== "") toPlain(state, input);
    g.add(node);
    for (const output of node.outputs) state.plain.add(output);
  }
  for (const output of graph.outputs) toPlain(state, output.name);
  g.output(...graph.outputs.map((output) => output.name));
  return prune(g.finish(graph.name));
}

/** [N, C/b, H, W, b] as the four-dimensional tensor the blocked operators expect: same bytes, other shape. */
export function merged(g: Builder, name: string): string {
  const [n = 1, c = 1, h = 1, w = 1, b = 1] = g.shape(name);
  return g.reshape(name, [n, c * b, h, w]);
}

/** The inverse of `merged`. */
export function split(g: Builder, name: string, b: number): string {
  const [n = 1, c = 1, h = 1, w = 1] = g.shape(name);
  return g.reshape(name, [n, c / b, h, w, b]);
}

/** Convolution weights [O, I, kh, kw] in the order the blocked operator reads them (same shape, other order). */
export function reorderWeights(g: Builder, weights: string, b: number, blockedInput: boolean): string {
  const [o = 1, i = 1, kh = 1, kw = 1] = g.shape(weights);
  const order = blockedInput
    ? g.transpose(g.reshape(weights, [o / b, b, i / b, b, kh, kw]), [0, 2, 4, 5, 3, 1])
    : g.transpose(g.reshape(weights, [o / b, b, i, kh, kw]), [0, 2, 3, 4, 1]);
  return g.reshape(order, [o, i, kh, kw]);
}

function convolve(state: Layouts, node: Node, inputs: ReadonlySet<string>): boolean {
  const { g, b } = state;
  if (node.op !== "Conv" || node.domain !== "") return false;
  const [x = "", w = "", bias = ""] = node.inputs;
  const kernel = g.shape(w);
  const [o = 0, i = 0, kh = 0, kw = 0] = kernel;
  if (kernel.length !== 4 || o % b !== 0) return false;
  const group = intAttr(node, "group", 1);
  const depthwise = group > 1 && group === o && i === 1;
  if (group !== 1 && !depthwise) return false;
  const plainInput = !depthwise && i < b && inputs.has(x);
  if (!plainInput && !depthwise && i % b !== 0) return false;
  const strides = intsAttr(node, "strides", [1, 1]);
  const autoPad = stringAttr(node, "auto_pad", "NOTSET");
  if (autoPad !== "NOTSET" && autoPad !== "VALID") return false;
  const dilations = intsAttr(node, "dilations", [1, 1]);
  const pads = intsAttr(node, "pads", [0, 0, 0, 0]);
  const reach = [(kh - 1) * dilations[0]!, (kw - 1) * dilations[1]!];
  if (pads.some((pad, side) => pad > reach[side % 2]!)) return false;
  // The gradient of such a convolution has no blocked form (see `transposedConvolution` in its rule).
  if (depthwise && strides.some((s) => s > 1) && dilations.some((d) => d > 1)) return false;

  const image = plainInput ? x : merged(g, toBlocked(state, x)!);
  const operands = [image, reorderWeights(g, w, b, !plainInput && !depthwise)];
  if (bias !== "") operands.push(bias);
  const y = g.op(
    "Conv",
    operands,
    {
      kernel_shape: [kh, kw],
      strides,
      dilations,
      pads,
      group,
      auto_pad: "NOTSET",
    },
    { domain: blockedDomain },
  );
  state.blocked.set(node.outputs[0]!, split(g, y, b));
  return true;
}

/** Carries a node over in blocked layout when an input already is blocked and the operator allows it. */
function follow(state: Layouts, node: Node): boolean {
  if (node.domain !== "" || !node.inputs.some((input) => state.blocked.has(input))) return false;
  if (elementwise.has(node.op))
    return emit(state, node, [state.blocked.get(node.inputs[0]!)!, ...node.inputs.slice(1)]);
  if (binary.has(node.op)) return followBinary(state, node);
  if (node.op === "GlobalAveragePool") {
    state.blocked.set(
      node.outputs[0]!,
      reduceImage(state, state.blocked.get(node.inputs[0]!)!, [2, 3], true),
    );
    return true;
  }
  if (reductions.has(node.op)) return followReduction(state, node);
  if (node.op === "Slice") return followSlice(state, node);
  if (node.op === "Pad") return followPad(state, node);
  if (node.op === "AveragePool") return followAveragePool(state, node);
  return false;
}

function emit(state: Layouts, node: Node, inputs: readonly string[]): boolean {
  state.blocked.set(node.outputs[0]!, state.g.op(node.op, inputs, node.attributes));
  return true;
}

function followBinary(state: Layouts, node: Node): boolean {
  const { g, b } = state;
  const whole = node.inputs.map((name) => state.blocked.get(name)).find((name) => name !== undefined)!;
  const [, blocks = 1, h = 1, w = 1] = g.shape(whole);
  const operands: string[] = [];
  for (const name of node.inputs) {
    const twin = state.blocked.get(name);
    if (twin !== undefined) {
      operands.push(twin);
      continue;
    }
    const shape = g.shape(name);
    const aligned = [...Array.from({ length: Math.max(0, 4 - shape.length) }, () => 1), ...shape];
    if (sizeOf(shape) === 1) operands.push(g.reshape(name, []));
    else if (aligned.length === 4 && aligned[1] === blocks * b && aligned[2] === 1 && aligned[3] === 1) {
      // One number a channel: spread over the image once, so that the broadcast runs over long rows, not rows of b.
      const perChannel = g.reshape(name, [aligned[0]!, blocks, 1, 1, b]);
      operands.push(
        h * w === 1 ? perChannel : g.op("Expand", [perChannel, g.ints([aligned[0]!, blocks, h, w, b])]),
      );
    } else {
      const turned = toBlocked(state, name);
      if (turned === undefined) return false;
      operands.push(turned);
    }
  }
  return emit(state, node, operands);
}

/** Sum or mean over image axes (and the batch), axes kept. */
function reduceImage(state: Layouts, x: string, axes: readonly number[], mean: boolean): string {
  const { g } = state;
  const shape = g.shape(x);
  const sum = g.reduceSum(x, axes, true);
  return mean ? g.scale(sum, 1 / axes.reduce((count, axis) => count * shape[axis]!, 1)) : sum;
}

function followReduction(state: Layouts, node: Node): boolean {
  const { g } = state;
  const x = state.blocked.get(node.inputs[0]!);
  const listed = node.inputs[1] ? g.value(node.inputs[1]) : undefined;
  const given = listed ? Array.from(listed.data as BigInt64Array, Number) : intsAttr(node, "axes", undefined);
  if (x === undefined || given === undefined || intAttr(node, "keepdims", 1) !== 1) return false;
  const axes = given.map((axis) => (axis < 0 ? axis + 4 : axis)).toSorted((p, q) => p - q);
  const mean = node.op === "ReduceMean";
  const key = axes.join();
  if (key === "2,3" || key === "0,2,3") {
    state.blocked.set(node.outputs[0]!, reduceImage(state, x, axes, mean));
    return true;
  }
  if (key === "1,2,3") {
    const over = [1, 2, 3, 4];
    const y = mean ? g.reduceMean(x, over, true) : g.reduceSum(x, over, true);
    // One number an image: [N, 1, 1, 1] in either layout.
    const [n = 1] = g.shape(y);
    state.plain.add(g.op("Reshape", [y, g.ints([n, 1, 1, 1])], {}, { names: [node.outputs[0]!] }));
    return true;
  }
  return false;
}

function known(state: Layouts, name: string | undefined): number[] | undefined {
  const value = name ? state.g.value(name) : undefined;
  return value && Array.from(value.data as ArrayLike<number | bigint>, Number);
}

function followSlice(state: Layouts, node: Node): boolean {
  const { g } = state;
  const [data = "", starts = "", ends = "", listed = "", steps = ""] = node.inputs;
  const x = state.blocked.get(data);
  const count = g.known(starts).shape[0];
  const given =
    listed === "" ? (typeof count === "number" ? [...Array(count).keys()] : undefined) : known(state, listed);
  const axes = given?.map((axis) => (axis < 0 ? axis + 4 : axis));
  if (x === undefined || axes === undefined || axes.includes(1)) return false;
  // Starts and ends are passed on as they are: "to the end" may be 2^63 − 1, which is no JavaScript number.
  return emit(state, node, [x, starts, ends, g.ints(axes), ...(steps === "" ? [] : [steps])]);
}

function followPad(state: Layouts, node: Node): boolean {
  const { g, b } = state;
  const x = state.blocked.get(node.inputs[0]!);
  const pads = known(state, node.inputs[1]);
  if (x === undefined || pads?.length !== 8 || node.inputs.length > 3) return false;
  if (pads[1]! % b !== 0 || pads[5]! % b !== 0) return false;
  // What reflects or repeats along the channels would repeat whole blocks here.
  if ((pads[1] !== 0 || pads[5] !== 0) && stringAttr(node, "mode", "constant") !== "constant") return false;
  const wide = [pads[0]!, pads[1]! / b, pads[2]!, pads[3]!, 0, pads[4]!, pads[5]! / b, pads[6]!, pads[7]!, 0];
  return emit(state, node, [x, g.ints(wide), ...node.inputs.slice(2)]);
}

/** Average pooling over windows that tile the image: a reshape and a mean. */
function followAveragePool(state: Layouts, node: Node): boolean {
  const { g } = state;
  const x = state.blocked.get(node.inputs[0]!);
  const [kh = 0, kw = 0] = intsAttr(node, "kernel_shape", []);
  const strides = intsAttr(node, "strides", [1, 1]);
  const pads = intsAttr(node, "pads", [0, 0, 0, 0]);
  const dilations = intsAttr(node, "dilations", [1, 1]);
  if (x === undefined || strides[0] !== kh || strides[1] !== kw) return false;
  if (pads.some((pad) => pad !== 0) || dilations.some((dilation) => dilation !== 1)) return false;
  const [n = 1, blocks = 1, h = 1, w = 1, b = 1] = g.shape(x);
  if (h % kh !== 0 || w % kw !== 0) return false;
  let sum: string | undefined;
  for (let i = 0; i < kh; i++) {
    for (let j = 0; j < kw; j++) {
      const part = kh * kw === 1 ? x : g.slice(x, [i, j], [h, w], [2, 3], [kh, kw]);
      sum = sum === undefined ? part : g.plus(sum, part);
    }
  }
  state.blocked.set(
    node.outputs[0]!,
    g.reshape(g.scale(sum!, 1 / (kh * kw)), [n, blocks, h / kh, w / kw, b]),
  );
  return true;
}

function toBlocked(state: Layouts, name: string): string | undefined {
  const kept = state.blocked.get(name);
  if (kept !== undefined) return kept;
  const { g, b } = state;
  const [, c = 0] = g.shape(name);
  if (g.rank(name) !== 4 || c % b !== 0) return undefined;
  const twin = split(g, g.op("ReorderInput", [name], {}, { domain: blockedDomain }), b);
  state.blocked.set(name, twin);
  return twin;
}

function toPlain(state: Layouts, name: string): void {
  if (state.plain.has(name)) return;
  state.plain.add(name);
  const { g, b } = state;
  const twin = state.blocked.get(name)!;
  const [n = 1, blocks = 1, h = 1, w = 1] = g.shape(twin);
  if (h * w === 1) g.op("Reshape", [twin, g.ints([n, blocks * b, 1, 1])], {}, { names: [name] });
  else
    g.op(
      "ReorderOutput",
      [merged(g, twin)],
      { channels: blocks * b },
      { domain: blockedDomain, names: [name] },
    );
}
