import { ScopeError } from "../../base/error.ts";
import { blockedDomain, blockNote, merged, split } from "../../graph/blocked.ts";
import type { Builder } from "../../graph/builder.ts";
import { intAttr, intsAttr } from "../../graph/graph.ts";
import type { GradientRule } from "../rule.ts";

/**
 * Convolution in blocked layout (com.microsoft.nchwc.Conv): y[n,o] = b[o] + Σ_{i,k} x[n,i, s·p − pad + d·k] · w[o,i,k].
 *
 * Both gradients are convolutions again, so both run on the same fast kernel:
 *
 *     dx:  stride 1: dy ∗ flipped w, roles of i and o exchanged. Stride s: one such convolution for each of the s·s
 *          positions modulo s, with every s-th tap of w, laid into each other — no multiplication with inserted zeros.
 *     dw:  x ∗ dy with the batch as the summed channel: example i of the new batch is channel i of every old one,
 *          filter o is dy of every example, dilated by the stride; the kh × kw positions that fit are dw.
 *     db:  Σ dy over batch and image, as a product with ones.
 *
 * Depthwise, y[n,c] = b[c] + Σ_k x[n, c, s·p − pad + d·k] · w[c,k]: dx is the same with i and o left out. dw takes batch
 * and channels together as the channels of one image, dy as its filters: nothing needs another order. Then Σ over the batch.
 *
 * x: [N, I, H, W] (blocked bytes; plain when I is no multiple of the block), w: [O, I, kh, kw] (reordered), dy like y.
 * Needs N divisible by the block.
 */
export const blockedConv: GradientRule = ({ node, x: [x = "", w = "", bias], dy: [dy = ""], needs, g }) => {
  const b = Number(g.noted(blockNote));
  const [, channels = 0] = g.shape(x);
  const conv: Convolution = {
    b,
    strides: intsAttr(node, "strides", [1, 1]),
    dilations: intsAttr(node, "dilations", [1, 1]),
    pads: intsAttr(node, "pads", [0, 0, 0, 0]),
    plainInput: channels % b !== 0,
    depthwise: intAttr(node, "group", 1) > 1,
  };
  return [
    needs[0] ? imageGradient(g, conv, x, w, dy) : undefined,
    needs[1] ? (conv.depthwise ? depthwiseWeights : weightGradient)(g, conv, x, w, dy) : undefined,
    bias && needs[2] ? channelSums(g, b, dy) : undefined,
  ];
};

interface Convolution {
  readonly b: number;
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly number[];
  readonly plainInput: boolean;
  readonly depthwise: boolean;
}

/** dx, [N, I, H, W] in blocked bytes. */
function imageGradient(g: Builder, conv: Convolution, x: string, w: string, dy: string): string {
  const { b, strides, dilations, pads, plainInput, depthwise } = conv;
  const [, i = 1, h = 1, wide = 1] = g.shape(x);
  const [o = 1, , kh = 1, kw = 1] = g.shape(w);
  if (plainInput || (strides.some((s) => s > 1) && dilations.some((d) => d > 1))) {
    return transposedConvolution(g, conv, x, w, dy);
  }
  // [O/b, I/b, kh, kw, bi, bo] with the two channel roles exchanged (depthwise: [C/b, 1, kh, kw, b] has none); the taps
  // are flipped below.
  const turned = depthwise
    ? g.reshape(w, [o / b, 1, kh, kw, b])
    : g.transpose(g.reshape(w, [o / b, i / b, kh, kw, b, b]), [1, 0, 2, 3, 5, 4]);
  const [sh = 1, sw = 1] = strides;
  const [dh = 1, dw = 1] = dilations;
  const rows = phases(h, kh, sh, pads[0]!, dh, g.shape(dy)[2]!);
  const columns = phases(wide, kw, sw, pads[1]!, dw, g.shape(dy)[3]!);
  const dy5 = split(g, dy, b);
  const strips = rows.map((row) => {
    const parts = columns.map((column) => phaseConvolution(g, b, dy5, turned, row, column, dilations));
    return interleave(g, parts, 4);
  });
  const whole = interleave(g, strips, 3);
  const [, , gotH = 0, gotW = 0] = g.shape(whole);
  const cut = gotH === h && gotW === wide ? whole : g.slice(whole, [0, 0], [h, wide], [2, 3]);
  return merged(g, cut);
}

/** One residue class of positions along an axis: which taps reach it, and how dy must be padded. */
interface Phase {
  readonly size: number;
  /** First tap, step between taps, number of taps. */
  readonly first: number;
  readonly step: number;
  readonly taps: number;
  readonly before: number;
  readonly after: number;
}

/**
 * Position s·q + r of x meets tap k of output p when s·p − pad + d·k = s·q + r. For stride s > 1 (then d = 1) that holds
 * for k = k0 + s·j, k0 = (r + pad) mod s, p = q + c − j with c = (r + pad − k0)/s; for s = 1, k is any tap, p = q + pad − d·k.
 */
