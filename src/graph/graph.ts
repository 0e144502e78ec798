import type { DType, Tensor } from "../tensor/tensor.ts";

/** A dimension: a number, a symbol such as "N" (any size, equal symbols equal), or null for unknown. */
export type Dim = number | string | null;

/** Name, element type and shape of a value that flows through a graph. */
export interface ValueInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly Dim[];
  /** Set when a file names the value's type but not even its rank; `shape` is then empty and means nothing. */
  readonly unranked?: true;
}

/** A node's attribute, with its ONNX type (an int and a float look alike in JavaScript). */
export type Attribute =
  | { readonly type: "int"; readonly value: number }
  | { readonly type: "float"; readonly value: number }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "tensor"; readonly value: Tensor }
  | { readonly type: "graph"; readonly value: Graph }
  | { readonly type: "ints"; readonly value: readonly number[] }
  | { readonly type: "floats"; readonly value: readonly number[] }
  | { readonly type: "strings"; readonly value: readonly string[] };

/** One operation. An absent optional input or output is the empty string. Domain "" is ONNX's own ("ai.onnx"). */
export interface Node {
  readonly op: string;
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A named constant of a graph. Its shape is known at once; its numbers are read when `load` is called, not before. */
export interface Initializer {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  load(): Tensor;
}

/** A network: an ONNX graph in memory. Nodes are in topological order. Immutable: passes return new graphs. */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly initializers: ReadonlyMap<string, Initializer>;
  readonly nodes: readonly Node[];
  /** Types and shapes of inner values, where the file gives them. */
  readonly values: ReadonlyMap<string, ValueInfo>;
  /** Operator set version by domain; "" is ONNX's own and always present. */
  readonly opsets: Readonly<Record<string, number>>;
  /** Free text kept with the model (ONNX metadata_props). */
  readonly metadata: Readonly<Record<string, string>>;
}

/** An initializer whose numbers are already in memory. */
export function constant(name: string, value: Tensor): Initializer {
  return { name, dtype: value.dtype, shape: value.shape, load: () => value };
}

/** Integer attribute, or its default. */
export function intAttr(node: Node, name: string, fallback: number): number {
  const found = node.attributes[name];
  return found?.type === "int" ? found.value : fallback;
}

/** Float attribute, or its default. */
export function floatAttr(node: Node, name: string, fallback: number): number {
  const found = node.attributes[name];
  return found?.type === "float" || found?.type === "int" ? found.value : fallback;
}

/** Integer-list attribute, or its default. */
export function intsAttr<T extends readonly number[] | undefined>(
  node: Node,
  name: string,
  fallback: T,
): readonly number[] | T {
  const found = node.attributes[name];
  return found?.type === "ints" ? found.value : fallback;
}

/** String attribute, or its default. */
export function stringAttr(node: Node, name: string, fallback: string): string {
  const found = node.attributes[name];
  return found?.type === "string" ? found.value : fallback;
}
