import { join } from "node:path";
import { stringify } from "yaml";
import { pick, ScopeError } from "../../base/error.ts";
import { defaultCache, planData } from "../../data/load.node.ts";
import { describeSet } from "../../data/prepare.node.ts";
import { writeReport } from "../../report/write.node.ts";
import { openStore } from "../../store/store.node.ts";
import { onInterrupt } from "../../sweep/interrupt.node.ts";
import { duration } from "../../sweep/progress.ts";
import { type StudyConfig, studySchema } from "../../study/config.ts";
import { reportedRuns, tuningRuns } from "../../study/plan.ts";
import * as presets from "../../study/presets/index.ts";
import { planStudy, runStudy, type StudyEnv, type StudyOutcome } from "../../study/run.node.ts";
import { answer as inWords } from "../../study/words.ts";
import { parseConfig } from "../config.ts";
import { envOf } from "../basin-run.node.ts";
import { cellLines, sweepSummary } from "../cell-lines.ts";
import { type CommandContext, type CommandDefinition, type GlobalOptions, withGlobals } from "../globals.ts";
import { asOneSweep, stoppedInWords } from "../one-sweep.ts";
import { checkReportFolder, markReportFolder } from "../out-folder.node.ts";
import { openToPlan } from "../plan-store.node.ts";
import { progressView } from "../progress.node.ts";
import { readText } from "../read.node.ts";
import { about, workers } from "../time.ts";

interface StudyOptions extends GlobalOptions {
  readonly preset?: string;
  readonly print?: boolean;
  readonly out: string;
  readonly overwrite?: boolean;
}

/** What the report consists of. */
const reportFiles = ["report.html", "results.json", "figures"];

/** `study`: pretrain, fine-tune, compare with scratch, on intact and shuffled images; writes the report. */
export const study: CommandDefinition = {
  theme: "Studies",
  add(program, run) {
    const names = Object.entries(presets).map(([name, { doc }]) => `  ${name.padEnd(10)} ${doc}`);
    const command = program
      .command("study [file]")
      .usage("FILE.yaml | --preset NAME  [options]")
      .summary("pretraining against training from scratch on a downstream task; a report")
      .description(
        "pretrain on one task, fine-tune on another, compare with training from scratch; write a report",
      )
      .option("--preset <name>", "a ready-made study instead of a file")
      .option("--print", "print the study as YAML, to begin a file of your own, and do nothing else")
      .option("--out <folder>", "where report.html, results.json and figures/ go", "out")
      .option(
        "--overwrite",
        "replace what is in that folder, also another study's report or files of your own",
      )
      .addHelpText(
        "after",
        `
Presets:
${names.join("\n")}

The same command again finds everything done. Ctrl-C stops it; the same command goes on.
A first line "# yaml-language-server: $schema=…" lets editors check a FILE: see transferscope schema.`,
      );
    withGlobals(command).action((file: string | undefined, options: StudyOptions) =>
      run(options, async (context) => {
        const config = reseed(configOf(file, options.preset), context.options.seed);
        if (options.print === true) {
          const input =
            options.preset === undefined ? config : pick(presets, options.preset, "preset").config;
          context.answer(stringify(input).trimEnd(), input);
          return;
        }
        if (context.options.dryRun) return await plan(config, context);
        checkReportFolder(options.out, config.name, reportFiles, options.overwrite === true);
        await compute(config, options.out, context);
      }),
    );
  },
};

