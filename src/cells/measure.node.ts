import { Batcher } from "../data/batch.ts";
import type { LoadedData } from "../data/types.ts";
import { buildModel, type ModelSpec } from "../models/model.ts";
import type { ModelIo } from "../models/types.ts";
import { openRuntime } from "../runtime/ort.node.ts";
import type { Device } from "../runtime/session.ts";
import { openTrainer } from "../train/trainer.ts";
import type { Recipe } from "../train/recipe.ts";
import { trainableRoles } from "./kinds/train.node.ts";

/** Steps that are timed, after as many that are not: the first ones include loading and warming up. */
const trialSteps = 5;

/** What a few training steps took here. */
export interface Trial {
  /** Seconds for each image trained on. */
  readonly secondsPerImage: number;
  /** Memory of a process that does this, bytes, without its data. */
  readonly bytes: number;
}

/** Measures training on this machine by a few steps on grey images. For estimates, not for results. */
export async function measureTraining(
  spec: ModelSpec,
  recipe: Recipe,
  io: ModelIo,
  device: string,
): Promise<Trial> {
  const count = recipe.batch;
  const size = io.channels * io.height * io.width;
  const blank = {
    count,
    images: new Uint8Array(count * size).fill(128),
    labels: Int32Array.from({ length: count }, (_, i) => i % io.classes),
  };
  const data: LoadedData = {
    ...io,
    classes: Array.from({ length: io.classes }, (_, k) => String(k)),
    train: blank,
    validation: blank,
    test: blank,
    mean: [],
    std: [],
    normaliser: { scale: new Float32Array(size).fill(1 / 255), offset: new Float32Array(size) },
    shuffled: false,
    fingerprint: "",
  };
  const model = buildModel(spec, io);
  const source = new Batcher(data, blank, { batch: count, orderSeed: 0 });
  const trainer = await openTrainer(
    await openRuntime(device as Device),
    model.graph,
    trainableRoles(model.parameters, [], {}),
    { ...recipe, learningRate: 1e-6 },
    100,
    source,
  );
  const warm = await trainer.advance(trainer.start(), trialSteps, () => undefined);
  const begun = performance.now();
  await trainer.advance(warm, 2 * trialSteps, () => undefined);
  const secondsPerImage = (performance.now() - begun) / 1000 / trialSteps / count;
  const bytes = process.memoryUsage().rss;
  await trainer.release();
  return { secondsPerImage, bytes };
}
