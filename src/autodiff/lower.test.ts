import { describe, expect, test } from "vitest";
import { runInOrt } from "../../test/kit/ort.ts";
import { interpret } from "../../test/kit/float64/interpret.ts";
import { value, type Value } from "../../test/kit/float64/value.ts";
import { stream } from "../base/random.ts";
import { Builder, float } from "../graph/builder.ts";
import { constant, type Graph } from "../graph/graph.ts";
import { untie } from "../graph/fold.ts";
import { float32, tensor } from "../tensor/tensor.ts";
import { differentiate } from "./differentiate.ts";
import { lowerForTraining } from "./lower.ts";

const random = stream(1, "noise");

function normal(shape: readonly number[], shift = 0): Value {
  const length = shape.reduce((a, b) => a * b, 1);
  return value(
    "float32",
    shape,
    Float64Array.from({ length }, () => Math.fround(random.normal() + shift)),
  );
}

/** One batch normalisation over [4, 3, 5, 5], in the form for inference or for training. */
function normalized(training: boolean, names = ["y"]): Graph {
  const g = new Builder(17);
  const x = g.input("x", "float32", [4, 3, 5, 5]);
  const parameters = ["scale", "bias", "mean", "variance"].map((name, i) =>
    g.parameter(
      constant(
        name,
        float32(
          [3],
          [
            [1, 2, 0.5],
            [0.1, 0, -0.3],
            [0.2, 0.4, 0.1],
            [1, 0.5, 2],
          ][i]!,
        ),
      ),
    ),
  );
  const attributes = { training_mode: training ? 1 : 0, momentum: float(0.75), epsilon: float(1e-5) };
  g.ops("BatchNormalization", [x, ...parameters], attributes, { names });
  g.output(...names);
  return g.finish("normalized");
}

function close(actual: Value, expected: Value): void {
  expect(actual.shape).toEqual(expected.shape);
  actual.data.forEach((number, i) => expect(number).toBeCloseTo(expected.data[i]!, 5));
}

describe("batch normalisation, lowered", () => {
  test("computes what ONNX's training mode does, running statistics included", async () => {
    const x = normal([4, 3, 5, 5], 1);
    const training = normalized(true, ["y", "nextMean", "nextVariance"]);
    const reference = interpret(training, { x });
    const { graph, statistics } = lowerForTraining(normalized(false));
    expect(statistics.map(({ name }) => name)).toEqual(["mean", "variance"]);
    expect(graph.nodes.map((node) => node.op)).not.toContain("BatchNormalization");
    const got = await runInOrt(graph, { x });
    close(got.get("y")!, reference.get("y")!);
    close(got.get(statistics[0]!.next)!, reference.get("nextMean")!);
    close(got.get(statistics[1]!.next)!, reference.get("nextVariance")!);
    // The oracle and ONNX Runtime's own training kernel agree, too.
    const kernel = await runInOrt(training, { x });
    for (const name of ["y", "nextMean", "nextVariance"]) close(kernel.get(name)!, reference.get(name)!);
  });

  test("keeps the names of training outputs", async () => {
    const x = normal([4, 3, 5, 5]);
    const training = normalized(true, ["y", "nextMean", "nextVariance"]);
    const got = await runInOrt(lowerForTraining(training).graph, { x });
    const reference = interpret(training, { x });
    for (const name of ["y", "nextMean", "nextVariance"]) close(got.get(name)!, reference.get(name)!);
  });

  test("stays as it is when frozen", () => {
    const { graph, statistics } = lowerForTraining(normalized(false), { normalization: "running" });
    expect(statistics).toEqual([]);
    expect(graph.nodes.map((node) => node.op)).toEqual(["BatchNormalization"]);
  });

  test("applied twice with the same statistics updates them twice", () => {
    const g = new Builder(17);
    const x = g.input("x", "float32", [4, 2]);
    const names = ["scale", "bias", "mean", "variance"].map((name, i) =>
      g.parameter(constant(name, float32([2], [i === 1 ? 0 : 1, 1]))),
    );
    const first = g.op("BatchNormalization", [x, ...names], { momentum: float(0.5) });
    g.output(g.op("BatchNormalization", [g.scale(first, 3), ...names], { momentum: float(0.5) }));
    const { graph, statistics } = lowerForTraining(g.finish("twice"));
    expect(statistics).toHaveLength(2);
    const batch = normal([4, 2], 2);
    const values = interpret(graph, { x: batch });
    const column = [0, 2, 4, 6].map((i) => batch.data[i]!);
    const mean = column.reduce((a, b) => a + b, 0) / 4;
    // 1 → half of it and half of the batch's mean → half of that and half of 3 · bias = 0.
    expect(values.get(statistics[0]!.next)!.data[0]).toBeCloseTo((1 / 2 + mean / 2) / 2, 6);
  });
});

