import { ScopeError } from "../base/error.ts";
import type { ImageSource } from "../train/evaluate.ts";
import type { BlockScores, OpenModule } from "./module-run.ts";
import type { DrawLook } from "./sampling.ts";
import type { ModuleScale } from "./scale.ts";

/** The final network on the images that draws are compared on. */
export interface FinalScores {
  /** Images looked at: whole blocks. */
  readonly images: number;
  readonly errors: number;
  /** Nats per image; not a number where one image's is not. */
  readonly loss: number;
}

/** A module ready to be sampled: see `sampleMap`. */
export interface ModuleLook extends DrawLook {
  readonly final: FinalScores;
}

export interface LookOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called after each block of the first look at the final network. */
  readonly progress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Looks at an opened module in draws: draw s is the noise vector z_s on block s of the images (beyond the last block they
 * begin anew, with new noise). The final network is looked at once on all whole blocks, by the same sessions, so that an
 * unchanged module has an excess of exactly 0.
 *
 * @param final the module's final weights [p]
 * @param images in random order; those beyond the last whole block are left out, so that every draw weighs the same
 * @throws {ScopeError} data, when there are fewer images than a block, or the final network's loss is not a number
 */
export async function lookAtModule(
  open: OpenModule,
  scale: ModuleScale,
  final: Float32Array,
  images: ImageSource,
  { signal, progress }: LookOptions = {},
): Promise<ModuleLook> {
  const { size } = open;
  const blocks = Math.floor(images.count / size);
  if (blocks === 0)
    throw new ScopeError("data", `a block needs ${size} images, there are ${images.count}`, {
      hint: "use smaller blocks",
    });
  const into: BlockScores = { losses: new Float32Array(size), correct: new Uint8Array(size) };
  const errors = new Int32Array(blocks);
  const losses = new Float64Array(blocks);
  for (let b = 0; b < blocks; b++) {
    await open.run(await open.block(images, b * size, size, signal), final, into, signal);
    [errors[b], losses[b]] = sums(into);
    progress?.((b + 1) * size, blocks * size);
  }
  const loss = losses.reduce((sum, one) => sum + one, 0) / (blocks * size);
  if (!Number.isFinite(loss))
    throw new ScopeError("data", "the final network gives logits that are not numbers on these images", {
      hint: "its training diverged, or the images are not what it was trained on",
    });

  const z = new Float32Array(open.layout.size);
  let drawn = -1;
  return {
    final: { images: blocks * size, errors: errors.reduce((sum, one) => sum + one, 0), loss },
    async look(draw, places) {
      const b = draw % blocks;
      if (drawn !== draw && places.some(({ ratio }) => ratio > 0)) {
        scale.draw(z, draw);
        drawn = draw;
      }
      const block = await open.block(images, b * size, size, signal);
      const excess = new Float32Array(places.length);
      const lossExcess = new Float32Array(places.length);
      for (const [p, place] of places.entries()) {
        scale.place(place, z, open.weights);
        await open.run(block, open.weights, into, signal);
        const [wrong, loss] = sums(into);
        excess[p] = (wrong - errors[b]!) / size;
        lossExcess[p] = (loss - losses[b]!) / size;
      }
      return { excess, lossExcess };
    },
  };
}

/** Wrong predictions and summed loss of a block. */
function sums({ losses, correct }: BlockScores): [wrong: number, loss: number] {
  let [wrong, loss] = [0, 0];
  for (let i = 0; i < correct.length; i++) {
    if (correct[i] === 0) wrong++;
    loss += losses[i]!;
  }
  return [wrong, loss];
}
