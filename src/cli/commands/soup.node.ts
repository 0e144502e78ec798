import type { Command } from "commander";
import { ScopeError } from "../../base/error.ts";
import { planSoup, runSoup, type SoupMethod, type SoupRequest } from "../../basin/soup.node.ts";
import type { Interval, SoupResults } from "../../basin/results.ts";
import { decimal } from "../../figure/numbers.ts";
import { writeBasin } from "../../report/write.node.ts";
import { shortAddress } from "../../store/spec.ts";
import { onInterrupt } from "../../sweep/interrupt.node.ts";
import { chosenData } from "../basin-options.ts";
import { envOf, planText } from "../basin-run.node.ts";
import { type CommandDefinition, type GlobalOptions, oneOf, wholeNumber, withGlobals } from "../globals.ts";
import { openForPlan, openForWork } from "../models.node.ts";
import { checkNetworkFile, writeNetworkFile } from "../network-file.node.ts";
import { checkReportFolder, markReportFolder } from "../out-folder.node.ts";
import { progressView } from "../progress.node.ts";
import { percent, table } from "../text.ts";

interface SoupOptions extends GlobalOptions {
  readonly method: SoupMethod;
  readonly data?: string;
  readonly classes?: string;
  readonly graph?: string;
  readonly shift?: string;
  readonly perModule?: boolean;
  readonly accept: SoupRequest["accept"];
  readonly alpha: number;
  readonly from: number;
  readonly decay: number;
  readonly heldOut: number;
  readonly testImages?: number;
  readonly renormalize: SoupRequest["renormalize"];
  readonly out?: string;
  readonly report?: string;
  readonly overwrite?: boolean;
}

/** What the page consists of. */
const reportFiles = ["report.html", "results.json", "figures"];

const most = 10_000_000;

/** `soup`: one network out of many, beside the best of them and their ensemble. */
export const soup: CommandDefinition = {
  theme: "Basins",
  add(program, run) {
    const command = program
      .command("soup <models...>")
      .summary("average networks into one, beside the best of them and their ensemble")
      .description("average networks into one, beside the best of them and the ensemble of their logits")
      .option(
        "--method <how>",
        "uniform, greedy, learned; swa or ema over one run's kept weights; wise between two networks",
        oneOf("--method", ["uniform", "greedy", "learned", "swa", "ema", "wise"]),
        "greedy",
      )
      .option(
        "--out <file>",
        "where the average goes: .onnx, or .safetensors for its weights; never overwritten",
      )
      .option("--report <folder>", "where report.html, results.json and figures/ go")
      .option("--overwrite", "replace what is in the report's folder")
      .option(
        "--data <name>",
        "images: a data set, or folder:PATH; default: what a stored run was trained on",
      )
      .option("--classes <names>", "classes, separated by commas, or the name of a group")
      .option("--graph <file>", "ONNX file of the network, for weights given as .safetensors")
      .option(
        "--held-out <n>",
        "training images that decide, at most (half of them, or those held out in training)",
        wholeNumber("--held-out", 1, most),
        1000,
      )
      .option(
        "--test-images <n>",
        "test images looked at, at most (default: all)",
        wholeNumber("--test-images", 1, most),
      )
      .option("--per-module", "learned: shares of their own for every module")
      .option(
        "--accept <rule>",
        "greedy: >= also takes a network that changes nothing (as in the paper), > does not",
        oneOf("--accept", [">=", ">"]),
        ">=",
      )
      .option("--alpha <share>", "wise: share of the second network", fraction("--alpha"), 0.5)
      .option("--shift <name>", "wise: a data set with the same classes, to look at the line with as well")
      .option("--from <step>", "swa, ema: first step that counts", wholeNumber("--from", 0, 2 ** 31 - 1), 0)
      .option("--decay <share>", "ema: decay from one kept moment to the next", fraction("--decay"), 0.9)
      .option(
        "--renormalize <when>",
        "auto: estimate batch-norm statistics of an average anew; never: average them like weights",
        oneOf("--renormalize", ["auto", "never"]),
        "auto",
      )
      .addHelpText(
        "after",
        `
A model is an .onnx file, a .safetensors file with --graph, or the address of a finished run.
Which network is in the soup is decided on held-out training images; test images only judge.
The file that is written holds its recipe.
  transferscope soup a.onnx b.onnx c.onnx --data cifar10 --out soup.onnx`,
      );
    withGlobals(command).action((names: string[], options: SoupOptions) =>
      run(options, async (context) => {
        checkFits(command, options.method);
        const { out, report: folder, graph } = options;
        const what = `soup ${names.join(" ")}`;
        if (out !== undefined) checkNetworkFile(out);
        if (folder !== undefined) checkReportFolder(folder, what, reportFiles, options.overwrite === true);
        const { answer } = context;
        using interrupt = onInterrupt();
        const opening = { graph, signal: interrupt.signal };
        if (context.options.dryRun) {
          using view = progressView(context.options.quiet, context.streams);
          using opened = await openForPlan(options.store, names, opening);
          const env = envOf(context, opened.store, view, interrupt);
          const plan = await planSoup(requestOf(options, opened.models, context.options.seed), env);
          answer(planText(plan), plan);
          return;
        }
        const { results, cost, network, address } = await (async () => {
          using view = progressView(context.options.quiet, context.streams);
          using opened = await openForWork(options.store, names, opening);
          const env = envOf(context, opened.store, view, interrupt);
          return await runSoup(requestOf(options, opened.models, context.options.seed), env);
        })();
        if (out !== undefined) await writeNetworkFile(out, network, address);
        let page: string | undefined;
        if (folder !== undefined) {
          await markReportFolder(folder, what);
          page = await writeBasin(folder, results, cost);
        }
        const lines = [
          ...results.words,
          "",
          methodTable(results),
          "",
          out === undefined
            ? `The average (${results.method}) is in the store: ${shortAddress(address)}`
            : `wrote ${out} (${results.method})`,
          ...(page === undefined ? [] : [`report: ${page}`]),
        ];
        answer(lines.join("\n"), {
          ...results,
          run: address,
          ...(out === undefined ? {} : { written: out }),
          ...(page === undefined ? {} : { report: page }),
        });
      }),
    );
  },
};

