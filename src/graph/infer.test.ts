import { describe, expect, test } from "vitest";
import { ScopeError } from "../base/error.ts";
import { float32, int64s, scalar } from "../tensor/tensor.ts";
import { type AttributeLike, Builder, float } from "./builder.ts";
import type { Attribute, Dim, Graph } from "./graph.ts";
import { inferGraph } from "./infer.ts";

type Shape = readonly Dim[];

/** A builder with float32 inputs a, b, c, … of the given shapes. */
function withInputs(shapes: readonly Shape[], opset = 17): { g: Builder; names: string[] } {
  const g = new Builder(opset);
  return { g, names: shapes.map((shape, i) => g.input("abcdefgh"[i]!, "float32", shape)) };
}

/** Shape of the first output of one node over float32 inputs. */
function shapeOf(
  op: string,
  shapes: readonly Shape[],
  attributes: Record<string, AttributeLike> = {},
  opset = 17,
): Shape {
  const { g, names } = withInputs(shapes, opset);
  return g.known(g.op(op, names, attributes)).shape;
}

/** Adds a node called /here. */
function here(
  g: Builder,
  op: string,
  inputs: readonly string[],
  attributes: Record<string, Attribute> = {},
  domain = "",
): void {
  g.add({ op, domain, name: "/here", inputs, outputs: ["out"], attributes });
}

function failure(work: () => unknown): ScopeError {
  try {
    work();
  } catch (error) {
    if (error instanceof ScopeError) return error;
    throw error;
  }
  throw new Error("expected a ScopeError");
}

describe("shapes worked out by hand", () => {
  const kernel = { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 2] };
  test.each<[string, Shape[], Record<string, AttributeLike>, Shape]>([
    ["Conv", [["N", 3, 32, 32], [8, 3, 3, 3], [8]], kernel, ["N", 8, 16, 16]],
    [
      "Conv",
      [
        [2, 8, 7, 7],
        [8, 1, 3, 3],
      ],
      { group: 8, dilations: [2, 2] },
      [2, 8, 3, 3],
    ],
    [
      "Conv",
      [
        ["N", 3, "H", "W"],
        [8, 3, 3, 3],
      ],
      { pads: [1, 1, 1, 1] },
      ["N", 8, "H", "W"],
    ],
    [
      "Conv",
      [
        ["N", 3, "H", 9],
        [8, 3, 3, 3],
      ],
      { auto_pad: "SAME_UPPER", strides: [2, 2] },
      ["N", 8, null, 5],
    ],
    [
      "ConvTranspose",
      [
        [1, 4, 5, 5],
        [4, 6, 2, 2],
      ],
      { strides: [2, 2] },
      [1, 6, 10, 10],
    ],
    ["MaxPool", [["N", 4, 7, 7]], { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }, ["N", 4, 4, 4]],
    ["AveragePool", [["N", 4, 7, 7]], { kernel_shape: [2, 2], strides: [2, 2] }, ["N", 4, 3, 3]],
    ["GlobalAveragePool", [["N", 4, 7, "W"]], {}, ["N", 4, 1, 1]],
    ["Gemm", [["N", 6], [5, 6], [5]], { transB: 1 }, ["N", 5]],
    [
      "MatMul",
      [
        ["N", 1, "T", 6],
        [3, 6, 4],
      ],
      {},
      ["N", 3, "T", 4],
    ],
    ["MatMul", [[6], [3, 6, 4]], {}, [3, 4]],
    [
      "Einsum",
      [
        ["N", 2, 6],
        ["N", 3, 6],
      ],
      { equation: "nqd,nkd->nqk" },
      ["N", 2, 3],
    ],
    [
      "Add",
      [
        ["N", 4, 1],
        [1, 5],
      ],
      {},
      ["N", 4, 5],
    ],
    [
      "Add",
      [
        ["N", 4],
        ["M", 4],
      ],
      {},
      [null, 4],
    ],
    ["Softmax", [["N", 10]], {}, ["N", 10]],
    ["ReduceMean", [["N", 4, 7, 7]], { axes: [2, 3], keepdims: 0 }, ["N", 4]],
    ["ReduceSum", [["N", 4]], {}, [1, 1]],
    ["Flatten", [["N", 4, 2, 2]], {}, ["N", 16]],
    ["Transpose", [["N", 4, 5]], { perm: [1, 2, 0] }, [4, 5, "N"]],
    [
      "Concat",
      [
        ["N", 4, 5],
        ["N", 3, 5],
      ],
      { axis: 1 },
      ["N", 7, 5],
    ],
    ["DepthToSpace", [["N", 12, 5, 5]], { blocksize: 2 }, ["N", 3, 10, 10]],
  ])("%s of %j with %j is %j", (op, shapes, attributes, expected) => {
    expect(shapeOf(op, shapes, attributes)).toEqual(expected);
  });

  test("batch normalisation in training mode also gives the running statistics", () => {
    const { g, names } = withInputs([["N", 4, 8, 8], [4], [4], [4], [4]]);
    const outputs = g.ops("BatchNormalization", names, { training_mode: 1 }, { outputs: 3 });
    expect(outputs.map((name) => g.known(name).shape)).toEqual([["N", 4, 8, 8], [4], [4]]);
  });

  test("resizing by a float initializer of scales reads it", () => {
    const { g, names } = withInputs([["N", 4, 5, 5]]);
    const scales = g.parameter({
      name: "scales",
      dtype: "float32",
      shape: [4],
      load: () => float32([4], [1, 1, 2, 1.5]),
    });
    expect(g.known(g.op("Resize", [names[0]!, "", scales])).shape).toEqual(["N", 4, 10, 7]);
  });
});

