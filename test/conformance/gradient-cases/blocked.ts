import { type GradientCases, maybe, wrt } from "../gradient-case.ts";

/** Random bytes are a blocked image as well as a plain one; the operators differ in how they read them. */
export const blockedConv: GradientCases = {
  opsets: [13, 17],
  effort: 0.15,
  draw(d, _opset, block) {
    const kernel = d.pick([
      [1, 1],
      [3, 3],
      [2, 3],
    ]);
    const dilations = d.pick([
      [1, 1],
      [1, 1],
      [2, 1],
    ]);
    const strides = d.pick([
      [1, 1],
      [2, 2],
      [1, 2],
    ]);
    const image = kernel.map((size, axis) => (size - 1) * dilations[axis]! + d.int(1, 3));
    const reach = kernel.map((size, axis) => (size - 1) * dilations[axis]!);
    const pads = d.bool() ? [...reach, ...reach].map((most) => d.int(0, most)) : [0, 0, 0, 0];
    const inputs = d.int(0, 3) === 0 ? 3 : block;
    const x = d.normal([block, inputs, ...image]);
    const w = d.normal([block * d.int(1, 2), inputs, ...kernel]);
    const operands = d.bool() ? [wrt(x), maybe(d, w)] : [maybe(d, x), wrt(w)];
    if (d.bool()) operands.push(wrt(d.normal([w.shape[0]!])));
    return {
      inputs: operands,
      attributes: { kernel_shape: kernel, strides, dilations, pads, group: 1, auto_pad: "NOTSET" },
    };
  },
};

export const reorderInput: GradientCases = {
  opsets: [17],
  effort: 0.3,
  draw: (d, _opset, block) => ({
    inputs: [wrt(d.normal([d.int(1, 2), block * d.int(1, 2), d.int(1, 3), d.int(1, 3)]))],
  }),
};

export const reorderOutput: GradientCases = {
  opsets: [17],
  effort: 0.3,
  draw(d, _opset, block) {
    const channels = block * d.int(1, 2);
    return {
      inputs: [wrt(d.normal([d.int(1, 2), channels, d.int(1, 3), d.int(1, 3)]))],
      attributes: { channels },
    };
  },
};
