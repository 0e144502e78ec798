import { stream } from "../../src/base/random.ts";
import { constant, type Graph } from "../../src/graph/graph.ts";
import { permute } from "../../src/symmetry/permute.ts";
import type { Permutations, Symmetry } from "../../src/symmetry/types.ts";
import { float32, int64s, sizeOf, type Tensor } from "../../src/tensor/tensor.ts";
import { runtime } from "./ort.ts";

/** The float32 initializers that carry a space. */
export function weightsOf(graph: Graph, symmetry: Symmetry): Map<string, Tensor> {
  return new Map([...symmetry.tensors.keys()].map((name) => [name, graph.initializers.get(name)!.load()]));
}

/** The graph with some of its initializers replaced. */
export function withTensors(graph: Graph, tensors: ReadonlyMap<string, Tensor>): Graph {
  const initializers = new Map(graph.initializers);
  for (const [name, tensor] of tensors) initializers.set(name, constant(name, tensor));
  return { ...graph, initializers };
}

/**
 * The network with a little noise on every weight that may move: an untrained one has scales of 1 and shifts of 0, which no
 * permutation changes, so that a forgotten one would not show. Variances only grow.
 */
export function withNoise(graph: Graph, names: Iterable<string>, amount = 0.1): Graph {
  const tensors = new Map<string, Tensor>();
  for (const name of names) {
    const random = stream(5, "noise", name);
    const { shape, data } = graph.initializers.get(name)!.load();
    tensors.set(
      name,
      float32(
        shape,
        Float32Array.from(data as Float32Array, (v) => {
          const change = amount * random.normal();
          return v + (name.includes("var") ? Math.abs(change) : change);
        }),
      ),
    );
  }
  return withTensors(graph, tensors);
}

/** The network with its weights permuted. */
export function permuted(graph: Graph, symmetry: Symmetry, permutations: Permutations): Graph {
  return withTensors(graph, permute(symmetry, permutations, weightsOf(graph, symmetry)));
}

/** Inputs of normal noise (token numbers below `vocabulary` for int64). Symbols are bound to 2, image sides to 64. */
export function noiseFor(graph: Graph, vocabulary = 4): Record<string, Tensor> {
  const random = stream(1, "noise");
  return Object.fromEntries(
    graph.inputs.map(({ name, dtype, shape }) => {
      const sizes = shape.map((dim, axis) =>
        typeof dim === "number" ? dim : shape.length === 4 && axis > 1 ? 64 : 2,
      );
      const length = sizeOf(sizes);
      const value =
        dtype === "int64"
          ? { ...int64s(Array.from({ length }, () => random.below(vocabulary))), shape: sizes }
          : float32(
              sizes,
              Array.from({ length }, () => random.normal()),
            );
      return [name, value];
    }),
  );
}

/** A graph's outputs one after the other, all but those that are inner values made visible. */
export async function outputsOf(
  graph: Graph,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Float32Array> {
  const session = await (await runtime()).session(graph);
  try {
    const results = await session.run(feeds);
    const read = new Set(graph.nodes.flatMap((node) => node.inputs));
    return Float32Array.from(
      graph.outputs
        .filter(({ name }) => !read.has(name))
        .flatMap(({ name }) => Array.from(results[name]!.data as Float32Array)),
    );
  } finally {
    await session.release();
  }
}

/** Largest difference between two networks' outputs on the same inputs, relative to the largest output. */
export async function relativeDifference(a: Graph, b: Graph): Promise<number> {
  const feeds = noiseFor(a);
  const [x, y] = [await outputsOf(a, feeds), await outputsOf(b, feeds)];
  let [largest, difference] = [0, 0];
  x.forEach((value, i) => {
    largest = Math.max(largest, Math.abs(value));
    difference = Math.max(difference, Math.abs(value - y[i]!));
  });
  // A network whose units are all dead has outputs of 0, which is no difference either.
  return largest === 0 ? difference : difference / largest;
}
