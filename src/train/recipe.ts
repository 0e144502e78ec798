import { z } from "zod";

/** How the learning rate moves over a run of T steps. Values are factors on the recipe's learning rate. */
export const scheduleSchema = z
  .discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("constant"),
      warmup: z.int().min(0).default(0).describe("steps of linear warm-up"),
    }),
    z.strictObject({
      kind: z.literal("cosine"),
      warmup: z.int().min(0).default(0).describe("steps of linear warm-up"),
    }),
    z.strictObject({
      kind: z.literal("linear"),
      warmup: z.int().min(0).default(0).describe("steps of linear warm-up"),
    }),
    z.strictObject({
      kind: z.literal("step"),
      milestones: z.array(z.number().gt(0).lt(1)).describe("shares of the run at which the rate drops"),
      factor: z.number().gt(0).lt(1).default(0.1).describe("factor at each drop"),
      warmup: z.int().min(0).default(0).describe("steps of linear warm-up"),
    }),
  ])
  .describe("learning-rate schedule");

/** How a network is trained: everything but the network, the data and the seeds. */
export const recipeSchema = z
  .strictObject({
    optimizer: z.enum(["sgd", "adamw"]).default("sgd").describe("update rule"),
    learningRate: z.number().positive().default(0.02).describe("peak learning rate"),
    schedule: scheduleSchema.default({ kind: "cosine", warmup: 0 }),
    steps: z.int().positive().optional().describe("optimisation steps; give steps or epochs"),
    epochs: z
      .number()
      .positive()
      .optional()
      .describe("passes over the training images; give steps or epochs"),
    batch: z.int().positive().default(32).describe("images a step (multiples of 16 run fastest)"),
    momentum: z.number().min(0).lt(1).default(0.9).describe("momentum of SGD"),
    nesterov: z.boolean().default(false).describe("Nesterov's momentum"),
    beta1: z.number().min(0).lt(1).default(0.9).describe("decay of Adam's first moment"),
    beta2: z.number().min(0).lt(1).default(0.999).describe("decay of Adam's second moment"),
    epsilon: z.number().positive().default(1e-8).describe("Adam's guard against division by zero"),
    weightDecay: z.number().min(0).default(1e-4).describe("weight decay (not applied to biases and scales)"),
    clipNorm: z.number().positive().optional().describe("largest l2 norm of the gradient"),
    loss: z
      .enum(["softmax-cross-entropy", "binary-cross-entropy", "mean-squared-error"])
      .default("softmax-cross-entropy"),
    labelSmoothing: z.number().min(0).lt(1).default(0).describe("share of the label spread over all classes"),
    l2sp: z
      .strictObject({ alpha: z.number().min(0).default(0.1), beta: z.number().min(0).default(0.01) })
      .optional()
      .describe("L2-SP: pull towards the starting point (alpha) and of the head towards zero (beta)"),
    augment: z
      .strictObject({
        crop: z
          .int()
          .min(0)
          .default(0)
          .describe("padding in pixels before a random crop back to size; 0: none"),
        flip: z.boolean().default(false).describe("mirror left-right with probability one half"),
        mixup: z.number().min(0).default(0).describe("α of the Beta distribution; 0: no mixup"),
      })
      .default({ crop: 0, flip: false, mixup: 0 })
      .describe("training-time changes of the images"),
    freeze: z
      .array(z.string())
      .default([])
      .describe("modules (or their beginnings) that keep their values, e.g. stage1"),
    rates: z
      .record(z.string(), z.number().min(0))
      .default({})
      .describe("factor on the learning rate by module"),
  })
  .refine(({ steps, epochs }) => steps === undefined || epochs === undefined, {
    error: "give steps or epochs, not both",
    path: ["epochs"],
  });

export type Recipe = z.infer<typeof recipeSchema>;
export type Schedule = z.infer<typeof scheduleSchema>;

/**
 * Learning-rate factor at step t = 0 … T−1: linear warm-up to 1 over the first `warmup` steps, then the schedule over
 * the rest; cosine is (1 + cos(π u))/2 with u from 0 to 1 (Loshchilov and Hutter 2017, arXiv:1608.03983, equation 5), linear is 1 − u.
 */
export function rateFactor(schedule: Schedule, t: number, total: number): number {
  if (t < schedule.warmup) return (t + 1) / schedule.warmup;
  const u = (t - schedule.warmup) / Math.max(1, total - schedule.warmup);
  switch (schedule.kind) {
    case "constant":
      return 1;
    case "cosine":
      return 0.5 * (1 + Math.cos(Math.PI * u));
    case "linear":
      return 1 - u;
    case "step":
      return schedule.factor ** schedule.milestones.filter((share) => u >= share).length;
  }
}

/** Steps of a recipe on `images` training images: its own count, or its epochs of ⌊images/batch⌋ steps (at least one). */
export function totalSteps(recipe: Recipe, images: number): number {
  if (recipe.steps !== undefined) return recipe.steps;
  return Math.max(1, Math.round((recipe.epochs ?? 1) * Math.max(1, Math.floor(images / recipe.batch))));
}

/**
 * The steps (counted as updates done) after which the test set is looked at: `count` of them, dense at first and sparser
 * later, because early training is where pretrained and random networks differ most. Always ends with `total`.
 */
export function evaluationSteps(total: number, count: number): number[] {
  const points = new Set<number>([total]);
  for (let i = 1; i < count; i++) points.add(Math.max(1, Math.round(total * (i / count) ** 2)));
  return [...points].toSorted((a, b) => a - b);
}
