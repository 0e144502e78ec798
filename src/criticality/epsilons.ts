import { ScopeError } from "../base/error.ts";

/** An allowed excess of the error: absolute, or as a share of the final network's error. */
export type Epsilon = { readonly absolute: number } | { readonly relative: number };

/** One point of error. */
export const usualEpsilons: readonly Epsilon[] = [{ absolute: 0.01 }];

/** How many may be given: every one is a verdict of its own at every place. */
const most = 20;

/**
 * Parses "0.01", "1%" or a list of such, separated by commas.
 * @throws {ScopeError} usage, for what is no share in (0, 1) (relative: above 0), or the same twice
 */
export function parseEpsilons(kind: "absolute" | "relative", option: string): (text: string) => Epsilon[] {
  return (text) => {
    const values = text.split(",").map((part) => {
      const found = /^(\d+(?:\.\d*)?(?:e-?\d+)?|\.\d+)\s*(%?)$/i.exec(part.trim());
      const value = found === null ? Number.NaN : Number(found[1]) / (found[2] === "%" ? 100 : 1);
      if (value > 0 && value < (kind === "absolute" ? 1 : 1000)) return value;
      throw new ScopeError(
        "usage",
        kind === "absolute"
          ? `${option} expected a share of images above 0 and below 1, got "${part.trim()}"`
          : `${option} expected a share of the final network's error above 0, got "${part.trim()}"`,
        { hint: `for example ${option} ${kind === "absolute" ? "0.01 (one point), or 1%" : "0.1, or 10%"}` },
      );
    });
    if (new Set(values).size < values.length)
      throw new ScopeError("usage", `${option} names a value twice: "${text}"`);
    if (values.length > most)
      throw new ScopeError("usage", `${option} expected at most ${most} values, got ${values.length}`);
    return values.map((value) => (kind === "absolute" ? { absolute: value } : { relative: value }));
  };
}

/** An ε as it was given, and for people. */
export function epsilonText(epsilon: Epsilon): { readonly given: string; readonly text: string } {
  const short = (value: number): string => String(Number(value.toPrecision(4)));
  if ("relative" in epsilon)
    return {
      given: `${short(epsilon.relative)} of the final error`,
      text: `${short(100 * epsilon.relative)} % of the final error`,
    };
  const points = Number((100 * epsilon.absolute).toPrecision(4));
  return { given: short(epsilon.absolute), text: `${points} ${points === 1 ? "point" : "points"} of error` };
}

/** An ε in absolute terms, for a final network of this error. */
export function absoluteEpsilon(epsilon: Epsilon, finalError: number): number {
  return "absolute" in epsilon ? epsilon.absolute : Math.min(1, epsilon.relative * finalError);
}
