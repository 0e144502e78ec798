import { ScopeError } from "../base/error.ts";
import { type DType, float32, int64s, scalar, type Tensor } from "../tensor/tensor.ts";
import type { Attribute, Dim, Graph, Initializer, Node, ValueInfo } from "./graph.ts";
import { constant } from "./graph.ts";
import { sumByProduct } from "./sums.ts";
import { inferNode } from "./infer.ts";
import { type Known, knownInitializer } from "./known.ts";

/** What an attribute may be written as: a number is an int, a list is ints; `float(x)` makes a float. */
export type AttributeLike = number | string | readonly number[] | Attribute;

/** A float attribute. */
export function float(value: number): Attribute {
  return { type: "float", value };
}

export interface OpOptions {
  readonly domain?: string;
  /** How many outputs the node has; 1 unless told. */
  readonly outputs?: number;
  /** Names for the outputs; made up where absent. */
  readonly names?: readonly string[];
}

const fusedDomain = "com.microsoft";

/**
 * Builds a graph node by node. Types and shapes are inferred as each node is added, so a mistake is reported at the
 * node that makes it, and rules that need shapes can ask for them at once.
 */
export class Builder {
  readonly opset: number;
  readonly #inputs: ValueInfo[] = [];
  readonly #outputs: string[] = [];
  readonly #nodes: Node[] = [];
  readonly #initializers = new Map<string, Initializer>();
  readonly #known = new Map<string, Known>();
  readonly #constants = new Map<string, string>();
  readonly #taken = new Set<string>();
  readonly #nodeNames = new Set<string>();
  readonly #counters = new Map<string, number>();
  readonly #metadata: Record<string, string> = {};

  constructor(opset = 17) {
    this.opset = opset;
  }