/** Options that mean something to some methods only, by the name commander keeps them under. */
const belongs = {
  perModule: ["learned"],
  alpha: ["wise"],
  from: ["swa", "ema"],
  decay: ["ema"],
} as const;

/** @throws {ScopeError} usage, for an option that the method would not look at */
function checkFits(command: Command, method: string): void {
  for (const [name, methods] of Object.entries<readonly string[]>(belongs)) {
    if (command.getOptionValueSource(name) !== "cli" || methods.includes(method)) continue;
    const typed = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new ScopeError("usage", `--${typed} goes with --method ${methods.join(" or ")}, not ${method}`);
  }
}

function requestOf(
  options: SoupOptions,
  models: SoupRequest["models"],
  seed: number | undefined,
): SoupRequest {
  const { method, accept, alpha, from, decay, heldOut, testImages, renormalize, shift, classes } = options;
  return {
    models,
    data: chosenData(options),
    method,
    perModule: options.perModule === true,
    accept,
    alpha,
    shift:
      shift === undefined
        ? undefined
        : chosenData({ data: shift, ...(classes === undefined ? {} : { classes }) }),
    from,
    decay,
    heldOut,
    testImages,
    renormalize,
    seed: seed ?? 0,
  };
}

/** Parses a number from 0 to below 1, or to 1 for α. @throws {ScopeError} usage */
function fraction(name: string): (text: string) => number {
  return (text) => {
    const value = /^(\d+(\.\d*)?|\.\d+)$/.test(text) ? Number(text) : Number.NaN;
    if (value >= 0 && (name === "--decay" ? value < 1 : value <= 1)) return value;
    throw new ScopeError(
      "usage",
      `${name} expected a number from 0 to ${name === "--decay" ? "below 1" : "1"}, got "${text}"`,
    );
  };
}

function methodTable({ rows }: SoupResults): string {
  return table(
    ["method", "networks", "held-out", "test accuracy", "loss, nats", "calibration error", "passes"],
    rows.map(({ method, members, heldOut, quality: { accuracy, loss, ece, passes } }) => [
      method,
      String(members),
      percent(heldOut),
      range(accuracy, 100, 1, " %"),
      range(loss, 1, 3, ""),
      percent(ece),
      String(passes),
    ]),
  );
}

function range({ value, low, high }: Interval, factor: number, digits: number, unit: string): string {
  const text = (x: number): string => decimal(factor * x, digits);
  return low === null || high === null
    ? `${text(value)}${unit}`
    : `${text(value)}${unit} (${text(low)} to ${text(high)})`;
}
