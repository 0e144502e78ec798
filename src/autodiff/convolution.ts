import type { Builder } from "../graph/builder.ts";
import { sizeOf } from "../tensor/tensor.ts";
import { axesFrom } from "./axes.ts";
import { product } from "./products.ts";
import { allTaps, type Window } from "./windows.ts";

/**
 * Gradient of convolution weights: dw[o,i,k] = Σ_{n,p} dy[n,o,p] · x[n, i, s·p − pad + d·k], as products of matrices.
 *
 * The numbers of x that tap k meets are a strided slice of the padded x; laid together for all taps they are a matrix
 * with one row per (tap, channel) and one column per output pixel (im2col). dw is dy times its transpose, summed over
 * the batch. ONNX Runtime does this two to three times faster than a convolution over exchanged operands.
 *
 * x: [N, I, image…], dy: [N, O, image…], result: `shape` = [O, I/groups, kernel…].
 */
export function convolutionWeights(
  g: Builder,
  windows: readonly Window[],
  groups: number,
  x: string,
  dy: string,
  shape: readonly number[],
): string {
  const [o = 1, i = 1] = shape;
  const [n = 1] = g.shape(x);
  const taps = sizeOf(windows.map(({ size }) => size));
  const pixels = sizeOf(windows.map(({ output }) => output));
  const columns = tapRows(g, windows, x);
  const grad = g.reshape(dy, [n, groups, o / groups, pixels]);
  if (groups === 1) {
    const rows = columns.length === 1 ? columns[0]! : g.op("Concat", columns, { axis: 1 });
    const sums = batchSum(g, g.reshape(grad, [n, o, pixels]), g.reshape(rows, [n, taps * i, pixels]));
    return g.reshape(g.transpose(g.reshape(sums, [o, taps, i]), [0, 2, 1]), shape);
  }
  const spread = columns.map((rows) => g.reshape(rows, [n, groups * i, 1, pixels]));
  const rows = spread.length === 1 ? spread[0]! : g.op("Concat", spread, { axis: 2 });
  return g.reshape(batchSum(g, grad, g.reshape(rows, [n, groups, i * taps, pixels])), shape);
}

/** For each tap of the kernel the rows of x it meets, [N, I, output image…]. */
function tapRows(g: Builder, windows: readonly Window[], x: string): string[] {
  const after = windows.map(({ covered, before, input }) => covered - before - input);
  const around = [0, 0, ...windows.map(({ before }) => before), 0, 0, ...after];
  // Negative pads behind the image cut rows that no window reaches.
  const padded = around.every((pad) => pad === 0) ? x : g.op("Pad", [x, g.ints(around)]);
  const axes = axesFrom(2, 2 + windows.length);
  return allTaps(windows).map((tap) => {
    if (windows.every(({ size, stride }) => size === 1 && stride === 1)) return padded;
    const ends = tap.map((start, axis) => start + (windows[axis]!.output - 1) * windows[axis]!.stride + 1);
    return g.slice(
      padded,
      tap,
      ends,
      axes,
      windows.map(({ stride }) => stride),
    );
  });
}

/** Σ over the batch of a·bᵀ. a: [N, ..., P, L], b: [N, ..., Q, L], result: [..., P, Q]. */
function batchSum(g: Builder, a: string, b: string): string {
  return g.reduceSum(product(g, a, b, { transposeB: true }), [0], false);
}
