import { mkdir } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Json } from "../../base/canonical.ts";
import { ScopeError } from "../../base/error.ts";
import { defaultCache, planData } from "../../data/load.node.ts";
import { dataSpecSchema } from "../../data/spec.ts";
import { modelSpecSchema } from "../../models/model.ts";
import { writeModel } from "../../onnx/write.node.ts";
import { writeSafetensors } from "../../safetensors/write.node.ts";
import { addressOf, type CellSpec, shortAddress } from "../../store/spec.ts";
import { openStore } from "../../store/store.node.ts";
import * as kinds from "../../study/cells/index.ts";
import { trainedModel } from "../../study/trained.node.ts";
import type { TrainLook, TrainResult } from "../../study/train-facts.ts";
import { workerUrl } from "../../study/worker-url.node.ts";
import { sweepGraph } from "../../sweep/graph.ts";
import { onInterrupt } from "../../sweep/interrupt.node.ts";
import { requireComplete } from "../../sweep/outcome.ts";
import { planGraph } from "../../sweep/plan.ts";
import { duration } from "../../sweep/progress.ts";
import { measuredRates } from "../../sweep/rates.node.ts";
import { doneIn, runGraph } from "../../sweep/run.node.ts";
import { recipeSchema } from "../../train/recipe.ts";
import { parseConfig } from "../config.ts";
import { type CommandDefinition, type GlobalOptions, withGlobals } from "../globals.ts";
import { progressView } from "../progress.node.ts";
import { percent, table } from "../text.ts";
import { readText } from "../read.node.ts";

/** A single training run as a user writes it. */
export const trainFileSchema = z.strictObject({
  model: modelSpecSchema,
  data: dataSpecSchema,
  recipe: recipeSchema,
  seed: z.int().min(0).default(0).describe("seed of initialisation, head, order and augmentation"),
  start: z.string().optional().describe("address (or its beginning) of a finished run to start from"),
  head: z.enum(["new", "kept"]).default("new").describe("whether the starting run's last layer is kept"),
  evaluations: z.int().min(1).default(10).describe("looks at the test set along training"),
  keep: z.array(z.number().min(0)).default([]).describe("epochs whose weights are kept"),
});

/** `train`: one network, from random weights or from a finished run. */
export const train: CommandDefinition = {
  theme: "Single runs",
  add(program, run) {
    const command = program
      .command("train <file>")
      .description("train one network from a YAML file; with --out, write it as ONNX and safetensors")
      .option("--out <folder>", "where model.onnx and weights.safetensors go");
    withGlobals(command).action((file: string, options: GlobalOptions & { out?: string }) =>
      run(options, async ({ options: globals, say, answer }) => {
        const config = parseConfig(trainFileSchema, readText(file), file);
        const seed = globals.seed ?? config.seed;
        const { out } = options;
        if (out !== undefined) {
          for (const name of ["model.onnx", "weights.safetensors"]) {
            if (existsSync(join(out, name))) throw new ScopeError("usage", `${join(out, name)} exists`, { hint: "give --out another folder" });
          }
        }
        using interrupt = onInterrupt();
        using view = progressView(globals.quiet);
        const store = await openStore(globals.store);
        const data = { cache: defaultCache(), onProgress: view.onData, signal: interrupt.signal };
        const images = await planData(config.data, data);
        const spec: CellSpec = {
          kind: "train",
          version: kinds.train.version,
          params: JSON.parse(
            JSON.stringify({
              model: config.model,
              data: { ...config.data, trainSize: config.data.trainSize ?? images.counts.train },
              recipe: config.recipe,
              seeds: { init: seed, head: seed, order: seed, augmentation: seed },
              head: config.head,
              evaluate: { split: "test", count: config.evaluations },
              keep: config.keep,
            }),
          ) as Json,
          inputs: config.start === undefined ? {} : { start: await store.find(config.start) },
        };
        const graph = sweepGraph([spec], { kinds });
        const rates = await measuredRates(store, graph);
        if (globals.dryRun) {
          const plan = planGraph(sweepGraph([spec], { kinds, rates }), await doneIn(store, graph), 1);
          const time = rates["train"] === undefined ? "time unknown until a run has been measured" : `about ${duration(plan.wallSeconds)}`;
          answer(plan.done === 1 ? `already done: run ${shortAddress(addressOf(spec))}` : `1 run to compute, ${time}`, plan);
          return;
        }
        requireComplete(
          await runGraph([spec], {
            kinds,
            rates,
            label: () => `train ${config.model.arch} on ${config.data.set}`,
            store,
            workers: 1,
            workerUrl,
            device: globals.device,
            signal: interrupt.signal,
            kill: interrupt.kill,
            onEvent: view.onEvent,
          }),
        );
        const cell = await store.get(addressOf(spec));
        const result = cell.result() as unknown as TrainResult;
        const written: string[] = [];
        if (out !== undefined) {
          await mkdir(out, { recursive: true });
          const { graph: network, weights } = await trainedModel(cell);
          await writeModel(network, join(out, "model.onnx"));
          await writeSafetensors(join(out, "weights.safetensors"), weights, { run: cell.address });
          written.push(join(out, "model.onnx"), join(out, "weights.safetensors"));
        }
        say("");
        const looks = cell.metrics() as unknown as TrainLook[];
        answer(
          [
            table(
              ["step", "training loss", "test loss", "test accuracy"],
              looks.map((look) => [String(look.step), look.trainLoss?.toFixed(4) ?? "", look.loss.toFixed(4), percent(look.accuracy)]),
            ),
            `run ${shortAddress(cell.address)}: ${percent(result.accuracy)} of ${result.images} test images, loss ${result.loss.toFixed(4)} nats, ${result.parameters} parameters, ${duration(Number(cell.cost()?.["seconds"] ?? 0))}`,
            ...written.map((path) => `wrote ${path}`),
          ].join("\n"),
          { run: cell.address, result, looks, written },
        );
      }),
    );
  },
};