describe("contents that follow before anything runs", () => {
  test("a target shape put together from Shape and Gather keeps the symbol", () => {
    const { g, names } = withInputs([["N", 3, 8, 8]]);
    const batch = g.op("Gather", [g.op("Shape", names), g.ints([0])], { axis: 0 });
    const target = g.op("Concat", [batch, g.ints([-1])], { axis: 0 });
    expect(g.known(target).dims).toEqual(["N", -1]);
    expect(g.known(g.op("Reshape", [names[0]!, target])).shape).toEqual(["N", 192]);
  });

  test("a symbol is never -1, so PyTorch's guard of Expand comes out", () => {
    const { g, names } = withInputs([
      ["N", 3],
      [1, 3],
    ]);
    const asked = g.op("Concat", [g.op("Shape", [names[0]!], { end: 1 }), g.ints([-1])], { axis: 0 });
    const chosen = g.op("Where", [g.op("Equal", [asked, g.ints([-1])]), g.ints([1]), asked]);
    expect(g.known(chosen).dims).toEqual(["N", 1]);
    expect(g.known(g.op("Expand", [names[1]!, chosen])).shape).toEqual(["N", 3]);
  });

  test("numbers are computed as int64 and float32 do", () => {
    const g = new Builder(17);
    const value = (name: string): number[] => Array.from(g.value(name)!.data as BigInt64Array, Number);
    expect(value(g.op("Div", [g.ints([7, -7]), g.ints([2])]))).toEqual([3, -3]);
    expect(value(g.op("Mod", [g.ints([7, -7]), g.ints([3])]))).toEqual([1, 2]);
    const third = g.op("Div", [g.scalar(1), g.scalar(3)]);
    expect(g.value(third)!.data[0]).toBe(Math.fround(1 / 3));
    const end = g.constant({ dtype: "int64", shape: [1], data: BigInt64Array.of(2n ** 63n - 1n) });
    expect(g.value(g.op("Concat", [end, end], { axis: 0 }))!.data).toEqual(
      BigInt64Array.of(2n ** 63n - 1n, 2n ** 63n - 1n),
    );
  });

  test("an overflow is not followed", () => {
    const g = new Builder(17);
    const large = g.constant({ dtype: "int64", shape: [1], data: BigInt64Array.of(2n ** 40n) });
    expect(g.known(g.op("Mul", [large, large])).constant).toBeUndefined();
    const int32 = g.constant(scalar(2 ** 30, "int32"));
    expect(g.known(g.op("Mul", [int32, int32])).constant).toBeUndefined();
  });

  test("a float parameter is no constant, whatever moves it", () => {
    const g = new Builder(17);
    const p = g.parameter({ name: "p", dtype: "float32", shape: [2], load: () => float32([2], [1, 2]) });
    expect(g.known(p).constant).toBeUndefined();
    expect(g.known(g.op("Add", [p, g.scalar(1)])).constant).toBeUndefined();
  });
});

