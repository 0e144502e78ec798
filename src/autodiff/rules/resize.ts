import { ScopeError } from "../../base/error.ts";
import { intAttr, intsAttr, stringAttr } from "../../graph/graph.ts";
import { numbers } from "../../tensor/tensor.ts";
import { along, type AxisMatrix } from "../along.ts";
import { fromFront } from "../axes.ts";
import type { GradientRule } from "../rule.ts";

/**
 * Resize by nearest neighbour or linear interpolation is a product with a fixed matrix along each axis, and dx a product
 * with its transpose. Sizes are known, so the matrices are constants.
 */
export const resize: GradientRule = ({ node, x: [x = "", , scalesName], dy: [dy = ""], g }) => {
  const mode = stringAttr(node, "mode", "nearest");
  const place = stringAttr(node, "coordinate_transformation_mode", "half_pixel");
  const odd = intAttr(node, "antialias", 0) === 1 || intAttr(node, "exclude_outside", 0) === 1;
  const places = ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"];
  if ((mode !== "nearest" && mode !== "linear") || odd || !places.includes(place)) {
    throw new ScopeError(
      "unsupported",
      `no gradient for op "Resize" (node "${node.name}") with mode "${mode}", coordinates "${place}"${odd ? " and antialiasing" : ""}`,
    );
  }
  const from = g.shape(x);
  const to = g.shape(dy);
  const scales = scalesName ? g.value(scalesName) : undefined;
  const axes = intsAttr(
    node,
    "axes",
    from.map((_, axis) => axis),
  ).map((axis) => fromFront(axis, from.length));
  const given = scales && scales.data.length > 0 ? numbers(scales) : undefined;
  return [
    axes.reduce((grad, axis, i) => {
      const scale = given?.[i] ?? to[axis]! / from[axis]!;
      if (from[axis] === to[axis] && scale === 1) return grad;
      const where = (p: number): number => position(place, p, from[axis]!, to[axis]!, scale);
      const rounding = stringAttr(node, "nearest_mode", "round_prefer_floor");
      return along(
        g,
        grad,
        axis,
        mode === "nearest"
          ? nearest(from[axis]!, to[axis]!, where, rounding)
          : linear(from[axis]!, to[axis]!, where),
      );
    }, dy),
  ];
};

/** Where row p of the result lies in the rows of x. */
function position(mode: string, p: number, from: number, to: number, scale: number): number {
  if (mode === "asymmetric") return p / scale;
  if (mode === "align_corners") return to === 1 ? 0 : (p * (from - 1)) / (to - 1);
  if (mode === "pytorch_half_pixel" && to === 1) return 0;
  return (p + 0.5) / scale - 0.5;
}

function nearest(from: number, to: number, where: (p: number) => number, rounding: string): AxisMatrix {
  const values = new Float64Array(to * from);
  for (let p = 0; p < to; p++) {
    const q = where(p);
    const rounded =
      rounding === "floor"
        ? Math.floor(q)
        : rounding === "ceil"
          ? Math.ceil(q)
          : rounding === "round_prefer_ceil"
            ? Math.floor(q + 0.5)
            : Math.ceil(q - 0.5);
    values[p * from + clamp(rounded, from)] = 1;
  }
  return { from: to, to: from, values };
}

function linear(from: number, to: number, where: (p: number) => number): AxisMatrix {
  const values = new Float64Array(to * from);
  for (let p = 0; p < to; p++) {
    const q = Math.min(Math.max(where(p), 0), from - 1);
    const low = Math.floor(q);
    values[p * from + low]! += 1 - (q - low);
    values[p * from + clamp(low + 1, from)]! += q - low;
  }
  return { from: to, to: from, values };
}

function clamp(row: number, size: number): number {
  return Math.min(Math.max(row, 0), size - 1);
}
