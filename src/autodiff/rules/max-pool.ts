import { ScopeError } from "../../base/error.ts";
import type { Builder } from "../../graph/builder.ts";
import { intAttr, intsAttr } from "../../graph/graph.ts";
import { sizeOf } from "../../tensor/tensor.ts";
import { isZero, zeros } from "../pieces.ts";
import { placeSlice } from "../place.ts";
import type { GradientRule } from "../rule.ts";
import { allTaps, type Window, windowsOf } from "../windows.ts";

/**
 * Max pooling: dy goes to the largest number of each window, the first one among equals.
 *
 * The pool is taken once more with its indices, and dy is put there: by MaxUnpool where windows do not overlap, by
 * scattering that adds where they do. Before opset 16, which has no such scattering, each tap of overlapping windows is a
 * strided slice of x that takes its share of dy and is placed back.
 *
 * x: [N, C, image…], y, dy: [N, C, image…].
 */
export const maxPool: GradientRule = ({ node, x: [x = ""], y: [y = "", indices], dy: [dy, index], g }) => {
  if (dy === undefined || index !== undefined) {
    throw new ScopeError(
      "unsupported",
      `no gradient for op "MaxPool" (node "${node.name}") through its indices`,
    );
  }
  const shape = g.shape(x);
  const windows = windowsOf(node, shape.slice(2), intsAttr(node, "kernel_shape", []));
  const apart = windows.every(({ stride, reach }) => stride > reach);
  if (!apart && g.opset < 16) return [byTaps(g, windows, x, y, dy, shape)];
  const rowMajor = intAttr(node, "storage_order", 0) === 0;
  const found =
    indices && rowMajor
      ? indices
      : g.ops("MaxPool", [x], { ...node.attributes, storage_order: 0 }, { outputs: 2 })[1]!;
  if (apart) {
    // The shape is given. Windows of 1 make the smallest shape that ONNX Runtime checks it against.
    const ones = windows.map(() => 1);
    return [g.op("MaxUnpool", [dy, found, g.ints(shape)], { kernel_shape: ones, strides: ones })];
  }
  const scattered = g.op(
    "ScatterElements",
    [zeros(g, [sizeOf(shape)], g.dtype(x)), g.reshape(found, [-1]), g.reshape(dy, [-1])],
    { axis: 0, reduction: "add" },
  );
  return [g.reshape(scattered, shape)];
};

function byTaps(
  g: Builder,
  windows: readonly Window[],
  x: string,
  y: string,
  dy: string,
  shape: readonly number[],
): string {
  const before = windows.map((window) => window.before);
  const after = windows.map((window) => Math.max(0, window.covered - window.before - window.input));
  const padding = [...before, ...after].some((pad) => pad > 0);
  // Padding must never win; no network holds numbers this low.
  const lowest = g.scalar(-3.4e38, g.dtype(x));
  const padded = padding ? g.op("Pad", [x, g.ints([0, 0, ...before, 0, 0, ...after]), lowest]) : x;
  const full = [
    ...shape.slice(0, 2),
    ...shape.slice(2).map((size, axis) => size + before[axis]! + after[axis]!),
  ];
  const axes = windows.map((_, axis) => axis + 2);
  const strides = windows.map(({ stride }) => stride);
  const taps = allTaps(windows);
  let rest = dy;
  let total: string | undefined;
  for (const tap of taps) {
    const last = tap === taps.at(-1);
    const ends = tap.map((start, axis) => start + (windows[axis]!.output - 1) * strides[axis]! + 1);
    const share = last ? rest : g.mul(rest, isZero(g, g.sub(g.slice(padded, tap, ends, axes, strides), y)));
    if (!last) rest = g.sub(rest, share);
    const places = tap.map((first, axis) => ({ axis: axis + 2, first, step: strides[axis]! }));
    const placed = placeSlice(g, share, full, places);
    total = total === undefined ? placed : g.plus(total, placed);
  }
  if (!padding) return total!;
  const ends = before.map((pad, axis) => pad + shape[axis + 2]!);
  return g.slice(total!, before, ends, axes);
}
