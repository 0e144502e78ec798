import { type AlignMethod, type AlignRequest, planAlign, runAlign } from "../../basin/align.node.ts";
import { shortAddress } from "../../store/spec.ts";
import { onInterrupt } from "../../sweep/interrupt.node.ts";
import { chosenData } from "../basin-options.ts";
import { envOf, planText } from "../basin-run.node.ts";
import { type CommandDefinition, type GlobalOptions, oneOf, withGlobals } from "../globals.ts";
import { openForPlan, openForWork } from "../models.node.ts";
import { checkNetworkFile, writeNetworkFile } from "../network-file.node.ts";
import { progressView } from "../progress.node.ts";

interface AlignOptions extends GlobalOptions {
  readonly method: AlignMethod;
  readonly data?: string;
  readonly classes?: string;
  readonly graph?: string;
  readonly out?: string;
  readonly overwrite?: boolean;
}

/** `align`: a network whose units are permuted into the order of another's; it computes the same. */
export const align: CommandDefinition = {
  theme: "Basins",
  add(program, run) {
    const command = program
      .command("align <a> <b>")
      .description("permute the units of B into the order of A's; B computes what it did")
      .option("--out <file>", "where the moved network goes: .onnx, or .safetensors for its weights alone")
      .option("--overwrite", "replace that file where it exists")
      .option(
        "--method <how>",
        "weights, activations, or ste: straight-through estimator",
        oneOf("--method", ["weights", "activations", "ste"]),
        "weights",
      )
      .option("--data <name>", "images, for activations and ste; default: what a stored run was trained on")
      .option("--classes <names>", "classes, separated by commas, or the name of a group")
      .option("--graph <file>", "ONNX file of the network, for weights given as .safetensors");
    withGlobals(command).action((a: string, b: string, options: AlignOptions) =>
      run(options, async (context) => {
        const { out, graph, method, overwrite = false } = options;
        if (out !== undefined) checkNetworkFile(out, overwrite);
        const { answer } = context;
        using interrupt = onInterrupt();
        const request = (models: AlignRequest["models"]): AlignRequest => ({
          models,
          method,
          data: chosenData(options),
          seed: context.options.seed ?? 0,
        });
        const opening = { graph, signal: interrupt.signal };
        if (context.options.dryRun) {
          using view = progressView(context.options.quiet, context.streams);
          using opened = await openForPlan(options.store, [a, b], opening);
          const plan = await planAlign(request(opened.models), envOf(context, opened.store, view, interrupt));
          answer(planText(plan), plan);
          return;
        }
        // Progress ends before the answer begins.
        const { address, network, result, distance, words } = await (async () => {
          using view = progressView(context.options.quiet, context.streams);
          using opened = await openForWork(options.store, [a, b], opening);
          return await runAlign(request(opened.models), envOf(context, opened.store, view, interrupt));
        })();
        if (out !== undefined) await writeNetworkFile(out, network, address, overwrite);
        answer(
          [
            ...words,
            out === undefined
              ? `The moved network is in the store: ${shortAddress(address)}`
              : `wrote ${out}`,
          ].join("\n"),
          { run: address, ...result, distance, words, ...(out === undefined ? {} : { written: out }) },
        );
      }),
    );
  },
};
