import { floatAttr, intAttr, stringAttr } from "../../../src/graph/graph.ts";
import { broadcastShapes, sizeOf } from "../../../src/tensor/tensor.ts";
import {
  broadcastOffset,
  empty,
  forEachIndex,
  type Kernel,
  need,
  offset,
  stridesOf,
  type Value,
} from "./value.ts";

/** The last two axes exchanged. */
function turned(x: Value): Value {
  const [rows = 1, columns = 1] = x.shape.slice(-2);
  const result = empty(x.dtype, [...x.shape.slice(0, -2), columns, rows]);
  const matrices = sizeOf(x.shape.slice(0, -2));
  for (let m = 0; m < matrices; m++) {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        result.data[(m * columns + j) * rows + i] = x.data[(m * rows + i) * columns + j]!;
      }
    }
  }
  return result;
}

/** Matrix product by the definition, batches broadcast; vectors become matrices for the time being. */
export function multiplied(a: Value, b: Value): Value {
  const left = a.shape.length === 1 ? [1, ...a.shape] : a.shape;
  const right = b.shape.length === 1 ? [...b.shape, 1] : b.shape;
  const [m = 1, k = 1] = left.slice(-2);
  const n = right.at(-1)!;
  const batch = broadcastShapes(left.slice(0, -2), right.slice(0, -2));
  const result = empty(a.dtype, [...batch, m, n]);
  const leftBatch = left.slice(0, -2);
  const rightBatch = right.slice(0, -2);
  forEachIndex(batch, (index, at) => {
    const p = broadcastOffset(index, leftBatch, stridesOf(leftBatch)) * m * k;
    const q = broadcastOffset(index, rightBatch, stridesOf(rightBatch)) * k * n;
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let t = 0; t < k; t++) sum += a.data[p + i * k + t]! * b.data[q + t * n + j]!;
        result.data[(at * m + i) * n + j] = sum;
      }
    }
  });
  const shape = [...batch, ...(a.shape.length === 1 ? [] : [m]), ...(b.shape.length === 1 ? [] : [n])];
  return { ...result, shape };
}

function scaled(x: Value, factor: number): Value {
  return { ...x, data: x.data.map((number) => number * factor) };
}

const gemm: Kernel = ([a, b, c], { node }) => {
  const left = intAttr(node, "transA", 0) ? turned(need(a)) : need(a);
  const right = intAttr(node, "transB", 0) ? turned(need(b)) : need(b);
  const product = scaled(multiplied(left, right), floatAttr(node, "alpha", 1));
  if (c === undefined) return [product];
  const beta = floatAttr(node, "beta", 1);
  const strides = stridesOf(c.shape);
  forEachIndex(product.shape, (index, flat) => {
    product.data[flat]! += beta * c.data[broadcastOffset(index, c.shape, strides)]!;
  });
  return [product];
};

/** Σ over every letter that is not in the result, by running over all letters at once. No ellipsis. */
const einsum: Kernel = (inputs, { node }) => {
  const [left = "", right] = stringAttr(node, "equation", "").replaceAll(" ", "").split("->");
  const operands = left.split(",");
  const sizes = new Map<string, number>();
  operands.forEach((letters, i) =>
    letters.split("").forEach((letter, axis) => sizes.set(letter, need(inputs[i]).shape[axis]!)),
  );
  const all = left.replaceAll(",", "");
  const once = Array.from(sizes.keys()).filter((letter) => all.indexOf(letter) === all.lastIndexOf(letter));
  const result = (right ?? once.toSorted().join("")).split("");
  const letters = [...sizes.keys()];
  const out = empty(
    need(inputs[0]).dtype,
    result.map((letter) => sizes.get(letter)!),
  );
  const outStrides = stridesOf(out.shape);
  forEachIndex(
    letters.map((letter) => sizes.get(letter)!),
    (index) => {
      const at = (names: readonly string[]): number[] =>
        names.map((letter) => index[letters.indexOf(letter)]!);
      let product = 1;
      inputs.forEach(
        (input, i) =>
          (product *= need(input).data[offset(at(operands[i]!.split("")), stridesOf(need(input).shape))]!),
      );
      out.data[offset(at(result), outStrides)]! += product;
    },
  );
  return [out];
};

/** Products of matrices. */
export const matrix: Record<string, Kernel> = {
  MatMul: ([a, b]) => [multiplied(need(a), need(b))],
  Gemm: gemm,
  Einsum: einsum,
  "com.microsoft.FusedMatMul": ([a, b], { node }) => {
    const left = intAttr(node, "transA", 0) ? turned(need(a)) : need(a);
    const right = intAttr(node, "transB", 0) ? turned(need(b)) : need(b);
    return [scaled(multiplied(left, right), floatAttr(node, "alpha", 1))];
  },
};
