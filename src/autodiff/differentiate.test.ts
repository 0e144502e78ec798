import { describe, expect, test } from "vitest";
import { Builder, float } from "../graph/builder.ts";
import { constant } from "../graph/graph.ts";
import { float32 } from "../tensor/tensor.ts";
import { interpret } from "../../test/kit/float64/interpret.ts";
import { value, type Value } from "../../test/kit/float64/value.ts";
import { differentiate, type DifferentiateOptions } from "./differentiate.ts";
import { checkDifferentiable } from "./paths.ts";

function vector(...numbers: number[]): Value {
  return value("float32", [numbers.length], Float64Array.from(numbers));
}

/** A scalar loss: the sum of a value. */
function sum(g: Builder, x: string): string {
  return g.reduceSum(
    x,
    g.shape(x).map((_, axis) => axis),
    false,
  );
}

function gradients(
  g: Builder,
  loss: string,
  feeds: Record<string, Value>,
  options?: DifferentiateOptions,
): Record<string, number[]> {
  const found = differentiate(g, g.nodes.slice(), loss, Object.keys(feeds), options);
  g.output(...new Set(found.values()));
  const values = interpret(g.finish("test"), feeds);
  return Object.fromEntries(
    [...found].map(([name, gradient]) => [name, Array.from(values.get(gradient)!.data)]),
  );
}

describe("differentiate", () => {
  test("adds up the paths of a value that is used several times", () => {
    const g = new Builder();
    const x = g.input("x", "float32", [2]);
    const loss = sum(g, g.plus(g.mul(x, x), g.plus(x, g.scale(x, 3))));
    expect(gradients(g, loss, { x: vector(1, -2) })).toEqual({ x: [6, 0] });
  });

  test("counts how often a broadcast number was used, also where the gradient itself is a single number", () => {
    const g = new Builder();
    const x = g.input("x", "float32", [2, 3]);
    const b = g.input("b", "float32", [3]);
    const c = g.input("c", "float32", []);
    const loss = sum(g, g.plus(g.plus(x, b), c));
    const got = gradients(g, loss, {
      x: value("float32", [2, 3], new Float64Array(6)),
      b: vector(0, 0, 0),
      c: value("float32", [], new Float64Array(1)),
    });
    expect(got).toEqual({ x: [1, 1, 1, 1, 1, 1], b: [2, 2, 2], c: [6] });
  });

  test("writes a gradient out to the full shape only where a rule needs it", () => {
    const g = new Builder();
    const x = g.input("x", "float32", [4, 4]);
    const loss = sum(g, g.op("Relu", [g.scale(x, 2)]));
    differentiate(g, g.nodes.slice(), loss, ["x"]);
    expect(g.nodes.filter((node) => node.op === "Expand")).toHaveLength(0);
  });

  test("gives the gradient of the loss with respect to itself, which is 1", () => {
    const g = new Builder();
    const x = g.input("x", "float32", []);
    const loss = g.op("Identity", [x]);
    expect(gradients(g, loss, { x: value("float32", [], Float64Array.of(5)) })).toEqual({ x: [1] });
  });

  test("visits only nodes between the wanted values and the loss", () => {
    const g = new Builder();
    const x = g.input("x", "float32", [2]);
    const other = g.input("other", "float32", [4]);
    // Neither of these has a rule, and neither is in the way.
    const before = g.ops("TopK", [other, g.ints([2])], {}, { outputs: 2 })[0]!;
    const y = g.mul(x, before);
    g.ops("TopK", [y, g.ints([1])], {}, { outputs: 2 });
    const loss = sum(g, y);
    expect(differentiate(g, g.nodes.slice(), loss, ["x"]).has("x")).toBe(true);
  });

  test("stops at whole numbers and truth values", () => {
    const g = new Builder();
    const x = g.input("x", "float32", [2]);
    const mask = g.op("Greater", [x, g.scalar(0)]);
    const loss = sum(g, g.op("Where", [mask, g.mul(x, x), g.op("Floor", [x])]));
    const { x: found = [] } = gradients(g, loss, { x: vector(3, -2.5) });
    // + 0 makes 0 of -0.
    expect(found.map((number) => number + 0)).toEqual([6, 0]);
  });

  test("refuses a value that does not influence the loss, or gives it zeros", () => {
    const build = (): [Builder, string] => {
      const g = new Builder();
      const x = g.input("x", "float32", [2]);
      g.input("unused", "float32", [3]);
      return [g, sum(g, x)];
    };
    const feeds = { x: vector(1, 1), unused: vector(0, 0, 0) };
    const [g, loss] = build();
    expect(() => gradients(g, loss, feeds)).toThrow('the loss does not depend on "unused"');
    const [h, again] = build();
    expect(gradients(h, again, feeds, { unreached: "zeros" })).toEqual({ x: [1, 1], unused: [0, 0, 0] });
  });

  test("refuses a loss that is not a scalar", () => {
    const g = new Builder();
    const x = g.input("x", "float32", [2]);
    expect(() => differentiate(g, [], x, ["x"])).toThrow('the loss "x" must be a scalar, but has shape [2]');
  });

  test("gives the same nodes each time", () => {
    const build = (): string => {
      const g = new Builder();
      const x = g.input("x", "float32", [2, 3, 8, 8]);
      const w = g.input("w", "float32", [4, 3, 3, 3]);
      const y = g.op("LeakyRelu", [g.op("Conv", [x, w], { pads: [1, 1, 1, 1] })], { alpha: float(0.1) });
      const loss = sum(g, g.op("MaxPool", [y], { kernel_shape: [3, 3], strides: [2, 2] }));
      differentiate(g, g.nodes.slice(), loss, ["w", "x"]);
      return JSON.stringify(g.nodes);
    };
    expect(build()).toBe(build());
  });
});

