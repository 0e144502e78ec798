import { ScopeError } from "../base/error.ts";
import { type Graph, constant } from "../graph/graph.ts";
import { float32, sizeOf, type Tensor } from "../tensor/tensor.ts";

/** Where each of several tensors lies in one flat vector. */
export interface FlatLayout {
  readonly names: readonly string[];
  readonly shapes: readonly (readonly number[])[];
  /** Start of each tensor, in elements; one more entry for the end. */
  readonly offsets: readonly number[];
  /** Elements in all. */
  readonly size: number;
}

/**
 * The layout of a graph's initializers `names`, in that order.
 * @throws {ScopeError} usage, when a name is not a float32 initializer of the graph
 */
export function flatLayout(graph: Graph, names: readonly string[]): FlatLayout {
  const offsets = [0];
  const shapes = names.map((name) => {
    const found = graph.initializers.get(name);
    if (found === undefined || found.dtype !== "float32") {
      throw new ScopeError("usage", `graph "${graph.name}" has no float32 parameter called "${name}"`);
    }
    offsets.push(offsets.at(-1)! + sizeOf(found.shape));
    return found.shape;
  });
  return { names, shapes, offsets, size: offsets.at(-1)! };
}

/** The tensors of a layout as one vector [size]. @throws {ScopeError} shape, when a tensor has the wrong size */
export function flatten(layout: FlatLayout, tensors: ReadonlyMap<string, Tensor>): Float32Array {
  const flat = new Float32Array(layout.size);
  layout.names.forEach((name, i) => {
    const found = tensors.get(name);
    const size = layout.offsets[i + 1]! - layout.offsets[i]!;
    if (found === undefined || found.data.length !== size) {
      throw new ScopeError(
        "shape",
        `parameter "${name}" needs ${size} numbers, found ${found?.data.length ?? "none"}`,
      );
    }
    flat.set(found.data as Float32Array, layout.offsets[i]!);
  });
  return flat;
}

/** The named tensors in a flat vector; they share its memory. */
export function unflatten(layout: FlatLayout, flat: Float32Array): Map<string, Tensor> {
  return new Map(
    layout.names.map((name, i) => [
      name,
      float32(layout.shapes[i]!, flat.subarray(layout.offsets[i]!, layout.offsets[i + 1]!)),
    ]),
  );
}

/** One number for each element, the same within a tensor: `of(name)` repeated. A scalar when all are equal. */
export function perElement(layout: FlatLayout, of: (name: string) => number): Tensor {
  const values = layout.names.map(of);
  if (values.every((value) => value === values[0])) return float32([], [values[0] ?? 0]);
  const flat = new Float32Array(layout.size);
  values.forEach((value, i) => flat.fill(value, layout.offsets[i]!, layout.offsets[i + 1]!));
  return float32([layout.size], flat);
}

/** The graph with other numbers in its initializers; those not named stay. @throws {ScopeError} shape or usage */
export function withWeights(graph: Graph, weights: ReadonlyMap<string, Tensor>): Graph {
  const initializers = new Map(graph.initializers);
  for (const [name, value] of weights) {
    const old = initializers.get(name);
    if (old === undefined)
      throw new ScopeError("usage", `graph "${graph.name}" has no parameter called "${name}"`);
    if (old.shape.join() !== value.shape.join()) {
      throw new ScopeError(
        "shape",
        `parameter "${name}" has shape [${old.shape.join(", ")}] in the graph, but [${value.shape.join(", ")}] in the weights`,
      );
    }
    initializers.set(name, constant(name, value));
  }
  return { ...graph, initializers };
}
