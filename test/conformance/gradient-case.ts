import type { AttributeLike } from "../../src/graph/builder.ts";
import { value, type Value } from "../kit/float64/value.ts";
import type { Draw } from "../kit/draw.ts";

/** An input of the operator under test: differentiated, fed without a gradient, or a constant of the graph. */
export interface CaseInput {
  readonly role: "wrt" | "fed" | "constant";
  readonly value: Value;
}

/** One use of an operator: random shapes, attributes and numbers, away from kinks. */
export interface GradientCase {
  readonly attributes?: Readonly<Record<string, AttributeLike>>;
  readonly inputs: readonly (CaseInput | undefined)[];
  /** Names the node's outputs, so that "" leaves one out; one output unless given. */
  readonly outputs?: readonly string[];
  /** Which outputs enter the loss; the first unless given. */
  readonly lossOn?: readonly number[];
}

/** Cases of one operator. `opsets` are those it may run in. */
export interface GradientCases {
  readonly opsets: readonly number[];
  /** `block`: width of the runtime's blocked layout. */
  draw(d: Draw, opset: number, block: number): GradientCase;
  /** Share of the usual number of runs, for operators whose smallest case is large; 1 unless given. */
  readonly effort?: number;
}

/** Operator sets the cases run in, those from `since` on. 13 to 22 is what models may have. */
export function from(since: number): number[] {
  return [13, 16, 17, 18, 20, 21, 22].filter((opset) => opset >= since);
}

/** Cases that run in every operator set from `since` on. */
export function cases(draw: GradientCases["draw"], since = 13): GradientCases {
  return { opsets: from(since), draw };
}

/** An input to differentiate. */
export function wrt(x: Value): CaseInput {
  return { role: "wrt", value: x };
}

/** An input that gets no gradient. */
export function fed(x: Value): CaseInput {
  return { role: "fed", value: x };
}

/** Constant integers, one axis. */
export function ints(numbers: readonly number[]): CaseInput {
  return { role: "constant", value: value("int64", [numbers.length], Float64Array.from(numbers)) };
}

/** A constant integer. */
export function int(number: number): CaseInput {
  return { role: "constant", value: value("int64", [], Float64Array.of(number)) };
}

/** A constant. */
export function constant(x: Value): CaseInput {
  return { role: "constant", value: x };
}

/** Differentiated or merely fed, by chance: rules must not work for inputs that need no gradient. */
export function maybe(d: Draw, x: Value): CaseInput {
  return d.int(0, 3) === 0 ? fed(x) : wrt(x);
}
