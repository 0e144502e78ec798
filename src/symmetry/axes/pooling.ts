import { intAttr } from "../../graph/graph.ts";
import type { Axis } from "../atoms.ts";
import { fixedAxis } from "../atoms.ts";
import { namedAxes } from "./layout.ts";
import { type AxisRule, hold } from "./rule.ts";

/** MaxPool, AveragePool, LpPool: a window over the image of each channel. */
export const pool: AxisRule = (c) => {
  const [batch, channels, ...image] = c.axes(0) as [Axis, Axis, ...Axis[]];
  hold(c, image, "moves a window over it");
  const out = [
    batch,
    channels,
    ...c
      .shape(0)
      .slice(2)
      .map((size) => fixedAxis(size)),
  ];
  c.relate({ inputs: [[batch, channels, ...image]], outputs: [out], mixed: [image] });
  // MaxPool's second output counts elements through all channels of the batch.
  if (c.node.outputs.length > 1) c.refuse("numbers the elements of all channels");
  return [out];
};

/** GlobalAveragePool, GlobalMaxPool: the whole image of each channel. */
export const globalPool: AxisRule = (c) => {
  const x = c.axes(0);
  const out = x.map((axis, k): Axis => (k < 2 ? axis : [[]]));
  c.relate({ inputs: [x], outputs: [x.slice(0, 2)], mixed: [x.slice(2)] });
  return [out];
};

/** ReduceMean, ReduceSum, ReduceMax …: all elements along the reduced axes alike. */
export const reduce: AxisRule = (c) => {
  const x = c.axes(0);
  const listed = namedAxes(c, 1, x.length) ?? [];
  const noop = listed.length === 0 && intAttr(c.node, "noop_with_empty_axes", 0) !== 0;
  const axes = noop ? [] : listed.length === 0 ? x.map((_, k) => k) : listed;
  const kept = x.filter((_, k) => !axes.includes(k));
  const keepdims = intAttr(c.node, "keepdims", 1) !== 0;
  c.relate({ inputs: [x], outputs: [kept], mixed: [x.filter((_, k) => axes.includes(k))] });
  return [keepdims ? x.map((axis, k): Axis => (axes.includes(k) ? [[]] : axis)) : kept];
};
