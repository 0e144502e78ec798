import * as Plot from "@observablehq/plot";
import { csvTable } from "../../figure/csv.ts";
import { drawPlot, marked } from "../../figure/draw.ts";
import type { Canvas, Figure } from "../../figure/figure.ts";
import { inkOf } from "../../figure/ink.ts";
import { mean, meanInterval } from "../../tensor/stats.ts";
import type { Shuffle } from "../config.ts";
import { type FigureSource, paper, seedsNamed } from "../figure-source.ts";
import { decimal, orderShuffles, percent, shuffleLabel, grouped } from "../format.ts";
import { panelsOf } from "../panels.ts";
import type { Arm } from "../plan.ts";
import type { Run, StudyResults } from "../results.ts";
import { armOrder, armStyles } from "../styles.ts";

/** One look, over the seeds. */
interface Look {
  readonly shuffle: Shuffle;
  readonly step: number;
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
}

/** Test accuracy along training: both arms, one panel a shuffle. */
export function learningCurves({ results }: FigureSource): Figure {
  const title = "Learning curves, pretrained and from scratch";
  const last = results.runs[0]?.steps.at(-1) ?? 0;
  const caption = [
    `Test accuracy after each of ${results.runs[0]?.steps.length ?? 0} looks in ${grouped(last)} training steps. Thin lines are single seeds, thick lines means over ${seedsNamed(results)};`,
    results.seeds.length < 2
      ? "bands need two seeds or more."
      : "bands are 95 % confidence intervals at each look (Student's t).",
    "The dotted line is guessing. Looks along the way may use a part of the test images; the last uses all.",
    `Corresponds to the learning curves of ${paper}.`,
  ].join(" ");
  const rows = ordered(results).map((run) =>
    run.steps.map((step, i) => [
      shuffleLabel(run.shuffle),
      run.arm,
      run.seed,
      run.learningRate,
      step,
      run.testAccuracy[i]!,
      run.testLoss[i]!,
      run.trainLoss[i] ?? null,
    ]),
  );
  return {
    id: "learning-curves",
    title,
    caption,
    csv: csvTable(
      ["shuffle", "arm", "seed", "learning_rate", "step", "test_accuracy", "test_loss", "train_loss"],
      rows.flat(),
    ),
    svg: (canvas) => draw(canvas, results, title, caption),
  };
}

function draw(canvas: Canvas, results: StudyResults, title: string, description: string): string {
  const ink = inkOf(canvas);
  const panels = panelsOf(canvas, results.shuffles);
  const guessing = 1 / results.downstream.classes.length;
  const looks = Object.fromEntries(armOrder.map((arm) => [arm, looksOf(results, arm)])) as Record<
    Arm,
    Look[]
  >;
  const drawn = [guessing, ...results.runs.flatMap((run) => run.testAccuracy)];
  // Bands of three seeds can be far wider than the curves: the frame follows the curves, with some air.
  const [low, high] = [Math.min(...drawn), Math.max(...drawn)];
  const air = 0.08 * (high - low || 0.1);
  const domain: [number, number] = [Math.max(0, low - air), Math.min(1, high + air)];
  const cut = (value: number) => Math.min(domain[1], Math.max(domain[0], value));
  const place = {
    fx: (one: { shuffle: Shuffle }) => panels.at(one.shuffle).fx,
    fy: (one: { shuffle: Shuffle }) => panels.at(one.shuffle).fy,
  };
  const marks = armOrder.flatMap((arm) => {
    const style = armStyles[arm];
    const color = ink[style.color];
    const dash = style.dash === undefined ? {} : { strokeDasharray: style.dash };
    const single = results.runs
      .filter((run) => run.arm === arm)
      .flatMap((run) =>
        run.steps.map((step, i) => ({
          shuffle: run.shuffle,
          seed: run.seed,
          step,
          value: run.testAccuracy[i]!,
        })),
      );
    return [
      Plot.areaY(
        looks[arm].filter((look) => look.low !== null),
        {
          ...place,
          x: "step",
          y1: (look: Look) => cut(look.low!),
          y2: (look: Look) => cut(look.high!),
          fill: color,
          fillOpacity: 0.14,
          ...marked(style.key),
        },
      ),
      Plot.line(single, {
        ...place,
        x: "step",
        y: "value",
        z: "seed",
        stroke: color,
        strokeWidth: 0.7,
        strokeOpacity: 0.5,
        ...marked(style.key),
      }),
      Plot.line(looks[arm], {
        ...place,
        x: "step",
        y: "value",
        stroke: color,
        strokeWidth: 2,
        ...dash,
        ...marked(style.key),
      }),
      Plot.dot(looks[arm], {
        ...place,
        x: "step",
        y: "value",
        r: 2.4,
        symbol: style.shape,
        fill: color,
        ...marked(
          style.key,
          looks[arm].map((look) => tipOf(results, arm, look)),
        ),
      }),
    ];
  });
  return drawPlot(
    canvas,
    {
      ...panels.options,
      x: {
        label: "training steps",
        labelArrow: "none",
        labelAnchor: "center",
        labelOffset: 38,
        ticks: 4,
        tickSize: 3,
      },
      y: {
        domain,
        label: "test accuracy (%)",
        tickFormat: (value: number) => decimal(100 * value, 0),
        ticks: 5,
        tickSize: 0,
      },
      marks: [
        Plot.gridY({ stroke: ink.faint, strokeOpacity: 1, ticks: 5 }),
        Plot.ruleY([guessing], { stroke: ink.muted, strokeDasharray: "2,3" }),
        ...panels.marks,
        ...marks,
      ],
    },
    { title, description, legend: armOrder.map((arm) => armStyles[arm]) },
  );
}

function runsOf(results: StudyResults, arm: Arm, shuffle: Shuffle): Run[] {
  return results.runs.filter((run) => run.arm === arm && run.shuffle === shuffle);
}

function ordered(results: StudyResults): Run[] {
  return orderShuffles(results.shuffles).flatMap((shuffle) =>
    armOrder.flatMap((arm) => runsOf(results, arm, shuffle)),
  );
}

function looksOf(results: StudyResults, arm: Arm): Look[] {
  return orderShuffles(results.shuffles).flatMap((shuffle) => {
    const runs = runsOf(results, arm, shuffle);
    return runs[0]!.steps.map((step, i) => {
      const values = runs.map((run) => run.testAccuracy[i]!);
      const interval = meanInterval(values, results.summary.confidence);
      return { shuffle, step, value: mean(values), low: interval?.low ?? null, high: interval?.high ?? null };
    });
  });
}

function tipOf(results: StudyResults, arm: Arm, look: Look): string {
  const { shuffle, step } = look;
  const each = runsOf(results, arm, shuffle).map((run) =>
    decimal(100 * run.testAccuracy[run.steps.indexOf(step)]!, 1),
  );
  return `${armStyles[arm].label}, ${shuffleLabel(shuffle)}\nafter ${grouped(step)} steps: ${percent(look)}\nseeds: ${each.join(", ")} %`;
}
