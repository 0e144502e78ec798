import { describe, expect, test } from "vitest";
import { Builder } from "../graph/builder.ts";
import { constant, type Graph } from "../graph/graph.ts";
import { modules } from "../graph/modules.ts";
import { buildModel, modelSpecSchema } from "../models/model.ts";
import { float32 } from "../tensor/tensor.ts";
import { scalableHead } from "./head.ts";

const io = { channels: 3, height: 16, width: 16, classes: 4 };

/** A graph of one input [N, 4] whose named parameters are ones. */
function graph(parameters: Record<string, number[]>, build: (g: Builder, x: string) => string): Graph {
  const g = new Builder();
  const x = g.input("x", "float32", ["N", 4]);
  for (const [name, shape] of Object.entries(parameters)) {
    const size = shape.reduce((a, b) => a * b, 1);
    g.parameter(constant(name, float32(shape, new Float32Array(size).fill(1))));
  }
  g.output(build(g, x));
  return g.finish("net");
}

describe("what scales the logits", () => {
  test.each([
    { arch: "mlp", hidden: [8] },
    { arch: "cnn", widths: [8] },
    { arch: "resnet", depth: 8, norm: "layer" },
    { arch: "vit", depth: 1, patch: 8, dim: 16, heads: 2 },
  ])("is weight and bias of the head in $arch", (spec) => {
    const model = buildModel(modelSpecSchema.parse(spec), io);
    const names = modules(model.graph, "layer").flatMap((one) => one.parameters);
    const head = model.parameters.filter((info) => info.head).map((info) => info.name);
    expect(scalableHead(model.graph, names)?.toSorted()).toEqual(head.toSorted());
  });

  test("is found behind pooling, ReLU, reshaping and a transposed weight", () => {
    const net = graph({ w: [3, 4], b: [3] }, (g, x) => {
      const z = g.plus(g.matmul(x, g.transpose("w", [1, 0])), "b");
      return g.op("Identity", [g.op("Relu", [z])]);
    });
    expect(scalableHead(net, ["w", "b"])?.toSorted()).toEqual(["b", "w"]);
  });

  test.each<[string, Graph]>([
    [
      "a softmax at the end",
      graph({ w: [4, 3] }, (g, x) => g.op("Softmax", [g.matmul(x, "w")], { axis: -1 })),
    ],
    ["a weight that is used twice", graph({ w: [4, 4] }, (g, x) => g.matmul(g.matmul(x, "w"), "w"))],
    [
      "a bias that is a constant",
      graph({ w: [4, 3] }, (g, x) => g.plus(g.matmul(x, "w"), g.floats([3], [1, 2, 3]))),
    ],
    ["logits that are the input", graph({}, (g, x) => g.op("Identity", [x]))],
  ])("is nothing with %s", (_, net) => {
    expect(scalableHead(net, ["w"])).toBeUndefined();
  });
});
