import { describe, expect, test } from "vitest";
import { withWeights } from "../autodiff/flat.ts";
import { stream } from "../base/random.ts";
import { buildModel, initialise, type ModelSpec, modelSpecSchema } from "../models/model.ts";
import type { Model } from "../models/types.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";
import { runtime } from "../../test/kit/ort.ts";
import { rolesOf } from "../../test/kit/step.ts";
import { type Recipe, recipeSchema } from "./recipe.ts";
import { type BatchSource, openTrainer, type Trainer, type TrainState } from "./trainer.ts";

const io = { channels: 3, height: 8, width: 8, classes: 4 };
const batch = 16;

/** Batches of random images with random labels, a function of the step's number alone. */
const source: BatchSource = {
  fill(t, images, targets) {
    const random = stream(t, "noise");
    for (let i = 0; i < images.length; i++) images[i] = random.normal();
    targets.fill(0);
    for (let row = 0; row < batch; row++) targets[row * io.classes + random.below(io.classes)] = 1;
  },
};

function small(spec: Partial<ModelSpec> = {}): Model {
  return buildModel(modelSpecSchema.parse({ arch: "cnn", widths: [16, 16], pool: "average", ...spec }), io);
}

function weightsOf(model: Model): Map<string, Tensor> {
  const numbers = initialise(model.parameters, { init: 1, head: 2 });
  return new Map(model.parameters.map((info) => [info.name, float32(info.shape, numbers.get(info.name)!)]));
}

interface Run {
  readonly model?: Model;
  readonly roles?: ReturnType<typeof rolesOf>;
  readonly total?: number;
}

/** Opens a trainer, lets `use` work with it and releases it. */
async function training<T>(
  recipe: Partial<Recipe>,
  use: (trainer: Trainer) => Promise<T>,
  { model = small(), roles = rolesOf(model), total = 10 }: Run = {},
): Promise<T> {
  const whole = recipeSchema.parse({ batch, learningRate: 0.1, ...recipe });
  const graph = withWeights(model.graph, weightsOf(model));
  const trainer = await openTrainer(await runtime(), graph, roles, whole, total, source);
  try {
    return await use(trainer);
  } finally {
    await trainer.release();
  }
}

/** The state after `steps` updates. */
function trained(recipe: Partial<Recipe>, steps: number, run: Run = {}): Promise<TrainState> {
  return training(recipe, (trainer) => trainer.advance(trainer.start(), steps, () => undefined), run);
}

describe("a run that is stopped and taken up again", () => {
  test.each([
    ["SGD", { optimizer: "sgd" }, {}],
    [
      "SGD with Nesterov's momentum, clipping and L2-SP",
      { nesterov: true, clipNorm: 0.5, l2sp: { alpha: 0.1, beta: 0.01 } },
      {},
    ],
    ["AdamW", { optimizer: "adamw", learningRate: 0.01 }, {}],
    ["SGD with batch norm", { optimizer: "sgd" }, { norm: "batch" }],
    ["AdamW with batch norm", { optimizer: "adamw", learningRate: 0.01 }, { norm: "batch" }],
  ] as const)("has the same bits as one that was not: %s", async (_, recipe, spec) => {
    const model = small(spec);
    const losses: number[] = [];
    const whole = await training(
      recipe,
      (trainer) => trainer.advance(trainer.start(), 9, (_step, loss) => losses.push(loss)),
      { model },
    );
    expect(whole.step).toBe(9);
    expect(whole.lossCount).toBe(9);
    expect(whole.lossSum).toBe(losses.reduce((a, b) => a + b, 0));
    expect(whole.statistics.length).toBe("norm" in spec ? 64 : 0);
    // Odd and even stops: the two sets of buffers take turns.
    for (const stop of [1, 4]) {
      const half = await trained(recipe, stop, { model });
      const again: number[] = [];
      const rest = await training(
        recipe,
        (trainer) => trainer.advance(half, 9, (_step, loss) => again.push(loss)),
        { model },
      );
      expect(rest).toEqual(whole);
      expect(again).toEqual(losses.slice(stop));
    }
  });

  test("goes on in the same trainer without touching the states it gave away", async () => {
    await training({}, async (trainer) => {
      const start = trainer.start();
      const one = await trainer.advance(start, 1, () => undefined);
      const kept = structuredClone(one);
      const three = await trainer.advance(one, 3, () => undefined);
      expect(one).toEqual(kept);
      expect(start).toEqual(trainer.start());
      expect(await trainer.advance(start, 3, () => undefined)).toEqual(three);
      expect(await trainer.advance(three, 2, () => undefined)).toEqual(three);
    });
  });
});

