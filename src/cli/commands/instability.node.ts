import { join } from "node:path";
import { type InstabilityConfig, instabilitySchema } from "../../basin/instability-config.ts";
import { type InstabilityOutcome, previewInstability, runInstability } from "../../basin/instability.node.ts";
import { rowChord, rowName } from "../../basin/instability-words.ts";
import type { InstabilityResults, Interval } from "../../basin/results.ts";
import { writeBasin } from "../../report/write.node.ts";
import { openStore } from "../../store/store.node.ts";
import { onInterrupt } from "../../sweep/interrupt.node.ts";
import { duration } from "../../sweep/progress.ts";
import { parseConfig } from "../config.ts";
import { envOf } from "../basin-run.node.ts";
import { cellLines, sweepSummary } from "../cell-lines.ts";
import { type CommandContext, type CommandDefinition, type GlobalOptions, withGlobals } from "../globals.ts";
import { asOneSweep, stoppedInWords } from "../one-sweep.ts";
import { checkReportFolder, markReportFolder } from "../out-folder.node.ts";
import { openToPlan } from "../plan-store.node.ts";
import { progressView } from "../progress.node.ts";
import { readText } from "../read.node.ts";
import { percent, table } from "../text.ts";
import { about, workers } from "../time.ts";

interface InstabilityOptions extends GlobalOptions {
  readonly out?: string;
  readonly overwrite?: boolean;
}

/** What the page consists of. */
const reportFiles = ["report.html", "results.json", "figures"];

/** `instability`: when in training is it decided in which basin a network ends? And the lecture's grid. */
export const instability: CommandDefinition = {
  theme: "Basins",
  add(program, run) {
    const command = program
      .command("instability <file>")
      .summary("from which training step on do copies of a run end in one basin?")
      .description(
        "train to step k, let copies part, train on, and look at the path between them: from which k on do they end in one basin?",
      )
      .option("--out <folder>", "where report.html, results.json and figures/ go")
      .option("--overwrite", "replace what is in that folder, also another's report or files of your own")
      .addHelpText(
        "after",
        `
A file like this is enough (transferscope schema instability lists all fields):
  name: ResNet-8 on CIFAR-10
  model: { arch: resnet, depth: 8 }
  data: { set: cifar10 }
  recipe: { epochs: 20, learningRate: 0.1 }
  spawn: [0, "1%", "3%", "10%", "30%"]

Moments can be added to spawn later: only what is new is computed. With a section "grid" the
pairs {same init, other init, fine-tuned, fine-tuned against scratch} × {same, other order}
are trained and compared, too.`,
      );
    withGlobals(command).action((file: string, options: InstabilityOptions) =>
      run(options, async (context) => {
        const config = reseed(parseConfig(instabilitySchema, readText(file), file), context.options.seed);
        if (options.out !== undefined && !context.options.dryRun)
          checkReportFolder(options.out, config.name, reportFiles, options.overwrite === true);
        if (context.options.dryRun) await preview(config, context);
        else await compute(config, options.out, context);
      }),
    );
  },
};

async function preview(config: InstabilityConfig, context: CommandContext): Promise<void> {
  const { options, streams, answer } = context;
  using interrupt = onInterrupt();
  using view = progressView(options.quiet, streams);
  using planned = await openToPlan(options.store);
  const env = envOf(context, planned.store, view, interrupt);
  const { plan, secondsPerImage, bytes } = await previewInstability(config, env);
  const lines = [
    sweepSummary(config.name, plan),
    ...cellLines(plan.cells),
    ...(plan.done === plan.total
      ? []
      : [
          `${about(plan.wallSeconds)} with ${workers(plan.workers)} (${duration(plan.seconds)} of computing), ${(bytes / 1e9).toFixed(1)} GB of memory`,
        ]),
  ];
  answer(lines.join("\n"), { name: config.name, ...plan, bytes, secondsPerImage });
}

async function compute(
  config: InstabilityConfig,
  out: string | undefined,
  context: CommandContext,
): Promise<void> {
  const { options, streams, say, answer } = context;
  using interrupt = onInterrupt();
  let outcome: InstabilityOutcome;
  {
    using view = progressView(options.quiet, streams);
    // Planned before the store is made: what is wrong with the configuration leaves nothing behind.
    using before = await openToPlan(options.store);
    const env = envOf(context, before.store, view, interrupt);
    const { plan } = await previewInstability(config, env);
    say(sweepSummary(config.name, plan));
    const sweep = asOneSweep(plan, view.onEvent);
    const store = await openStore(options.store);
    outcome = await stoppedInWords(sweep, plan.total, () =>
      runInstability(config, { ...env, store, onEvent: sweep.onEvent }),
    );
  }
  const { results, cost } = outcome;
  let report: string | undefined;
  if (out !== undefined) {
    await markReportFolder(out, config.name);
    report = await writeBasin(out, results, cost);
  }
  answer(
    [...results.words, ...tables(results), ...(report === undefined ? [] : ["", `report: ${report}`])].join(
      "\n",
    ),
    {
      ...results,
      cost,
      ...(report === undefined || out === undefined ? {} : { report, results: join(out, "results.json") }),
    },
  );
}

function tables({ spawn, grid, total }: InstabilityResults): string[] {
  const moments = spawn.map((at) => [
    `${at.k} (${percent(at.k / total)})`,
    range(at.instability, 100, 1),
    percent(at.stable),
    range(at.lossBarrier, 1, 3),
    range(at.distance, 1, 2),
    String(at.pairs.length),
  ]);
  const rows = grid.map((row) => {
    const chord = rowChord(row);
    return [
      rowName(row),
      chord === undefined ? "–" : range(chord.height, 1, 3),
      row.pairs.length === 0 ? "diverged" : String(row.pairs.length),
    ];
  });
  return [
    ...(moments.length === 0
      ? []
      : [
          "",
          table(
            ["k", "instability, points", "stable", "loss barrier, nats", "l2 distance", "pairs"],
            moments,
          ),
        ]),
    ...(rows.length === 0 ? [] : ["", table(["pair", "loss barrier, nats", "pairs"], rows)]),
  ];
}

function range({ value, low, high }: Interval, factor: number, digits: number): string {
  const text = (x: number): string => (factor * x).toFixed(digits);
  return low === null || high === null ? text(value) : `${text(value)} (${text(low)} to ${text(high)})`;
}

/** Replaces the seeds by as many, counted from `first`. */
function reseed(config: InstabilityConfig, first: number | undefined): InstabilityConfig {
  if (first === undefined) return config;
  return { ...config, replicates: config.replicates.map((_, i) => first + i) };
}
