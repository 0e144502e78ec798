import { z } from "zod";
import { ScopeError } from "../base/error.ts";
import { dataSpecSchema } from "../data/spec.ts";
import { modelSpecSchema } from "../models/model.ts";
import { recipeSchema } from "../train/recipe.ts";

const shuffleSchema = z.union([z.literal("none"), z.literal("pixel"), z.int().positive()], {
  error: "expected none, pixel or a whole number of pixels",
});

/** A transfer study: one architecture, one upstream task, one downstream task. */
export const studySchema = z.strictObject({
  name: z.string().min(1).describe("title of the report"),
  question: z.string().optional().describe("one sentence under the title"),
  model: modelSpecSchema,
  upstream: z.strictObject({
    data: dataSpecSchema.describe("what the network is pretrained on"),
    recipe: recipeSchema.describe("how it is pretrained"),
    seed: z.int().min(0).default(0).describe("seed of the pretraining run"),
  }),
  downstream: z.strictObject({
    data: dataSpecSchema.describe("what it is fine-tuned on; never shuffled here: see shuffles"),
    recipe: recipeSchema.describe("how both arms are trained; the learning rate is tuned over learningRates"),
  }),
  learningRates: z
    .array(z.number().positive())
    .min(1)
    .describe("the grid both arms are tuned over, each on validation images"),
  tuneEach: z
    .boolean()
    .default(true)
    .describe("tune at every shuffle (true) or once on intact images (false)"),
  validation: z
    .int()
    .positive()
    .default(400)
    .describe("validation images per tuning run, held out of the training split"),
  shuffles: z
    .array(shuffleSchema)
    .min(1)
    .default(["none", 16, 8, 4, 2, "pixel"])
    .describe("block sizes in pixels; none: intact; pixel: every number moves"),
  seeds: z
    .array(z.int().min(0))
    .min(1)
    .default([0, 1, 2])
    .describe("one run of each arm per seed (initialisation, order, subset, shuffle)"),
  evaluations: z.int().min(2).default(20).describe("looks at the test set along training"),
  curveImages: z
    .int()
    .positive()
    .optional()
    .describe("test images for the looks along the way (the last uses all)"),
});
export type StudyConfig = z.infer<typeof studySchema>;
export type Shuffle = z.infer<typeof shuffleSchema>;

/**
 * Checks what a schema cannot: block sizes must divide the image, seeds must differ, sizes must be known.
 * @throws {ScopeError} usage
 */
export function checkStudy(
  config: StudyConfig,
  image: { readonly height: number; readonly width: number },
): void {
  const { height, width } = image;
  for (const shuffle of config.shuffles) {
    if (typeof shuffle !== "number") continue;
    if (height % shuffle === 0 && width % shuffle === 0) continue;
    const fits = Array.from({ length: Math.min(height, width) }, (_, i) => i + 1).filter(
      (b) => height % b === 0 && width % b === 0,
    );
    throw new ScopeError(
      "usage",
      `shuffles: blocks of ${shuffle} pixels do not divide an image of ${height}×${width}`,
      {
        hint: `sizes that do: ${fits.join(", ")}`,
      },
    );
  }
  if (new Set(config.shuffles).size !== config.shuffles.length)
    throw new ScopeError("usage", "shuffles: a block size is listed twice");
  if (new Set(config.seeds).size !== config.seeds.length)
    throw new ScopeError("usage", "seeds: a seed is listed twice");
  if (config.downstream.data.shuffle !== undefined) {
    throw new ScopeError("usage", "downstream.data.shuffle: the study shuffles by itself", {
      hint: "list the block sizes under shuffles",
    });
  }
}