async function plan(config: StudyConfig, context: CommandContext): Promise<void> {
  const { options, streams, answer } = context;
  const sets = await toFetch(config);
  if (sets.length > 0) {
    const cells = 1 + tuningRuns(config).length + reportedRuns(config, () => config.learningRates[0]!).length;
    const list = sets
      .map(({ name, downloadBytes }) => `${name} (${(downloadBytes / 1e6).toFixed(0)} MB)`)
      .join(" and ");
    answer(
      `${config.name}: ${cells} cells; first of all ${list} would be fetched\nfor an estimate of time and memory, fetch the images: transferscope data prepare ${sets.map(({ name }) => name).join(" ")}`,
      { name: config.name, total: cells, fetch: sets },
    );
    return;
  }
  using interrupt = onInterrupt();
  using view = progressView(options.quiet, streams);
  using planned = await openToPlan(options.store);
  const env = envOf(context, planned.store, view, interrupt);
  const { plan: found, secondsPerImage, bytes } = await planStudy(config, env);
  const lines = [
    sweepSummary(config.name, found),
    ...cellLines(found.cells),
    `${about(found.wallSeconds)} with ${workers(found.workers)} (${duration(found.seconds)} of computing at ${(1 / secondsPerImage).toFixed(0)} training images/s), ${(bytes / 1e9).toFixed(1)} GB of memory`,
  ];
  answer((found.done === found.total ? lines.slice(0, -1) : lines).join("\n"), {
    name: config.name,
    ...found,
    bytes,
    secondsPerImage,
  });
}

async function compute(config: StudyConfig, out: string, context: CommandContext): Promise<void> {
  const { options, streams, say, answer } = context;
  using interrupt = onInterrupt();
  let outcome: StudyOutcome;
  {
    using view = progressView(options.quiet, streams);
    // Planned before the store is made: what is wrong with the study leaves nothing behind.
    using before = await openToPlan(options.store);
    const env = envOf(context, before.store, view, interrupt);
    const planned = await planStudy(config, env);
    for (const warning of await warnings(config, env)) say(`note: ${warning}`);
    say(sweepSummary(config.name, planned.plan));
    const sweep = asOneSweep(planned.plan, view.onEvent);
    const store = await openStore(options.store);
    outcome = await stoppedInWords(sweep, planned.plan.total, () =>
      runStudy(config, { ...env, store, onEvent: sweep.onEvent, secondsPerImage: planned.secondsPerImage }),
    );
  }
  await markReportFolder(out, config.name);
  const report = await writeReport(out, outcome);
  const words = inWords(outcome.results);
  answer([...words, "", `report: ${report}`].join("\n"), {
    report,
    results: join(out, "results.json"),
    answer: words,
    summary: outcome.results.summary,
    cells: outcome.cost.cells,
  });
}

/** What was left out of the images, such as files that cannot be read. */
async function warnings({ upstream, downstream }: StudyConfig, { data }: StudyEnv): Promise<string[]> {
  const plans = await Promise.all([upstream.data, downstream.data].map((spec) => planData(spec, data)));
  return [...new Set(plans.flatMap(({ prepared }) => prepared.warnings))];
}

/** The registry's sets a study uses that are not in the cache and must be fetched. */
async function toFetch({
  upstream,
  downstream,
}: StudyConfig): Promise<{ name: string; downloadBytes: number }[]> {
  const names = [...new Set([upstream.data.set, downstream.data.set])];
  const sets = await Promise.all(names.map((name) => describeSet(name, { cache: defaultCache() })));
  return sets.flatMap(({ name, prepared, downloadBytes }) =>
    prepared === undefined && downloadBytes !== undefined ? [{ name, downloadBytes }] : [],
  );
}

function configOf(file: string | undefined, preset: string | undefined): StudyConfig {
  if ((file === undefined) === (preset === undefined)) {
    throw new ScopeError(
      "usage",
      file === undefined ? "study: no study was named" : "study: a file and a preset were both given",
      {
        hint: `give a FILE.yaml, or --preset ${Object.keys(presets).join("|")}`,
      },
    );
  }
  if (preset !== undefined) return studySchema.parse(pick(presets, preset, "preset").config);
  return parseConfig(studySchema, readText(file!), file!);
}

/** Replaces the seeds by as many, counted from `first`. */
function reseed(config: StudyConfig, first: number | undefined): StudyConfig {
  if (first === undefined) return config;
  return {
    ...config,
    upstream: { ...config.upstream, seed: first },
    seeds: config.seeds.map((_, i) => first + i),
  };
}
