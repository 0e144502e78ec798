import { csvTable } from "../../figure/csv.ts";
import type { AbsentFigure, Figure } from "../../figure/figure.ts";
import { decimal, enumerate } from "../../figure/numbers.ts";
import { drawHeat, type HeatCell } from "../chart/heat.ts";
import { csvInterval, hundredthsRange, papers, shortNames } from "../chart/names.ts";
import { treatmentLabel } from "../chart/treatment.ts";
import type { Barrier, BarrierResults, Pair, Path } from "../results.ts";

/** The barrier between every two networks, networks of a basin side by side: plain below the diagonal, treated above. */
export function matrix(results: BarrierResults): Figure | AbsentFigure {
  const id = "matrix";
  const { models, pairs } = results;
  const title = `Barriers between ${models.length} networks`;
  if (models.length < 3) return { id, title, absent: "it needs three networks or more" };
  const order = orderOf(results);
  const names = shortNames(
    models.map(({ name }) => name),
    18,
  );
  const treated = pairs.some((pair) => pair.paths.length > 1);
  const rows = pairs.flatMap((pair) => {
    const ends = treated ? [pair.paths[0]!, pair.paths.at(-1)!] : [pair.paths.at(-1)!];
    return ends.flatMap((path) => {
      const barrier = errorBarrier(path);
      return barrier === undefined ? [] : [{ pair, path, barrier }];
    });
  });
  if (rows.length === 0) return { id, title, absent: "no path reaches from one network to the other" };
  const most = Math.max(0.1, ...rows.map(({ barrier }) => barrier.height.value));
  const cells = rows.flatMap(({ pair, path, barrier }): HeatCell[] => {
    const [first, second] = [order.indexOf(pair.a), order.indexOf(pair.b)].toSorted((a, b) => a - b);
    const cell = (row: number, column: number): HeatCell => ({
      row,
      column,
      strength: barrier.height.value / most,
      text: points(barrier.height.value),
      short: decimal(100 * barrier.height.value, 0),
      tip: `${names[pair.a]} – ${names[pair.b]}, ${treatmentLabel(path.treatment)}\nerror barrier (${barrier.split}): ${hundredthsRange(barrier.height)} points${verdictOf(pair, path)}`,
    });
    if (!treated) return [cell(second!, first!), cell(first!, second!)];
    return [path === pair.paths[0] ? cell(second!, first!) : cell(first!, second!)];
  });
  const groups = results.basins
    .filter((basin) => basin.length > 1)
    .map((basin) => basin.map((model) => order.indexOf(model)))
    .map((places): [number, number] => [Math.min(...places), Math.max(...places)]);
  const threshold = pairs[0]!.verdict.threshold;
  const last = [...new Set(pairs.map((pair) => treatmentLabel(pair.paths.at(-1)!.treatment)))];
  const split = rows[0]!.barrier.split;
  const caption = [
    `Height of the error over the mean of both ends, at its highest point of the path, in points of ${split} error; one path for each of ${pairs.length} pairs.`,
    ...(treated
      ? [`Below the diagonal: ${treatmentLabel(pairs[0]!.paths[0]!.treatment)}; above: ${enumerate(last)}.`]
      : []),
    `Squares are basins: groups in which every two networks have a barrier below ${decimal(100 * threshold, 0)} points${treated ? " after everything was done" : ""} (complete linkage).`,
    "Intervals over images are in the data (bootstrap).",
    `The threshold is that of ${papers.instability}.`,
  ].join(" ");
  return {
    id,
    title,
    caption,
    csv: csvTable(
      ["a", "b", "treatment", "split", "error_barrier", "low95", "high95", "verdict"],
      rows.map(({ pair, path, barrier }) => [
        models[pair.a]!.name,
        models[pair.b]!.name,
        treatmentLabel(path.treatment),
        barrier.split,
        ...csvInterval(barrier.height),
        path === pair.paths.at(-1) ? pair.verdict.says : null,
      ]),
    ),
    svg: (canvas) => {
      const halves = `: below the diagonal ${treatmentLabel(pairs[0]!.paths[0]!.treatment)}, above ${enumerate(last)}`;
      const axis = `error barrier (points)${treated && canvas.width === "wide" ? halves : ""}`;
      // All together: shortened one by one, a/model.onnx and b/model.onnx would both be "model".
      const shortened = canvas.width === "wide" ? names : shortNames(names, 10);
      const shown = order.map((model) => shortened[model]!);
      return drawHeat(
        canvas,
        { rows: shown, columns: shown, cells, groups, axis },
        { title, description: caption },
      );
    },
  };
}

/** Models, those of a basin side by side, large basins first. */
function orderOf({ models, basins }: BarrierResults): number[] {
  const grouped = basins.toSorted((a, b) => b.length - a.length).flat();
  return [...grouped, ...models.map((_, i) => i).filter((i) => !grouped.includes(i))];
}

/** The barrier verdicts are made of: mean definition, of the error, on test images where there are any. */
function errorBarrier(path: Path): Barrier | undefined {
  const all = path.barriers.filter((one) => one.definition === "mean" && one.quantity === "error");
  return all.find(({ split }) => split === "test") ?? all[0];
}

function points(share: number): string {
  return decimal(100 * share, share < 0.0995 ? 1 : 0);
}

function verdictOf(pair: Pair, path: Path): string {
  if (path !== pair.paths.at(-1)) return "";
  const { says } = pair.verdict;
  return `\n${says === "connected" ? "one basin" : says === "barrier" ? "a barrier" : "open: the interval includes the threshold"}`;
}
