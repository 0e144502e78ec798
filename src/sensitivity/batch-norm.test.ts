import { expect, test } from "vitest";
import { runInOrt } from "../../test/kit/ort.ts";
import { lowerForTraining } from "../autodiff/lower.ts";
import { stream } from "../base/random.ts";
import { Builder, float } from "../graph/builder.ts";
import { constant, type Graph } from "../graph/graph.ts";
import { float32 } from "../tensor/tensor.ts";
import { fromTensor } from "../../test/kit/float64/value.ts";
import { normalizeByBatch } from "./batch-norm.ts";

const random = stream(1, "noise", "norms");
const drawn = (shape: readonly number[], centre = 0) =>
  float32(
    shape,
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => centre + random.normal()),
  );

/** Norms after a convolution (with a bias or none), after a sum, and of channels that are no whole block. */
function network(channels: number, meansAround: number): Graph {
  const g = new Builder();
  const norm = (x: string, name: string, mean: number): string => {
    const values = { scale: 1, bias: 0, mean, variance: 2 };
    const inputs = Object.entries(values).map(([kind, centre]) => {
      const { data } = drawn([channels], centre);
      const positive = kind === "variance" ? (data as Float32Array).map((one) => Math.abs(one) + 0.1) : data;
      return g.parameter(constant(`${name}.${kind}`, float32([channels], positive as Float32Array)));
    });
    return g.op("BatchNormalization", [x, ...inputs], { epsilon: float(1e-5) });
  };
  const x = g.input("x", "float32", [6, 3, 5, 5]);
  const w1 = g.parameter(constant("w1", drawn([channels, 3, 3, 3])));
  const b1 = g.parameter(constant("b1", drawn([channels], meansAround)));
  const w2 = g.parameter(constant("w2", drawn([channels, channels, 3, 3])));
  const pads = { pads: [1, 1, 1, 1], kernel_shape: [3, 3] };
  const first = norm(g.op("Conv", [x, w1, b1], pads), "n1", meansAround);
  const second = norm(g.op("Conv", [g.op("Relu", [first]), w2], pads), "n2", 0);
  g.output(norm(g.plus(first, second), "n3", 0));
  return g.finish("norms");
}

test.each([
  [8, 8, 0],
  [8, 8, 100],
  [6, 8, 3],
  [16, 8, 1],
  [8, 1, 1],
])(
  "%i channels in blocks of %i, means around %f: what training mode gives",
  async (channels, block, around) => {
    const graph = network(channels, around);
    const x = fromTensor(drawn([6, 3, 5, 5]));
    const trained = lowerForTraining(graph).graph;
    const [wanted] = (await runInOrt({ ...trained, outputs: trained.outputs.slice(0, 1) }, { x })).values();
    const [found] = (await runInOrt(normalizeByBatch(graph, block), { x })).values();
    const numbers = Array.from(found!.data, Number);
    Array.from(wanted!.data, Number).forEach((one, i) =>
      expect(Math.abs(numbers[i]! - one)).toBeLessThan(1e-4),
    );
  },
);
