import type { Builder } from "../../graph/builder.ts";
import { keepWhere } from "../pieces.ts";
import type { GradientRule } from "../rule.ts";

/**
 * Max and Min of several inputs: dy goes to the first input that equals y, so the shares always add up to dy.
 * Shapes broadcast.
 */
const extremum: GradientRule = ({ x, y: [y = ""], dy: [dy = ""], needs, g }) => {
  if (x.length === 1) return [dy];
  let taken: string | undefined;
  return x.map((input, i) => {
    if (!needs.slice(i).includes(true)) return undefined;
    const last = i === x.length - 1;
    const mine = last && taken !== undefined ? g.op("Not", [taken]) : firstOf(g, input, y, taken);
    if (needs.slice(i + 1).includes(true)) taken = taken === undefined ? mine : g.op("Or", [taken, mine]);
    return needs[i] ? keepWhere(g, mine, dy) : undefined;
  });
};

function firstOf(g: Builder, input: string, y: string, taken: string | undefined): string {
  const equal = g.op("Equal", [input, y]);
  return taken === undefined ? equal : g.op("And", [equal, g.op("Not", [taken])]);
}

/** y = the largest of the inputs. */
export const max = extremum;

/** y = the smallest of the inputs. */
export const min = extremum;
