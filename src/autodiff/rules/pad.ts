import { ScopeError } from "../../base/error.ts";
import type { Builder } from "../../graph/builder.ts";
import { stringAttr } from "../../graph/graph.ts";
import { axesFrom, fromFront, knownInts } from "../axes.ts";
import { placeSlice } from "../place.ts";
import type { GradientRule } from "../rule.ts";

/**
 * x with rows added before and after each axis (or removed, where a pad is negative).
 *
 * constant: dx is the inner part of dy; the constant gets the sum of the rest.
 * edge, reflect, wrap: each border row is a copy of a row of x, so its gradient is added to that row, axis by axis.
 */
export const pad: GradientRule = ({ node, x: [x = "", , value], dy: [dy = ""], needs, g }) => {
  const shape = g.shape(x);
  const axes =
    knownInts(g, node, 3, "axes")?.map((axis) => fromFront(axis, shape.length)) ?? axesFrom(0, shape.length);
  const pads = knownInts(g, node, 1, "pads")!;
  const borders = axes.map((axis, i): Border => ({ axis, before: pads[i]!, after: pads[i + axes.length]! }));
  const mode = stringAttr(node, "mode", "constant");
  if (mode === "constant") {
    const dx = inner(g, dy, shape, borders);
    if (!value || !needs[2]) return [dx];
    const all = axesFrom(0, shape.length);
    return [
      dx,
      undefined,
      g.reshape(g.sub(g.reduceSum(dy, all, false), g.reduceSum(dx, all, false)), g.shape(value)),
    ];
  }
  if (borders.some(({ before, after }) => before < 0 || after < 0)) {
    throw new ScopeError(
      "unsupported",
      `no gradient for op "Pad" (node "${node.name}") with negative pads in mode "${mode}"`,
    );
  }
  return [borders.reduce((grad, border) => foldBorder(g, grad, shape[border.axis]!, border, mode), dy)];
};

interface Border {
  readonly axis: number;
  readonly before: number;
  readonly after: number;
}

function inner(g: Builder, dy: string, shape: readonly number[], borders: readonly Border[]): string {
  const moved = borders.filter(({ before, after }) => before !== 0 || after !== 0);
  if (moved.length === 0) return dy;
  if (moved.every(({ before, after }) => before >= 0 && after >= 0)) {
    const ends = moved.map(({ axis, before }) => before + shape[axis]!);
    return g.slice(
      dy,
      moved.map(({ before }) => before),
      ends,
      moved.map(({ axis }) => axis),
    );
  }
  const around = [...shape, ...shape].fill(0);
  for (const { axis, before, after } of moved) {
    around[axis] = -before;
    around[axis + shape.length] = -after;
  }
  return g.op("Pad", [dy, g.ints(around)]);
}

/** Adds the gradients of one axis's border rows to the rows of x they copied. */
function foldBorder(
  g: Builder,
  dy: string,
  size: number,
  { axis, before, after }: Border,
  mode: string,
): string {
  if (before === 0 && after === 0) return dy;
  const target = g.shape(dy).with(axis, size);
  const middle = g.slice(dy, [before], [before + size], [axis]);
  const parts = [middle];
  if (before > 0) parts.push(...copies(g, dy, target, axis, 0, before, size, mode, "before"));
  if (after > 0) parts.push(...copies(g, dy, target, axis, before + size, after, size, mode, "after"));
  return parts.reduce((total, part) => g.plus(total, part));
}

function copies(
  g: Builder,
  dy: string,
  target: readonly number[],
  axis: number,
  from: number,
  count: number,
  size: number,
  mode: string,
  side: "before" | "after",
): string[] {
  const rows = g.slice(dy, [from], [from + count], [axis]);
  const first = side === "before";
  if (mode === "edge") {
    return [
      placeSlice(g, g.reduceSum(rows, [axis], true), target, [
        { axis, first: first ? 0 : size - 1, step: 1 },
      ]),
    ];
  }
  if (mode === "wrap")
    return [placeSlice(g, rows, target, [{ axis, first: first ? size - count : 0, step: 1 }])];
  // reflect: border row i before is x row before − i; border row i after is x row size − 2 − i.
  return [placeSlice(g, rows, target, [{ axis, first: first ? count : size - 2, step: -1 }])];
}
