import type { Builder } from "../../graph/builder.ts";
import { intAttr } from "../../graph/graph.ts";
import { numbers, sizeOf } from "../../tensor/tensor.ts";
import { fromFront } from "../axes.ts";
import { cast, zeros } from "../pieces.ts";
import { placeSlice } from "../place.ts";
import { product } from "../products.ts";
import type { GradientRule } from "../rule.ts";

/**
 * Rows of x along an axis, chosen by integer indices; dx adds each row of dy to the row it came from.
 * x: [A…, D, B…], indices: [I…], y: [A…, I…, B…].
 *
 * One index known while building is a Pad. Otherwise a ScatterND that adds (opset 16 on), or before that a product with
 * the one-hot matrix of the indices.
 */
export const gather: GradientRule = ({ node, x: [x = "", indices = ""], dy: [dy = ""], g }) => {
  const shape = g.shape(x);
  const axis = fromFront(intAttr(node, "axis", 0), shape.length);
  const known = g.value(indices);
  const count = sizeOf(g.shape(indices));
  const before = sizeOf(shape.slice(0, axis));
  const after = sizeOf(shape.slice(axis + 1));
  const depth = shape[axis]!;
  if (known !== undefined && count === 1) {
    const rows = g.reshape(dy, shape.with(axis, 1));
    return [placeSlice(g, rows, shape, [{ axis, first: fromFront(numbers(known)[0]!, depth), step: 1 }])];
  }
  // As if x were [D, A·B] and dy [I, A·B].
  const rows = g.reshape(g.transpose(g.reshape(dy, [before, count, after]), [1, 0, 2]), [
    count,
    before * after,
  ]);
  const sums = addRows(g, rows, g.reshape(indices, [count]), depth);
  return [g.reshape(g.transpose(g.reshape(sums, [depth, before, after]), [1, 0, 2]), shape)];
};

/** Row i of `rows` [I, R] added to row indices[i] of zeros [depth, R]. */
function addRows(g: Builder, rows: string, indices: string, depth: number): string {
  const [count = 1, width = 1] = g.shape(rows);
  const dtype = g.dtype(rows);
  if (g.opset >= 16) {
    return g.op("ScatterND", [zeros(g, [depth, width], dtype), g.reshape(indices, [count, 1]), rows], {
      reduction: "add",
    });
  }
  const choice = g.op(
    "OneHot",
    [indices, g.ints([depth]), g.constant({ dtype: "int64", shape: [2], data: BigInt64Array.of(0n, 1n) })],
    { axis: -1 },
  );
  return product(g, cast(g, choice, dtype), rows, { transposeA: true });
}
