import * as Plot from "@observablehq/plot";
import { csvTable } from "../../figure/csv.ts";
import { drawPlot, marked } from "../../figure/draw.ts";
import type { Canvas, Figure } from "../../figure/figure.ts";
import { inkOf } from "../../figure/ink.ts";
import type { Shuffle } from "../config.ts";
import { csvEstimate, type FigureSource, paper, seedsNamed } from "../figure-source.ts";
import { decimal, orderShuffles, shuffleLabel, grouped, timesRange } from "../format.ts";
import { panelsOf } from "../panels.ts";
import type { Milestone, StudyResults } from "../results.ts";
import { armOrder, armStyles } from "../styles.ts";

interface Mark {
  readonly shuffle: Shuffle;
  readonly milestone: Milestone;
}

/** Steps until each arm reaches fixed shares of the scratch network's best, one panel a shuffle. */
export function milestones({ results }: FigureSource): Figure {
  const title = "Steps to reach fixed shares of the scratch network's best";
  const caption = [
    `Training steps until the mean learning curve over ${seedsNamed(results)} first reaches a share of the best mean accuracy of the scratch arm at the same shuffle,`,
    "interpolated linearly between looks. A cross at the top: not reached.",
    `Speed in the sense of the block-shuffling experiment of ${paper}, read off at fixed levels.`,
  ].join(" ");
  const all: Mark[] = orderShuffles(results.shuffles).flatMap((shuffle) =>
    results.summary.shuffles
      .find((one) => one.shuffle === shuffle)!
      .milestones.map((milestone) => ({ shuffle, milestone })),
  );
  return {
    id: "milestones",
    title,
    caption,
    csv: csvTable(
      [
        "shuffle",
        "fraction",
        "threshold",
        "steps_pretrained",
        "steps_scratch",
        "speed_up",
        "low95",
        "high95",
      ],
      all.map(({ shuffle, milestone: { fraction, threshold, pretrained, scratch, speedUp } }) => [
        shuffleLabel(shuffle),
        fraction,
        threshold,
        pretrained,
        scratch,
        ...csvEstimate(speedUp),
      ]),
    ),
    svg: (canvas) => draw(canvas, results, all, title, caption),
  };
}

function draw(
  canvas: Canvas,
  results: StudyResults,
  all: readonly Mark[],
  title: string,
  description: string,
): string {
  const ink = inkOf(canvas);
  const panels = panelsOf(canvas, results.shuffles);
  const top = results.runs[0]!.steps.at(-1)!;
  const place = {
    fx: (one: Mark) => panels.at(one.shuffle).fx,
    fy: (one: Mark) => panels.at(one.shuffle).fy,
    x: (one: Mark) => decimal(100 * one.milestone.fraction, 0),
  };
  const marks = armOrder.flatMap((arm, k) => {
    const style = armStyles[arm];
    const color = ink[style.color];
    const reached = all.filter(({ milestone }) => milestone[arm] !== null);
    const missed = all.filter(({ milestone }) => milestone[arm] === null);
    const tip = ({ shuffle, milestone }: Mark) => {
      const when = milestone[arm] === null ? "not reached" : `after ${grouped(milestone[arm])} steps`;
      const faster = milestone.speedUp === null ? "" : `\nspeed-up: ${timesRange(milestone.speedUp)}`;
      return `${style.label}, ${shuffleLabel(shuffle)}\n${decimal(100 * milestone.threshold, 1)} % accuracy: ${when}${faster}`;
    };
    const y = (one: Mark) => one.milestone[arm];
    return [
      Plot.line(reached, {
        ...place,
        y,
        stroke: color,
        strokeWidth: 1.5,
        strokeOpacity: 0.6,
        ...(style.dash === undefined ? {} : { strokeDasharray: style.dash }),
        ...marked(style.key),
      }),
      Plot.dot(reached, {
        ...place,
        y,
        r: 4.5,
        symbol: style.shape,
        fill: color,
        ...marked(style.key, reached.map(tip)),
      }),
      // Side by side, should both arms miss the same mark.
      Plot.dot(missed, {
        ...place,
        y: () => top,
        dx: 12 * k - 6,
        r: 4,
        symbol: "times",
        stroke: color,
        strokeWidth: 2,
        ...marked(style.key, missed.map(tip)),
      }),
    ];
  });
  const fractions = [...new Set(all.map((one) => place.x(one)))];
  return drawPlot(
    canvas,
    {
      ...panels.options,
      x: {
        type: "point",
        domain: fractions,
        padding: 0.4,
        label: "share of the scratch network's best accuracy (%)",
        labelArrow: "none",
        labelAnchor: "center",
        labelOffset: 38,
        tickSize: 0,
      },
      y: { domain: [0, top * 1.06], label: "training steps", tickFormat: grouped, ticks: 4, tickSize: 0 },
      marks: [Plot.gridY({ stroke: ink.faint, strokeOpacity: 1, ticks: 4 }), ...panels.marks, ...marks],
    },
    { title, description, legend: armOrder.map((arm) => armStyles[arm]) },
  );
}
