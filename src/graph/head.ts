import { ScopeError } from "../base/error.ts";
import { float32, sizeOf, tensor } from "../tensor/tensor.ts";
import { constant, type Graph, type Initializer, intAttr, intsAttr, type Node } from "./graph.ts";
import { inferGraph } from "./infer.ts";
import { label } from "./shapes/rule.ts";
import { consumers, producers, reachable } from "./topology.ts";

/** The parameters that tell classes apart. */
export interface Head {
  /** The initializer whose axis `axis` counts the classes. */
  readonly weight: string;
  readonly axis: number;
  /** What is added, one number a class; absent where nothing is. */
  readonly bias: string | undefined;
  readonly classes: number;
}

/** Operators with one input of data, which act on each class by itself or change only the shape. */
const passing = new Set([
  "Identity",
  "Dropout",
  "Flatten",
  "Squeeze",
  "Reshape",
  "Relu",
  "GlobalAveragePool",
  "AveragePool",
  "ReduceMean",
]);

/** Operators between a weight and its use that leave its numbers as they are. */
const carrying = new Set(["Identity", "Cast"]);

/**
 * The head of a classifier: going back from the logits (the first output, [N, K]), the first Gemm, MatMul or Conv, whose
 * weight's output axis is the classes, and the bias in it or added after it. On the way may be what keeps classes apart:
 * pooling, flattening, an activation.
 * @throws {ScopeError} unsupported, naming the operator that stands where a head should be
 */
export function headOf(graph: Graph): Head {
  const made = producers(graph.nodes);
  const isData = reachable(
    graph.nodes,
    graph.inputs.map(({ name }) => name),
  );
  const logits = graph.outputs[0];
  const classes = logits?.shape.at(-1);
  if (logits === undefined || logits.shape.length !== 2 || typeof classes !== "number")
    throw new ScopeError("unsupported", `graph "${graph.name}" has no logits [N, K] as its first output`);
  let value = logits.name;
  let bias: string | undefined;
  for (;;) {
    const node = made.get(value);
    if (node === undefined) return refuse(graph, `nothing but the input makes the logits`);
    const domain = node.domain === "" || node.domain === "ai.onnx";
    const found = domain ? bearer(graph, made, node) : undefined;
    if (found !== undefined) {
      const head = { ...found, bias: found.bias ?? bias, classes };
      checkHead(graph, node, head);
      return head;
    }
    if (domain && passing.has(node.op)) value = node.inputs[0]!;
    else if (domain && node.op === "Add" && bias === undefined) {
      const [added, ...more] = node.inputs.filter((input) => !isData.has(input));
      const data = node.inputs.find((input) => isData.has(input));
      const source = added === undefined ? undefined : sourceOf(graph, made, added).name;
      if (more.length > 0 || data === undefined || source === undefined)
        return refuse(graph, `${label(node)} adds two branches`);
      bias = source;
      value = data;
    } else return refuse(graph, `${label(node)} makes the logits`);
  }
}

/** Weight and bias of an operator that maps features to classes; undefined for other operators. */
function bearer(
  graph: Graph,
  made: ReadonlyMap<string, Node>,
  node: Node,
): Pick<Head, "weight" | "axis" | "bias"> | undefined {
  if (node.op !== "Gemm" && node.op !== "MatMul" && node.op !== "Conv") return undefined;
  const { name: weight, turned } = sourceOf(graph, made, node.inputs[1]!);
  if (weight === undefined) return refuse(graph, `the second input of ${label(node)} is no parameter`);
  const second = node.inputs[2] ?? "";
  const bias = second === "" ? undefined : sourceOf(graph, made, second).name;
  if (node.op === "Conv") {
    if (intAttr(node, "group", 1) !== 1) return refuse(graph, `${label(node)} works in groups of channels`);
    return { weight, axis: 0, bias };
  }
  const outFirst = node.op === "Gemm" && intAttr(node, "transB", 0) === 1;
  return { weight, axis: outFirst === turned ? 1 : 0, bias };
}

