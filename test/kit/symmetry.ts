import { expect } from "vitest";
import { stream } from "../../src/base/random.ts";
import { constant, type Graph } from "../../src/graph/graph.ts";
import type { Builder } from "../../src/graph/builder.ts";
import { permute } from "../../src/symmetry/permute.ts";
import { randomPermutations } from "../../src/symmetry/permutations.ts";
import type { AxisFactors, Permutations, Symmetry } from "../../src/symmetry/types.ts";
import { float32, int64s, sizeOf, type Tensor } from "../../src/tensor/tensor.ts";
import { parametric } from "./graphs.ts";
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

export type Parameter = (name: string, shape: readonly number[]) => string;

/** A network from x to an output of any shape; a parameter is drawn when it is named. */
export function network(
  shape: readonly number[],
  build: (g: Builder, x: string, parameter: Parameter) => string,
  opset = 17,
): Graph {
  const { g, parameter } = parametric(opset);
  const x = g.input("x", "float32", ["N", ...shape]);
  g.output(build(g, x, parameter));
  return g.finish("by hand");
}

/** x Wᵀ-free layer: x [N, …, i] × w [i, o]. */
export function layer(
  g: Builder,
  parameter: Parameter,
  name: string,
  x: string,
  i: number,
  o: number,
): string {
  return g.matmul(x, parameter(name, [i, o]));
}

/** An axis for reading: "a(4)×b(2) + 3". Spaces are called by letters in order. */
export function show(axis: AxisFactors): string {
  return axis
    .map((factors) =>
      factors.length === 0
        ? "1"
        : factors
            .map((factor) =>
              factor.space === undefined
                ? `${factor.size}`
                : `${String.fromCharCode(97 + factor.space)}${factor.size}`,
            )
            .join("×"),
    )
    .join(" + ");
}

/** Axes of an initializer for reading; undefined when it carries no space. */
export function axesOf(symmetry: Symmetry, name: string): string[] | undefined {
  return symmetry.tensors.get(name)?.map(show);
}

/** Space → the one it is nested in, by letters. */
export function nesting(symmetry: Symmetry): string {
  return symmetry.spaces
    .flatMap(({ id, within }) =>
      within === undefined ? [] : [`${String.fromCharCode(97 + id)} in ${String.fromCharCode(97 + within)}`],
    )
    .join(", ");
}

/** Fails unless random permutations leave the outputs as they are. */
export async function holds(graph: Graph, symmetry: Symmetry): Promise<void> {
  for (const seed of [1, 2, 3]) {
    const other = permuted(graph, symmetry, randomPermutations(symmetry, seed));
    // One to four layers of float32 sums in another order.
    expect(await relativeDifference(graph, other)).toBeLessThan(1e-5);
  }
}
