import { csvTable } from "../../figure/csv.ts";
import type { AbsentFigure, Figure } from "../../figure/figure.ts";
import { decimal } from "../../figure/numbers.ts";
import { drawHeat } from "../chart/heat.ts";
import { papers, shortNames } from "../chart/names.ts";
import type { SoupResults } from "../results.ts";

/** The weights that a learned soup gives to its networks, module by module where it has a choice for each. */
export function mixing({ mixing: rows = [], members, data }: SoupResults): Figure | AbsentFigure {
  const id = "soup-mixing";
  const title = "What the learned soup takes from each network";
  const [first] = rows;
  if (first === undefined) return { id, title, absent: "no soup was learned" };
  const names = shortNames(
    members.map(({ name }) => name),
    14,
  );
  const most = Math.max(...rows.flatMap(({ weights }) => weights), 1e-9);
  const label = (module: string) => (module === "" ? "all modules" : module);
  const caption = [
    `Mixing weights in per cent, learned on held-out images of ${data.set}; they are positive and add up to 100 in each row.`,
    `An even soup would give ${decimal(100 / first.weights.length, 1)} to each. Corresponds to the learned soups of ${papers.soups}.`,
  ].join(" ");
  return {
    id,
    title,
    caption,
    csv: csvTable(
      ["module", "network", "weight"],
      rows.flatMap(({ module, weights }) =>
        weights.map((weight, i) => [label(module), members[i]?.name ?? `${i + 1}`, weight]),
      ),
    ),
    svg: (canvas) =>
      drawHeat(
        canvas,
        {
          rows: rows.map(({ module }) => label(module)),
          columns: first.weights.map((_, i) => names[i] ?? `${i + 1}`),
          cells: rows.flatMap(({ module, weights }, row) =>
            weights.map((weight, column) => ({
              row,
              column,
              strength: weight / most,
              text: decimal(100 * weight, 1),
              short: decimal(100 * weight, 0),
              tip: `${label(module)}, ${names[column] ?? column + 1}\nweight: ${decimal(100 * weight, 1)} %`,
            })),
          ),
          axis: "weight of each network (%)",
        },
        { title, description: caption },
      ),
  };
}
