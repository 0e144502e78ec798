import { z } from "zod";
import type { Json } from "../../base/canonical.ts";
import { imageSource } from "../../data/batch.ts";
import { dataSpecSchema } from "../../data/spec.ts";
import type { Split } from "../../data/types.ts";
import { openRuntime } from "../../runtime/ort.node.ts";
import type { Device } from "../../runtime/session.ts";
import { quality } from "../../soup/quality.ts";
import type { CellContext, CellKind } from "../../sweep/kind.ts";
import { openEvaluator } from "../../train/evaluate.ts";
import { heldOutData } from "../held-out.node.ts";
import { familyOf } from "../inputs.node.ts";
import { writeLogits } from "../logits.node.ts";
import { someImages } from "../some-images.ts";
import { multiplyAddsPerSecond, usualMultiplyAdds } from "../speed.ts";

/** Held-out and test images that averages and their members are judged on. */
export const judgeParams = z.strictObject({
  data: dataSpecSchema,
  /** Images held out of the training split: see `heldOutData`. */
  heldOut: z.strictObject({ images: z.int().positive(), seed: z.int().min(0) }),
  test: z.strictObject({
    /** Test images, spread evenly over the split; absent: all. */
    images: z.int().positive().optional(),
  }),
});

/** Parameters of a cell that keeps what a network says of every image. */
export const logitsParams = judgeParams.extend({
  /** Multiply–adds of the network for one image: only for estimates of time. */
  multiplyAdds: z.number().positive().optional(),
});
export type LogitsParams = z.infer<typeof logitsParams>;

/** Score of a network on some images. */
export interface JudgedScore {
  readonly images: number;
  /** Nats per image. */
  readonly loss: number;
  readonly accuracy: number;
}

/** What a logits cell gives as its result; the logits are in its file. */
export interface LogitsResult {
  readonly heldOut: JudgedScore;
  readonly test: JudgedScore;
}

/** Runs a network on held-out and test images and keeps its logits: members of ensembles, candidates of soups. */
export const logitsCell: CellKind = {
  kind: "logits",
  version: 1,
  estimate(raw) {
    const { heldOut, test, data, multiplyAdds = usualMultiplyAdds } = logitsParams.parse(raw);
    const images = heldOut.images + (test.images ?? data.testSize ?? 10_000);
    return { seconds: 0.5 + (images * multiplyAdds) / multiplyAddsPerSecond };
  },
  run,
};

async function run(context: CellContext): Promise<Json> {
  const params = logitsParams.parse(context.params);
  const { data, heldOut } = await heldOutData(params.data, params.heldOut, context);
  const family = await familyOf(context, ["n0"], { images: data, set: params.data.set });
  const test = someImages(data.test, params.test.images);
  const runtime = await openRuntime(context.device as Device);
  const evaluator = await openEvaluator(runtime, family.graph, family.names, 64);
  const { classes } = evaluator;
  const total = heldOut.count + test.count;
  const look = async (split: Split, before: number) => {
    const logits = await evaluator.logits(family.vectors[0]!, imageSource(split, data), context.signal);
    context.progress({ done: before + split.count, total, unit: "images" });
    const { loss, accuracy } = quality(logits, split.labels, classes);
    return {
      logits,
      labels: split.labels,
      score: { images: split.count, loss: loss.value, accuracy: accuracy.value },
    };
  };
  try {
    const found = { heldOut: await look(heldOut, 0), test: await look(test, heldOut.count) };
    await writeLogits(context.dir, found, classes);
    const result: LogitsResult = { heldOut: found.heldOut.score, test: found.test.score };
    return JSON.parse(JSON.stringify(result)) as Json;
  } finally {
    await evaluator.release();
  }
}