function phases(
  size: number,
  kernel: number,
  stride: number,
  pad: number,
  dilation: number,
  outputs: number,
): Phase[] {
  const q = Math.ceil(size / stride);
  return Array.from({ length: stride }, (_, r) => {
    const first = stride === 1 ? 0 : (r + pad) % stride;
    const taps = stride === 1 ? kernel : Math.max(0, Math.ceil((kernel - first) / stride));
    const reach = (taps - 1) * dilation;
    const before = reach - (r + pad - first) / stride;
    return { size: q, first, step: stride, taps, before, after: q - outputs - before + reach };
  });
}

function phaseConvolution(
  g: Builder,
  b: number,
  dy5: string,
  turned: string,
  row: Phase,
  column: Phase,
  dilations: readonly number[],
): string {
  const [n = 1] = g.shape(dy5);
  const [inBlocks = 1, outBlocks = 1, , , ...rest] = g.shape(turned);
  // The block of the other side: none in a depthwise convolution.
  const depthwise = rest.length === 1;
  if (row.taps === 0 || column.taps === 0) {
    return g.op("Expand", [g.scalar(0), g.ints([n, inBlocks, row.size, column.size, b])]);
  }
  // Every step-th tap, last first: the flip.
  const lastRow = row.first + (row.taps - 1) * row.step;
  const lastColumn = column.first + (column.taps - 1) * column.step;
  const single = row.taps === 1 && column.taps === 1 && g.shape(turned)[2] === 1 && g.shape(turned)[3] === 1;
  const taps = single
    ? turned
    : g.slice(turned, [lastRow, lastColumn], [stop(row), stop(column)], [2, 3], [-row.step, -column.step]);
  const weights = g.reshape(taps, [inBlocks * b, depthwise ? 1 : outBlocks * b, row.taps, column.taps]);
  // A convolution takes no negative padding: rows that must go are cut from dy first.
  const cut = [row.before, column.before, row.after, column.after].map((pad) => Math.min(0, pad));
  const image = cut.some((pad) => pad < 0)
    ? g.op("Pad", [dy5, g.ints([0, 0, cut[0]!, cut[1]!, 0, 0, 0, cut[2]!, cut[3]!, 0])])
    : dy5;
  const pads = [row.before, column.before, row.after, column.after].map((pad) => Math.max(0, pad));
  const y = g.op(
    "Conv",
    [merged(g, image), weights],
    {
      kernel_shape: [row.taps, column.taps],
      strides: [1, 1],
      dilations: row.step > 1 || column.step > 1 ? [1, 1] : dilations,
      pads,
      group: depthwise ? inBlocks * b : 1,
      auto_pad: "NOTSET",
    },
    { domain: blockedDomain },
  );
  return split(g, y, b);
}

/** Exclusive end of a backward slice that ends with tap `first`: before index 0 only a large negative number will do. */
function stop(phase: Phase): number {
  return phase.first - phase.step >= 0 ? phase.first - phase.step : -(2 ** 31);
}

/** Lays tensors into each other along the image axis before `axis`: rows a0 b0 a1 b1 … of [N, C/b, H, W, b]. */
function interleave(g: Builder, parts: readonly string[], axis: 3 | 4): string {
  if (parts.length === 1) return parts[0]!;
  const shape = g.shape(parts[0]!);
  const spread = [...shape.slice(0, axis), 1, ...shape.slice(axis)];
  const joined = g.op(
    "Concat",
    parts.map((part) => g.reshape(part, spread)),
    { axis },
  );
  return g.reshape(
    joined,
    shape.map((size, i) => (i === axis - 1 ? size * parts.length : size)),
  );
}

/** The general case, in plain layout: rare geometries where the blocked kernel cannot serve. */
function transposedConvolution(g: Builder, conv: Convolution, x: string, w: string, dy: string): string {
  const { b, strides, dilations, pads, plainInput } = conv;
  const [, i = 1, h = 1, wide = 1] = g.shape(x);
  const [o = 1, , kh = 1, kw = 1] = g.shape(w);
  const weights = plainInput
    ? g.reshape(g.transpose(g.reshape(w, [o / b, i, kh, kw, b]), [0, 4, 1, 2, 3]), [o, i, kh, kw])
    : g.reshape(g.transpose(g.reshape(w, [o / b, i / b, kh, kw, b, b]), [0, 5, 1, 4, 2, 3]), [o, i, kh, kw]);
  const plain = g.op("ReorderOutput", [dy], { channels: o }, { domain: blockedDomain });
  const [, , outH = 1, outW = 1] = g.shape(dy);
  // Rows and columns of x that no window reached get zero gradient: output_padding restores them.
  const missing = [
    h - ((outH - 1) * strides[0]! - pads[0]! - pads[2]! + dilations[0]! * (kh - 1) + 1),
    wide - ((outW - 1) * strides[1]! - pads[1]! - pads[3]! + dilations[1]! * (kw - 1) + 1),
  ];
  if (missing.some((rows, axis) => rows < 0 || rows >= strides[axis]!)) {
    throw new ScopeError(
      "bug",
      `internal: a convolution of ${h}×${wide} by ${kh}×${kw} has no transposed form`,
    );
  }
  const dx = g.op("ConvTranspose", [plain, weights], {
    strides,
    dilations,
    pads,
    output_padding: missing,
    group: 1,
    kernel_shape: [kh, kw],
  });
  return plainInput ? dx : g.op("ReorderInput", [dx], {}, { domain: blockedDomain });
}

