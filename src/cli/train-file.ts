import { z } from "zod";
import { dataSpecSchema } from "../data/spec.ts";
import { trainModelSchema } from "../cells/train-params.ts";
import { recipeSchema } from "../train/recipe.ts";

/** A single training run as a user writes it. */
export const trainFileSchema = z.strictObject({
  model: trainModelSchema,
  data: dataSpecSchema,
  recipe: recipeSchema,
  seed: z.int().min(0).default(0).describe("seed of initialisation, head, order and augmentation"),
  start: z
    .string()
    .min(1)
    .optional()
    .describe("network to start from: address (or its beginning) of a stored one, or an .onnx file"),
  head: z
    .enum(["new", "kept"])
    .default("new")
    .describe("whether the starting network's last layer is kept, or drawn anew for these classes"),
  evaluations: z.int().min(1).default(10).describe("looks at the test set along training"),
  keep: z.array(z.number().min(0)).default([]).describe("epochs whose weights are kept"),
});
export type TrainFile = z.output<typeof trainFileSchema>;
