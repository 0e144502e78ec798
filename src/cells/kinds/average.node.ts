import { z } from "zod";
import type { Json } from "../../base/canonical.ts";
import { ScopeError } from "../../base/error.ts";
import { imageSource } from "../../data/batch.ts";
import { openRenormalizer, type Renormalizer } from "../../repair/renormalize.ts";
import { openRuntime } from "../../runtime/ort.node.ts";
import type { Device } from "../../runtime/session.ts";
import { describeRecipe, type SoupRecipe } from "../../soup/recipe.ts";
import { quality } from "../../soup/quality.ts";
import type { CellContext, CellKind } from "../../sweep/kind.ts";
import { openEvaluator } from "../../train/evaluate.ts";
import { average, type Averaged, type Kitchen } from "../average.node.ts";
import { type HeldOutData, heldOutData, type Seen, seenBy } from "../held-out.node.ts";
import { type Family, familyOf, statisticsImages } from "../inputs.node.ts";
import { type JudgedSplits, readLogits, writeLogits } from "../logits.node.ts";
import { keptNetworks, graphWith, writeNetwork } from "../network.node.ts";
import { sameArchitecture } from "../same-architecture.ts";
import { someImages } from "../some-images.ts";
import { judgeParams, type JudgedScore } from "./logits.node.ts";
import { multiplyAddsPerSecond, usualMultiplyAdds } from "../speed.ts";

/**
 * Parameters of a cell that averages networks: inputs m0, m1, … and, where given, l0, l1, …: cells of kind logits of the
 * same networks and images, whose scores then need not be computed again.
 */
export const averageParams = judgeParams.extend({
  /** swa, ema: over the weights that one run (input m0) kept. fixed: a given mixture (WiSE-FT: 1 − α and α). */
  method: z.enum(["uniform", "fixed", "greedy", "learned", "swa", "ema"]),
  /** fixed: c_i of Σ c_i θ_i. */
  coefficients: z.array(z.number()).min(1).optional(),
  /** greedy: ">=" takes a network in that changes nothing. Default: ">=". */
  accept: z.enum([">=", ">"]).optional(),
  learned: z
    .strictObject({
      /** Shares by module, or the same for all. */
      perModule: z.boolean().default(false),
      epochs: z.number().positive().default(5),
      learningRate: z.number().positive().default(0.05),
      batch: z.int().positive().default(64),
      seed: z.int().default(0),
    })
    .optional(),
  /** swa, ema: the first step that counts. Default: 0. */
  from: z.int().min(0).optional(),
  /** ema: from one kept moment to the next. Default: 0.9. */
  decay: z.number().min(0).lt(1).optional(),
  /** Training images and batch that batch-norm statistics of an average are estimated anew from; null: they are not. */
  renormalize: z.strictObject({ images: z.int().positive(), batch: z.int().positive() }).nullable(),
  /** Multiply–adds of the network for one image: only for estimates of time. */
  multiplyAdds: z.number().positive().optional(),
  /** Number of inputs m0, m1, …: only for estimates of time. */
  count: z.int().positive().optional(),
});
export type AverageParams = z.infer<typeof averageParams>;

/** What an average cell gives; the network is in `model.onnx`, its logits in `logits.safetensors`. */
export interface AverageResult extends Omit<Averaged, "weights"> {
  readonly method: AverageParams["method"];
  readonly heldOut: JudgedScore & {
    /** Whether the members were trained on the held-out images. */
    readonly seen: Seen;
  };
  readonly test: JudgedScore;
  readonly statistics: "re-estimated" | "averaged" | "none";
  /** Steps of the moments averaged over, for swa and ema. */
  readonly steps?: readonly number[];
}

/** Averages networks and judges the average on held-out and test images. */
export const averageCell: CellKind = {
  kind: "average",
  version: 1,
  estimate(raw) {
    const params = averageParams.parse(raw);
    const {
      method,
      learned,
      heldOut,
      test,
      data,
      renormalize,
      multiplyAdds = usualMultiplyAdds,
      count = 1,
    } = params;
    const judged = heldOut.images + (test.images ?? data.testSize ?? 10_000);
    const estimated = 2 * (renormalize?.images ?? 0);
    const worked =
      method === "greedy"
        ? count * (heldOut.images + estimated)
        : method === "learned"
          ? 3 * (learned?.epochs ?? 5) * heldOut.images + estimated
          : estimated;
    return { seconds: 1 + ((judged + worked) * multiplyAdds) / multiplyAddsPerSecond };
  },
  run,
};

