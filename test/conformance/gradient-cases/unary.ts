import { float } from "../../../src/graph/builder.ts";
import type { AttributeLike } from "../../../src/graph/builder.ts";
import type { Draw } from "../../kit/draw.ts";
import type { Value } from "../../kit/float64/value.ts";
import { cases, type GradientCases, wrt } from "../gradient-case.ts";

type Numbers = (d: Draw, shape: readonly number[]) => Value;
type Attributes = (d: Draw) => Record<string, AttributeLike>;

function unary(numbers: Numbers, attributes: Attributes = () => ({}), since = 13): GradientCases {
  return cases(
    (d) => ({ attributes: attributes(d), inputs: [wrt(numbers(d, d.shape(d.int(0, 4))))] }),
    since,
  );
}

const anywhere: Numbers = (d, shape) => d.normal(shape, 1.5);
const positive: Numbers = (d, shape) => d.between(shape, 0.3, 3);
const away =
  (...kinks: number[]): Numbers =>
  (d, shape) =>
    d.avoiding(shape, kinks);
const alpha =
  (low: number, high: number): Attributes =>
  (d) =>
    d.bool() ? { alpha: float(Math.fround(low + (high - low) * (d.int(0, 100) / 100))) } : {};

export const abs = unary(away(0));
export const neg = unary(anywhere);
export const sqrt = unary(positive);
export const exp = unary(anywhere);
export const log = unary(positive);
export const reciprocal = unary(positive);
export const sin = unary(anywhere);
export const cos = unary(anywhere);
export const erf = unary(anywhere);
export const identity = unary(anywhere);
export const relu = unary(away(0));
export const leakyRelu = unary(away(0), alpha(0.01, 0.5));
export const elu = unary(away(0), alpha(0.5, 2));
export const celu = unary(away(0), alpha(0.5, 2));
export const selu = unary(away(0));
export const sigmoid = unary(anywhere);
export const tanh = unary(anywhere);
export const softplus = unary(anywhere);
export const softsign = unary(away(0));
export const thresholdedRelu = unary(away(0.7), () => ({ alpha: float(Math.fround(0.7)) }));
export const hardSigmoid = unary(away(-2.5, 2.5));
export const hardSwish = unary(away(-3, 3), undefined, 14);
export const mish = unary(anywhere, undefined, 18);
export const gelu = unary(anywhere, (d) => (d.bool() ? { approximate: "tanh" } : {}), 20);
export const microsoftGelu = unary(anywhere);
export const quickGelu = unary(anywhere, alpha(1, 2));
