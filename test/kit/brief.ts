import { stream } from "../../src/base/random.ts";
import type { Graph } from "../../src/graph/graph.ts";
import type { ModelIo, ParameterInfo } from "../../src/models/types.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import type { ImageSource } from "../../src/train/evaluate.ts";
import { recipeSchema } from "../../src/train/recipe.ts";
import { openTrainer } from "../../src/train/trainer.ts";
import { runtime } from "./ort.ts";

/** A task that is learned in a few steps: class k has a bright patch at its own place, in noise. */
export interface Batched {
  readonly images: ImageSource;
  readonly io: ModelIo;
}

export function patchTask(io: ModelIo, count: number, seed = 1): Batched {
  const { channels, height, width, classes } = io;
  const size = channels * height * width;
  const random = stream(seed, "noise");
  const data = Float32Array.from({ length: count * size }, () => random.normal());
  const labels = Int32Array.from({ length: count }, () => random.below(classes));
  labels.forEach((label, i) => {
    const top = Math.floor((label * height) / classes);
    for (let y = top; y < top + Math.floor(height / classes); y++) {
      for (let x = 0; x < width / 2; x++) data[i * size + y * width + x]! += 1;
    }
  });
  return {
    io,
    images: {
      count,
      labels,
      fill: (into, from, some) => into.set(data.subarray(from * size, (from + some) * size)),
    },
  };
}

/** Trains for a few steps of Adam on batches of 32 and returns all weights. */
export async function trainBriefly(
  graph: Graph,
  parameters: readonly ParameterInfo[],
  { images, io }: Batched,
  steps: number,
  seed = 1,
): Promise<Map<string, Tensor>> {
  const recipe = recipeSchema.parse({ optimizer: "adamw", learningRate: 0.003, steps, batch: 32 });
  const roles = parameters
    .filter((info) => info.role === "trainable")
    .map((info) => ({ name: info.name, decays: info.decay, rateScale: info.lrScale, head: info.head }));
  const size = io.channels * io.height * io.width;
  const one = new Float32Array(size);
  const trainer = await openTrainer(await runtime(), graph, roles, recipe, steps, {
    fill(t, into, targets) {
      const random = stream(seed, "order", t);
      targets.fill(0);
      for (let row = 0; row < recipe.batch; row++) {
        const index = random.below(images.count);
        images.fill(one, index, 1);
        into.set(one, row * size);
        targets[row * io.classes + images.labels[index]!] = 1;
      }
    },
  });
  const state = await trainer.advance(trainer.start(), steps, () => undefined);
  const weights = trainer.weights(state);
  await trainer.release();
  return weights;
}