async function run(context: CellContext): Promise<Json> {
  const params = averageParams.parse(context.params);
  const count = Object.keys(context.spec.inputs).filter((name) => /^m\d+$/.test(name)).length;
  const judged = await heldOutData(params.data, params.heldOut, context);
  const runtime = await openRuntime(context.device as Device);
  const { family, steps } = await membersOf(context, params, count, judged);
  const { graph, names } = family;
  const like = family.networks[0]!;
  const { renormalize } = params;
  const statistics =
    renormalize === null ? undefined : statisticsImages(judged.data, renormalize, params.data.set);
  const renormalizer =
    statistics === undefined ? undefined : await openRenormalizer(runtime, graph, names, statistics.batch);
  const evaluator = await openEvaluator(runtime, graph, names, 64);
  const source = imageSource(judged.heldOut, judged.data);
  const kitchen: Kitchen = {
    context,
    runtime,
    family,
    heldOut: source,
    finish:
      statistics !== undefined && renormalizer?.needed
        ? (weights) => renormalizer.estimate(weights, statistics.source, context.signal)
        : undefined,
    score: async (weights) => (await evaluator.evaluate(weights, source, context.signal)).accuracy,
    alone: await scoresOf(context, params, count, judged),
  };
  try {
    const { weights, ...found } = await average(params, kitchen);
    const test = someImages(judged.data.test, params.test.images);
    const look = async (split: typeof test) => ({
      logits: await evaluator.logits(weights, imageSource(split, judged.data), context.signal),
      labels: split.labels,
    });
    const said: JudgedSplits = { heldOut: await look(judged.heldOut), test: await look(test) };
    await writeLogits(context.dir, said, evaluator.classes);
    const scoreOf = ({ logits, labels }: JudgedSplits["test"]): JudgedScore => {
      const { loss, accuracy } = quality(logits, labels, evaluator.classes);
      return { images: labels.length, loss: loss.value, accuracy: accuracy.value };
    };
    const result: AverageResult = {
      ...found,
      method: params.method,
      heldOut: { ...scoreOf(said.heldOut), seen: seenBy(family.networks, params.data, judged.unseen) },
      test: scoreOf(said.test),
      statistics: statisticsOf(like.statistics, renormalizer),
      ...(steps === undefined ? {} : { steps }),
    };
    await writeNetwork(
      context.dir,
      like,
      graphWith(like, weights),
      describeRecipe(recipeOf(context, params, family, result)),
    );
    return JSON.parse(JSON.stringify(result)) as Json;
  } finally {
    await evaluator.release();
    await renormalizer?.release();
  }
}

function statisticsOf(
  statistics: readonly string[],
  renormalizer: Renormalizer | undefined,
): AverageResult["statistics"] {
  if (statistics.length === 0) return "none";
  return renormalizer?.needed === true ? "re-estimated" : "averaged";
}

/** The networks to average: the inputs, or the moments of the one input's training. */
async function membersOf(
  context: CellContext,
  { method, coefficients, from = 0, data: { set } }: AverageParams,
  count: number,
  { data }: HeldOutData,
): Promise<{ readonly family: Family; readonly steps?: readonly number[] }> {
  const inputs = Array.from({ length: count }, (_, i) => `m${i}`);
  if (count === 0) throw new ScopeError("usage", "there is no network to average");
  const family = await familyOf(context, inputs, { images: data, set });
  if (method === "fixed" && coefficients?.length !== count) {
    throw new ScopeError(
      "usage",
      `an average of ${count} networks needs as many coefficients, got ${coefficients?.length ?? 0}`,
    );
  }
  if (method !== "swa" && method !== "ema") return { family };
  if (count !== 1) {
    throw new ScopeError("usage", `${method} averages over the training of one run, got ${count}`, {
      hint: "name one run, or use the method uniform",
    });
  }
  const kept = (await keptNetworks(context.input("m0"))).filter(({ step }) => step >= from);
  if (kept.length === 0) {
    throw new ScopeError("usage", `the run kept no weights from step ${from} on`, {
      hint: "begin earlier, or train with keep: the epochs whose weights to keep",
    });
  }
  sameArchitecture(kept);
  return {
    family: { ...family, networks: kept, vectors: kept.map((network) => network.vector()) },
    steps: kept.map(({ step }) => step),
  };
}

/**
 * Held-out accuracies of the members by their logits cells, where there are such.
 * @throws {ScopeError} usage, when such a cell is of other images
 */
async function scoresOf(
  context: CellContext,
  params: AverageParams,
  count: number,
  { heldOut }: HeldOutData,
): Promise<readonly (number | undefined)[]> {
  const scores: (number | undefined)[] = [];
  for (let i = 0; i < count; i++) {
    if (context.spec.inputs[`l${i}`] === undefined) {
      scores.push(undefined);
      continue;
    }
    const cell = context.input(`l${i}`);
    const { heldOut: said, classes } = await readLogits(cell);
    const same =
      cell.spec.inputs["n0"] === context.spec.inputs[`m${i}`] &&
      said.labels.length === heldOut.count &&
      said.labels.every((label, row) => label === heldOut.labels[row]);
    if (!same)
      throw new ScopeError(
        "usage",
        `input l${i} holds the logits of another network than m${i}, or of other images`,
      );
    scores.push(quality(said.logits, said.labels, classes).accuracy.value);
  }
  return scores;
}

function recipeOf(
  context: CellContext,
  params: AverageParams,
  { networks }: Family,
  result: AverageResult,
): SoupRecipe {
  const { method, accept, from, decay, learned } = params;
  const moments = result.steps !== undefined;
  const settings = { accept, from, decay, ...learned };
  return {
    schema: 1,
    method,
    members: networks.map(({ title }, i) => ({
      name: title,
      cell: context.spec.inputs[moments ? "m0" : `m${i}`]!,
      ...(result.coefficients === undefined ? {} : { coefficient: result.coefficients[i]! }),
      ...(result.alone?.[i] === undefined ? {} : { heldOut: result.alone[i] }),
    })),
    settings: Object.fromEntries(
      Object.entries(settings).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    ),
    ...(result.mixing === undefined
      ? {}
      : { mixing: result.mixing.map(({ module, weights }) => ({ module, shares: [...weights] })) }),
    ...(result.logitScale === undefined ? {} : { logitScale: result.logitScale }),
    ...(result.statistics === "none" ? {} : { statistics: result.statistics }),
    heldOut: {
      score: result.heldOut.accuracy,
      images: result.heldOut.images,
      set: params.data.set,
      seed: params.heldOut.seed,
    },
  };
}
