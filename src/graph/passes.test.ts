import { expect, test } from "vitest";
import { float32, int64s } from "../tensor/tensor.ts";
import { bind, symbols } from "./bind.ts";
import { Builder } from "./builder.ts";
import { cutPoints, prefix, suffix } from "./cut.ts";
import { fold, untie } from "./fold.ts";
import { constant, type Graph } from "./graph.ts";

/** x [N, 4] + p, reshaped to [N, 2, 2] by a target computed in the graph; p is a parameter, shifted by a constant. */
function sample(): Graph {
  const g = new Builder(17);
  const x = g.input("x", "float32", ["N", 4]);
  const p = g.parameter(constant("p", float32([4], [1, 2, 3, 4])));
  const sum = g.op("Add", [x, g.op("Neg", [p], {}, { names: ["minus"] })], {}, { names: ["sum"] });
  const target = g.op(
    "Concat",
    [g.op("Shape", [sum], { end: 1 }), g.ints([2, 2])],
    { axis: 0 },
    { names: ["target"] },
  );
  g.output(g.op("Reshape", [sum, target], {}, { names: ["y"] }));
  return g.finish("sample");
}

const ops = (graph: Graph): string => graph.nodes.map((node) => node.op).join();

test("binding puts numbers for symbols and folds the shape arithmetic, but no parameter", () => {
  const graph = sample();
  expect(symbols(graph)).toEqual(["N"]);
  const bound = bind(graph, { N: 3 });
  expect(ops(bound)).toBe("Neg,Add,Reshape");
  expect(bound.inputs[0]!.shape).toEqual([3, 4]);
  expect(bound.outputs).toEqual([{ name: "y", dtype: "float32", shape: [3, 2, 2] }]);
  expect(bound.initializers.get("target")!.load()).toEqual(int64s([3, 2, 2]));
  expect([...bound.initializers.keys()].toSorted()).toEqual(["p", "target"]);
});

test("binding wants the graph's symbols and whole numbers", () => {
  expect(() => bind(sample(), { M: 3 })).toThrow('graph "sample" has no input size called "M"');
  expect(() => bind(sample(), { N: 0 })).toThrow(
    'size "N" of graph "sample" must be a whole number from 1, got 0',
  );
});

test("sizes that the graph does not work for are refused where they clash", () => {
  const g = new Builder(17);
  const inputs = [g.input("x", "float32", ["N", 4]), g.input("z", "float32", [5, 4])];
  g.add({ op: "Add", domain: "", name: "clash", inputs, outputs: ["y"], attributes: {} });
  g.output("y");
  const graph = g.finish("clash");
  expect(bind(graph, { N: 5 }).outputs[0]!.shape).toEqual([5, 4]);
  expect(() => bind(graph, { N: 3 })).toThrow('Add "clash": shapes [3, 4] and [5, 4] do not broadcast');
});

test("folding without numbers for the symbols changes nothing here", () => {
  expect(ops(fold(sample()))).toBe("Neg,Add,Shape,Concat,Reshape");
});

test("parameters that an exporter stored once get their own initializers again", () => {
  const g = new Builder(17);
  const x = g.input("x", "float32", [2]);
  const a = g.parameter(constant("norm1.weight", float32([2], [1, 1])));
  const b = g.op("Identity", [a], {}, { names: ["norm2.weight"] });
  g.output(g.op("Identity", [g.mul(g.mul(x, a), b)]));
  const loose = untie(g.finish("tied"));
  expect(ops(loose)).toBe("Mul,Mul,Identity");
  expect(loose.initializers.get("norm2.weight")!.load()).toEqual(float32([2], [1, 1]));
  expect(loose.initializers.get("norm2.weight")!.name).toBe("norm2.weight");
  expect(untie(loose)).toBe(loose);
});

test("cutting: what is before, what is after", () => {
  const graph = bind(sample(), { N: 3 });
  expect(cutPoints(graph)).toEqual(["sum"]);
  const [before, after] = [prefix(graph, "sum"), suffix(graph, "sum")];
  expect(ops(before)).toBe("Neg,Add");
  expect(before.outputs).toEqual([{ name: "sum", dtype: "float32", shape: [3, 4] }]);
  expect(ops(after)).toBe("Reshape");
  expect(after.inputs).toEqual([{ name: "sum", dtype: "float32", shape: [3, 4] }]);
  expect([...after.initializers.keys()]).toEqual(["target"]);
  expect(() => prefix(graph, "nowhere")).toThrow('graph "sample" has no value called "nowhere"');
});

test("a path round the cut is named", () => {
  const g = new Builder(17);
  const x = g.input("x", "float32", [2]);
  const inner = g.op("Relu", [x], {}, { names: ["inner"] });
  const node = { domain: "", attributes: {} };
  g.add({ ...node, op: "Neg", name: "round", inputs: [x], outputs: ["minus"] });
  g.add({ ...node, op: "Add", name: "sum", inputs: [inner, "minus"], outputs: ["y"] });
  g.output("y");
  expect(() => suffix(g.finish("skip"), "inner")).toThrow(
    'graph "skip" cannot be cut at "inner": input "x" also goes round it, through Neg "round", then Add "sum"',
  );
});

test("one output of several can be cut while the others are still needed", () => {
  const g = new Builder(17);
  const x = g.input("x", "float32", [4]);
  const [p = "", q = ""] = g.ops("Split", [x, g.ints([2, 2])], { axis: 0 }, { names: ["p", "q"] });
  g.output(g.plus(p, q));
  const after = suffix(g.finish("split"), ["p", "x"]);
  expect(after.inputs.map((input) => input.name)).toEqual(["p", "x"]);
  expect(after.nodes[0]!.outputs).toEqual(["", "q"]);
});
