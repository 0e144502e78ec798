/** What the analysis leaves in place, and how it says so. */
import { describe, expect, test } from "vitest";
import { axesOf, holds, layer, network } from "../../test/kit/symmetry.ts";
import { constant, type Graph } from "../graph/graph.ts";
import { shapeRules } from "../graph/infer.ts";
import { float32, int64s } from "../tensor/tensor.ts";
import { describeSymmetry } from "./describe.ts";
import { symmetries } from "./symmetries.ts";
import { axisRules } from "./walk.ts";

describe("what cannot be proved", () => {
  /** in → op → out, the operator unknown but for the shape the file states. */
  function withUnknown(stated: boolean): Graph {
    const graph = network([4], (g, x, p) => {
      const y = g.op("Relu", [layer(g, p, "in", x, 4, 3)], {}, { names: ["inner"] });
      return layer(g, p, "out", g.op("Relu", [layer(g, p, "mid", y, 3, 5)]), 5, 2);
    });
    const nodes = graph.nodes.map((node) =>
      node.outputs[0] === "inner" ? { ...node, op: "Conjure", name: "magic" } : node,
    );
    return stated ? { ...graph, nodes } : { ...graph, nodes, values: new Map() };
  }

  test("an unknown operator fixes what it touches, and only that", () => {
    const symmetry = symmetries(withUnknown(true));
    const reason = 'Conjure "magic" is an operator whose symmetries are not known';
    expect(symmetry.unproved).toEqual([
      { where: "in axis 1", size: 3, reason },
      { where: "mid axis 0", size: 3, reason },
    ]);
    expect(axesOf(symmetry, "mid")).toEqual(["3", "a5"]);
    expect(describeSymmetry(symmetry)).toEqual([
      "1 space with 5 positions may be permuted.",
      "That makes about 10^2 networks that compute the same.",
      `6 positions stay in place (in axis 1 and 1 more place): ${reason}.`,
    ]);
  });

  test("where not even a shape is known, all that follows is fixed", () => {
    const symmetry = symmetries(withUnknown(false));
    expect(symmetry.spaces).toEqual([]);
    expect(symmetry.unproved.map((one) => one.where)).toEqual([
      "in axis 1",
      "mid axis 0",
      "mid axis 1",
      "out axis 0",
      "out axis 1",
    ]);
    expect(describeSymmetry(symmetry)[0]).toBe("No weights can be permuted.");
  });

  test("order along an axis, places in it, windows over it: each with its node", async () => {
    const graph = network([4], (g, x, p) => {
      const axis = g.constant(int64s([1]));
      const y = g.op("CumSum", [layer(g, p, "a", x, 4, 3), axis]);
      const z = g.slice(layer(g, p, "b", y, 3, 4), [0], [4], [1], [2]);
      return layer(g, p, "c", z, 2, 2);
    });
    const symmetry = symmetries(graph);
    expect(symmetry.spaces).toEqual([]);
    expect(symmetry.unproved.map((one) => one.reason)).toEqual([
      'CumSum "cumsum" adds up along it',
      'Slice "slice" takes positions 2 apart of it',
    ]);
  });

  test("an axis cut after it was joined with another: what stands before it is fixed", async () => {
    // Found by chance (soundness.test.ts): the pair looked free until the joined axis was read again.
    const graph = network([4], (g, x, p) => {
      const y = layer(g, p, "in", x, 4, 12);
      const pairs = g.transpose(g.op("Reshape", [y, g.ints([0, 6, 2])]), [0, 2, 1]);
      const turned = layer(g, p, "turned", g.op("Reshape", [pairs, g.ints([0, 12])]), 12, 3);
      const [head = "", tail = ""] = g.ops("Split", [y, g.ints([10, 2])], { axis: 1 }, { outputs: 2 });
      return g.plus(turned, g.plus(layer(g, p, "head", head, 10, 3), layer(g, p, "tail", tail, 2, 3)));
    });
    const symmetry = symmetries(graph);
    expect(axesOf(symmetry, "in")).toEqual(["4", "a5×2 + 2"]);
    expect(axesOf(symmetry, "turned")).toEqual(["a5 + 1 + a5 + 1", "3"]);
    expect(symmetry.unproved).toEqual([
      { where: "in axis 1", size: 2, reason: "an axis that it is joined with is cut apart further on" },
    ]);
    await holds(graph, symmetry);
  });

  test("factors that do not fit each other", () => {
    const graph = network([5], (g, x, p) => {
      const y = layer(g, p, "in", x, 5, 6);
      const wide = g.op("Softmax", [g.op("Reshape", [y, g.ints([0, 2, 3])])], { axis: 2 });
      const tall = g.op("Softmax", [g.op("Reshape", [y, g.ints([0, 3, 2])])], { axis: 2 });
      const both = g.op("Concat", [g.op("Flatten", [wide]), g.op("Flatten", [tall])], { axis: 1 });
      return layer(g, p, "out", both, 12, 2);
    });
    const symmetry = symmetries(graph);
    expect(symmetry.spaces).toEqual([]);
    expect(symmetry.unproved[0]!.reason).toBe(
      'Reshape "reshape_3" takes it apart as 3 × 2, which does not fit its parts',
    );
  });

  test("a graph without parameters has no symmetries", () => {
    const graph = network([4], (g, x) => g.op("Relu", [x]));
    expect(symmetries(graph)).toEqual({
      spaces: [],
      tensors: new Map(),
      unproved: [],
      values: new Map(),
    });
  });

  test("initializers that a caller may replace, and parameters of other types, stay", () => {
    const graph = network([4], (g, x, p) => layer(g, p, "b", layer(g, p, "a", x, 4, 3), 3, 2));
    const open = {
      ...graph,
      inputs: [...graph.inputs, { name: "a", dtype: "float32" as const, shape: [4, 3] }],
    };
    expect(symmetries(graph).spaces.length).toBe(1);
    expect(symmetries(open).spaces).toEqual([]);
    const initializers = new Map(graph.initializers);
    initializers.set("fixed", constant("fixed", float32([1], [1])));
    expect(symmetries({ ...graph, initializers }).spaces.length).toBe(1);
  });
});

test("every operator whose shapes we know has a rule, but for those that look positions up", () => {
  const missing = (shapes: object, rules: object): string[] =>
    Object.keys(shapes).filter((op) => !Object.hasOwn(rules, op));
  expect(missing(shapeRules[""]!, axisRules[""]!).toSorted()).toEqual([
    "GatherElements",
    "GatherND",
    "MaxUnpool",
    "OneHot",
    "ScatterElements",
    "ScatterND",
  ]);
  expect(missing(shapeRules["com.microsoft"]!, axisRules["com.microsoft"]!)).toEqual([]);
});

test("fused operators of ONNX Runtime", async () => {
  const fused = { domain: "com.microsoft" };
  const graph = network([2, 6], (g, x, p) => {
    const y = g.op("BiasGelu", [layer(g, p, "in", x, 6, 8), p("bias", [8])], {}, fused);
    const skip = g.op("SkipLayerNormalization", [y, y, p("gamma", [8]), p("beta", [8])], {}, fused);
    return g.op("FusedMatMul", [skip, p("out", [3, 8])], { transB: 1 }, fused);
  });
  const symmetry = symmetries(graph);
  expect(axesOf(symmetry, "gamma")).toEqual(["a8"]);
  expect(axesOf(symmetry, "out")).toEqual(["3", "a8"]);
  await holds(graph, symmetry);
});
