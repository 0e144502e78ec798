import { z } from "zod";
import { ScopeError } from "../base/error.ts";
import { dataSpecSchema } from "../data/spec.ts";
import { modelSpecSchema } from "../models/model.ts";
import { recipeSchema } from "../train/recipe.ts";

const seed = z.int().min(0).max(99_999);

const momentSchema = z.union([z.int().min(0), z.string().regex(/^\d+(\.\d+)?\s*%$/)], {
  error: 'expected a number of steps, or a share of the run such as "3%"',
});

/** The lecture's grid: scratch against scratch, fine-tuned against fine-tuned, fine-tuned against scratch. */
const gridSchema = z.strictObject({
  upstream: z
    .strictObject({
      data: dataSpecSchema.describe("what the common network is pretrained on"),
      recipe: recipeSchema.describe("how it is pretrained"),
      seed: seed.default(0).describe("seed of the pretraining run"),
    })
    .describe("the pretraining run all fine-tuned networks start from"),
  recipe: recipeSchema.describe("how the pretrained network is fine-tuned on `data`"),
  pairs: z.int().min(1).max(100).default(3).describe("pairs of networks per row"),
  rateFactors: z
    .array(z.number().positive())
    .default([1])
    .describe("factors on the fine-tuning learning rate; rows of their own for each other than 1"),
});

/** An instability analysis: when in training is it decided in which basin a network ends? */
export const instabilitySchema = z.strictObject({
  name: z.string().min(1).describe("title of the report"),
  question: z.string().optional().describe("one sentence under the title"),
  model: modelSpecSchema,
  data: dataSpecSchema.describe("what the networks are trained on"),
  recipe: recipeSchema.describe("how they are trained"),
  spawn: z
    .array(momentSchema)
    .default([0])
    .describe('moments at which children part from the parent: steps, or shares of the run ("3%")'),
  replicates: z.array(seed).min(1).default([0, 1, 2]).describe("seeds of the parent runs, one each"),
  children: z
    .int()
    .min(2)
    .max(10)
    .default(2)
    .describe("networks compared at each moment, two by two; the parent run itself is the first"),
  vary: z
    .array(z.enum(["order", "augmentation", "head"]))
    .default(["order", "augmentation"])
    .describe(
      "what differs between children: the order of images, their augmentation, or (alone) a last layer drawn anew; nothing: a control",
    ),
  threshold: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.02)
    .describe("instability below which a pair is stable, share of error (Frankle et al.: 0.02)"),
  points: z
    .int()
    .min(3)
    .max(1001)
    .default(11)
    .describe("points on the path between two networks, ends included"),
  images: z
    .strictObject({
      train: z.int().positive().optional().describe("training images looked at; default: all"),
      test: z.int().positive().optional().describe("test images looked at; default: all"),
    })
    .default({})
    .describe("images each point of a path is looked at with"),
  renormalize: z
    .enum(["auto", "never"])
    .default("auto")
    .describe("whether batch-norm statistics are estimated anew at each point of a path"),
  grid: gridSchema.optional().describe("with it, also the grid of initialisation × head × order"),
});
export type InstabilityConfig = z.infer<typeof instabilitySchema>;

/**
 * The moments of a configuration as steps of a run of `total` steps, rising, each once.
 * @throws {ScopeError} usage, for a moment after the end
 */
export function momentsOf(spawn: InstabilityConfig["spawn"], total: number): number[] {
  const steps = spawn.map((moment, i) => {
    const share = typeof moment === "string" ? Number.parseFloat(moment) / 100 : undefined;
    const k = share === undefined ? Number(moment) : Math.round(share * total);
    if (k <= total) return k;
    throw new ScopeError(
      "usage",
      `spawn[${i}]: ${String(moment)} is after the end of the run of ${total} steps`,
      {
        hint: `name steps from 0 to ${total}, or shares from 0% to 100%`,
      },
    );
  });
  return [...new Set(steps)].toSorted((a, b) => a - b);
}

/**
 * Checks what a schema cannot.
 * @throws {ScopeError} usage
 */
export function checkInstability(config: InstabilityConfig): void {
  const { replicates, vary, grid, spawn } = config;
  if (new Set(replicates).size !== replicates.length)
    throw new ScopeError("usage", "replicates: a seed is listed twice");
  if (new Set(vary).size !== vary.length) throw new ScopeError("usage", "vary: a word is listed twice");
  if (vary.includes("head") && vary.length > 1) {
    throw new ScopeError("usage", "vary: head cannot be varied together with order or augmentation", {
      hint: "children with a last layer drawn anew begin their schedule again; give head alone, in an analysis of its own",
    });
  }
  if (spawn.length === 0 && grid === undefined) {
    throw new ScopeError("usage", "spawn: no moment is named, and there is no grid: nothing to do", {
      hint: 'for example spawn: [0, "1%", "3%", "10%"]',
    });
  }
  if (grid && new Set(grid.rateFactors).size !== grid.rateFactors.length)
    throw new ScopeError("usage", "grid.rateFactors: a factor is listed twice");
}
