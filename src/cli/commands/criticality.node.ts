import {
  planCriticality,
  type CriticalityRequest,
  runCriticality,
} from "../../criticality/criticality.node.ts";
import type { InitialChoice } from "../../criticality/beginnings.node.ts";
import { type Budget, parseBudget } from "../../criticality/budget.ts";
import { type Epsilon, parseEpsilons, usualEpsilons } from "../../criticality/epsilons.ts";
import type { CriticalityResults } from "../../criticality/results.ts";
import { writeCriticality } from "../../report/write.node.ts";
import { alphaGrid, parseRatios } from "../../sensitivity/grid.ts";
import { chosenData, type LookOptions, share, withLookOptions } from "../basin-options.ts";
import { runBasinCommand } from "../basin-run.node.ts";
import { criticalityText } from "../criticality-text.ts";
import { checkFreezeList, writeFreezeList } from "../freeze-list.node.ts";
import { type CommandDefinition, type GlobalOptions, oneOf, wholeNumber, withGlobals } from "../globals.ts";

interface CriticalityOptions extends GlobalOptions, LookOptions {
  readonly final: readonly string[];
  readonly init?: readonly string[];
  readonly modules: string;
  readonly epsilon?: readonly Epsilon[];
  readonly epsilonRelative?: readonly Epsilon[];
  readonly alphas: number;
  readonly sigmas: string;
  readonly samples: number;
  readonly refine: number;
  readonly budget?: Budget;
  readonly noise: "both" | "isotropic";
  readonly freezeBelow?: number;
  readonly freezeList?: string;
  readonly tryFreeze: number;
  readonly out?: string;
  readonly overwrite?: boolean;
}

/** What --init may say besides a network. */
const words: readonly string[] = ["own", "zero", "random"];
const usualBelow = 0.01;

/** `criticality`: which modules matter, and how large is the ball of weights that still works? */
export const criticality: CommandDefinition = {
  theme: "Modules",
  add(program, run) {
    const command = program
      .command("criticality")
      .summary("which modules matter, and how large is the ball that still works?")
      .description("which modules matter, and how large is the ball of weights that still works?")
      .requiredOption("--final <models...>", "networks with their final weights, of one architecture")
      .option(
        "--init <models...>",
        "initial weights, one for all or one each: own (a stored run's start; the default), zero, random, or a network",
      )
      .option(
        "--modules <which>",
        "layer, block, stage, or /a regular expression/ over layers' names",
        "block",
      )
      .option(
        "--epsilon <shares>",
        "allowed extra error, the main one first: 0.01 or 1% (default: 0.01)",
        parseEpsilons("absolute", "--epsilon"),
      )
      .option(
        "--epsilon-relative <shares>",
        "allowed extra error as a share of the final network's: 0.1 or 10%",
        parseEpsilons("relative", "--epsilon-relative"),
      )
      .option("--alphas <n>", "points from initial (0) to final (1)", wholeNumber("--alphas", 2, 1000), 11)
      .option(
        "--sigmas <from:to:n>",
        "noise, in units of the weights' root mean square; none besides",
        "0.01:4:10",
      )
      .option("--samples <n>", "noise draws at a place, at most", wholeNumber("--samples", 1, 100_000), 32)
      .option("--refine <n>", "rounds of places added around the best one", wholeNumber("--refine", 0, 20), 3)
      .option(
        "--budget <amount>",
        "work for all maps together (10m, 90s, 1h), memory of all workers (2GB), or both (10m,2GB)",
        parseBudget,
      )
      .option(
        "--noise <kinds>",
        "both: also noise scaled tensor by tensor; isotropic: one scale a module",
        oneOf("--noise", ["both", "isotropic"]),
        "both",
      )
      .option(
        "--freeze-below <share>",
        "list the modules that, together at their initial weights, cost less error (default: 0.01)",
        share("--freeze-below"),
      )
      .option("--freeze-list <file>", "write that list, as `train --freeze-list` takes it")
      .option(
        "--try-freeze <n>",
        "train the first network again with so many seeds, in full and with the list frozen",
        wholeNumber("--try-freeze", 0, 100),
        0,
      );
    withLookOptions(command, { train: 2048, test: 2000 })
      .option("--out <folder>", "where report.html, results.json and figures/ go")
      .option("--overwrite", "replace what is in that folder, and the list")
      .addHelpText(
        "after",
        `
A model is an .onnx file, a .safetensors file with --graph, or the address of a finished run.
  transferscope criticality --final 3f2a9c1b --out out/criticality
  transferscope criticality --final tuned.onnx --init pretrained.onnx --data cifar10 --modules stage
What is measured, and what the numbers mean: docs/criticality.md`,
      );
    withGlobals(command).action((options: CriticalityOptions) =>
      run(options, async (context) => {
        const { final, init = [], freezeList, freezeBelow, tryFreeze } = options;
        const named = init.filter((one) => !words.includes(one));
        if (freezeList !== undefined) checkFreezeList(freezeList, options.overwrite === true);
        const wanted = freezeList !== undefined || freezeBelow !== undefined || tryFreeze > 0;
        const given = [...(options.epsilon ?? []), ...(options.epsilonRelative ?? [])];
        const common = {
          data: chosenData(options),
          modules: options.modules,
          epsilons: given.length > 0 ? given : usualEpsilons,
          alphas: alphaGrid(options.alphas),
          ratios: parseRatios(options.sigmas),
          draws: options.samples,
          refine: options.refine,
          noise: options.noise,
          budget: options.budget ?? {},
          renormalize: options.renormalize,
          images: { train: options.trainImages, test: options.testImages },
          seed: context.options.seed ?? 0,
          freeze: wanted ? { below: freezeBelow ?? usualBelow, seeds: tryFreeze } : undefined,
        };
        const request = (models: CriticalityRequest["finals"]): CriticalityRequest => {
          const rest = models.slice(final.length);
          return {
            ...common,
            finals: models.slice(0, final.length),
            initials: init.map((one) =>
              words.includes(one) ? (one as InitialChoice) : rest[named.indexOf(one)]!,
            ),
          };
        };
        await runBasinCommand<CriticalityResults>(context, {
          what: `criticality ${final.join(" ")}`,
          names: [...final, ...named],
          graph: options.graph,
          out: options.out,
          overwrite: options.overwrite,
          plan: (models, env) => planCriticality(request(models), env),
          run: async (models, env) => {
            const { results, cost, freezeNames } = await runCriticality(request(models), env);
            if (freezeList === undefined) return { results, cost };
            const freeze = results.freeze!;
            await writeFreezeList(
              freezeList,
              freezeNames,
              `Modules of ${models[0]!.name} that cost at most ${freeze.epsilon} of error together when set back to their initial weights`,
            );
            return { results: { ...results, freeze: { ...freeze, file: freezeList } }, cost };
          },
          write: writeCriticality,
          text: criticalityText,
        });
      }),
    );
  },
};