/** dw, [O, I, kh, kw] in the reordered bytes of w. */
function weightGradient(g: Builder, conv: Convolution, x: string, w: string, dy: string): string {
  const { b, strides, dilations, pads, plainInput } = conv;
  const [n = 1, i = 1, h = 1, wide = 1] = g.shape(x);
  const [o = 1, , kh = 1, kw = 1] = g.shape(w);
  const [, , outH = 1, outW = 1] = g.shape(dy);
  const plain = plainInput ? x : g.op("ReorderOutput", [x], { channels: i }, { domain: blockedDomain });
  const channelsFirst = g.transpose(plain, [1, 0, 2, 3]);
  // Exactly the rows the windows visit: the padding before, and after the image as much (or as little) as is reached.
  const after = [
    (outH - 1) * strides[0]! + (kh - 1) * dilations[0]! + 1 - h - pads[0]!,
    (outW - 1) * strides[1]! + (kw - 1) * dilations[1]! + 1 - wide - pads[1]!,
  ];
  const around = [0, 0, pads[0]!, pads[1]!, 0, 0, ...after];
  const padded = around.every((pad) => pad === 0)
    ? channelsFirst
    : g.op("Pad", [channelsFirst, g.ints(around)]);
  const image = g.op("ReorderInput", [padded], {}, { domain: blockedDomain });
  const filters = g.reshape(
    g.transpose(g.reshape(dy, [n / b, b, o / b, outH, outW, b]), [2, 0, 3, 4, 1, 5]),
    [o, n, outH, outW],
  );
  const sums = g.op(
    "Conv",
    [image, filters],
    {
      kernel_shape: [outH, outW],
      strides: dilations,
      dilations: strides,
      pads: [0, 0, 0, 0],
      group: 1,
      auto_pad: "NOTSET",
    },
    { domain: blockedDomain },
  );
  const ordered = plainInput
    ? g.transpose(g.reshape(sums, [i, o / b, kh, kw, b]), [1, 0, 2, 3, 4])
    : g.transpose(g.reshape(sums, [i / b, b, o / b, kh, kw, b]), [2, 0, 3, 4, 1, 5]);
  return g.reshape(ordered, [o, i, kh, kw]);
}

/** dw of a depthwise convolution, [C, 1, kh, kw] in the reordered bytes of w. */
function depthwiseWeights(g: Builder, conv: Convolution, x: string, w: string, dy: string): string {
  const { b, strides, dilations, pads } = conv;
  const [n = 1, c = 1, h = 1, wide = 1] = g.shape(x);
  const [, , kh = 1, kw = 1] = g.shape(w);
  const [, , outH = 1, outW = 1] = g.shape(dy);
  // As far as the windows reach; less than the image when they leave some of it out: then there are sums too many.
  const after = [
    (outH - 1) * strides[0]! + (kh - 1) * dilations[0]! + 1 - h - pads[0]!,
    (outW - 1) * strides[1]! + (kw - 1) * dilations[1]! + 1 - wide - pads[1]!,
  ].map((pad) => Math.max(0, pad));
  const sums = g.op(
    "Conv",
    [g.reshape(x, [1, n * c, h, wide]), g.reshape(dy, [n * c, 1, outH, outW])],
    {
      kernel_shape: [outH, outW],
      strides: dilations,
      dilations: strides,
      pads: [pads[0]!, pads[1]!, ...after],
      group: n * c,
      auto_pad: "NOTSET",
    },
    { domain: blockedDomain },
  );
  const [, , gotH = 1, gotW = 1] = g.shape(sums);
  const each = g.reshape(sums, [n, c / b, gotH, gotW, b]);
  const cut = gotH === kh && gotW === kw ? each : g.slice(each, [0, 0], [kh, kw], [2, 3]);
  return g.reshape(g.reduceSum(cut, [0], false), [c, 1, kh, kw]);
}

/** Σ over batch and image of a blocked [N, O, H, W]: [O]. */
function channelSums(g: Builder, b: number, dy: string): string {
  return g.reshape(g.reduceSum(split(g, dy, b), [0, 2, 3], false), [-1]);
}
