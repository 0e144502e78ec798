import { numbers } from "../../tensor/tensor.ts";
import { cast } from "../pieces.ts";
import type { GradientRule } from "../rule.ts";

/**
 * y = aᵇ; da = dy · b · aᵇ⁻¹, db = dy · y · ln a (0 where a = 0). Shapes broadcast; y has the type of a.
 * An exponent known while building costs no general power where a product does.
 */
export const pow: GradientRule = ({ x: [a = "", b = ""], y: [y = ""], dy: [dy = ""], needs, g }) => {
  const dtype = g.dtype(a);
  const known = g.value(b);
  const exponent = known?.data.length === 1 ? numbers(known)[0] : undefined;
  const slope = (): string => {
    if (exponent === 1) return dy;
    if (exponent === 2) return g.scale(g.mul(dy, a), 2);
    if (exponent === 3) return g.scale(g.mul(dy, g.mul(a, a)), 3);
    if (exponent !== undefined)
      return g.scale(g.mul(dy, g.op("Pow", [a, g.scalar(exponent - 1, dtype)])), exponent);
    const lower = g.op("Pow", [a, g.sub(b, g.scalar(1, g.dtype(b)))]);
    return g.mul(dy, g.mul(cast(g, b, dtype), lower));
  };
  const rate = (): string => {
    const zero = g.scalar(0, dtype);
    const logarithm = g.op("Where", [g.op("Equal", [a, zero]), zero, g.op("Log", [a])]);
    return g.mul(dy, g.mul(y, logarithm));
  };
  return [needs[0] ? slope() : undefined, needs[1] ? cast(g, rate(), g.dtype(b)) : undefined];
};
