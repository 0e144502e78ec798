import { isZero } from "../pieces.ts";
import type { GradientContext, GradientRule } from "../rule.ts";

/**
 * dy goes to the first input that equals y: each takes its share of what the earlier ones left, the last one takes the
 * rest, so the shares always add up to dy.
 */
function shares(
  { x, y: [y = ""], dy: [dy = ""], needs, g }: GradientContext,
  below: boolean,
): (string | undefined)[] {
  let rest = dy;
  return x.map((input, i) => {
    const later = needs.slice(i + 1).includes(true);
    if (!needs[i] && !later) return undefined;
    if (i === x.length - 1) return rest;
    const share = g.mul(rest, isZero(g, below ? g.sub(input, y) : g.sub(y, input)));
    if (later) rest = g.sub(rest, share);
    return needs[i] ? share : undefined;
  });
}

/** y = the largest of the inputs, whose shapes broadcast. Among equals the first gets dy. */
export const max: GradientRule = (context) => shares(context, true);

/** y = the smallest of the inputs, whose shapes broadcast. Among equals the first gets dy. */
export const min: GradientRule = (context) => shares(context, false);
