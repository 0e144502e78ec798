import type { Draw } from "../../kit/draw.ts";
import type { Value } from "../../kit/float64/value.ts";
import { cases, type GradientCases, int, ints, wrt } from "../gradient-case.ts";

type Numbers = (d: Draw, shape: readonly number[]) => Value;

/** Random axes, positive or negative, none for all; as an attribute or as an input, as the operator set has it. */
function reduction(numbers: Numbers, axesAsInput: number): GradientCases {
  return cases((d, opset) => {
    const shape = d.shape(d.int(1, 4));
    const rank = shape.length;
    const axes = d
      .order(rank)
      .slice(0, d.int(0, rank))
      .map((axis) => (d.bool() ? axis : axis - rank));
    const keepdims = d.int(0, 1);
    const x = wrt(numbers(d, shape));
    if (opset < axesAsInput)
      return { inputs: [x], attributes: { keepdims, ...(axes.length > 0 ? { axes } : {}) } };
    const noop = d.int(0, 1);
    return {
      inputs: axes.length === 0 && d.bool() ? [x] : [x, ints(axes)],
      attributes: { keepdims, ...(axes.length === 0 ? { noop_with_empty_axes: noop } : {}) },
    };
  });
}

const anywhere: Numbers = (d, shape) => d.normal(shape);
const apart: Numbers = (d, shape) => d.apart(shape);
const positive: Numbers = (d, shape) => d.between(shape, 0.3, 2);

export const reduceSum = reduction(anywhere, 13);
export const reduceMean = reduction(anywhere, 18);
export const reduceMax = reduction(apart, 18);
export const reduceMin = reduction(apart, 18);
export const reduceL1 = reduction((d, shape) => d.avoiding(shape, [0]), 18);
export const reduceL2 = reduction((d, shape) => d.avoiding(shape, [0]), 18);
export const reduceLogSum = reduction(positive, 18);
export const reduceLogSumExp = reduction(anywhere, 18);
export const reduceSumSquare = reduction(anywhere, 18);
/** Some numbers are exactly 0: the product of the others must still be right. */
export const reduceProd = reduction((d, shape) => {
  const x = d.between(shape, 0.5, 1.5);
  const zeros = d.bool() ? d.int(1, 2) : 0;
  return { ...x, data: x.data.map((number, i) => (i < zeros ? 0 : number)) };
}, 18);

function alongAxis(): GradientCases {
  return cases((d) => {
    const shape = d.shape(d.int(1, 4));
    const axis = d.int(-shape.length, shape.length - 1);
    return { inputs: [wrt(d.normal(shape, 2))], attributes: d.bool() ? { axis } : {} };
  });
}

export const softmax = alongAxis();
export const logSoftmax = alongAxis();

export const cumSum = cases((d) => {
  const shape = d.shape(d.int(1, 3));
  const axis = int(d.int(-shape.length, shape.length - 1));
  return {
    inputs: [wrt(d.normal(shape)), axis],
    attributes: { exclusive: d.int(0, 1), reverse: d.int(0, 1) },
  };
});
