import { ScopeError } from "../../base/error.ts";
import { stringAttr } from "../../graph/graph.ts";
import type { GradientRule } from "../rule.ts";

/**
 * Einsum: y = Σ of products of the operands, indices named by letters. The gradient of one operand is the einsum of dy
 * with the others, onto that operand's letters; a letter found only in that operand was summed alone, so the gradient is
 * spread along it. Each operand's letters must differ; an ellipsis is not supported.
 */
export const einsum: GradientRule = ({ node, x, dy: [dy = ""], needs, g }) => {
  const equation = stringAttr(node, "equation", "").replaceAll(" ", "");
  const [left = "", right] = equation.split("->");
  const operands = left.split(",");
  const repeated = operands.some((letters) => new Set(letters).size !== letters.length);
  if (repeated || equation.includes(".")) {
    throw new ScopeError(
      "unsupported",
      `no gradient for op "Einsum" (node "${node.name}") with equation "${equation}": letters of an operand must differ, without an ellipsis`,
    );
  }
  const result = right ?? lettersOnce(operands);
  return x.map((input, i) => {
    if (!needs[i]) return undefined;
    const own = operands[i]!;
    const others = operands.filter((_, j) => j !== i);
    const reachable = new Set([result, ...others].join(""));
    const kept = own
      .split("")
      .filter((letter) => reachable.has(letter))
      .join("");
    const names = [dy, ...x.filter((_, j) => j !== i)];
    const grad = g.op("Einsum", names, { equation: `${[result, ...others].join(",")}->${kept}` });
    const shape = g.shape(input);
    return g.reshape(
      grad,
      shape.map((size, axis) => (kept.includes(own[axis]!) ? size : 1)),
    );
  });
};

/** The result's letters when the equation names none: those that occur once in all, in alphabetical order. */
function lettersOnce(operands: readonly string[]): string {
  const all = operands.join("").split("");
  return all
    .filter((letter) => all.indexOf(letter) === all.lastIndexOf(letter))
    .toSorted()
    .join("");
}
