import { type Dim, intAttr, type Node } from "../graph.ts";
import { type Known, readContents } from "../known.ts";
import {
  axesOf,
  axisOf,
  type Inputs,
  integers,
  mapDim,
  mismatch,
  need,
  show,
  undecided,
  unify,
} from "./rule.ts";

/** First index and number of elements of a slice along an axis of `size`; bounds are clamped as ONNX says. */
export function clampSlice(
  size: number,
  start: number,
  end: number,
  step: number,
): { first: number; count: number } {
  const forward = step > 0;
  const fix = (index: number, low: number, high: number) =>
    Math.min(high, Math.max(low, index < 0 ? index + size : index));
  const first = forward ? fix(start, 0, size) : fix(start, 0, size - 1);
  // ONNX Runtime reads the largest int32 or int64 as "to the end" in either direction.
  const whole = !forward && (end === 2 ** 31 - 1 || end >= 2 ** 63);
  const stop = forward ? fix(end, 0, size) : whole ? -1 : fix(end, -1, size - 1);
  return { first, count: Math.max(0, Math.ceil((stop - first) / step)) };
}

/** Slice: starts, ends, axes, steps as inputs. Sizes along sliced axes are null when a bound or the size is open. */
export function slice(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  const starts = need(node, inputs, 1);
  const from = readContents(starts);
  const to = readContents(need(node, inputs, 2));
  const count = starts.shape[0];
  if (typeof count !== "number") undecided(node, "how many axes are sliced is not known");
  if (count > x.shape.length)
    mismatch(node, `${count} axes are sliced, ${show(x.shape)} has ${x.shape.length}`);
  const listed =
    inputs[3] === undefined
      ? Array.from({ length: count }, (_, i) => i)
      : integers(node, inputs, 3, "axes")!.values;
  if (listed === undefined) return [{ dtype: x.dtype, shape: x.shape.map((): Dim => null) }];
  const steps: readonly Dim[] =
    inputs[4] === undefined ? listed.map(() => 1) : (readContents(inputs[4]) ?? listed.map((): Dim => null));
  const axes = axesOf(node, listed, x.shape.length);
  if (axes.length !== count || steps.length !== count || (to !== undefined && to.length !== count)) {
    mismatch(
      node,
      `starts, ends, axes and steps must have one length, got ${count}, ${to?.length ?? "?"}, ${axes.length} and ${steps.length}`,
    );
  }
  const shape = [...x.shape];
  axes.forEach((axis, i) => {
    const [start = null, end = null, step = null] = [from?.[i], to?.[i], steps[i]];
    const size = shape[axis]!;
    if (step === 0) mismatch(node, "steps must not be 0");
    if (typeof start !== "number" || typeof step !== "number") shape[axis] = null;
    else if (start === 0 && step === 1 && (end === size || (typeof end === "number" && end >= 2 ** 31 - 1)))
      shape[axis] = size;
    else
      shape[axis] =
        typeof end === "number" ? mapDim(size, (s) => clampSlice(s, start, end, step).count) : null;
  });
  return [{ dtype: x.dtype, shape }];
}

/** Pad: numbers of elements to add (or cut, when negative) before and after each axis, or each of the listed axes. */
export function pad(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  const rank = x.shape.length;
  const pads = integers(node, inputs, 1, "pads") ?? mismatch(node, "pads are missing");
  const listed =
    inputs[3] === undefined ? x.shape.map((_, i) => i) : integers(node, inputs, 3, "axes")!.values;
  if (pads.values === undefined || listed === undefined)
    return [{ dtype: x.dtype, shape: x.shape.map((): Dim => null) }];
  const axes = axesOf(node, listed, rank);
  if (pads.values.length !== 2 * axes.length)
    mismatch(
      node,
      `pads must have ${2 * axes.length} numbers for ${show(x.shape)}, got ${pads.values.length}`,
    );
  const shape = [...x.shape];
  axes.forEach((axis, i) => {
    const change = pads.values![i]! + pads.values![i + axes.length]!;
    if (change === 0) return;
    shape[axis] = mapDim(shape[axis]!, (size) =>
      size + change >= 0
        ? size + change
        : mismatch(node, `pads ${show(pads.values!)} cut more than there is of ${show(x.shape)}`),
    );
  });
  return [{ dtype: x.dtype, shape }];
}

/** Gather: axis `axis` of the data replaced by the axes of the indices. */
export function gather(node: Node, inputs: Inputs): Known[] {
  const data = need(node, inputs, 0);
  const indices = integerInput(node, inputs, 1);
  const axis = axisOf(node, intAttr(node, "axis", 0), data.shape.length);
  return [
    {
      dtype: data.dtype,
      shape: [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)],
    },
  ];
}

function integerInput(node: Node, inputs: Inputs, i: number): Known {
  const input = need(node, inputs, i);
  if (input.dtype !== "int64" && input.dtype !== "int32")
    mismatch(node, `indices must be int64 or int32, got ${input.dtype}`);
  return input;
}

/** GatherElements: one element of the data for each index. */
export function gatherElements(node: Node, inputs: Inputs): Known[] {
  const data = need(node, inputs, 0);
  const indices = integerInput(node, inputs, 1);
  axisOf(node, intAttr(node, "axis", 0), data.shape.length);
  if (indices.shape.length !== data.shape.length)
    mismatch(node, `indices ${show(indices.shape)} and data ${show(data.shape)} must have as many axes`);
  return [{ dtype: data.dtype, shape: indices.shape }];
}

