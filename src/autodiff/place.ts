import type { Builder } from "../graph/builder.ts";
import { fromFront } from "./axes.ts";

/** The rows first, first + step, first + 2·step, … along an axis. */
export interface SlicedAxis {
  readonly axis: number;
  readonly first: number;
  readonly step: number;
}

/** Where ONNX's Slice begins along an axis of `shape`: negative starts count from the end, all are clamped. */
export function slicedAxis(shape: readonly number[], axis: number, start: number, step: number): SlicedAxis {
  const front = fromFront(axis, shape.length);
  const size = shape[front]!;
  const counted = start < 0 ? start + size : start;
  const highest = step < 0 ? size - 1 : size;
  return { axis: front, first: Math.min(Math.max(counted, 0), highest), step };
}

/**
 * The inverse of slicing: a tensor of `shape` that has `part` in the given rows and 0 elsewhere.
 * `part`: `shape`, but for the sliced axes.
 */
export function placeSlice(
  g: Builder,
  part: string,
  shape: readonly number[],
  rows: readonly SlicedAxis[],
): string {
  const forward = rows.map(({ axis, first, step }): SlicedAxis => {
    const count = g.shape(part)[axis]!;
    return step > 0 ? { axis, first, step } : { axis, first: first + (count - 1) * step, step: -step };
  });
  const back = rows.filter(({ step }) => step < 0).map(({ axis }) => axis);
  let value = back.length === 0 ? part : flip(g, part, back);
  const before = shape.map(() => 0);
  const after = shape.map((size, axis) => size - g.shape(value)[axis]!);
  for (const { axis, first, step } of forward) {
    value = step > 1 ? spread(g, value, axis, step) : value;
    before[axis] = first;
    // The last row's zeros may reach past the end: a negative pad cuts them off.
    after[axis] = shape[axis]! - first - g.shape(value)[axis]!;
  }
  const around = [...before, ...after];
  return around.every((pad) => pad === 0) ? value : g.op("Pad", [value, g.ints(around)]);
}

/** Rows in reverse order along each of `axes`. */
export function flip(g: Builder, x: string, axes: readonly number[]): string {
  // The end −2³¹ is before every row; −1 would mean the last one.
  return g.slice(
    x,
    axes.map(() => -1),
    axes.map(() => -(2 ** 31)),
    axes,
    axes.map(() => -1),
  );
}

/** step − 1 rows of zeros after each row along an axis. */
function spread(g: Builder, x: string, axis: number, step: number): string {
  const shape = g.shape(x);
  const apart = g.reshape(x, [...shape.slice(0, axis + 1), 1, ...shape.slice(axis + 1)]);
  const pads = Array.from({ length: 2 * (shape.length + 1) }, () => 0);
  pads[shape.length + 1 + axis + 1] = step - 1;
  return g.reshape(g.op("Pad", [apart, g.ints(pads)]), shape.with(axis, shape[axis]! * step));
}
