import { stringAttr } from "../../graph/graph.ts";
import { type Axis, sizeOfAxis } from "../atoms.ts";
import { type AxisRule, join } from "./rule.ts";

/** Einsum: axes under one letter are one; a letter missing on the right is summed. */
export const einsum: AxisRule = (c) => {
  const equation = stringAttr(c.node, "equation", "").replaceAll(" ", "");
  if (equation.includes("...")) c.refuse("leaves axes unnamed (…)");
  const [left = "", right] = equation.split("->");
  const terms = left.split(",");
  const letters = new Map<string, Axis>();
  const counts = new Map<string, number>();
  const inputs = terms.map((term, i) =>
    term.split("").flatMap((letter, k): Axis[] => {
      counts.set(letter, (counts.get(letter) ?? 0) + 1);
      const axis = c.axes(i)[k]!;
      const kept = letters.get(letter);
      // A size of 1 is broadcast; it is no index of its own.
      if (sizeOfAxis(axis) === 1) return [];
      if (kept === undefined) letters.set(letter, axis);
      else join(c, kept, axis);
      return [kept ?? axis];
    }),
  );
  const implicit = (): string =>
    [...counts.keys()]
      .filter((letter) => counts.get(letter) === 1)
      .toSorted()
      .join("");
  const target = right ?? implicit();
  const output = target.split("").map((letter): Axis => letters.get(letter) ?? [[]]);
  const summed = [...letters].filter(([letter]) => !target.includes(letter)).map(([, axis]) => axis);
  c.relate({ inputs, outputs: [output], mixed: [summed] });
  return [output];
};
