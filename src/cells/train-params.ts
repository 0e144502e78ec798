import { z } from "zod";
import { dataSpecSchema } from "../data/spec.ts";
import { modelSpecSchema } from "../models/model.ts";
import { recipeSchema } from "../train/recipe.ts";

/** A network that is not one of ours: that of the cell the run starts from. */
export const givenModelSchema = z
  .strictObject({ arch: z.literal("given") })
  .describe(
    "the network of start: a model.onnx, or any stored network; its head is replaced unless head: kept",
  );

/** The network of a training run: one of ours, or a given one. */
export const trainModelSchema = z
  .discriminatedUnion("arch", [...modelSpecSchema.options, givenModelSchema])
  .describe("the network");
export type TrainModel = z.output<typeof trainModelSchema>;

/** Parameters of a training cell: all that decides its bits, besides the input cell it may start from. */
export const trainParams = z.strictObject({
  model: trainModelSchema,
  data: dataSpecSchema,
  recipe: recipeSchema,
  seeds: z.strictObject({ init: z.int(), head: z.int(), order: z.int(), augmentation: z.int() }),
  /** Whether a head of the starting network is kept (same classes) or drawn anew. Only with an input cell `start`. */
  head: z.enum(["new", "kept"]).default("new"),
  evaluate: z.strictObject({
    split: z.enum(["test", "validation"]),
    /** Number of looks along training; the start and the end are always looked at. */
    count: z.int().min(1),
    /** Images for the looks along the way; all of the split for the last. */
    images: z.int().positive().optional(),
  }),
  /**
   * Updates of the whole schedule after which the cell ends, leaving `state.safetensors` for others to go on from (input
   * `state`). Absent: the whole schedule, and no such file.
   */
  until: z.int().min(0).optional(),
  /** Epochs whose weights are kept, besides the last. */
  keep: z.array(z.number().min(0)).default([]),
  /** A loss that is not a number: the cell fails, or (while choosing a learning rate) that is its result. */
  divergence: z.enum(["fail", "record"]).default("fail"),
});
export type TrainParams = z.infer<typeof trainParams>;
