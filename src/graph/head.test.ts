import { describe, expect, test } from "vitest";
import { parametric, residualNetwork, transformer } from "../../test/kit/graphs.ts";
import { runtime } from "../../test/kit/ort.ts";
import { float32, int64s, sizeOf } from "../tensor/tensor.ts";
import { bind } from "./bind.ts";
import type { Graph } from "./graph.ts";
import { constant } from "./graph.ts";
import { headOf, withClasses } from "./head.ts";

type Parts = ReturnType<typeof parametric>;

/** Features [N, 6] of an image and, made from them by `head`, logits of 5 classes. */
function classifier(head: (parts: Parts, features: string, image: string) => string): Graph {
  const parts = parametric();
  const { g, parameter } = parts;
  const x = g.input("x", "float32", ["N", 3, 4, 4]);
  const image = g.op("Relu", [g.op("Conv", [x, parameter("conv.weight", [6, 3, 1, 1])])]);
  const features = g.op("Flatten", [g.op("GlobalAveragePool", [image])], { axis: 1 });
  g.output(head(parts, features, image));
  return g.finish("classifier");
}

const int = (g: Parts["g"], values: readonly number[]): string =>
  g.parameter(constant(`shape${values.length}`, int64s(values)));

const forms: readonly [string, Graph, { weight: string; axis: number; bias: string | undefined }][] = [
  [
    "Gemm, transposed",
    classifier(({ g, parameter }, f) =>
      g.op("Gemm", [f, parameter("fc.weight", [5, 6]), parameter("fc.bias", [5])], { transB: 1 }),
    ),
    { weight: "fc.weight", axis: 0, bias: "fc.bias" },
  ],
  [
    "Gemm, as it is, no bias",
    classifier(({ g, parameter }, f) => g.op("Gemm", [f, parameter("fc.weight", [6, 5])])),
    { weight: "fc.weight", axis: 1, bias: undefined },
  ],
  [
    "MatMul and Add",
    classifier(({ g, parameter }, f) =>
      g.plus(g.op("MatMul", [f, parameter("kernel", [6, 5])]), parameter("offset", [1, 5])),
    ),
    { weight: "kernel", axis: 1, bias: "offset" },
  ],
  [
    "MatMul with a weight transposed on the way, bias first",
    classifier(({ g, parameter }, f) =>
      g.plus(
        parameter("fc.bias", [5]),
        g.op("MatMul", [f, g.op("Transpose", [parameter("fc.weight", [5, 6])], { perm: [1, 0] })]),
      ),
    ),
    { weight: "fc.weight", axis: 0, bias: "fc.bias" },
  ],
  [
    "Conv, activation, pooling, flattening",
    classifier(({ g, parameter }, _, image) => {
      const y = g.op("Conv", [image, parameter("last.weight", [5, 6, 1, 1]), parameter("last.bias", [5])]);
      return g.op("Flatten", [g.op("GlobalAveragePool", [g.op("Relu", [y])])], { axis: 1 });
    }),
    { weight: "last.weight", axis: 0, bias: "last.bias" },
  ],
  [
    "Conv, pooling, Reshape to [N, 5]",
    classifier(({ g, parameter }, _, image) => {
      const y = g.op("Conv", [image, parameter("last.weight", [5, 6, 1, 1])]);
      return g.op("Reshape", [g.op("GlobalAveragePool", [y]), int(g, [-1, 5])]);
    }),
    { weight: "last.weight", axis: 0, bias: undefined },
  ],
];

describe("the head of a classifier", () => {
  test.each(forms)("is found and made anew: %s", async (_, graph, wanted) => {
    expect(headOf(graph)).toEqual({ ...wanted, classes: 5 });
    for (const classes of [2, 9]) {
      const changed = withClasses(graph, classes);
      expect(changed.outputs[0]!.shape).toEqual(["N", classes]);
      const fresh = new Set([wanted.weight, wanted.bias]);
      for (const [name, one] of graph.initializers) {
        const now = changed.initializers.get(name)!;
        if (!fresh.has(name)) {
          if (!name.startsWith("shape")) expect(now).toBe(one);
          continue;
        }
        expect(sizeOf(now.shape)).toBe((sizeOf(one.shape) / 5) * classes);
        expect((now.load().data as Float32Array).every((value) => value === 0)).toBe(true);
      }
      const session = await (await runtime()).session(bind(changed, { N: 3 }));
      const out = await session.run({ x: float32([3, 3, 4, 4], new Float32Array(144).fill(0.5)) });
      expect(Object.values(out)[0]!.shape).toEqual([3, classes]);
      await session.release();
    }
  });

  test("is that of a residual network, and of a transformer with shapes computed in the graph", () => {
    expect(headOf(residualNetwork())).toMatchObject({ weight: "head.weight", bias: "head.bias" });
    expect(withClasses(residualNetwork(), 3).outputs[0]!.shape).toEqual(["N", 3]);
    expect(withClasses(transformer(), 7).outputs[0]!.shape).toEqual(["N", 7]);
  });

  test.each<[string, Graph, RegExp]>([
    [
      "two branches",
      classifier(({ g, parameter }, f) =>
        g.plus(g.op("MatMul", [f, parameter("a", [6, 5])]), g.op("MatMul", [f, parameter("b", [6, 5])])),
      ),
      /head of graph "classifier" cannot be recognised: .*Add.* adds two branches/,
    ],
    [
      "a normalisation at the end",
      classifier(({ g, parameter }, f) =>
        g.op("LayerNormalization", [
          g.op("MatMul", [f, parameter("a", [6, 5])]),
          parameter("s", [5]),
          parameter("t", [5]),
        ]),
      ),
      /LayerNormalization.* makes the logits/,
    ],
    ["features as logits", classifier((_, f) => f), /.*/],
    [
      "a weight used twice",
      classifier(({ g, parameter }, f) => {
        const square = parameter("w", [6, 6]);
        return g.op("MatMul", [g.op("MatMul", [f, square]), square]);
      }),
      /parameter "w" is used in more than one place/,
    ],
  ])("is refused: %s", (name, graph, message) => {
    // The first convolution *is* a head by form when nothing follows it but pooling.
    if (name === "features as logits") expect(headOf(graph).weight).toBe("conv.weight");
    else expect(() => withClasses(graph, 3)).toThrow(message);
  });
});
