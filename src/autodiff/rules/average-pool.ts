import { intAttr, intsAttr } from "../../graph/graph.ts";
import { along, type AxisMatrix } from "../along.ts";
import type { GradientRule } from "../rule.ts";
import { type Window, windowsOf } from "../windows.ts";

/**
 * Average pooling is a product with a fixed matrix along each image axis, and dx a product with its transpose.
 * Entry [p, q] of the matrix is 1/(numbers counted in window p) where window p covers row q. Padding is counted if
 * count_include_pad says so; what ceil_mode adds behind the padding never is.
 * x: [N, C, image…], y, dy: [N, C, image…].
 */
export const averagePool: GradientRule = ({ node, x: [x = ""], dy: [dy = ""], g }) => {
  const windows = windowsOf(node, g.shape(x).slice(2), intsAttr(node, "kernel_shape", []));
  const countsPadding = intAttr(node, "count_include_pad", 0) === 1;
  return [
    windows.reduce((grad, window, axis) => along(g, grad, axis + 2, averages(window, countsPadding)), dy),
  ];
};

function averages(
  { input, output, size, stride, dilation, before, after }: Window,
  countsPadding: boolean,
): AxisMatrix {
  const values = new Float64Array(output * input);
  for (let p = 0; p < output; p++) {
    const rows = Array.from({ length: size }, (_, tap) => p * stride - before + tap * dilation);
    const inside = rows.filter((row) => row >= 0 && row < input);
    const count = countsPadding ? rows.filter((row) => row < input + after).length : inside.length;
    for (const row of inside) values[p * input + row] = 1 / count;
  }
  return { from: output, to: input, values };
}
