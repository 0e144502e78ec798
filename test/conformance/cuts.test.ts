import * as ort from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { stream } from "../../src/base/random.ts";
import { bind } from "../../src/graph/bind.ts";
import { cutPoints, prefix, suffix } from "../../src/graph/cut.ts";
import { fold } from "../../src/graph/fold.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { inferGraph } from "../../src/graph/infer.ts";
import { ancestors, reachable } from "../../src/graph/topology.ts";
import { encodeModel } from "../../src/onnx/encode.ts";
import { float32, numbers, sizeOf, type Tensor } from "../../src/tensor/tensor.ts";
import { residualNetwork, transformer } from "../kit/graphs.ts";
import { runtime } from "../kit/ort.ts";

type Feeds = Readonly<Record<string, Tensor>>;

/** Runs a graph as ONNX Runtime would on any other day: neighbouring nodes are fused, which moves the last bit. */
async function run(graph: Graph, feeds: Feeds): Promise<Feeds> {
  const session = await (await runtime()).session(graph);
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** Runs each node as it stands, so that equal graphs give equal bits. */
async function runPlainly(graph: Graph, feeds: Feeds): Promise<Feeds> {
  const session = await ort.InferenceSession.create(encodeModel(graph), {
    graphOptimizationLevel: "disabled",
    intraOpNumThreads: 1,
  });
  const wrapped = Object.entries(feeds).map(
    ([name, { dtype, data, shape }]) =>
      [name, new ort.Tensor(dtype as "float32", data as Float32Array, shape)] as const,
  );
  const results = await session.run(Object.fromEntries(wrapped));
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, { type, dims, data }]) => [
      name,
      { dtype: type, shape: dims, data } as Tensor,
    ]),
  );
}

/** Largest difference between two results, relative to the largest number in the second. */
function distance(a: Feeds, b: Feeds): number {
  const [p, q] = [numbers(a["logits"]!), numbers(b["logits"]!)];
  return Math.max(...p.map((x, i) => Math.abs(x - q[i]!))) / Math.max(...q.map(Math.abs));
}

function noise(shape: readonly number[]): Tensor {
  const random = stream(3, "noise");
  return float32(
    shape,
    Array.from({ length: sizeOf(shape) }, () => random.normal()),
  );
}

const cases: readonly { name: string; graph: Graph; x: Tensor; sizes: Record<string, number> }[] = [
  { name: "residual network", graph: residualNetwork(), x: noise([3, 3, 8, 8]), sizes: { N: 3 } },
  { name: "transformer", graph: transformer(), x: noise([2, 5, 6]), sizes: { N: 2, T: 5 } },
];

/** For each node, the values that everything after it is computed from. */
function frontiers(graph: Graph): string[][] {
  const data = reachable(
    graph.nodes,
    graph.inputs.map((input) => input.name),
  );
  const outputs = graph.outputs.map((output) => output.name);
  const made = new Set(graph.inputs.map((input) => input.name));
  return graph.nodes.map((node, i) => {
    for (const output of node.outputs) made.add(output);
    const later = new Set([...graph.nodes.slice(i + 1).flatMap((other) => other.inputs), ...outputs]);
    return [...made].filter((name) => data.has(name) && later.has(name));
  });
}

describe.each(cases)("$name", ({ graph, x, sizes }) => {
  test("cut in two at any point and joined again, it gives the same bits", async () => {
    const whole = await runPlainly(graph, { x });
    const fused = await run(graph, { x });
    const points = cutPoints(graph);
    expect(points.length).toBeGreaterThan(4);
    for (const point of points) {
      const [before, after] = [prefix(graph, point), suffix(graph, point)];
      expect(await runPlainly(after, await runPlainly(before, { x })), point).toEqual(whole);
      // With fusion across the cut gone, float32 sums round differently: a few units in the last place.
      expect(distance(await run(after, await run(before, { x })), fused), point).toBeLessThan(1e-5);
    }
  });

  test("cut at all values that cross a line, it gives the same bits", async () => {
    const whole = await runPlainly(graph, { x });
    for (const values of frontiers(graph)) {
      const middle = await runPlainly(prefix(graph, values), { x });
      expect(await runPlainly(suffix(graph, values), middle), values.join()).toEqual(whole);
    }
  });

  test("a cut with a way round it is refused, every other is accepted", () => {
    const points = new Set(cutPoints(graph));
    const data = reachable(graph.nodes, ["x"]);
    const useful = new Set(ancestors(graph.nodes, ["logits"]));
    for (const node of graph.nodes.filter((one) => useful.has(one) && data.has(one.outputs[0]!))) {
      for (const output of node.outputs.filter((name) => name !== "logits")) {
        if (points.has(output))
          expect(suffix(graph, output).inputs.map((input) => input.name)).toEqual([output]);
        else expect(() => suffix(graph, output)).toThrow(/input "x" also goes round it, through/);
      }
    }
  });

  test("bound to sizes and folded, it gives the same bits from fewer nodes", async () => {
    const bound = bind(graph, sizes);
    expect(await runPlainly(bound, { x })).toEqual(await runPlainly(graph, { x }));
    expect(bound.nodes.some((node) => node.op === "Shape")).toBe(false);
    expect(fold(bound).nodes).toEqual(bound.nodes);
    for (const { shape } of inferGraph(bound).values())
      expect(shape.every((dim) => typeof dim === "number")).toBe(true);
  });

  test("each value has the type and shape that inference says, symbols put in", async () => {
    const known = inferGraph(graph);
    const names = graph.nodes.flatMap((node) => node.outputs);
    const results = await run(prefix(graph, names), { x });
    for (const name of names) {
      const { dtype, shape } = known.get(name)!;
      expect(results[name]!.dtype).toBe(dtype);
      expect(
        shape.map((dim) => (typeof dim === "string" ? sizes[dim] : dim)),
        name,
      ).toEqual(results[name]!.shape);
    }
  });
});
