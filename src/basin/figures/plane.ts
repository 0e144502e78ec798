import { csvTable } from "../../figure/csv.ts";
import type { AbsentFigure, Figure } from "../../figure/figure.ts";
import { decimal, grouped } from "../../figure/numbers.ts";
import { papers, shortNames, splitLabel } from "../chart/names.ts";
import { drawSurfaces, type SurfacePoint } from "../chart/surface.ts";
import type { PlaneResults, Split } from "../results.ts";

/** Loss and accuracy on a plane of weight space, as contour maps with the networks on them. */
export function plane(results: PlaneResults, split: Split): Figure | AbsentFigure {
  const id = `plane-${split}`;
  const { models, x, y, unit } = results;
  const names = shortNames(
    models.map(({ name }) => name),
    18,
  );
  const title =
    models.length === 1
      ? `A random plane around ${names[0]!}, ${splitLabel[split]}`
      : `The plane through ${models.length} networks, ${splitLabel[split]}`;
  const surface = results.surfaces.find((one) => one.split === split);
  if (surface === undefined) return { id, title, absent: `no ${splitLabel[split]} were looked at` };
  if (x.length < 2 || y.length < 2)
    return {
      id,
      title,
      absent: `a map needs two positions each way, this grid has ${x.length} × ${y.length}`,
    };
  const losses = surface.loss.flat().filter((loss) => loss !== null);
  if (losses.length === 0) return { id, title, absent: "no loss on this plane is a number" };
  const accuracies = surface.accuracy.flat();
  const levels = lossLevels(losses);
  const random = unit === "filter norms";
  const caption = [
    `Loss and accuracy on ${grouped(surface.images)} ${splitLabel[split]} of ${results.data.set} at ${x.length} × ${y.length} points of`,
    random
      ? "the plane through the network along two random directions, each filter's part scaled to the norm of that filter (Li et al. 2018, arXiv 1712.09913); 1 is one such norm."
      : `the plane through the networks (${papers.curves}); distances are Euclidean, over all weights, in both directions alike.`,
    "Between the points, contours are interpolated. The levels of the loss are spaced logarithmically above its lowest value; dark is good.",
    "White points are the networks.",
  ].join(" ");
  const points = models.map((model, i): SurfacePoint => ({
    x: model.x,
    y: model.y,
    label: names[i]!,
    tip: [
      names[i]!,
      ...(model.accuracy?.train === undefined
        ? []
        : [`train accuracy: ${decimal(100 * model.accuracy.train, 1)} %`]),
      ...(model.accuracy?.test === undefined
        ? []
        : [`test accuracy: ${decimal(100 * model.accuracy.test, 1)} %`]),
    ].join("\n"),
  }));
  return {
    id,
    title,
    caption,
    csv: csvTable(
      ["x", "y", "loss", "accuracy"],
      y.flatMap((py, j) => x.map((px, i) => [px, py, surface.loss[j]![i]!, surface.accuracy[j]![i]!])),
    ),
    svg: (canvas) =>
      drawSurfaces(
        canvas,
        {
          x,
          y,
          axis: random ? "first direction across, second up (filter norms)" : "distance in weight space",
        },
        [
          {
            title: "loss (nats)",
            values: surface.loss,
            levels,
            tick: lossTick(levels),
            bad: "large",
          },
          {
            title: "accuracy (%)",
            values: surface.accuracy,
            levels: accuracyLevels(accuracies),
            tick: (level) => decimal(100 * level, Number.isInteger(Math.round(1e6 * level) / 1e4) ? 0 : 1),
            bad: "small",
          },
        ],
        points,
        { title, description: caption },
      ),
  };
}

const bands = 8;

/**
 * Limits between bands of the loss: their heights above the lowest value grow by a constant factor, up to the 90th
 * percentile, so that far cliffs do not press the valleys into one band (Garipov et al. 2018 space theirs likewise).
 */
function lossLevels(losses: readonly number[]): number[] {
  const sorted = losses.toSorted((a, b) => a - b);
  const low = sorted[0]!;
  const high = sorted[Math.floor(0.9 * (sorted.length - 1))]!;
  const span = Math.max(high - low, 1e-3);
  const first = span / 50;
  const levels = Array.from({ length: bands }, (_, i) => low + first * (span / first) ** (i / (bands - 1)));
  // Rounded to what the key shows, so that band and label agree.
  return [...new Set(levels.map((level) => rounded(level, span)))];
}

function rounded(level: number, span: number): number {
  const step = 10 ** Math.floor(Math.log10(span / 50));
  return Number((Math.round(level / step) * step).toPrecision(10));
}

/** Writes a level with the digits that tell it from its neighbours. */
function lossTick(levels: readonly number[]): (level: number) => string {
  return (level) => {
    const gaps = levels.filter((other) => other !== level).map((other) => Math.abs(other - level));
    const gap = Math.min(1, ...gaps);
    return decimal(level, Math.min(4, Math.max(0, Math.ceil(-Math.log10(gap)))));
  };
}

/** Round levels of accuracy, evenly spaced over what there is. */
function accuracyLevels(accuracies: readonly number[]): number[] {
  const [low, high] = [Math.min(...accuracies), Math.max(...accuracies)];
  const step =
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2].find((one) => (high - low) / one <= bands + 1) ?? 0.2;
  const from = Math.ceil(low / step + 1e-9);
  const to = Math.floor(high / step - 1e-9);
  const levels = Array.from({ length: Math.max(0, to - from + 1) }, (_, i) =>
    Number(((from + i) * step).toPrecision(6)),
  );
  return levels.length > 0 ? levels : [Number(high.toPrecision(6))];
}