/** GatherND: the last axis of the indices holds places in the data, after `batch_dims` shared axes. */
export function gatherNd(node: Node, inputs: Inputs): Known[] {
  const data = need(node, inputs, 0);
  const indices = integerInput(node, inputs, 1);
  const batch = intAttr(node, "batch_dims", 0);
  const depth = indices.shape.at(-1) ?? null;
  if (typeof depth !== "number") undecided(node, "how many axes the indices address is not known");
  if (batch + depth > data.shape.length || batch >= indices.shape.length) {
    mismatch(
      node,
      `indices ${show(indices.shape)} with ${batch} batch axes do not fit data ${show(data.shape)}`,
    );
  }
  const shared = indices.shape
    .slice(0, batch)
    .map((dim, i) =>
      unify(
        node,
        dim,
        data.shape[i]!,
        () => `the first ${batch} axes of ${show(data.shape)} and ${show(indices.shape)} differ`,
      ),
    );
  return [
    {
      dtype: data.dtype,
      shape: [...shared, ...indices.shape.slice(batch, -1), ...data.shape.slice(batch + depth)],
    },
  ];
}

/** ScatterElements: the data with one element replaced (or added to) for each index. */
export function scatterElements(node: Node, inputs: Inputs): Known[] {
  const data = need(node, inputs, 0);
  const indices = integerInput(node, inputs, 1);
  const updates = need(node, inputs, 2);
  axisOf(node, intAttr(node, "axis", 0), data.shape.length);
  if (updates.dtype !== data.dtype) mismatch(node, `updates are ${updates.dtype}, the data ${data.dtype}`);
  const finding = () =>
    `updates ${show(updates.shape)} and indices ${show(indices.shape)} must have one shape`;
  if (indices.shape.length !== data.shape.length || updates.shape.length !== indices.shape.length)
    mismatch(node, finding());
  indices.shape.forEach((dim, i) => unify(node, dim, updates.shape[i]!, finding));
  return [{ dtype: data.dtype, shape: data.shape }];
}

/** ScatterND: the data with slices replaced (or added to) at the places the indices name. */
export function scatterNd(node: Node, inputs: Inputs): Known[] {
  const data = need(node, inputs, 0);
  const indices = integerInput(node, inputs, 1);
  const updates = need(node, inputs, 2);
  if (updates.dtype !== data.dtype) mismatch(node, `updates are ${updates.dtype}, the data ${data.dtype}`);
  const depth = indices.shape.at(-1) ?? null;
  if (typeof depth === "number") {
    const want = [...indices.shape.slice(0, -1), ...data.shape.slice(depth)];
    const finding = () =>
      `updates must be ${show(want)} for data ${show(data.shape)} and indices ${show(indices.shape)}, got ${show(updates.shape)}`;
    if (depth > data.shape.length || updates.shape.length !== want.length) mismatch(node, finding());
    want.forEach((dim, i) => unify(node, dim, updates.shape[i]!, finding));
  }
  return [{ dtype: data.dtype, shape: data.shape }];
}

/** OneHot: a new axis of size `depth` at `axis`; the type is that of the two values. */
export function oneHot(node: Node, inputs: Inputs): Known[] {
  const indices = need(node, inputs, 0);
  const depth = readContents(need(node, inputs, 1))?.[0] ?? null;
  const axis = axisOf(node, intAttr(node, "axis", -1), indices.shape.length + 1);
  return [{ dtype: need(node, inputs, 2).dtype, shape: indices.shape.toSpliced(axis, 0, depth) }];
}

/** Trilu: the upper or lower triangle of matrices. */
export function trilu(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  if (x.shape.length < 2) mismatch(node, `needs matrices, got ${show(x.shape)}`);
  return [{ dtype: x.dtype, shape: x.shape }];
}

/** Resize: sizes, or scales with sizes rounded down; optionally of some axes only. */
export function resize(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  const axes = axesOf(
    node,
    integers(node, [], 0, "axes")?.values ?? x.shape.map((_, i) => i),
    x.shape.length,
  );
  const given = (i: number): Known | undefined => (inputs[i]?.shape[0] === 0 ? undefined : inputs[i]);
  const scales = given(2);
  const sizes = given(3);
  const shape = [...x.shape];
  if ((scales === undefined) === (sizes === undefined)) mismatch(node, "needs either scales or sizes");
  const listed = readContents(scales ?? sizes) ?? axes.map((): Dim => null);
  if (listed.length !== axes.length)
    mismatch(
      node,
      `${scales ? "scales" : "sizes"} ${show(listed)} must have ${axes.length} numbers for ${show(x.shape)}`,
    );
  if (sizes !== undefined) return [{ dtype: x.dtype, shape: resizeTo(node, shape, axes, listed) }];
  axes.forEach((axis, i) => {
    const scale = listed[i]!;
    if (scale === 1) return;
    shape[axis] =
      typeof scale === "number"
        ? mapDim(shape[axis]!, (size) => Math.floor(Math.fround(size * scale)))
        : null;
  });
  return [{ dtype: x.dtype, shape }];
}

function resizeTo(node: Node, shape: Dim[], axes: readonly number[], sizes: readonly Dim[]): Dim[] {
  const attribute = node.attributes["keep_aspect_ratio_policy"];
  const policy = attribute?.type === "string" ? attribute.value : "stretch";
  const ratios = axes.map((axis, i) => {
    const [from, to] = [shape[axis]!, sizes[i]!];
    return typeof from === "number" && typeof to === "number" ? to / from : undefined;
  });
  const known = ratios.filter((ratio) => ratio !== undefined);
  axes.forEach((axis, i) => {
    if (policy === "stretch") shape[axis] = sizes[i]!;
    else if (known.length < axes.length) shape[axis] = null;
    else {
      const ratio = policy === "not_larger" ? Math.min(...known) : Math.max(...known);
      shape[axis] = mapDim(shape[axis]!, (size) => Math.round(Math.fround(Math.fround(ratio) * size)));
    }
  });
  return shape;
}
