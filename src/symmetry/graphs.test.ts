/** What is free in networks built by hand, one for each way in which axes hang together. */
import { describe, expect, test } from "vitest";
import { parametric, transformer } from "../../test/kit/graphs.ts";
import { axesOf, holds, layer, nesting, network, type Parameter } from "../../test/kit/symmetry.ts";
import { type Builder, float } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import { symmetries } from "./symmetries.ts";

describe("convolutions", () => {
  test("groups move as wholes, channels within their group", async () => {
    const graph = network([3, 6, 6], (g, x, p) => {
      const conv = (name: string, y: string, w: number[], group: number): string =>
        g.op("Relu", [
          g.op("Conv", [y, p(`${name}.weight`, [...w, 3, 3]), p(`${name}.bias`, [w[0]!])], {
            group,
            kernel_shape: [3, 3],
            pads: [1, 1, 1, 1],
          }),
        ]);
      let y = conv("first", x, [12, 3], 1);
      y = conv("grouped", y, [8, 3], 4);
      y = conv("last", y, [2, 8], 1);
      return y;
    });
    const symmetry = symmetries(graph);
    expect(axesOf(symmetry, "first.weight")).toEqual(["a4×b3", "3", "3", "3"]);
    expect(axesOf(symmetry, "grouped.weight")).toEqual(["a4×c2", "b3", "3", "3"]);
    expect(axesOf(symmetry, "last.weight")).toEqual(["2", "a4×c2", "3", "3"]);
    expect(nesting(symmetry)).toBe("b in a, c in a");
    expect(symmetry.unproved).toEqual([]);
    await holds(graph, symmetry);
  });

  test("a channel shuffle between two grouped convolutions keeps what both allow", async () => {
    const graph = network([3, 4, 4], (g, x, p) => {
      const conv = (name: string, y: string, w: number[], group: number): string =>
        g.op("Tanh", [g.op("Conv", [y, p(name, [...w, 1, 1])], { group, kernel_shape: [1, 1] })]);
      let y = conv("first", x, [6, 3], 1);
      y = conv("one", y, [6, 2], 3);
      y = g.op("Reshape", [y, g.ints([0, 3, 2, 4, 4])]);
      y = g.op("Reshape", [g.transpose(y, [0, 2, 1, 3, 4]), g.ints([0, 6, 4, 4])]);
      y = conv("two", y, [4, 3], 2);
      return conv("last", y, [2, 4], 1);
    });
    const symmetry = symmetries(graph);
    // Inside a group of `two` there is one channel from each group of `one`.
    expect(axesOf(symmetry, "one")![0]).toBe("a3×c2");
    expect(axesOf(symmetry, "two")!.slice(0, 2)).toEqual(["c2×d2", "a3"]);
    await holds(graph, symmetry);
  });

  test("transposed and depthwise convolutions, PRelu, pixel shuffle", async () => {
    const graph = network([3, 4, 4], (g, x, p) => {
      let y = g.op("Conv", [x, p("first", [6, 3, 1, 1])], { kernel_shape: [1, 1] });
      y = g.op("PRelu", [y, p("slope", [6, 1, 1])]);
      y = g.op("Conv", [y, p("depthwise", [12, 1, 3, 3])], { group: 6, kernel_shape: [3, 3] });
      y = g.op("ConvTranspose", [y, p("up", [12, 8, 2, 2]), p("up.bias", [8])], {
        kernel_shape: [2, 2],
        strides: [2, 2],
      });
      y = g.op("DepthToSpace", [g.op("Relu", [y])], { blocksize: 2 });
      return g.op("Conv", [y, p("last", [1, 2, 1, 1])], { kernel_shape: [1, 1] });
    });
    const symmetry = symmetries(graph);
    expect(axesOf(symmetry, "slope")).toEqual(["a6", "1", "1"]);
    expect(axesOf(symmetry, "depthwise")![0]).toBe("a6×b2");
    expect(axesOf(symmetry, "up")!.slice(0, 2)).toEqual(["a6×b2", "4×c2"]);
    expect(nesting(symmetry)).toBe("b in a");
    // The 2 × 2 channels become neighbouring pixels of the output.
    expect(symmetry.unproved).toEqual([]);
    await holds(graph, symmetry);
  });

  test("dense blocks: what is concatenated keeps its stretch in every reader", async () => {
    const graph = network([3, 4, 4], (g, x, p) => {
      const conv = (name: string, y: string, i: number, o: number): string =>
        g.op("Relu", [
          g.op("Conv", [y, p(name, [o, i, 3, 3])], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }),
        ]);
      const one = conv("one", x, 3, 4);
      const two = conv("two", g.op("Concat", [x, one], { axis: 1 }), 7, 4);
      const all = g.op("Concat", [x, one, two], { axis: 1 });
      const scaled = g.mul(all, p("scale", [11, 1, 1]));
      const flat = g.op("Flatten", [g.op("MaxPool", [scaled], { kernel_shape: [2, 2], strides: [2, 2] })]);
      return layer(g, p, "head", flat, 44, 3);
    });
    const symmetry = symmetries(graph);
    expect(axesOf(symmetry, "two")!.slice(0, 2)).toEqual(["b4", "3 + a4"]);
    expect(axesOf(symmetry, "scale")![0]).toBe("3 + a4 + b4");
    expect(axesOf(symmetry, "head")).toEqual(["12 + a4×4 + b4×4", "3"]);
    expect(symmetry.unproved).toEqual([]);
    await holds(graph, symmetry);
  });

  test("channels-last before a dense layer: each pixel's channels move alike", async () => {
    const graph = network([3, 2, 2], (g, x, p) => {
      const y = g.op("Relu", [g.op("Conv", [x, p("conv", [5, 3, 1, 1])], { kernel_shape: [1, 1] })]);
      return layer(g, p, "head", g.op("Flatten", [g.transpose(y, [0, 2, 3, 1])]), 20, 2);
    });
    const symmetry = symmetries(graph);
    expect(axesOf(symmetry, "head")![0]).toBe("4×a5");
    await holds(graph, symmetry);
  });
});