/** The initializer a value is a copy of (or a matrix's transpose: `turned`); its name is undefined where it is none. */
function sourceOf(
  graph: Graph,
  made: ReadonlyMap<string, Node>,
  value: string,
): { readonly name: string | undefined; readonly turned: boolean } {
  let name = value;
  let turned = false;
  for (;;) {
    if (graph.initializers.has(name)) return { name, turned };
    const node = made.get(name);
    if (node === undefined || node.domain !== "") return { name: undefined, turned };
    if (node.op === "Transpose" && intsAttr(node, "perm", [1, 0]).join() === "1,0") turned = !turned;
    else if (!carrying.has(node.op)) return { name: undefined, turned };
    name = node.inputs[0]!;
  }
}

function checkHead(graph: Graph, node: Node, { weight, axis, bias, classes }: Head): void {
  const { shape } = graph.initializers.get(weight)!;
  const wanted = node.op === "Conv" ? shape.length >= 3 : shape.length === 2;
  if (!wanted || shape[axis] !== classes)
    refuse(
      graph,
      `parameter "${weight}" [${shape.join(", ")}] of ${label(node)} has no axis of ${classes} classes`,
    );
  const added = bias === undefined ? undefined : graph.initializers.get(bias)!.shape;
  if (added !== undefined && sizeOf(added) !== classes)
    refuse(graph, `what is added, "${bias}" [${added.join(", ")}], is not one number a class`);
  const readers = consumers(graph.nodes);
  const shared = [weight, bias].find((name) => name !== undefined && (readers.get(name)?.length ?? 0) > 1);
  if (shared !== undefined) refuse(graph, `parameter "${shared}" is used in more than one place`);
}

function refuse(graph: Graph, finding: string): never {
  throw new ScopeError("unsupported", `the head of graph "${graph.name}" cannot be recognised: ${finding}`, {
    hint: "a head is a Gemm, a MatMul or a Conv from features to classes, with its bias; with as many classes, keep it (head: kept)",
  });
}

/**
 * The graph with a head for another number of classes. The new head's parameters are 0, to be filled by the caller;
 * all others are as they were.
 * @throws {ScopeError} as `headOf`; unsupported, when a shape on the way to the logits has the old number of classes in it
 */
export function withClasses(graph: Graph, classes: number): Graph {
  const head = headOf(graph);
  const initializers = new Map(graph.initializers);
  const resize = (name: string, shape: readonly number[]): void => {
    initializers.set(name, constant(name, float32(shape, new Float32Array(sizeOf(shape)))));
  };
  const { shape } = graph.initializers.get(head.weight)!;
  resize(
    head.weight,
    shape.map((dim, axis) => (axis === head.axis ? classes : dim)),
  );
  if (head.bias !== undefined) {
    // One number a class, however many axes of size 1 are around it.
    const old = graph.initializers.get(head.bias)!.shape;
    const at = Math.max(
      0,
      old.findLastIndex((dim) => dim === head.classes),
    );
    resize(
      head.bias,
      old.map((dim, axis) => (axis === at ? classes : dim)),
    );
  }
  const after = reachable(graph.nodes, [head.weight, ...(head.bias === undefined ? [] : [head.bias])]);
  for (const node of graph.nodes) {
    const target = node.op === "Reshape" && after.has(node.inputs[0]!) ? node.inputs[1] : undefined;
    const given = target === undefined ? undefined : graph.initializers.get(target);
    if (given !== undefined) initializers.set(given.name, reshapeTo(given, head.classes, classes));
  }
  const changed: Graph = {
    ...graph,
    initializers,
    values: new Map([...graph.values].filter(([name]) => !after.has(name))),
    outputs: graph.outputs.map((output) => ({ ...output, shape: output.shape.map(() => null) })),
  };
  const known = inferGraph(changed);
  const outputs = graph.outputs.map((output) => ({ ...output, shape: known.get(output.name)!.shape }));
  if (outputs[0]!.shape.at(-1) !== classes)
    refuse(graph, `with ${classes} classes its logits would be [${outputs[0]!.shape.join(", ")}]`);
  return { ...changed, outputs };
}

/** The target of a Reshape of logits, [N, K] or [−1, K, 1, 1], for another K. */
function reshapeTo(target: Initializer, from: number, to: number): Initializer {
  const { dtype, shape, data } = target.load();
  if (dtype !== "int64") return target;
  const dims = [...(data as BigInt64Array)];
  const at = dims.indexOf(BigInt(from), dims.length > 1 ? 1 : 0);
  if (at < 0) return target;
  return constant(target.name, tensor(dtype, shape, BigInt64Array.from(dims.with(at, BigInt(to)))));
}
