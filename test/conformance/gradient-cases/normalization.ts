import { float } from "../../../src/graph/builder.ts";
import type { Draw } from "../../kit/draw.ts";
import { type CaseInput, cases, constant, maybe, wrt } from "../gradient-case.ts";
import { value } from "../../kit/float64/value.ts";

// A large epsilon keeps the curvature low where a group has two nearly equal numbers.
const epsilon = float(Math.fround(0.1));

/** [N, C, image…] with at least two pixels. */
function images(d: Draw, channels: number): number[] {
  return [d.int(1, 3), channels, d.int(2, 4), ...d.shape(d.int(0, 1), 3)];
}

function affine(d: Draw, size: number): CaseInput[] {
  return [maybe(d, d.normal([size])), maybe(d, d.normal([size]))];
}

export const batchNormalization = cases((d) => {
  const c = d.int(1, 3);
  const x = d.normal(images(d, c));
  const statistics = [d.normal([c]), d.between([c], 0.5, 2)];
  if (d.bool()) {
    return {
      inputs: [wrt(x), ...affine(d, c), ...statistics.map(constant)],
      attributes: { training_mode: 1, epsilon, momentum: float(0.75) },
      outputs: ["y", "mean", "variance"],
    };
  }
  return {
    inputs: [wrt(x), ...affine(d, c), ...statistics.map((s) => maybe(d, s))],
    attributes: { epsilon },
  };
}, 14);

export const layerNormalization = cases((d) => {
  const shape = d.shape(d.int(1, 4));
  const axis = d.int(-shape.length, shape.length - 1);
  const inner = shape.slice(axis < 0 ? axis + shape.length : axis);
  const inputs = [wrt(d.normal(shape)), maybe(d, d.normal(inner))];
  if (d.bool()) inputs.push(maybe(d, d.normal(inner)));
  const outputs = d.pick([["y"], ["y", "mean", "rate"]]);
  return { inputs, attributes: { axis, epsilon }, outputs };
}, 17);

export const instanceNormalization = cases((d) => {
  const c = d.int(1, 3);
  return { inputs: [wrt(d.normal(images(d, c))), ...affine(d, c)], attributes: { epsilon } };
});

export const groupNormalization = cases((d, opset) => {
  const groups = d.int(1, 3);
  const c = groups * d.int(1, 2);
  return {
    inputs: [wrt(d.normal(images(d, c))), ...affine(d, opset >= 21 ? c : groups)],
    attributes: { num_groups: groups, epsilon },
  };
}, 18);

export const dropout = cases((d) => {
  const x = wrt(d.normal(d.shape(d.int(1, 3))));
  const scalar = (number: number, dtype: "float32" | "bool"): CaseInput =>
    constant(value(dtype, [], Float64Array.of(number)));
  const kind = d.int(0, 2);
  // Random masks cannot be compared; a ratio of 0 keeps the training path, with a mask of ones.
  if (kind === 0) return { inputs: [x] };
  if (kind === 1) return { inputs: [x, scalar(0.5, "float32"), scalar(0, "bool")] };
  return { inputs: [x, scalar(0, "float32"), scalar(1, "bool")], outputs: ["y", "mask"] };
});
