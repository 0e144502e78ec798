import { z } from "zod";
import type { Json } from "../../base/canonical.ts";
import { Batcher } from "../../data/batch.ts";
import { dataSpecSchema } from "../../data/spec.ts";
import { type BezierState, startBezier, trainBezier } from "../../landscape/bezier.ts";
import { openRuntime } from "../../runtime/ort.node.ts";
import type { Device } from "../../runtime/session.ts";
import { addressOf } from "../../store/spec.ts";
import type { CellContext, CellKind } from "../../sweep/kind.ts";
import { openGradient } from "../../train/gradient.ts";
import { recipeSchema, scheduleSchema } from "../../train/recipe.ts";
import { familyOf, imagesOf } from "../inputs.node.ts";
import { graphWith, writeNetwork } from "../network.node.ts";
import { ProgressFile } from "../progress-file.node.ts";
import { multiplyAddsPerSecond, usualMultiplyAdds } from "../speed.ts";

/** Parameters of a cell that trains a curve between two networks (inputs a and b). */
export const curveParams = z.strictObject({
  data: dataSpecSchema,
  /** Of the positions on the curve, and the order and augmentation of the images. */
  seed: z.int(),
  steps: z.int().positive().default(500),
  batch: z.int().positive().default(64),
  learningRate: z.number().positive().default(0.02),
  momentum: z.number().min(0).lt(1).default(0.9),
  weightDecay: z.number().min(0).default(0),
  schedule: scheduleSchema.default({ kind: "cosine", warmup: 0 }),
  augment: recipeSchema.shape.augment,
  /** Multiply–adds of the network for one image: only for estimates of time. */
  multiplyAdds: z.number().positive().optional(),
});
export type CurveParams = z.infer<typeof curveParams>;

/** What a curve cell gives besides its control point, which is a network in `model.onnx`. */
export interface CurveResult {
  readonly steps: number;
  /** Mean loss of the last batches, at random places of the curve; nats per image. */
  readonly loss: number;
}

/** Updates between two looks at the clock. */
const stride = 20;
/** Batches the reported loss is the mean of. */
const reported = 50;

/**
 * Trains the control point of a quadratic Bézier curve between two networks (Garipov et al. 2018), so that the loss stays
 * low along it. Leaves the control point as a network; its batch-norm statistics are the mean of the ends', and have to
 * be estimated anew at every point of the curve.
 */
export const curveCell: CellKind = {
  kind: "curve",
  version: 1,
  estimate(raw) {
    const { steps, batch, multiplyAdds = usualMultiplyAdds } = curveParams.parse(raw);
    return { seconds: 1 + (steps * batch * 3 * multiplyAdds) / multiplyAddsPerSecond };
  },
  run,
};

interface Reached {
  readonly [key: string]: Json;
  readonly step: number;
  /** Sum of the last batches' losses so far, and their number. */
  readonly sum: number;
  readonly count: number;
}

async function run(context: CellContext): Promise<Json> {
  const params = curveParams.parse(context.params);
  const { steps, seed, batch, data: spec } = params;
  const data = await imagesOf(spec, context);
  const family = await familyOf(context, ["a", "b"], { images: data, set: spec.set });
  const [a, b] = family.vectors as [Float32Array, Float32Array];
  const like = family.networks[0]!;
  const runtime = await openRuntime(context.device as Device);
  const gradient = await openGradient(runtime, family.graph, like.parameters, batch);
  const batches = new Batcher(data, data.train, {
    batch,
    orderSeed: seed,
    augmentationSeed: seed,
    augment: params.augment,
  });

  const file = new ProgressFile<Reached>(context);
  const before = context.resumed ? await file.read() : undefined;
  let state: BezierState =
    before === undefined
      ? startBezier(a, b, gradient.layout.size)
      : { step: before.state.step, c: before.vectors["c"]!, velocity: before.vectors["velocity"]! };
  let { sum, count } = before?.state ?? { sum: 0, count: 0 };
  const reach = () => ({
    state: { step: state.step, sum, count },
    vectors: { c: state.c, velocity: state.velocity },
  });
  try {
    while (state.step < steps) {
      // Counted apart, so that what is saved belongs to the state even when the next stretch is stopped.
      const next = { sum, count };
      state = await trainBezier(
        gradient,
        a,
        b,
        batches,
        {
          ...params,
          until: Math.min(steps, state.step + stride),
          each(step, loss) {
            context.progress({ done: step, total: steps, unit: "steps" });
            if (step <= steps - reported) return;
            next.sum += loss;
            next.count++;
          },
        },
        context.signal,
        state,
      );
      ({ sum, count } = next);
      if (state.step < steps) await file.writeSometimes(reach);
    }
  } catch (error) {
    // What cannot be kept now costs time, not the result.
    if (context.signal.aborted) await file.write(reach()).catch(() => undefined);
    throw error;
  } finally {
    await gradient.release();
  }
  await writeNetwork(context.dir, like, graphWith(like, state.c), {
    "transferscope.curve": JSON.stringify({ cell: addressOf(context.spec), steps }),
  });
  const result: CurveResult = { steps, loss: sum / count };
  return { ...result };
}
