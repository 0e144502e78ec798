import { ScopeError } from "../../base/error.ts";
import type { Builder } from "../../graph/builder.ts";
import { intAttr, intsAttr } from "../../graph/graph.ts";
import { sizeOf } from "../../tensor/tensor.ts";
import { keepWhere, zeros } from "../pieces.ts";
import { placeSlice } from "../place.ts";
import type { GradientRule } from "../rule.ts";
import { allTaps, type Window, windowsOf } from "../windows.ts";

/**
 * Max pooling: dy goes to the largest number of each window, the first one among equals.
 *
 * Windows that tile the image: each tap of the kernel is a strided slice of x; its gradient is dy where it is the first
 * to equal y. Otherwise the pool is taken once more with its indices, and dy is scattered to them (opset 16 on, where
 * scattering can add), or the taps' gradients are placed into x one by one.
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
  const tiled = windows.every(
    ({ before, after, size, stride, dilation, input }) =>
      before === 0 && after === 0 && dilation === 1 && stride === size && input % size === 0,
  );
  if (tiled || g.opset < 16) return [byTaps(g, windows, x, y, dy, shape)];
  const rowMajor = intAttr(node, "storage_order", 0) === 0;
  const found =
    indices && rowMajor
      ? indices
      : g.ops("MaxPool", [x], { ...node.attributes, storage_order: 0 }, { outputs: 2 })[1]!;
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
  // Padding must never win. Infinity would make NaN where it is multiplied; no network holds numbers this low.
  const lowest = g.scalar(-3.4e38, g.dtype(x));
  const padded = padding ? g.op("Pad", [x, g.ints([0, 0, ...before, 0, 0, ...after]), lowest]) : x;
  const full = [
    ...shape.slice(0, 2),
    ...shape.slice(2).map((size, axis) => size + before[axis]! + after[axis]!),
  ];
  const axes = windows.map((_, axis) => axis + 2);
  let taken: string | undefined;
  let total: string | undefined;
  const taps = allTaps(windows);
  for (const tap of taps) {
    const ends = tap.map((start, axis) => start + (windows[axis]!.output - 1) * windows[axis]!.stride + 1);
    const rows = g.slice(
      padded,
      tap,
      ends,
      axes,
      windows.map(({ stride }) => stride),
    );
    const equal = g.op("Equal", [rows, y]);
    const first = taken === undefined ? equal : g.op("And", [equal, g.op("Not", [taken])]);
    if (tap !== taps.at(-1)) taken = taken === undefined ? equal : g.op("Or", [taken, equal]);
    const placed = placeSlice(
      g,
      keepWhere(g, first, dy),
      full,
      tap.map((start, axis) => ({ axis: axis + 2, first: start, step: windows[axis]!.stride })),
    );
    total = total === undefined ? placed : g.plus(total, placed);
  }
  if (!padding) return total!;
  const ends = before.map((pad, axis) => pad + shape[axis + 2]!);
  return g.slice(total!, before, ends, axes);
}
