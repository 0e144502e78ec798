import { planPlane, type PlaneRequest, runPlane } from "../../basin/plane.node.ts";
import { writeBasin } from "../../report/write.node.ts";
import { chosenData, type LookOptions, positions, withLookOptions } from "../basin-options.ts";
import { runBasinCommand } from "../basin-run.node.ts";
import { type CommandDefinition, type GlobalOptions, wholeNumber, withGlobals } from "../globals.ts";

interface PlaneOptions extends GlobalOptions, LookOptions {
  readonly grid?: number;
  readonly range?: readonly number[];
  readonly hull: number;
  readonly out?: string;
  readonly overwrite?: boolean;
}

/** `plane`: loss and accuracy on the plane through three networks, or around one. */
export const plane: CommandDefinition = {
  theme: "Basins",
  add(program, run) {
    const command = program
      .command("plane <models...>")
      .description("loss and accuracy on the plane through three networks, or around one")
      .option(
        "--grid <n>",
        "points along each axis, through three networks (default: 21)",
        wholeNumber("--grid", 2, 501),
      )
      .option(
        "--range <from:to:points>",
        "positions along both axes around one network, in filter norms (default: -1:1:21)",
        positions("--range"),
      )
      .option(
        "--hull <n>",
        "also so many random points of the convex hull of all networks named",
        wholeNumber("--hull", 0, 100_000),
        0,
      );
    withLookOptions(command, { train: 1000, test: 1000 })
      .option("--out <folder>", "where report.html, results.json and figures/ go")
      .option("--overwrite", "replace what is in that folder")
      .addHelpText(
        "after",
        `
A model is an .onnx file, a .safetensors file with --graph, or the address of a finished run.
Around one network the axes are two random directions, scaled filter by filter (--seed draws others).
  transferscope plane a.onnx b.onnx c.onnx --data cifar10 --out out/plane`,
      );
    withGlobals(command).action((names: string[], options: PlaneOptions) =>
      run(options, (context) => {
        const request = (models: PlaneRequest["models"]): PlaneRequest => ({
          models,
          data: chosenData(options),
          grid: options.grid,
          range: options.range,
          hull: options.hull,
          renormalize: options.renormalize,
          images: { train: options.trainImages, test: options.testImages },
          seed: context.options.seed ?? 0,
        });
        return runBasinCommand(context, {
          what: `plane ${names.join(" ")}`,
          names,
          graph: options.graph,
          out: options.out,
          overwrite: options.overwrite,
          plan: (models, env) => planPlane(request(models), env),
          run: (models, env) => runPlane(request(models), env),
          write: writeBasin,
          text: ({ words }) => words.join("\n"),
        });
      }),
    );
  },
};
