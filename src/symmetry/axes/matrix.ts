import { intAttr } from "../../graph/graph.ts";
import type { Axis } from "../atoms.ts";
import { broadcast } from "./elementwise.ts";
import { type AxisContext, type Axes, type AxisRule, join } from "./rule.ts";

/** MatMul: [batch…, n, k] × [batch…, k, m] → [batch…, n, m]. */
export const matMul: AxisRule = (c) => multiply(c, c.axes(0), c.axes(1));

/** com.microsoft.FusedMatMul: either side may be turned. */
export const fusedMatMul: AxisRule = (c) => {
  if (intAttr(c.node, "transBatchA", 0) !== 0 || intAttr(c.node, "transBatchB", 0) !== 0)
    c.refuse("turns batch axes");
  const turned = (axes: Axes, turn: number): Axes =>
    turn !== 0 && axes.length > 1 ? [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!] : axes;
  return multiply(
    c,
    turned(c.axes(0), intAttr(c.node, "transA", 0)),
    turned(c.axes(1), intAttr(c.node, "transB", 0)),
  );
};

function multiply(c: AxisContext, a: Axes, b: Axes): readonly Axes[] {
  const rows = a.length > 1 ? [a.at(-2)!] : [];
  const columns = b.length > 1 ? [b.at(-1)!] : [];
  const inner = a.at(-1)!;
  join(c, inner, b.length > 1 ? b.at(-2)! : b[0]!);
  const count = c.shape(0).length - rows.length - columns.length;
  const { output, letters } = broadcast(c, [a.slice(0, -2), b.slice(0, -2)], c.shape(0).slice(0, count));
  const out = [...output, ...rows, ...columns];
  c.relate({
    inputs: [
      [...letters[0]!, ...rows, inner],
      [...letters[1]!, inner, ...columns],
    ],
    outputs: [out],
    mixed: [[inner]],
  });
  return [out];
}

/** Gemm: A [n, k] (or turned) × B [k, m] (or turned) + C broadcast to [n, m]. */
export const gemm: AxisRule = (c) => {
  const pair = (i: number, turn: string): [Axis, Axis] => {
    const [first, second] = c.axes(i) as [Axis, Axis];
    return intAttr(c.node, turn, 0) === 0 ? [first, second] : [second, first];
  };
  const [rows, inner] = pair(0, "transA");
  const [other, columns] = pair(1, "transB");
  join(c, inner, other);
  const out = [rows, columns];
  const bias = c.has(2) ? broadcast(c, [out, c.axes(2)], c.shape(0)).letters[1] : undefined;
  c.relate({ inputs: [[rows, inner], [inner, columns], bias], outputs: [out], mixed: [[inner]] });
  return [out];
};
