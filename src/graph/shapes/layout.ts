import { type Dim, intAttr, intsAttr, type Node, stringAttr } from "../graph.ts";
import { type Known, readContents } from "../known.ts";
import {
  axesOf,
  axisOf,
  broadcastDims,
  type Inputs,
  integers,
  mapDim,
  mismatch,
  need,
  openShape,
  product,
  sameType,
  show,
  undecided,
  unify,
} from "./rule.ts";

/** Reshape: 0 copies a size (unless allowzero), -1 takes what is left. Symbols pass through wherever they cancel. */
export function reshape(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  const target = need(node, inputs, 1);
  const listed = readContents(target);
  const count = target.shape[0];
  if (listed === undefined) {
    if (typeof count !== "number")
      undecided(node, "the target shape is computed while running and its length is not known");
    return [{ dtype: x.dtype, shape: openShape(node, count) }];
  }
  const zeroCopies = intAttr(node, "allowzero", 0) === 0;
  const finding = () => `${show(x.shape)} cannot be reshaped to ${show(listed)}`;
  const shape = listed.map((dim, i) => {
    if (typeof dim === "number" && dim < -1) mismatch(node, finding());
    if (dim !== 0 || !zeroCopies) return dim;
    return i < x.shape.length ? x.shape[i]! : mismatch(node, finding());
  });
  const open = shape.flatMap((dim, i) => (dim === -1 || dim === null ? [i] : []));
  if (shape.filter((dim) => dim === -1).length > 1) mismatch(node, `${finding()}: -1 may stand once`);
  const { size, inSymbols, outSymbols, inKnown } = cancel(
    x.shape,
    shape.filter((_, i) => !open.includes(i)),
  );
  if (open.length === 0) {
    // Only when every symbol cancels do the numbers left over have to agree.
    if (inKnown && inSymbols.length === 0 && outSymbols.length === 0 && size !== 1) mismatch(node, finding());
  } else if (open.length === 1 && inKnown && outSymbols.length === 0) {
    let fill: Dim = null;
    if (inSymbols.length === 0) fill = Number.isInteger(size) ? size : mismatch(node, finding());
    else if (inSymbols.length === 1 && size === 1) fill = inSymbols[0]!;
    shape[open[0]!] = fill;
  }
  return [{ dtype: x.dtype, shape: shape.map((dim) => (dim === -1 ? null : dim)) }];
}

/** Ratio of two sizes as far as it is known: a number, and the symbols that do not cancel. */
function cancel(from: readonly Dim[], to: readonly Dim[]) {
  const outSymbols = to.filter((dim) => typeof dim === "string");
  const inSymbols: string[] = [];
  for (const dim of from) {
    if (typeof dim !== "string") continue;
    const at = outSymbols.indexOf(dim);
    if (at < 0) inSymbols.push(dim);
    else outSymbols.splice(at, 1);
  }
  const sizeIn = from.reduce<number>((total, dim) => (typeof dim === "number" ? total * dim : total), 1);
  const sizeOut = to.reduce<number>((total, dim) => (typeof dim === "number" ? total * dim : total), 1);
  const inKnown = from.every((dim) => dim !== null);
  return {
    size: sizeIn === sizeOut ? 1 : sizeIn / sizeOut,
    inSymbols,
    outSymbols,
    inKnown: inKnown && sizeOut !== 0,
  };
}

/** Flatten: all axes before `axis` in one, all from it on in another. */
export function flatten(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  const rank = x.shape.length;
  const at = intAttr(node, "axis", 1);
  const axis = at < 0 ? at + rank : at;
  if (axis < 0 || axis > rank) mismatch(node, `axis ${at} does not exist in ${show(x.shape)}`);
  return [{ dtype: x.dtype, shape: [product(x.shape.slice(0, axis)), product(x.shape.slice(axis))] }];
}

/** Transpose: axis i of the result is axis perm[i] of x; reversed when perm is absent. */
export function transpose(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  const rank = x.shape.length;
  const perm = intsAttr(node, "perm", undefined) ?? x.shape.map((_, i) => rank - 1 - i);
  if (perm.length !== rank || axesOf(node, perm, rank).length !== rank) {
    mismatch(node, `perm ${show(perm)} is no order of the axes of ${show(x.shape)}`);
  }
  return [{ dtype: x.dtype, shape: perm.map((axis) => x.shape[axis]!) }];
}

/** Squeeze: drops axes of size 1, the named ones or all. */
export function squeeze(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  const listed = integers(node, inputs, 1, "axes");
  if (listed === undefined) {
    if (x.shape.some((dim) => typeof dim !== "number"))
      undecided(node, `which axes of ${show(x.shape)} have size 1 is not known`);
    return [{ dtype: x.dtype, shape: x.shape.filter((dim) => dim !== 1) }];
  }
  if (listed.values === undefined) {
    if (listed.count === undefined) undecided(node, "the axes are computed while running");
    return [{ dtype: x.dtype, shape: openShape(node, x.shape.length - listed.count) }];
  }
  const axes = axesOf(node, listed.values, x.shape.length);
  for (const axis of axes)
    unify(node, x.shape[axis]!, 1, () => `axis ${axis} of ${show(x.shape)} does not have size 1`);
  return [{ dtype: x.dtype, shape: x.shape.filter((_, i) => !axes.includes(i)) }];
}

