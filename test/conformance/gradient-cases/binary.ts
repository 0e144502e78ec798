import { broadcastShapes } from "../../../src/tensor/tensor.ts";
import type { Draw } from "../../kit/draw.ts";
import { value, type Value } from "../../kit/float64/value.ts";
import { type CaseInput, cases, constant, fed, type GradientCases, maybe, wrt } from "../gradient-case.ts";

type Numbers = (d: Draw, shape: readonly number[]) => Value;

/** Two inputs whose shapes broadcast, at least one of them differentiated. */
function binary(left: Numbers, right: Numbers): GradientCases {
  return cases((d) => {
    const shape = d.shape(d.int(0, 4), 3);
    const [a, b] = d.bool() ? [shape, d.broadcastable(shape)] : [d.broadcastable(shape), shape];
    const inputs = [left(d, a), right(d, b)];
    return {
      inputs: d.bool()
        ? inputs.map(wrt)
        : d.bool()
          ? [wrt(inputs[0]!), fed(inputs[1]!)]
          : [fed(inputs[0]!), wrt(inputs[1]!)],
    };
  });
}

const anywhere: Numbers = (d, shape) => d.normal(shape);
const notZero: Numbers = (d, shape) => {
  const x = d.between(shape, 0.4, 2);
  return d.bool() ? x : { ...x, data: x.data.map((number) => -number) };
};
const positive: Numbers = (d, shape) => d.between(shape, 0.4, 2);

export const add = binary(anywhere, anywhere);
export const sub = binary(anywhere, anywhere);
export const mul = binary(anywhere, anywhere);
export const div = binary(anywhere, notZero);

export const pow = cases((d) => {
  const shape = d.shape(d.int(0, 3));
  const kind = d.pick(["general", "constant", "integer"] as const);
  if (kind === "general") {
    return { inputs: [maybe(d, positive(d, shape)), wrt(anywhere(d, d.broadcastable(shape)))] };
  }
  if (kind === "integer") {
    // Whole exponents of any base, in an integer type, as PyTorch exports squares.
    const exponents = value("int64", [], Float64Array.of(d.int(1, 4)));
    return { inputs: [wrt(notZero(d, shape)), d.bool() ? constant(exponents) : fed(exponents)] };
  }
  const exponent = d.pick([0.5, 1, 2, 3, -1, 2.5]);
  return { inputs: [wrt(positive(d, shape)), constant(value("float32", [], Float64Array.of(exponent)))] };
});

/** Several inputs whose numbers all differ, so that no finite difference crosses a tie. */
function variadic(): GradientCases {
  return cases((d) => {
    const shape = d.shape(d.int(0, 3), 3);
    const count = d.int(1, 4);
    const shapes = Array.from({ length: count }, () => d.broadcastable(shape));
    const sizes = shapes.map((s) => s.reduce((a, b) => a * b, 1));
    const pool = d.apart([sizes.reduce((a, b) => a + b, 0)]);
    let start = 0;
    const inputs = shapes.map((s, i): CaseInput => {
      start += sizes[i]!;
      const x = value("float32", s, pool.data.slice(start - sizes[i]!, start));
      return i === 0 ? wrt(x) : maybe(d, x);
    });
    shapes.reduce((a, b) => broadcastShapes(a, b));
    return { inputs };
  });
}

export const max = variadic();
export const min = variadic();
export const sum = variadic();
export const mean = variadic();

export const where = cases((d) => {
  const shape = d.shape(d.int(0, 3));
  const mask = d.normal(d.broadcastable(shape));
  const condition = value(
    "bool",
    mask.shape,
    mask.data.map((number) => Number(number > 0)),
  );
  return { inputs: [fed(condition), wrt(d.normal(d.broadcastable(shape))), maybe(d, d.normal(shape))] };
});

export const pRelu = cases((d) => {
  const shape = d.shape(d.int(1, 4));
  return { inputs: [maybe(d, d.avoiding(shape, [0])), wrt(d.normal(d.broadcastable(shape)))] };
});

export const clip = cases((d) => {
  const x = d.avoiding(d.shape(d.int(0, 3)), [-1, 1.5]);
  const bound = (number: number): CaseInput => {
    const at = value("float32", [], Float64Array.of(number));
    return d.bool() ? constant(at) : wrt(at);
  };
  const low = d.bool() ? bound(-1) : undefined;
  return { inputs: d.bool() ? [wrt(x), low, bound(1.5)] : low ? [wrt(x), low] : [wrt(x)] };
});

export const fastGelu = cases((d) => {
  const shape = d.shape(d.int(1, 3));
  const x = d.normal(shape);
  return { inputs: d.bool() ? [wrt(x)] : [wrt(x), wrt(d.normal(shape.slice(-1)))] };
});

export const cast = cases((d) => ({
  inputs: [wrt(d.normal(d.shape(d.int(0, 3))))],
  attributes: { to: d.pick([1, 11]) },
}));

export const castLike = cases((d) => {
  const like = d.normal([1]);
  return {
    inputs: [wrt(d.normal(d.shape(d.int(0, 3)))), fed(d.bool() ? like : { ...like, dtype: "float64" })],
  };
}, 15);