describe("attention", () => {
  test("heads, units of q with k and of v inside them, shapes computed in the graph", async () => {
    const graph = transformer();
    const symmetry = symmetries(graph);
    // The input is added to the stream, which therefore stays.
    expect(axesOf(symmetry, "block0.attention.qkv.weight")).toEqual(["6", "a2×b3 + a2×b3 + a2×c3"]);
    expect(axesOf(symmetry, "block0.attention.out.weight")).toEqual(["a2×c3", "6"]);
    expect(nesting(symmetry)).toBe("b in a, c in a, f in e, g in e");
    expect(symmetry.unproved).toEqual([]);
    await holds(graph, symmetry);
  });

  test("grouped queries: units inside key heads, query heads inside them", async () => {
    const [tokens, width, kv, share, size] = [3, 6, 2, 3, 4];
    const graph = network([tokens, width], (g, x, p) => {
      const q = g.transpose(
        g.op("Reshape", [
          layer(g, p, "q", x, width, kv * share * size),
          g.ints([0, tokens, kv * share, size]),
        ]),
        [0, 2, 1, 3],
      );
      const repeated = (name: string): string => {
        const flat = layer(g, p, name, x, width, kv * size);
        const heads = g.transpose(g.op("Reshape", [flat, g.ints([0, tokens, kv, size])]), [0, 2, 1, 3]);
        const one = g.op("Unsqueeze", [heads, g.ints([2])]);
        const many = g.op("Expand", [one, g.ints([1, kv, share, tokens, size])]);
        return g.op("Reshape", [many, g.ints([0, kv * share, tokens, size])]);
      };
      const shares = g.op("Softmax", [g.matmul(q, g.transpose(repeated("k"), [0, 1, 3, 2]))], { axis: -1 });
      const mixed = g.transpose(g.matmul(shares, repeated("v")), [0, 2, 1, 3]);
      const joined = g.op("Reshape", [mixed, g.ints([0, tokens, kv * share * size])]);
      return layer(g, p, "out", joined, kv * share * size, 2);
    });
    const symmetry = symmetries(graph);
    expect(axesOf(symmetry, "q")).toEqual(["6", "a2×b3×c4"]);
    expect(axesOf(symmetry, "k")).toEqual(["6", "a2×c4"]);
    expect(axesOf(symmetry, "v")).toEqual(["6", "a2×d4"]);
    expect(axesOf(symmetry, "out")).toEqual(["a2×b3×d4", "2"]);
    expect(nesting(symmetry)).toBe("b in a, c in a, d in a");
    await holds(graph, symmetry);
  });

  test("by einsum", async () => {
    const graph = network([3, 6], (g, x, p) => {
      const of = (name: string): string =>
        g.op("Einsum", [x, p(name, [6, 2, 4])], { equation: "ntd,dhk->nhtk" });
      const shares = g.op("Softmax", [g.op("Einsum", [of("q"), of("k")], { equation: "nhtk,nhsk->nhts" })], {
        axis: -1,
      });
      return g.op("Einsum", [shares, of("v"), p("out", [2, 4, 5])], {
        equation: "nhts,nhsk,hkd->ntd",
      });
    });
    const symmetry = symmetries(graph);
    expect(axesOf(symmetry, "q")).toEqual(["6", "a2", "b4"]);
    expect(axesOf(symmetry, "v")).toEqual(["6", "a2", "c4"]);
    expect(nesting(symmetry)).toBe("b in a, c in a");
    await holds(graph, symmetry);
  });

  test("heads that meet other heads share one order of units: products and softmax across heads", async () => {
    const heads = (g: Builder, x: string, p: Parameter, meet: (y: string) => string): string => {
      const y = g.op("Reshape", [layer(g, p, "in", x, 5, 6), g.ints([0, 2, 3])]);
      return g.op("Flatten", [meet(y)]);
    };
    const gram = network([5], (g, x, p) =>
      layer(
        g,
        p,
        "out",
        heads(g, x, p, (y) => g.matmul(y, g.transpose(y, [0, 2, 1]))),
        4,
        2,
      ),
    );
    const soft = network([5], (g, x, p) =>
      layer(
        g,
        p,
        "out",
        heads(g, x, p, (y) => g.op("Softmax", [y], { axis: 1 })),
        6,
        2,
      ),
    );
    for (const [graph, nests] of [
      [gram, ""],
      // A softmax across heads lets heads stand in another order for every unit.
      [soft, "a in b"],
    ] as const) {
      const symmetry = symmetries(graph);
      expect(axesOf(symmetry, "in")).toEqual(["5", "a2×b3"]);
      expect(nesting(symmetry)).toBe(nests);
      await holds(graph, symmetry);
    }
    const within = network([5], (g, x, p) =>
      layer(
        g,
        p,
        "out",
        heads(g, x, p, (y) => g.op("Softmax", [y], { axis: 2 })),
        6,
        2,
      ),
    );
    const symmetry = symmetries(within);
    expect(nesting(symmetry)).toBe("b in a");
    await holds(within, symmetry);
  });
});

