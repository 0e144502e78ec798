import type { RewindResults } from "../../criticality/results.ts";
import { planRewind, type RewindRequest, runRewind } from "../../criticality/rewind.node.ts";
import { writeCriticality } from "../../report/write.node.ts";
import { chosenData, type LookOptions, withLookOptions } from "../basin-options.ts";
import { runBasinCommand } from "../basin-run.node.ts";
import { rewindText } from "../criticality-text.ts";
import { type CommandDefinition, type GlobalOptions, withGlobals } from "../globals.ts";

interface RewindOptions extends GlobalOptions, LookOptions {
  readonly modules: string;
  readonly out?: string;
  readonly overwrite?: boolean;
}

/** `rewind`: from which moment of training on has a module what it needs? */
export const rewind: CommandDefinition = {
  theme: "Modules",
  add(program, run) {
    const command = program
      .command("rewind <runs...>")
      .description("set modules back to earlier moments of training, one at a time")
      .option(
        "--modules <which>",
        "layer, block, stage, or /a regular expression/ over layers' names",
        "block",
      );
    withLookOptions(command, { train: 2048, test: 2000 })
      .option("--out <folder>", "where report.html, results.json and figures/ go")
      .option("--overwrite", "replace what is in that folder")
      .addHelpText(
        "after",
        `
A run is the address of a stored training run that kept weights along the way (keep: in its file).
  transferscope rewind 3f2a9c1b --out out/rewind`,
      );
    withGlobals(command).action((names: string[], options: RewindOptions) =>
      run(options, (context) => {
        const request = (runs: RewindRequest["runs"]): RewindRequest => ({
          runs,
          data: chosenData(options),
          modules: options.modules,
          renormalize: options.renormalize,
          images: { train: options.trainImages, test: options.testImages },
        });
        return runBasinCommand<RewindResults>(context, {
          what: `rewind ${names.join(" ")}`,
          names,
          graph: options.graph,
          out: options.out,
          overwrite: options.overwrite,
          plan: (models, env) => planRewind(request(models), env),
          run: (models, env) => runRewind(request(models), env),
          write: writeCriticality,
          text: rewindText,
        });
      }),
    );
  },
};
