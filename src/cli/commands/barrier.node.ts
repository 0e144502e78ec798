import { barrierOf } from "../../basin/barrier-words.ts";
import { type BarrierRequest, planBarrier, runBarrier } from "../../basin/barrier.node.ts";
import { treatmentLabel } from "../../basin/chart/treatment.ts";
import type { BarrierResults, Interval } from "../../basin/results.ts";
import { decimal } from "../../figure/numbers.ts";
import { writeBasin } from "../../report/write.node.ts";
import { chosenData, type LookOptions, positions, share, withLookOptions } from "../basin-options.ts";
import { runBasinCommand } from "../basin-run.node.ts";
import { type CommandDefinition, type GlobalOptions, oneOf, wholeNumber, withGlobals } from "../globals.ts";
import { percent, table } from "../text.ts";

interface BarrierOptions extends GlobalOptions, LookOptions {
  readonly range: readonly number[];
  readonly refine: number;
  readonly align: BarrierRequest["align"];
  readonly repair?: boolean;
  readonly closedForm?: boolean;
  readonly curve: BarrierRequest["curve"];
  readonly threshold: number;
  readonly out?: string;
  readonly overwrite?: boolean;
}

/** `barrier`: do networks lie in one basin, and if not, what brings them together? */
export const barrier: CommandDefinition = {
  theme: "Basins",
  add(program, run) {
    const command = program
      .command("barrier <models...>")
      .description("do networks lie in one basin? barriers on the paths between them")
      .option(
        "--range <from:to:points>",
        "positions on the path, 0 at the first network, 1 at the second; may reach beyond (default: 0:1:25)",
        positions("--range"),
      )
      .option(
        "--refine <n>",
        "add so many positions where the loss bends most",
        wholeNumber("--refine", 0, 1000),
        0,
      )
      .option(
        "--align <how>",
        "permute the units of the second network first: weights, activations or ste",
        oneOf("--align", ["none", "weights", "activations", "ste"]),
        "none",
      )
      .option("--repair", "also with the spread of activations corrected (REPAIR)")
      .option("--closed-form", "REPAIR by its closed form, from the two networks alone")
      .option(
        "--curve <kind>",
        "bezier: also along a curve that is trained to stay low",
        oneOf("--curve", ["linear", "bezier"]),
        "linear",
      )
      .option(
        "--threshold <share>",
        "error barrier from which on networks count as apart",
        share("--threshold"),
        0.02,
      );
    withLookOptions(command, { train: 2000, test: 10_000 })
      .option("--out <folder>", "where report.html, results.json and figures/ go")
      .option("--overwrite", "replace what is in that folder")
      .addHelpText(
        "after",
        `
A model is an .onnx file, a .safetensors file with --graph, or the address of a finished run.
With more than two, all pairs are looked at and the networks are grouped into basins.
  transferscope barrier a.onnx b.onnx --data cifar10 --align weights --out out/pair`,
      );
    withGlobals(command).action((names: string[], options: BarrierOptions) =>
      run(options, (context) => {
        const request = (models: BarrierRequest["models"]): BarrierRequest => ({
          models,
          data: chosenData(options),
          range: options.range ?? positions("--range")("0:1:25"),
          align: options.align,
          repair: options.closedForm === true ? "closed" : options.repair === true ? "sequential" : "none",
          curve: options.curve,
          renormalize: options.renormalize,
          threshold: options.threshold,
          images: { train: options.trainImages, test: options.testImages },
          refine: options.refine,
          seed: context.options.seed ?? 0,
        });
        return runBasinCommand(context, {
          what: `barrier ${names.join(" ")}`,
          names,
          graph: options.graph,
          out: options.out,
          overwrite: options.overwrite,
          plan: (models, env) => planBarrier(request(models), env),
          run: (models, env) => runBarrier(request(models), env),
          write: writeBasin,
          text: answerText,
        });
      }),
    );
  },
};

/** The words, and a line for each path: barriers of the error and the loss, in points and nats. */
function answerText(results: BarrierResults): string {
  const { pairs, models, words } = results;
  const rows = pairs.flatMap(({ a, b, paths }) =>
    paths.map((path) => {
      const [error, chord, loss] = [
        barrierOf(path, "mean", "error"),
        barrierOf(path, "chord", "error"),
        barrierOf(path, "chord", "loss"),
      ];
      const curve = path.curves.find(({ split }) => split === "test") ?? path.curves[0];
      const half = curve?.accuracy[path.at.indexOf(0.5)]?.value;
      return [
        ...(pairs.length === 1 ? [] : [`${models[a]!.name} – ${models[b]!.name}`]),
        treatmentLabel(path.treatment),
        error === undefined ? "" : ranged(error.height, 100, 1),
        chord === undefined ? "" : ranged(chord.height, 100, 1),
        loss === undefined ? "no number" : ranged(loss.height, 1, 3),
        half === undefined ? "" : percent(half),
      ];
    }),
  );
  const head = [
    ...(pairs.length === 1 ? [] : ["pair"]),
    "path",
    "error over mean (points)",
    "over chord",
    "loss over chord (nats)",
    "accuracy half-way",
  ];
  const split = results.data.test > 0 ? "test" : "training";
  const facts = models.map(
    ({ name, parameters, accuracy }) =>
      `${name}: ${parameters} parameters, ${percent((accuracy?.test ?? accuracy?.train)!)} of ${split} images right`,
  );
  return [...words, "", ...facts, "", table(head, rows)].join("\n");
}

function ranged({ value, low, high }: Interval, factor: number, digits: number): string {
  const text = (x: number) => decimal(factor * x, digits);
  return low === null || high === null ? text(value) : `${text(value)} (${text(low)} to ${text(high)})`;
}