/** Unsqueeze: new axes of size 1 at the given places of the result. */
export function unsqueeze(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  const listed = integers(node, inputs, 1, "axes") ?? mismatch(node, "axes are missing");
  if (listed.values === undefined) {
    if (listed.count === undefined) undecided(node, "the axes are computed while running");
    return [{ dtype: x.dtype, shape: openShape(node, x.shape.length + listed.count) }];
  }
  const rank = x.shape.length + listed.values.length;
  const axes = axesOf(node, listed.values, rank);
  const rest = x.shape.values();
  return [
    {
      dtype: x.dtype,
      shape: Array.from({ length: rank }, (_, i): Dim => (axes.includes(i) ? 1 : rest.next().value!)),
    },
  ];
}

/** Concat: sizes add along `axis` and agree elsewhere. */
export function concat(node: Node, inputs: Inputs): Known[] {
  const all = inputs.map((_, i) => need(node, inputs, i));
  const first = need(node, inputs, 0);
  sameType(node, all);
  const axis = axisOf(node, intAttr(node, "axis", 0), first.shape.length);
  const finding = () =>
    `shapes ${all.map((input) => show(input.shape)).join(" and ")} cannot be joined along axis ${axis}`;
  if (all.some((input) => input.shape.length !== first.shape.length)) mismatch(node, finding());
  const shape = first.shape.map((dim, i) => {
    if (i !== axis) return all.reduce<Dim>((kept, input) => unify(node, kept, input.shape[i]!, finding), dim);
    if (all.length === 1) return dim;
    return all.reduce<Dim>(
      (sum, { shape }) => (typeof sum === "number" ? mapDim(shape[i]!, (size) => sum + size) : null),
      0,
    );
  });
  return [{ dtype: first.dtype, shape }];
}

/** Split: sizes from attribute or input, else equal parts (the last smaller when num_outputs says so). */
export function split(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  const axis = axisOf(node, intAttr(node, "axis", 0), x.shape.length);
  const whole = x.shape[axis]!;
  const parts = intAttr(node, "num_outputs", node.outputs.length);
  if (parts !== node.outputs.length)
    mismatch(node, `num_outputs is ${parts}, the node has ${node.outputs.length} outputs`);
  const listed = integers(node, inputs, 1, "split");
  let sizes: readonly Dim[];
  if (listed !== undefined) {
    sizes = listed.values ?? node.outputs.map((): Dim => null);
    const sum =
      product(sizes) === null ? whole : sizes.reduce<number>((total, size) => total + Number(size), 0);
    if (sizes.length !== node.outputs.length)
      mismatch(
        node,
        `split ${show(sizes)} is for ${sizes.length} outputs, the node has ${node.outputs.length}`,
      );
    unify(node, whole, sum, () => `split ${show(sizes)} does not add up to axis ${axis} of ${show(x.shape)}`);
  } else if (typeof whole === "number") {
    const chunk = Math.ceil(whole / parts);
    if (whole % parts !== 0 && node.attributes["num_outputs"] === undefined) {
      mismatch(node, `axis ${axis} of ${show(x.shape)} does not divide into ${parts} equal parts`);
    }
    sizes = node.outputs.map((_, i) => Math.max(0, Math.min(chunk, whole - i * chunk)));
  } else sizes = node.outputs.map(() => (parts === 1 ? whole : null));
  return sizes.map((size) => ({ dtype: x.dtype, shape: x.shape.map((dim, i) => (i === axis ? size : dim)) }));
}

/** Expand: x broadcast with the shape given as an input. */
export function expand(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  const target = need(node, inputs, 1);
  const listed = readContents(target);
  const count = target.shape[0];
  if (listed === undefined && typeof count !== "number")
    undecided(node, "the target shape is computed while running");
  const sizes: readonly Dim[] = listed ?? openShape(node, Number(count));
  return [{ dtype: x.dtype, shape: broadcastDims(node, [x.shape, sizes]) }];
}

/** Tile: each axis repeated as often as the second input says. */
export function tile(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  const repeats: readonly Dim[] = readContents(need(node, inputs, 1)) ?? x.shape.map((): Dim => null);
  if (repeats.length !== x.shape.length)
    mismatch(node, `repeats ${show(repeats)} do not fit ${show(x.shape)}`);
  return [{ dtype: x.dtype, shape: x.shape.map((dim, i) => product([dim, repeats[i]!])) }];
}

/** DepthToSpace: [N, C, H, W] → [N, C/b², H·b, W·b]. */
export function depthToSpace(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  const b = blockSize(node, x);
  const [n = null, c = null, h = null, w = null] = x.shape;
  const depth = mapDim(c, (size) =>
    size % (b * b) === 0 ? size / (b * b) : mismatch(node, `${size} channels do not divide by ${b}²`),
  );
  return [{ dtype: x.dtype, shape: [n, depth, product([h, b]), product([w, b])] }];
}

/** SpaceToDepth: [N, C, H, W] → [N, C·b², H/b, W/b]. */
export function spaceToDepth(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  const b = blockSize(node, x);
  const [n = null, c = null, h = null, w = null] = x.shape;
  const cut = (dim: Dim) =>
    mapDim(dim, (size) =>
      size % b === 0
        ? size / b
        : mismatch(node, `an image of ${show(x.shape)} does not divide into blocks of ${b}`),
    );
  return [{ dtype: x.dtype, shape: [n, product([c, b * b]), cut(h), cut(w)] }];
}

function blockSize(node: Node, x: Known): number {
  const b = intAttr(node, "blocksize", 0);
  if (x.shape.length !== 4 || b < 1)
    mismatch(
      node,
      `needs an image of 4 axes and a blocksize, got ${show(x.shape)} and ${b} (mode ${stringAttr(node, "mode", "DCR")})`,
    );
  return b;
}
