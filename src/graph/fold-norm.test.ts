import { describe, expect, test } from "vitest";
import { fromTensor } from "../../test/kit/float64/value.ts";
import { runInOrt } from "../../test/kit/ort.ts";
import { stream } from "../base/random.ts";
import { float32, sizeOf } from "../tensor/tensor.ts";
import { Builder } from "./builder.ts";
import { foldNormalization } from "./fold-norm.ts";
import { constant, type Graph } from "./graph.ts";

const random = stream(2, "noise");
const numbers = (shape: number[], low = -1): Float32Array =>
  Float32Array.from({ length: sizeOf(shape) }, () => low + random.uniform() * (1 - low));

/** x → Conv → `between` → BatchNormalization → Relu, 4 channels to 6. */
function network(
  options: {
    bias?: boolean;
    group?: number;
    training?: boolean;
    twice?: boolean;
    epsilon?: number;
  } = {},
): Graph {
  const g = new Builder();
  const parameter = (name: string, shape: number[], low?: number): string =>
    g.parameter(constant(name, float32(shape, numbers(shape, low))));
  const x = g.input("x", "float32", [2, 4, 5, 5]);
  const group = options.group ?? 1;
  const weights = [x, parameter("w", [6, 4 / group, 3, 3])];
  if (options.bias) weights.push(parameter("b", [6]));
  const y = g.op("Conv", weights, { group, pads: [1, 1, 1, 1] });
  const inputs = [
    y,
    parameter("scale", [6]),
    parameter("shift", [6]),
    parameter("mean", [6]),
    parameter("variance", [6], 0.1),
  ];
  const [z = ""] = g.ops(
    "BatchNormalization",
    inputs,
    {
      training_mode: options.training ? 1 : 0,
      ...(options.epsilon === undefined
        ? {}
        : { epsilon: { type: "float", value: options.epsilon } as const }),
    },
    options.training ? { outputs: 3 } : {},
  );
  const out = g.op("Relu", [z]);
  g.output(options.twice ? g.plus(out, y) : out);
  return g.finish("normalised");
}

const norms = (graph: Graph): number => graph.nodes.filter((node) => node.op === "BatchNormalization").length;

describe("foldNormalization", () => {
  test.each([
    ["a convolution without bias", {}],
    ["one with a bias", { bias: true }],
    ["groups", { group: 2, bias: true }],
    ["an ε of its own", { epsilon: 0.3 }],
  ])("computes the same numbers with one operator less: %s", async (_, options) => {
    const graph = network(options);
    const folded = foldNormalization(graph);
    expect([norms(graph), norms(folded)]).toEqual([1, 0]);
    expect([...folded.initializers.keys()]).toEqual(expect.arrayContaining([...graph.initializers.keys()]));
    const x = fromTensor(float32([2, 4, 5, 5], numbers([2, 4, 5, 5])));
    const [wanted] = (await runInOrt(graph, { x })).values();
    const [found] = (await runInOrt(folded, { x })).values();
    found!.data.forEach((value, i) => expect(Number(value)).toBeCloseTo(Number(wanted!.data[i]), 5));
  });

  test.each([
    ["one that trains", { training: true }],
    ["one whose convolution is read elsewhere", { twice: true }],
  ])("leaves alone %s", (_, options) => {
    const graph = network(options);
    expect(foldNormalization(graph)).toBe(graph);
  });
});
