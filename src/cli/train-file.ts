import { z } from "zod";
import { dataSpecSchema } from "../data/spec.ts";
import { modelSpecSchema } from "../models/model.ts";
import { recipeSchema } from "../train/recipe.ts";

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
export type TrainFile = z.output<typeof trainFileSchema>;