describe("what does not fit is refused, naming node and shapes", () => {
  test.each<[string, Shape[], Record<string, Attribute>, string]>([
    [
      "MatMul",
      [
        [8, 512],
        [768, 10],
      ],
      {},
      'MatMul "/here": inner sizes differ, [8, 512] x [768, 10]',
    ],
    ["Add", [["N", 4], [5]], {}, 'Add "/here": shapes [N, 4] and [5] do not broadcast'],
    [
      "Conv",
      [
        [1, 4, 8, 8],
        [8, 3, 3, 3],
      ],
      {},
      'Conv "/here": weights [8, 3, 3, 3] in 1 group need 3 channels, the image is [1, 4, 8, 8]',
    ],
    [
      "Conv",
      [
        [1, 3, 2, 2],
        [8, 3, 3, 3],
      ],
      {},
      'Conv "/here": the window [3, 3] (dilated: 3) does not fit the padded image [2, 2] + 0',
    ],
    [
      "Concat",
      [
        [2, 3],
        [3, 3],
      ],
      { axis: { type: "int", value: 1 } },
      'Concat "/here": shapes [2, 3] and [3, 3] cannot be joined along axis 1',
    ],
    [
      "Softmax",
      [[2, 3]],
      { axis: { type: "int", value: 2 } },
      'Softmax "/here": axis 2 does not exist, there are 2',
    ],
    [
      "Transpose",
      [[2, 3]],
      { perm: { type: "ints", value: [0, 0] } },
      'Transpose "/here": axes [0, 0] name one axis twice',
    ],
    [
      "LayerNormalization",
      [[2, 6], [5]],
      { epsilon: float(1e-5) },
      'LayerNormalization "/here": shapes [2, 6] and [5] do not broadcast',
    ],
  ])("%s of %j", (op, shapes, attributes, message) => {
    const { g, names } = withInputs(shapes);
    const error = failure(() => here(g, op, names, attributes));
    expect(error.message).toBe(message);
    expect(error.fault).toBe("shape");
  });

  test("a reshape that changes the number of elements", () => {
    const { g, names } = withInputs([[2, 3]]);
    expect(failure(() => here(g, "Reshape", [names[0]!, g.ints([4])])).message).toBe(
      'Reshape "/here": [2, 3] cannot be reshaped to [4]',
    );
  });

  test("operands of different types", () => {
    const { g, names } = withInputs([[2]]);
    expect(failure(() => g.plus(names[0]!, g.ints([1, 2]))).message).toMatch(
      /one element type, got float32 and int64/,
    );
  });

  test.each<[string, number, RegExp]>([
    ["Reshape", 2 ** 40, /the result would have 1099511627776 axes/],
    ["Expand", 2 ** 31, /the result would have 2147483648 axes/],
    ["Squeeze", 5, /the result would have -3 axes/],
    ["ReduceSum", 5, /the result would have -3 axes/],
  ])("%s by %i integers nobody knows takes no memory", (op, count, message) => {
    const { g, names } = withInputs([["N", 2]]);
    const listed = g.input("listed", "int64", [count]);
    const zero: Attribute = { type: "int", value: 0 };
    expect(failure(() => here(g, op, [names[0]!, listed], { keepdims: zero })).message).toMatch(message);
  });

  test("a size that no array can have", () => {
    const g = new Builder(17);
    expect(failure(() => here(g, "ConstantOfShape", [g.ints([-5])])).message).toBe(
      'ConstantOfShape "/here": the result would have shape [-5]',
    );
    const { g: h, names } = withInputs([[2, 3]]);
    expect(failure(() => here(h, "Tile", [names[0]!, h.ints([-1, 1])])).message).toMatch(/shape \[-2, 3\]/);
  });

  test("an operator nobody knows", () => {
    const { g, names } = withInputs([[2]]);
    const error = failure(() => here(g, "Frobnicate", names, {}, "my.ops"));
    expect(error.fault).toBe("unsupported");
    expect(error.message).toBe('operator "Frobnicate" of domain "my.ops" is not supported (node "/here")');
  });
});

describe("a whole graph", () => {
  const graph = (more: Partial<Graph>): Graph => ({
    name: "g",
    inputs: [{ name: "x", dtype: "float32", shape: ["N", 4] }],
    outputs: [{ name: "y", dtype: "float32", shape: ["N", 4] }],
    initializers: new Map(),
    nodes: [{ op: "Relu", domain: "", name: "r", inputs: ["x"], outputs: ["y"], attributes: {} }],
    values: new Map(),
    opsets: { "": 17 },
    metadata: {},
    ...more,
  });
  const odd = { op: "Odd", domain: "my", name: "o", inputs: ["x"], outputs: ["y"], attributes: {} };

  test("an unknown operator's outputs are what the file says of them", () => {
    const known = inferGraph(
      graph({ nodes: [odd], outputs: [{ name: "y", dtype: "int64", shape: ["N", 7] }] }),
    );
    expect(known.get("y")).toEqual({ dtype: "int64", shape: ["N", 7] });
  });

  test("an unknown operator of which the file says nothing is refused", () => {
    const next = { ...odd, inputs: ["y"], outputs: ["z"], op: "Relu", domain: "" };
    expect(
      failure(() =>
        inferGraph(graph({ nodes: [odd, next], outputs: [{ name: "z", dtype: "float32", shape: [1] }] })),
      ).message,
    ).toMatch(/"Odd" of domain "my" is not supported/);
  });

  test("the file is checked where inference has an answer", () => {
    const wrong = graph({ outputs: [{ name: "y", dtype: "float32", shape: ["N", 5] }] });
    expect(failure(() => inferGraph(wrong)).message).toBe(
      'the file says that "y" is float32 [N, 5], but it follows that it is float32 [N, 4]',
    );
  });

  test("a value that nothing makes is named", () => {
    const broken = graph({ nodes: [{ ...odd, op: "Relu", domain: "", inputs: ["w"] }] });
    expect(failure(() => inferGraph(broken)).message).toBe(
      'Relu "o" reads "w", which nothing before it makes',
    );
  });

  test("small integer initializers are contents", () => {
    const target = { name: "t", dtype: "int64" as const, shape: [2], load: () => int64s([0, -1]) };
    const node = { op: "Reshape", domain: "", name: "r", inputs: ["x", "t"], outputs: ["y"], attributes: {} };
    expect(
      inferGraph(graph({ initializers: new Map([["t", target]]), nodes: [node] })).get("y")!.shape,
    ).toEqual(["N", 4]);
  });
});