  /** Goes on from a graph: its inputs, constants and nodes are kept; its outputs are not (call `output`). */
  static from(graph: Graph): Builder {
    const b = new Builder(graph.opsets[""] ?? 17);
    for (const input of graph.inputs) b.input(input.name, input.dtype, input.shape);
    for (const initializer of graph.initializers.values()) b.parameter(initializer);
    for (const node of graph.nodes) b.add(node);
    Object.assign(b.#metadata, graph.metadata);
    return b;
  }

  /** Declares a graph input. Returns its name. */
  input(name: string, dtype: DType, shape: readonly Dim[]): string {
    this.#inputs.push({ name, dtype, shape });
    return this.#define(name, { dtype, shape });
  }

  /** Declares a named constant (a parameter, say), loaded or lazy. Returns its name. */
  parameter(initializer: Initializer): string {
    this.#initializers.set(initializer.name, initializer);
    return this.#define(initializer.name, knownInitializer(initializer));
  }

  /** A constant in the graph; equal small constants share one initializer. Returns its name. */
  constant(value: Tensor): string {
    const key =
      value.data.length <= 64 ? `${value.dtype}[${value.shape.join()}]${value.data.join()}` : undefined;
    const kept = key === undefined ? undefined : this.#constants.get(key);
    if (kept !== undefined) return kept;
    const name = this.fresh("const");
    if (key !== undefined) this.#constants.set(key, name);
    this.#initializers.set(name, constant(name, value));
    return this.#define(name, { dtype: value.dtype, shape: value.shape, constant: value });
  }

  /** A scalar constant of `dtype`, float32 unless told. */
  scalar(value: number, dtype: DType = "float32"): string {
    return this.constant(scalar(value, dtype));
  }

  /** A constant list of int64 (axes, shapes, pads). */
  ints(values: readonly number[]): string {
    return this.constant(int64s(values));
  }

  /** A float32 constant. */
  floats(shape: readonly number[], values: ArrayLike<number>): string {
    return this.constant(float32(shape, values));
  }

  /** Adds a node with one output and returns the output's name. */
  op(
    op: string,
    inputs: readonly string[],
    attributes: Record<string, AttributeLike> = {},
    options: OpOptions = {},
  ): string {
    return this.ops(op, inputs, attributes, options)[0]!;
  }

  /**
   * Adds a node and returns the names of its outputs.
   * @throws {ScopeError} shape or unsupported, from inference, naming the node
   */
  ops(
    op: string,
    inputs: readonly string[],
    attributes: Record<string, AttributeLike> = {},
    options: OpOptions = {},
  ): string[] {
    const stem = op.toLowerCase();
    const outputs = options.names ?? Array.from({ length: options.outputs ?? 1 }, () => this.fresh(stem));
    const node: Node = {
      op,
      domain: options.domain ?? (op.startsWith("Fused") ? fusedDomain : ""),
      name: stem,
      inputs,
      outputs,
      attributes: Object.fromEntries(
        Object.entries(attributes).map(([key, value]) => [key, asAttribute(value)]),
      ),
    };
    this.add(node);
    return [...outputs];
  }

  /** Adds a ready-made node, inferring its outputs. A node's name that is taken gets a number: names must differ. */
  add(ready: Node): void {
    const node =
      this.#nodeNames.has(ready.name) || ready.name === ""
        ? { ...ready, name: this.#nodeName(ready) }
        : ready;
    this.#nodeNames.add(node.name);
    const inputs = node.inputs.map((name) => (name === "" ? undefined : this.known(name)));
    const outputs = inferNode(node, inputs, this.opset);
    this.#nodes.push(node);
    node.outputs.forEach((name, i) => {
      if (name !== "") this.#define(name, outputs[i] ?? { dtype: "float32", shape: [] });
    });
  }

  /** Marks values as outputs of the graph, in this order. */
  output(...names: readonly string[]): void {
    this.#outputs.push(...names);
  }

  /** Free text to keep with the model. */
  note(key: string, text: string): void {
    this.#metadata[key] = text;
  }

  /** A note made earlier, or carried over from the graph this builder went on from. */
  noted(key: string): string | undefined {
    return this.#metadata[key];
  }

  /** The nodes so far, in order. */
  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  /** Keeps names that will be defined later from being made up before: for passes that copy a graph node by node. */
  reserve(names: Iterable<string>): void {
    for (const name of names) this.#taken.add(name);
  }

  /** A name nobody has yet, beginning with `stem`. */
  fresh(stem: string): string {
    for (;;) {
      const count = this.#counters.get(stem) ?? 0;
      this.#counters.set(stem, count + 1);
      const name = `${stem}_${count}`;
      if (!this.#taken.has(name)) return name;
    }
  }

  /** Type, shape and (for small integer values) contents of a value. */
  known(name: string): Known {
    const found = this.#known.get(name);
    if (found === undefined)
      throw new ScopeError("format", `value "${name}" is used before anything makes it`);
    return found;
  }

  has(name: string): boolean {
    return this.#known.has(name);
  }

  dtype(name: string): DType {
    return this.known(name).dtype;
  }

  /** Shape of a value, every size a number. @throws {ScopeError} shape, when a size is not known */
  shape(name: string): number[] {
    return this.known(name).shape.map((dim) => {
      if (typeof dim !== "number") {
        throw new ScopeError(
          "shape",
          `the shape of "${name}" is [${this.known(name)
            .shape.map((d) => d ?? "?")
            .join(", ")}], but it must be fully known here`,
          {
            hint: "bind the symbolic sizes first",
          },
        );
      }
      return dim;
    });
  }

  rank(name: string): number {
    return this.known(name).shape.length;
  }

  /** Contents of a value that is known while building (constants and small integer arithmetic), else undefined. */
  value(name: string): Tensor | undefined {
    return this.known(name).constant ?? this.#initializers.get(name)?.load();
  }

  // ---- the arithmetic that rules and models are written in ----

  plus(a: string, b: string): string {
    return this.op("Add", [a, b]);
  }
  sub(a: string, b: string): string {
    return this.op("Sub", [a, b]);
  }
  mul(a: string, b: string): string {
    return this.op("Mul", [a, b]);
  }
  div(a: string, b: string): string {
    return this.op("Div", [a, b]);
  }
  neg(a: string): string {
    return this.op("Neg", [a]);
  }
  /** a × number, broadcast; returns `a` itself for 1. */
  scale(a: string, factor: number): string {
    return factor === 1 ? a : this.mul(a, this.scalar(factor, this.dtype(a)));
  }
  matmul(a: string, b: string): string {
    return this.op("MatMul", [a, b]);
  }
  transpose(a: string, perm: readonly number[]): string {
    return perm.every((p, i) => p === i) ? a : this.op("Transpose", [a], { perm });
  }
  /** Reshape to fixed sizes; returns `a` itself when nothing changes. */
  reshape(a: string, shape: readonly number[]): string {
    const now = this.known(a).shape;
    if (now.length === shape.length && now.every((dim, i) => dim === shape[i])) return a;
    return this.op("Reshape", [a, this.ints(shape)]);
  }
  /** Sum over `axes` (negative counts from the end). Large sums are done as products with ones: see sums.ts. */
  reduceSum(a: string, axes: readonly number[], keepdims: boolean): string {
    if (axes.length === 0) return a;
    const shape = this.known(a).shape;
    const places = axes.map((axis) => (axis < 0 ? axis + shape.length : axis));
    const fast = shape.every((dim) => typeof dim === "number") ? sumByProduct(this, a, places) : undefined;
    if (fast === undefined) return this.op("ReduceSum", [a, this.ints(axes)], { keepdims: keepdims ? 1 : 0 });
    const kept = this.shape(a).flatMap((dim, i) => (places.includes(i) ? (keepdims ? [1] : []) : [dim]));
    return this.reshape(fast, kept);
  }
  /** Mean over `axes`. */
  reduceMean(a: string, axes: readonly number[], keepdims: boolean): string {
    // ReduceMean takes its axes as an input only from opset 18 on.
    if (this.opset >= 18) return this.op("ReduceMean", [a, this.ints(axes)], { keepdims: keepdims ? 1 : 0 });
    return this.op("ReduceMean", [a], { axes, keepdims: keepdims ? 1 : 0 });
  }
  slice(
    a: string,
    starts: readonly number[],
    ends: readonly number[],
    axes: readonly number[],
    steps?: readonly number[],
  ): string {
    const inputs = [a, this.ints(starts), this.ints(ends), this.ints(axes)];
    return this.op("Slice", steps === undefined ? inputs : [...inputs, this.ints(steps)]);
  }
  /** Sums `a` over the axes along which `shape` was broadcast to reach a's shape, so the result has `shape`. */
  sumTo(a: string, shape: readonly number[]): string {
    const now = this.shape(a);
    if (now.length === shape.length && now.every((dim, i) => dim === shape[i])) return a;
    const lead = now.length - shape.length;
    const axes = now.map((_, i) => i).filter((i) => i < lead || (shape[i - lead] === 1 && now[i] !== 1));
    return this.reshape(this.reduceSum(a, axes, false), shape);
  }

  /** The finished graph. Its inner values carry their inferred types and shapes. */
  finish(name: string): Graph {
    const values = new Map<string, ValueInfo>();
    for (const node of this.#nodes) {
      for (const output of node.outputs) {
        if (output !== "") values.set(output, { name: output, ...pickInfo(this.known(output)) });
      }
    }
    const domains = new Set(this.#nodes.map((node) => node.domain).filter((domain) => domain !== ""));
    return {
      name,
      inputs: this.#inputs,
      outputs: this.#outputs.map((output) => ({ name: output, ...pickInfo(this.known(output)) })),
      initializers: this.#initializers,
      nodes: this.#nodes,
      values,
      opsets: { "": this.opset, ...Object.fromEntries([...domains].toSorted().map((domain) => [domain, 1])) },
      metadata: this.#metadata,
    };
  }

  #nodeName(node: Node): string {
    for (let i = this.#nodes.length; ; i++) {
      const name = `${node.name || node.op.toLowerCase()}_${i}`;
      if (!this.#nodeNames.has(name)) return name;
    }
  }

  #define(name: string, known: Known): string {
    if (this.#known.has(name)) throw new ScopeError("format", `two things in the graph are called "${name}"`);
    this.#known.set(name, known);
    this.#taken.add(name);
    return name;
  }
}

function pickInfo(known: Known): { dtype: DType; shape: readonly Dim[] } {
  return { dtype: known.dtype, shape: known.shape };
}

function asAttribute(value: AttributeLike): Attribute {
  if (typeof value === "number") return { type: "int", value };
  if (typeof value === "string") return { type: "string", value };
  if (Array.isArray(value)) return { type: "ints", value };
  return value as Attribute;
}