test("running statistics that are stored nowhere are refused, unless frozen", () => {
  const g = new Builder(17);
  const x = g.input("x", "float32", [4, 2]);
  const one = g.parameter(constant("one", float32([2], [1, 1])));
  const copy = g.op("Identity", [one], {}, { names: ["mean"] });
  g.output(g.op("BatchNormalization", [x, one, one, copy, one]));
  const graph = g.finish("copied");
  expect(() => lowerForTraining(graph)).toThrow(
    'its running statistic "mean" is not stored in the model but computed',
  );
  expect(lowerForTraining(graph, { normalization: "running" }).statistics).toEqual([]);
  expect(lowerForTraining(untie(graph)).statistics).toHaveLength(2);
});

test("an absent optional input elsewhere in the graph is no use of an absent output", () => {
  const g = new Builder(17);
  const x = g.input("x", "float32", [4, 2]);
  const stored = ["scale", "bias", "mean", "variance"].map((name) =>
    g.parameter(constant(name, float32([2], [1, 1]))),
  );
  const y = g.op("BatchNormalization", [x, ...stored]);
  g.output(g.op("Clip", [g.op("Dropout", [y]), "", g.scalar(1)]));
  expect(lowerForTraining(g.finish("absent")).statistics).toHaveLength(2);
});

describe("dropout, lowered", () => {
  function dropped(training: boolean): Graph {
    const g = new Builder(17);
    const x = g.input("x", "float32", [2, 3]);
    const mode = g.constant(tensor("bool", [], Uint8Array.of(training ? 1 : 0)));
    g.output(g.op("Dropout", [x, g.scalar(0.25), mode]));
    return g.finish("dropped");
  }

  test("multiplies by a mask that is an input", () => {
    const { graph, masks } = lowerForTraining(dropped(true));
    expect(masks).toMatchObject([{ shape: [2, 3], ratio: 0.25 }]);
    expect(masks[0]!.scale).toBeCloseTo(4 / 3);
    const mask = value("float32", [2, 3], Float64Array.of(0, 1, 2, 0, 1, 2));
    const x = value("float32", [2, 3], Float64Array.of(1, 2, 3, 4, 5, 6));
    const y = interpret(graph, { x, [masks[0]!.name]: mask }).get(graph.outputs[0]!.name)!;
    expect([...y.data]).toEqual([0, 2, 6, 0, 5, 12]);
  });

  test("is nothing in inference", () => {
    const { graph, masks } = lowerForTraining(dropped(false));
    expect(masks).toEqual([]);
    expect(graph.nodes.map((node) => node.op)).toEqual(["Identity"]);
  });
});

test("names made up while lowering do not meet names of later nodes", () => {
  const g = new Builder(17);
  const x = g.input("x", "float32", [4, 2, 3, 3]);
  const names = ["scale", "bias", "mean", "variance"].map((name) =>
    g.parameter(constant(name, float32([2], [1, 1]))),
  );
  let y = x;
  for (let i = 0; i < 3; i++) y = g.plus(g.op("BatchNormalization", [g.mul(y, y), ...names]), g.sub(y, x));
  g.output(g.reduceMean(y, [2, 3], true));
  expect(() => lowerForTraining(g.finish("clash"))).not.toThrow();
});

test("layer normalisation gives its statistics out, and its gradient takes them from there", () => {
  const g = new Builder(17);
  const x = g.input("x", "float32", [2, 8]);
  g.output(
    g.op("LayerNormalization", [
      x,
      g.parameter(constant("scale", float32([8], new Float32Array(8).fill(1)))),
    ]),
  );
  const { graph } = lowerForTraining(g.finish("layer"));
  const h = Builder.from(graph);
  const weighted = h.mul(graph.outputs[0]!.name, h.input("w", "float32", [2, 8]));
  const loss = h.reduceSum(weighted, [0, 1], false);
  const before = h.nodes.length;
  differentiate(h, h.nodes.slice(), loss, ["x"]);
  expect(h.nodes.slice(before).map((node) => node.op)).not.toContain("Sqrt");
});