describe("advance", () => {
  test("stops with the signal's reason between two steps", async () => {
    await training({}, async (trainer) => {
      const stop = new AbortController();
      const reason = new Error("enough");
      const steps: number[] = [];
      const run = trainer.advance(
        trainer.start(),
        10,
        (step) => {
          steps.push(step);
          if (step === 3) stop.abort(reason);
        },
        stop.signal,
      );
      await expect(run).rejects.toBe(reason);
      expect(steps).toEqual([1, 2, 3]);
    });
  });

  test("stops at the step where the loss is no longer a number, and says which", async () => {
    const run = training({ learningRate: 1e30, schedule: { kind: "constant", warmup: 0 } }, (trainer) =>
      trainer.advance(trainer.start(), 10, () => undefined),
    );
    await expect(run).rejects.toMatchObject({
      fault: "diverged",
      message: expect.stringMatching(
        /^the training loss is (NaN|Infinity) at step [23] of 10 \(learning rate 1.00e\+30\)$/,
      ),
      hint: "lower the learning rate, add warm-up or clip the gradient",
    });
  });

  test("takes the learning rate from the schedule, by the step's number", async () => {
    // Warm-up of 4 steps: the first step has a quarter of the rate.
    const quarter = await trained({ schedule: { kind: "constant", warmup: 4 }, weightDecay: 0 }, 1);
    const whole = await trained(
      { learningRate: 0.025, schedule: { kind: "constant", warmup: 0 }, weightDecay: 0 },
      1,
    );
    expect(quarter.theta).toEqual(whole.theta);
  });
});

describe("what is trained", () => {
  test("parameters without a role stay as they are, and the others do not", async () => {
    const model = small();
    const roles = rolesOf(model).filter((role) => !role.name.startsWith("conv1."));
    await training(
      { optimizer: "adamw" },
      async (trainer) => {
        expect(trainer.layout.names).toEqual(roles.map((role) => role.name));
        const start = trainer.start();
        const end = await trainer.advance(start, 3, () => undefined);
        const weights = trainer.weights(end);
        expect(weights.has("conv1.weight")).toBe(false);
        for (const [name, value] of trainer.weights(start))
          expect(value, name).not.toEqual(weights.get(name));
      },
      { model, roles },
    );
  });

  test("freezing the first layers gives the rest the gradients they have anyway", async () => {
    const model = small();
    const all = await training(
      { momentum: 0 },
      async (trainer) => trainer.weights(await trainer.advance(trainer.start(), 1, () => undefined)),
      { model },
    );
    const roles = rolesOf(model).filter((role) => !role.name.startsWith("conv1."));
    const rest = await training(
      { momentum: 0 },
      async (trainer) => trainer.weights(await trainer.advance(trainer.start(), 1, () => undefined)),
      { model, roles },
    );
    for (const [name, value] of rest) expect(value, name).toEqual(all.get(name));
  });

  test("each module moves by its own factor on the rate; a factor of 0 holds it still", async () => {
    const model = small();
    const factors = [0, 0.5, 2];
    const factorOf = (name: string): number =>
      factors[["conv1", "conv2"].indexOf(name.split(".")[0]!)] ?? factors[2]!;
    const roles = rolesOf(model).map((role) => ({ ...role, rateScale: factorOf(role.name) }));
    const moves = async (given: typeof roles) =>
      training(
        { momentum: 0, weightDecay: 0, learningRate: 0.125 },
        async (trainer) => {
          const start = trainer.start();
          const end = await trainer.advance(start, 1, () => undefined);
          const after = trainer.weights(end);
          return [...trainer.weights(start)].map(([name, before]) => ({
            name,
            move: Float64Array.from(
              after.get(name)!.data as Float32Array,
              (x, i) => x - Number(before.data[i]),
            ),
          }));
        },
        { model, roles: given },
      );
    const scaled = await moves(roles);
    const plain = await moves(rolesOf(model));
    expect(plain.some(({ name }) => name.startsWith("conv2."))).toBe(true);
    scaled.forEach(({ name, move }, i) => {
      const wanted = plain[i]!.move.map((x) => x * factorOf(name));
      move.forEach((x, j) => expect(Math.abs(x - wanted[j]!), name).toBeLessThan(1e-6));
      if (factorOf(name) === 0)
        expect(
          move.every((x) => x === 0),
          name,
        ).toBe(true);
    });
  });

  test("running statistics move by a tenth towards the batch's", async () => {
    const model = small({ norm: "batch" });
    const [one, two] = [await trained({}, 1, { model }), await trained({}, 2, { model })];
    expect(one.statistics).not.toEqual(two.statistics);
    // Variances start from 1, and a tenth of a positive number is added to 0.9.
    await training(
      {},
      async (trainer) => {
        const variance = trainer.weights(one).get("norm1.running_var")!.data as Float32Array;
        expect(variance.every((x) => x > 0.9)).toBe(true);
      },
      { model },
    );
  });

  test("a frozen batch norm keeps its statistics and normalises with them, the others go on", async () => {
    const model = small({ norm: "batch" });
    const roles = rolesOf(model).filter((role) => !/^(conv|norm)1\./.test(role.name));
    await training(
      {},
      async (trainer) => {
        expect(trainer.statistics.names).toEqual(["norm2.running_mean", "norm2.running_var"]);
        const end = await trainer.advance(trainer.start(), 3, () => undefined);
        expect(end.statistics.slice(0, 16).every((mean) => mean !== 0)).toBe(true);
      },
      { model, roles },
    );
  });
});
