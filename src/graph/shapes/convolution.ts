import { type Dim, intAttr, intsAttr, type Node, stringAttr } from "../graph.ts";
import type { Known } from "../known.ts";
import { type Inputs, mapDim, mismatch, need, sameType, show, unify, wantVector } from "./rule.ts";

/** How a window moves over an image: one entry per image axis, pads as in ONNX (all begins, then all ends). */
export interface Window {
  readonly kernel: readonly Dim[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly number[];
  /** NOTSET, VALID, SAME_UPPER or SAME_LOWER. */
  readonly autoPad: string;
}

/** Reads strides, dilations and pads of a node whose window has sizes `kernel`, and checks their number and range. */
export function windowOf(node: Node, kernel: readonly Dim[]): Window {
  const rank = kernel.length;
  const list = (name: string, length: number, fallback: number, least: number): readonly number[] => {
    const found = intsAttr(node, name, undefined) ?? Array.from({ length }, () => fallback);
    if (found.length !== length)
      mismatch(node, `${name} must have ${length} numbers for ${rank} image axes, got ${show(found)}`);
    if (found.some((value) => value < least))
      mismatch(node, `${name} must be at least ${least}, got ${show(found)}`);
    return found;
  };
  if (kernel.some((taps) => typeof taps === "number" && taps < 1))
    mismatch(node, `the window ${show(kernel)} is empty`);
  const autoPad = stringAttr(node, "auto_pad", "NOTSET");
  if (!["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"].includes(autoPad))
    mismatch(node, `auto_pad "${autoPad}" is not known`);
  return {
    kernel,
    strides: list("strides", rank, 1, 1),
    dilations: list("dilations", rank, 1, 1),
    pads: autoPad === "NOTSET" ? list("pads", 2 * rank, 0, 0) : Array.from({ length: 2 * rank }, () => 0),
    autoPad,
  };
}

/** Number of positions of a window along each image axis. `ceil` counts a last, incomplete position too. */
export function positions(node: Node, image: readonly Dim[], window: Window, ceil = false): Dim[] {
  const { kernel, strides, dilations, pads, autoPad } = window;
  return image.map((size, i) => {
    const taps = kernel[i]!;
    const stride = strides[i]!;
    if (autoPad.startsWith("SAME")) return stride === 1 ? size : mapDim(size, (s) => Math.ceil(s / stride));
    if (typeof taps !== "number") return null;
    const pad = pads[i]! + pads[i + image.length]!;
    const reach = (taps - 1) * dilations[i]!;
    if (stride === 1 && pad === reach) return size;
    return mapDim(size, (s) => {
      const room = s + pad - reach - 1;
      if (room < 0)
        mismatch(
          node,
          `the window ${show(kernel)} (dilated: ${reach + 1}) does not fit the padded image ${show(image)} + ${pad}`,
        );
      if (!ceil) return Math.floor(room / stride) + 1;
      const count = Math.ceil(room / stride) + 1;
      // The last window must begin inside the image or the padding before it.
      return (count - 1) * stride >= s + pads[i]! ? count - 1 : count;
    });
  });
}

/** Conv and FusedConv: x [N, C, image…], w [O, C/group, kernel…], bias [O] → [N, O, image'…]. */
export function conv(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  const w = need(node, inputs, 1);
  sameType(node, inputs);
  const [batch = null, channels = null, ...image] = x.shape;
  const [filters = null, perGroup = null, ...kernel] = w.shape;
  if (x.shape.length < 3 || w.shape.length !== x.shape.length) {
    mismatch(
      node,
      `image ${show(x.shape)} and weights ${show(w.shape)} must have the same number of axes, at least 3`,
    );
  }
  const group = intAttr(node, "group", 1);
  if (typeof channels === "number" && typeof perGroup === "number" && channels !== perGroup * group) {
    mismatch(
      node,
      `weights ${show(w.shape)} in ${group} group${group === 1 ? "" : "s"} need ${perGroup * group} channels, the image is ${show(x.shape)}`,
    );
  }
  if (typeof filters === "number" && filters % group !== 0)
    mismatch(node, `${filters} filters do not divide into ${group} groups`);
  wantVector(node, inputs[2], filters, "the bias");
  const window = windowOf(node, agreedKernel(node, kernel));
  return [{ dtype: x.dtype, shape: [batch, filters, ...positions(node, image, window)] }];
}

function agreedKernel(node: Node, kernel: readonly Dim[]): Dim[] {
  const stated = intsAttr(node, "kernel_shape", undefined) ?? kernel;
  if (stated.length !== kernel.length)
    mismatch(node, `kernel_shape ${show(stated)} does not match weights of ${show(kernel)}`);
  return kernel.map((taps, i) =>
    unify(
      node,
      taps,
      stated[i]!,
      () => `kernel_shape ${show(stated)} does not match weights of ${show(kernel)}`,
    ),
  );
}

/** ConvTranspose: x [N, C, image…], w [C, O/group, kernel…], bias [O] → [N, O, image'…]. */
export function convTranspose(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  const w = need(node, inputs, 1);
  sameType(node, inputs);
  const [batch = null, channels = null, ...image] = x.shape;
  const [incoming = null, perGroup = null, ...kernel] = w.shape;
  if (x.shape.length < 3 || w.shape.length !== x.shape.length) {
    mismatch(
      node,
      `image ${show(x.shape)} and weights ${show(w.shape)} must have the same number of axes, at least 3`,
    );
  }
  unify(
    node,
    channels,
    incoming,
    () => `weights ${show(w.shape)} need ${incoming} channels, the image is ${show(x.shape)}`,
  );
  const filters = mapDim(perGroup, (count) => count * intAttr(node, "group", 1));
  wantVector(node, inputs[2], filters, "the bias");
  const window = windowOf(node, agreedKernel(node, kernel));
  const extra = intsAttr(node, "output_padding", undefined) ?? image.map(() => 0);
  const stated = intsAttr(node, "output_shape", undefined);
  if (extra.length !== image.length)
    mismatch(node, `output_padding ${show(extra)} must have ${image.length} numbers`);
  const sizes = image.map((size, i): Dim => {
    if (stated !== undefined) return stated[i - image.length + stated.length] ?? null;
    const stride = window.strides[i]!;
    const taps = window.kernel[i]!;
    if (typeof taps !== "number") return null;
    if (window.autoPad.startsWith("SAME")) {
      // A window smaller than the stride leaves a gap after the last position, which ONNX Runtime does not fill.
      const gap = Math.max(0, stride - (extra[i]! + (taps - 1) * window.dilations[i]! + 1));
      return stride === 1 ? size : mapDim(size, (s) => s * stride - gap);
    }
    const pad = window.pads[i]! + window.pads[i + image.length]!;
    const change = extra[i]! + (taps - 1) * window.dilations[i]! + 1 - pad - stride;
    if (stride === 1 && change === 0) return size;
    return mapDim(size, (s) => {
      const grown = s * stride + change;
      if (grown < 0) mismatch(node, `padding ${pad} is more than the whole result of ${show(image)}`);
      return grown;
    });
  });
  return [{ dtype: x.dtype, shape: [batch, filters, ...sizes] }];
}