describe("operators without a rule", () => {
  function stranded(): Builder {
    const g = new Builder();
    const x = g.input("x", "float32", [2, 4]);
    const [a, b, c] = ["a", "b", "c"].map((name) =>
      g.parameter(constant(name, float32([4, 4], new Float32Array(16)))),
    );
    const first = g.matmul(x, a!);
    const sorted = g.ops("TopK", [g.matmul(first, b!), g.ints([2])], { axis: -1 }, { outputs: 2 })[0]!;
    const wide = g.op("Tile", [sorted, g.ints([1, 2])]);
    const again = g.ops("TopK", [g.matmul(wide, c!), g.ints([2])], {}, { outputs: 2 })[0]!;
    g.output(sum(g, again));
    return g;
  }

  test("are all listed, with their nodes and how many parameters need them", () => {
    const graph = stranded().finish("stranded");
    expect(checkDifferentiable(graph)).toEqual(
      [{ op: "TopK", nodes: ["topk", "topk_1"], wanted: 3 }].map((entry) => ({
        ...entry,
        nodes: graph.nodes.filter((node) => node.op === "TopK").map((node) => node.name),
      })),
    );
    expect(checkDifferentiable(graph, ["c"])).toMatchObject([{ nodes: [expect.any(String)], wanted: 1 }]);
  });

  test("are refused before anything is added to the graph", () => {
    const g = stranded();
    const graph = g.finish("stranded");
    const count = graph.nodes.length;
    const names = graph.nodes.filter((node) => node.op === "TopK").map((node) => `"${node.name}"`);
    expect(() => differentiate(g, g.nodes.slice(), graph.outputs[0]!.name, ["a", "c"])).toThrow(
      `no gradient for op "TopK" (nodes ${names.join(", ")}), needed by 2 of 2 parameters`,
    );
    expect(g.nodes).toHaveLength(count);
  });

  test("are no matter when every operator has one", () => {
    const g = new Builder();
    const x = g.input("x", "float32", [1, 3]);
    g.output(
      g.op("Softmax", [g.matmul(x, g.parameter(constant("w", float32([3, 2], new Float32Array(6)))))]),
    );
    expect(checkDifferentiable(g.finish("fine"))).toEqual([]);
  });
});
