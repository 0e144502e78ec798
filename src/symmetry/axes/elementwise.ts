import { type Axis, sizeOfAxis } from "../atoms.ts";
import { type AxisContext, type Axes, type AxisRule, join } from "./rule.ts";

/**
 * Operators that treat every element alike, with NumPy's broadcasting: Add, Relu, Where, PRelu, Cast, Clip … Axes that
 * lie over each other are one; an axis of size 1 is repeated and has no say.
 */
export const elementwise: AxisRule = (c) => {
  const operands = c.node.inputs.map((_, i) => (c.has(i) ? c.axes(i) : undefined));
  const { output, letters } = broadcast(c, operands, c.shape(0));
  const outputs = c.node.outputs.map(() => output);
  c.relate({ inputs: letters, outputs, mixed: [] });
  return outputs;
};

/** As `elementwise` for the first input; the others are settings (CastLike's type, Dropout's ratio). */
export const firstOnly: AxisRule = (c) => {
  const axes = c.axes(0);
  const outputs = c.node.outputs.map(() => axes);
  c.relate({ inputs: [axes], outputs, mixed: [] });
  return outputs;
};

/** Joins the axes of operands that are broadcast to `shape`; the letters of each operand, and of the result. */
export function broadcast(
  c: AxisContext,
  operands: readonly (Axes | undefined)[],
  shape: readonly number[],
): { output: Axis[]; letters: (Axis[] | undefined)[] } {
  const letters = operands.map((axes): Axis[] | undefined => (axes === undefined ? undefined : []));
  const output = shape.map((size, k): Axis => {
    let letter: Axis | undefined;
    operands.forEach((axes, i) => {
      const axis = axes?.[k - shape.length + axes.length];
      if (axis === undefined || size === 1 || sizeOfAxis(axis) === 1) return;
      if (letter === undefined) letter = axis;
      else join(c, letter, axis);
      letters[i]!.push(letter);
    });
    return letter ?? [[]];
  });
  return { output, letters };
}
