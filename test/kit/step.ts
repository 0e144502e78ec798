import { flatten, unflatten, withWeights } from "../../src/autodiff/flat.ts";
import { after, buildStep, type ParameterRole, port, type StepOptions } from "../../src/autodiff/step.ts";
import { bind } from "../../src/graph/bind.ts";
import type { Model } from "../../src/models/types.ts";
import { openRuntime } from "../../src/runtime/ort.node.ts";
import { float32, type Tensor } from "../../src/tensor/tensor.ts";
import { recipeSchema } from "../../src/train/recipe.ts";

/** Options of a bare gradient: SGD whose velocity, from zero, is the gradient itself. */
export const bare: StepOptions = recipeSchema.parse({ weightDecay: 0, momentum: 0.9 });

/** All trainable parameters of a model, as the step graph wants to know them. */
export function rolesOf(model: Model): ParameterRole[] {
  return model.parameters
    .filter((info) => info.role === "trainable")
    .map((info) => ({ name: info.name, decays: info.decay, rateScale: info.lrScale, head: info.head }));
}

/** One-hot rows, [labels.length, classes]. */
export function oneHot(labels: ArrayLike<number | bigint>, classes: number): Float32Array {
  const rows = new Float32Array(labels.length * classes);
  Array.from(labels, Number).forEach((label, i) => (rows[i * classes + label] = 1));
  return rows;
}

export interface StepResult {
  readonly loss: number;
  readonly logits: Tensor;
  readonly gradients: ReadonlyMap<string, Tensor>;
  readonly statistics: ReadonlyMap<string, Tensor>;
}

/** Runs one training step in ONNX Runtime and returns what it computed before the update. */
export async function runStep(
  model: Model,
  weights: ReadonlyMap<string, Tensor>,
  images: Tensor,
  labels: Tensor,
  block: number,
): Promise<StepResult> {
  const runtime = await openRuntime();
  const step = buildStep(
    bind(withWeights(model.graph, weights), { N: images.shape[0]! }),
    rolesOf(model),
    bare,
    block,
  );
  const session = await runtime.session(step.graph);
  const { layout, statistics } = step;
  const out = await session.run({
    [step.input]: images,
    [port.targets]: float32(step.targetShape, oneHot(labels.data as BigInt64Array, step.targetShape[1]!)),
    [port.theta]: float32([layout.size], flatten(layout, weights)),
    ...Object.fromEntries(unflatten(layout, flatten(layout, weights))),
    [port.slot("velocity")]: float32([layout.size], new Float32Array(layout.size)),
    [port.rate]: float32([], [0]),
    [port.step]: float32([], [1]),
    ...(statistics.size > 0
      ? { [port.statistics]: float32([statistics.size], flatten(statistics, weights)) }
      : {}),
  });
  await session.release();
  return {
    loss: out[port.loss]!.data[0] as number,
    logits: out[port.logits]!,
    gradients: unflatten(layout, out[after(port.slot("velocity"))]!.data as Float32Array),
    statistics:
      statistics.size > 0
        ? unflatten(statistics, out[after(port.statistics)]!.data as Float32Array)
        : new Map(),
  };
}

/** ‖a − b‖ / ‖b‖, over all elements. */
export function relativeError(a: Tensor, b: Tensor): number {
  let difference = 0;
  let size = 0;
  for (let i = 0; i < b.data.length; i++) {
    difference += (Number(a.data[i]) - Number(b.data[i])) ** 2;
    size += Number(b.data[i]) ** 2;
  }
  return Math.sqrt(difference / Math.max(size, 1e-30));
}
