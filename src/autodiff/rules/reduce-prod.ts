import { reductionOf } from "../axes.ts";
import { cast, keepWhere, reduce } from "../pieces.ts";
import type { GradientRule } from "../rule.ts";

/**
 * y = Π x over the axes; dx = dy · the product of the others, which is right when some x are 0, too:
 * with zeros counted as 1 the product is P; dx = dy · P / x where no *other* number is 0, else 0.
 * x: any shape; y, dy: without the reduced axes (or with size 1 there).
 */
export const reduceProd: GradientRule = (context) => {
  const {
    x: [x = ""],
    dy: [dy = ""],
    g,
  } = context;
  const { axes, kept } = reductionOf(context);
  const dtype = g.dtype(x);
  const isZero = g.op("Equal", [x, g.scalar(0, dtype)]);
  const zeroCount = cast(g, isZero, dtype);
  const others = g.sub(g.reduceSum(zeroCount, axes, true), zeroCount);
  const nonZero = g.op("Where", [isZero, g.scalar(1, dtype), x]);
  const product = reduce(g, "ReduceProd", nonZero, axes);
  const rest = keepWhere(g, g.op("Equal", [others, g.scalar(0, dtype)]), g.div(product, nonZero));
  return [g.mul(rest, g.reshape(dy, kept))];
};
