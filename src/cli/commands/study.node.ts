import { join } from "node:path";
import { pick, ScopeError } from "../../base/error.ts";
import { defaultCache } from "../../data/load.node.ts";
import { writeReport } from "../../report/write.node.ts";
import { openStore } from "../../store/store.node.ts";
import { onInterrupt } from "../../sweep/interrupt.node.ts";
import { duration } from "../../sweep/progress.ts";
import { type StudyConfig, studySchema } from "../../study/config.ts";
import * as presets from "../../study/presets/index.ts";
import { planStudy, runStudy, type StudyEnv } from "../../study/run.node.ts";
import { answer } from "../../study/words.ts";
import { parseConfig } from "../config.ts";
import { type CommandDefinition, type GlobalOptions, withGlobals } from "../globals.ts";
import { progressView } from "../progress.node.ts";
import { readText } from "../read.node.ts";

/** `study`: pretrain, fine-tune, compare with scratch, on intact and shuffled images; writes the report. */
export const study: CommandDefinition = {
  theme: "Studies",
  add(program, run) {
    const names = Object.entries(presets).map(([name, { doc }]) => `  ${name}: ${doc}`);
    const command = program
      .command("study [file]")
      .description("pretrain on one task, fine-tune on another, compare with training from scratch; write a report")
      .option("--preset <name>", "a ready-made study instead of a file")
      .option("--out <folder>", "where report.html, results.json and figures/ go", "out")
      .addHelpText("after", `\nPresets:\n${names.join("\n")}\n\nThe same command again finds everything done; a stopped one goes on.`);
    withGlobals(command).action((file: string | undefined, options: GlobalOptions & { preset?: string; out: string }) =>
      run(options, async ({ options: globals, say, answer: print, typed }) => {
        const config = reseed(configOf(file, options.preset), globals.seed);
        using interrupt = onInterrupt();
        using view = progressView(globals.quiet);
        const env: StudyEnv = {
          store: await openStore(globals.store),
          jobs: globals.jobs,
          device: globals.device,
          data: { cache: defaultCache(), onProgress: view.onData, signal: interrupt.signal },
          onEvent: view.onEvent,
          signal: interrupt.signal,
          kill: interrupt.kill,
          command: typed,
        };
        const { plan, secondsPerStep } = await planStudy(config, env);
        const missing = plan.total - plan.done;
        if (globals.dryRun) {
          const lines = [
            `${config.name}: ${plan.total} cells, ${plan.done} done, ${missing} to compute`,
            ...plan.cells.map((cell) => `  ${cell.done ? "done   " : duration(cell.seconds).padStart(7)}  ${cell.label}`),
            `about ${duration(plan.wallSeconds)} with ${plan.workers} workers (${duration(plan.seconds)} of computing, ${(secondsPerStep * 1000).toFixed(1)} ms a step), ${(plan.bytes / 1e9).toFixed(1)} GB of memory`,
          ];
          print(lines.join("\n"), { ...plan, secondsPerStep });
          return;
        }
        say(
          missing === 0
            ? `${config.name}: all ${plan.total} cells are in the store`
            : `${config.name}: ${missing} of ${plan.total} cells to compute, about ${duration(plan.wallSeconds)} with ${plan.workers} workers`,
        );
        const outcome = await runStudy(config, env);
        const report = await writeReport(options.out, outcome);
        const words = answer(outcome.results);
        print([...words, "", `report: ${report}`].join("\n"), {
          report,
          results: join(options.out, "results.json"),
          answer: words,
          summary: outcome.results.summary,
        });
      }),
    );
  },
};

function configOf(file: string | undefined, preset: string | undefined): StudyConfig {
  if ((file === undefined) === (preset === undefined)) {
    throw new ScopeError("usage", file === undefined ? "study: no study was named" : "study: a file and a preset were both given", {
      hint: `give a FILE.yaml, or --preset ${Object.keys(presets).join("|")}`,
    });
  }
  if (preset !== undefined) return studySchema.parse(pick(presets, preset, "preset").config);
  return parseConfig(studySchema, readText(file!), file!);
}

/** Replaces the seeds by as many, counted from `first`. */
function reseed(config: StudyConfig, first: number | undefined): StudyConfig {
  if (first === undefined) return config;
  return { ...config, upstream: { ...config.upstream, seed: first }, seeds: config.seeds.map((_, i) => first + i) };
}