describe("weights used in special ways", () => {
  test("an embedding's features join, its rows stay; tied to the head", async () => {
    const { g, parameter: p } = parametric();
    const tokens = g.input("tokens", "int64", ["N", 3]);
    const table = p("table", [4, 6]);
    let y = g.plus(g.op("Gather", [table, tokens], { axis: 0 }), p("position", [3, 6]));
    y = g.plus(y, layer(g, p, "down", g.op("Relu", [layer(g, p, "up", y, 6, 8)]), 8, 6));
    g.output(g.matmul(y, g.transpose(table, [1, 0])));
    const graph = g.finish("language model");
    const symmetry = symmetries(graph);
    expect(axesOf(symmetry, "table")).toEqual(["4", "a6"]);
    expect(axesOf(symmetry, "position")).toEqual(["3", "a6"]);
    expect(axesOf(symmetry, "up")).toEqual(["a6", "b8"]);
    expect(symmetry.unproved).toEqual([]);
    await holds(graph, symmetry);
  });

  test("a weight used twice satisfies both uses", async () => {
    const graph = network([5], (g, x, p) => {
      const w = p("tied", [5, 5]);
      const y = g.op("Tanh", [g.matmul(x, p("first", [5, 5]))]);
      // Its input is the first layer's order, and so is its output: it is applied to that again.
      const once = g.op("Tanh", [g.matmul(y, w)]);
      return layer(g, p, "head", g.matmul(once, w), 5, 2);
    });
    const symmetry = symmetries(graph);
    expect(axesOf(symmetry, "tied")).toEqual(["a5", "a5"]);
    expect(symmetry.spaces.length).toBe(1);
    await holds(graph, symmetry);
  });

  test("an unrolled recurrence with heads: the space stands on both axes, units within them too", async () => {
    const graph = network([4], (g, x, p) => {
      const inner = p("recurrent", [6, 6]);
      let state = layer(g, p, "in", x, 4, 6);
      for (let t = 0; t < 2; t++) {
        const heads = g.op("Reshape", [g.matmul(state, inner), g.ints([0, 2, 3])]);
        state = g.op("Reshape", [g.op("Softmax", [heads], { axis: 2 }), g.ints([0, 6])]);
      }
      return layer(g, p, "head", state, 6, 2);
    });
    const symmetry = symmetries(graph);
    expect(axesOf(symmetry, "recurrent")).toEqual(["a2×b3", "a2×b3"]);
    expect(nesting(symmetry)).toBe("b in a");
    await holds(graph, symmetry);
  });

  test("a constant that differs along an axis pins it, an equal one does not", async () => {
    const scaled = (values: readonly number[]): Graph =>
      network([4], (g, x, p) => {
        const y = g.mul(layer(g, p, "in", x, 4, 3), g.floats([3], values));
        return layer(g, p, "out", y, 3, 2);
      });
    expect(symmetries(scaled([2, 2, 2])).spaces.length).toBe(1);
    const symmetry = symmetries(scaled([1, 2, 3]));
    expect(symmetry.spaces).toEqual([]);
    expect(symmetry.unproved).toEqual([
      { where: "in axis 1", size: 3, reason: 'the constant "const_0" differs along it' },
    ]);
  });

  test("one constant read in two places ties nothing", () => {
    const graph = network([4], (g, x, p) => {
      const ones = g.floats([3], [1, 1, 1]);
      const y = g.plus(layer(g, p, "in", x, 4, 3), ones);
      return layer(g, p, "out", g.plus(layer(g, p, "mid", y, 3, 3), ones), 3, 2);
    });
    expect(axesOf(symmetries(graph), "mid")).toEqual(["a3", "b3"]);
  });

  test("squeeze and excitation, group normalisation as an operator, resizing", async () => {
    const graph = network(
      [3, 4, 4],
      (g, x, p) => {
        let y = g.op("Conv", [x, p("first", [8, 3, 1, 1])], { kernel_shape: [1, 1] });
        y = g.op("GroupNormalization", [y, p("norm.weight", [8]), p("norm.bias", [8])], {
          num_groups: 2,
          epsilon: float(1e-5),
        });
        const mean = g.op("GlobalAveragePool", [y]);
        const gate = g.op("Sigmoid", [
          g.op("Conv", [mean, p("gate", [8, 8, 1, 1])], { kernel_shape: [1, 1] }),
        ]);
        y = g.op("Resize", [g.mul(y, gate), "", g.floats([4], [1, 1, 2, 2])], { mode: "nearest" });
        return g.op("Conv", [y, p("last", [2, 8, 1, 1])], { kernel_shape: [1, 1] });
      },
      21,
    );
    const symmetry = symmetries(graph);
    expect(axesOf(symmetry, "gate")!.slice(0, 2)).toEqual(["a2×b4", "a2×b4"]);
    expect(nesting(symmetry)).toBe("b in a");
    await holds(graph, symmetry);
  });
});
