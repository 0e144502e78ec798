import { describe, expect, test } from "vitest";
import { residualNetwork } from "../../test/kit/graphs.ts";
import { runtime } from "../../test/kit/ort.ts";
import { bind } from "../graph/bind.ts";
import { Builder } from "../graph/builder.ts";
import { constant, type Graph } from "../graph/graph.ts";
import { modules } from "../graph/modules.ts";
import { ancestors } from "../graph/topology.ts";
import { float32 } from "../tensor/tensor.ts";
import { type Recipe, recipeSchema } from "../train/recipe.ts";
import { openTrainer } from "../train/trainer.ts";
import { after, buildStep, type ParameterRole, port } from "./step.ts";

const start = { w: [0.5, -0.25, 1], b: [0.125] };
const images = [1, 2, -1, 0.5, -1, 3];
const targets = [1, -2];

/** z = xw + b for x: [2, 3]: the smallest network with a body (w) and a head (b). */
function linear(): Graph {
  const g = new Builder();
  const x = g.input("x", "float32", [2, 3]);
  const w = g.parameter(constant("w", float32([3, 1], start.w)));
  const b = g.parameter(constant("b", float32([1], start.b)));
  g.output(g.plus(g.matmul(x, w), b));
  return g.finish("linear");
}

const roles: ParameterRole[] = [
  { name: "w", decays: true, rateScale: 1, head: false },
  { name: "b", decays: false, rateScale: 1, head: true },
];

/** Gradient of the mean squared error at θ = (w, b), in double precision. */
function gradientAt(theta: readonly number[]): number[] {
  const rows = [images.slice(0, 3), images.slice(3)];
  const slopes = rows.map((row, n) => {
    const z = row.reduce((sum, x, i) => sum + x * theta[i]!, theta[3]!);
    return (2 * (z - targets[n]!)) / 2;
  });
  const of = (i: number): number => slopes[0]! * rows[0]![i]! + slopes[1]! * rows[1]![i]!;
  return [of(0), of(1), of(2), slopes[0]! + slopes[1]!];
}

/** Parameters after each of `steps` updates, by the step graph. */
async function run(recipe: Partial<Recipe>, steps: number, given = roles): Promise<number[][]> {
  const whole = recipeSchema.parse({
    loss: "mean-squared-error",
    batch: 2,
    schedule: { kind: "constant" },
    weightDecay: 0,
    ...recipe,
  });
  const trainer = await openTrainer(await runtime(), linear(), given, whole, steps, {
    fill(_, x, t) {
      x.set(images);
      t.set(targets);
    },
  });
  const path: number[][] = [];
  let state = trainer.start();
  for (let step = 1; step <= steps; step++) {
    state = await trainer.advance(state, step, () => undefined);
    path.push(Array.from(state.theta));
  }
  await trainer.release();
  return path;
}

/** An update by the book: from parameters, gradient and the number of the step, from 1, to the next parameters. */
type Update = (theta: readonly number[], gradient: readonly number[], t: number) => number[];

function byTheBook(steps: number, update: Update): number[][] {
  let theta = [...start.w, ...start.b];
  return Array.from({ length: steps }, (_, i) => (theta = update(theta, gradientAt(theta), i + 1)));
}

function expectClose(got: number[][], wanted: number[][]): void {
  got.forEach((theta, step) =>
    theta.forEach((x, i) => expect(x, `step ${step + 1}, parameter ${i}`).toBeCloseTo(wanted[step]![i]!, 5)),
  );
}

const decayed = [1, 1, 1, 0];

describe("updates against their formulas in double precision", () => {
  test.each([
    [0, false, 0],
    [0, false, 0.1],
    [0.9, false, 0.1],
    [0.9, true, 0],
    [0.5, true, 0.1],
  ])("SGD, momentum %d, Nesterov %s, weight decay %d", async (momentum, nesterov, weightDecay) => {
    const rate = 0.05;
    const velocity = [0, 0, 0, 0];
    const wanted = byTheBook(6, (theta, gradient) =>
      theta.map((x, i) => {
        const g = gradient[i]! + weightDecay * decayed[i]! * x;
        velocity[i] = momentum * velocity[i]! + g;
        return x - rate * (nesterov ? g + momentum * velocity[i]! : velocity[i]!);
      }),
    );
    expectClose(await run({ momentum, nesterov, weightDecay, learningRate: rate }, 6), wanted);
  });

  test.each([0, 0.3])("AdamW, weight decay %d", async (weightDecay) => {
    const rate = 0.02;
    const [beta1, beta2, epsilon] = [0.8, 0.99, 1e-6];
    const mean = [0, 0, 0, 0];
    const variance = [0, 0, 0, 0];
    const wanted = byTheBook(6, (theta, gradient, t) =>
      theta.map((x, i) => {
        mean[i] = beta1 * mean[i]! + (1 - beta1) * gradient[i]!;
        variance[i] = beta2 * variance[i]! + (1 - beta2) * gradient[i]! ** 2;
        const direction =
          mean[i]! / (1 - beta1 ** t) / (Math.sqrt(variance[i]! / (1 - beta2 ** t)) + epsilon);
        return x * (1 - rate * weightDecay * decayed[i]!) - rate * direction;
      }),
    );
    const recipe = { optimizer: "adamw", beta1, beta2, epsilon, weightDecay, learningRate: rate } as const;
    expectClose(await run(recipe, 6), wanted);
  });

  test("clipping shortens a long gradient to the norm and leaves a short one", async () => {
    for (const clipNorm of [0.5, 1000]) {
      const wanted = byTheBook(4, (theta, gradient) => {
        const length = Math.hypot(...gradient);
        return theta.map((x, i) => x - 0.05 * gradient[i]! * Math.min(1, clipNorm / length));
      });
      expectClose(await run({ momentum: 0, clipNorm, learningRate: 0.05 }, 4), wanted);
    }
  });

  test("L2-SP pulls the body to where it started, the head to zero, after clipping", async () => {
    const [alpha, beta] = [0.7, 0.4];
    const anchor = [...start.w, ...start.b];
    const wanted = byTheBook(5, (theta, gradient) => {
      const scale = Math.min(1, 0.5 / Math.hypot(...gradient));
      return theta.map((x, i) => {
        const pull = i === 3 ? beta * x : alpha * (x - anchor[i]!);
        return x - 0.1 * (gradient[i]! * scale + pull);
      });
    });
    expectClose(
      await run({ momentum: 0, clipNorm: 0.5, l2sp: { alpha, beta }, learningRate: 0.1 }, 5),
      wanted,
    );
  });

  test("rates by module scale the step and its weight decay", async () => {
    const scaled = [
      { ...roles[0]!, rateScale: 0.25 },
      { ...roles[1]!, rateScale: 3 },
    ];
    const factor = [0.25, 0.25, 0.25, 3];
    const wanted = byTheBook(4, (theta, gradient) =>
      theta.map((x, i) => x - 0.02 * factor[i]! * (gradient[i]! + 0.5 * decayed[i]! * x)),
    );
    expectClose(await run({ momentum: 0, weightDecay: 0.5, learningRate: 0.02 }, 4, scaled), wanted);
  });
});

test("what is frozen at the beginning of a network is only computed, never differentiated", () => {
  const graph = bind(residualNetwork(), { N: 2 });
  const names = modules(graph, "layer").flatMap((module) => module.parameters);
  const isFrozen = (name: string): boolean => /^(conv1|norm1|stage1)\b/.test(name);
  const trained = names
    .filter((name) => !isFrozen(name))
    .map((name) => ({ name, decays: false, rateScale: 1, head: false }));
  const step = buildStep(graph, trained, recipeSchema.parse({}), 1).graph;
  const forward = new Set(ancestors(step.nodes, [port.logits]));
  // What reads a frozen weight, or a value of the frozen part other than its last, belongs to the forward pass.
  const entrance = graph.nodes.find((node) => node.inputs.includes("stage2.block1.conv1.weight"))!.inputs[0]!;
  const inside = ancestors(graph.nodes, [entrance]).flatMap((node) => node.outputs);
  const values = new Set([...names.filter(isFrozen), ...inside].filter((name) => name !== entrance));
  const late = step.nodes.filter(
    (node) => !forward.has(node) && node.inputs.some((name) => values.has(name)),
  );
  expect(late.map((node) => `${node.op} of ${node.inputs.join(", ")}`)).toEqual([]);
  expect(step.nodes.some((node) => node.inputs.some((name) => values.has(name)))).toBe(true);
});

describe("losses against their formulas in double precision", () => {
  const logits = [1, -2, 0.5, 30, -40, 2];
  const soft = [0.5, 0.5, 0, 0, 1, 0];
  const log = (row: readonly number[], k: number): number => {
    const top = Math.max(...row);
    return row[k]! - top - Math.log(row.reduce((sum, z) => sum + Math.exp(z - top), 0));
  };
  const rows = [logits.slice(0, 3), logits.slice(3)];
  const crossEntropy = (smoothing: number): number =>
    -soft.reduce((sum, t, i) => {
      const [n, k] = [Math.floor(i / 3), i % 3];
      return sum + ((1 - smoothing) * t + smoothing / 3) * log(rows[n]!, k);
    }, 0) / 2;
  const softplus = (z: number): number => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));

  test.each([
    ["softmax-cross-entropy", 0, crossEntropy(0)],
    ["softmax-cross-entropy", 0.2, crossEntropy(0.2)],
    ["binary-cross-entropy", 0, logits.reduce((sum, z, i) => sum + softplus(z) - soft[i]! * z, 0) / 6],
    ["mean-squared-error", 0, logits.reduce((sum, z, i) => sum + (z - soft[i]!) ** 2, 0) / 6],
  ] as const)("%s, label smoothing %d", async (loss, labelSmoothing, wanted) => {
    // The logits are the parameter itself, spread by an identity matrix.
    const g = new Builder();
    const x = g.input("x", "float32", [2, 2]);
    const w = g.parameter(constant("w", float32([2, 3], logits)));
    g.output(g.matmul(x, w));
    const options = recipeSchema.parse({ loss, labelSmoothing, weightDecay: 0 });
    const step = buildStep(g.finish("logits"), [roles[0]!], options, 1);
    const session = await (await runtime()).session(step.graph);
    const out = await session.run({
      x: float32([2, 2], [1, 0, 0, 1]),
      [port.targets]: float32([2, 3], soft),
      [port.theta]: float32([6], logits),
      w: float32([2, 3], logits),
      [port.slot("velocity")]: float32([6], new Float32Array(6)),
      [port.rate]: float32([], [0]),
      [port.step]: float32([], [1]),
    });
    await session.release();
    expect(Math.abs(Number(out[port.loss]!.data[0]) - wanted) / wanted).toBeLessThan(1e-6);
    // A rate of 0 moves nothing, and the logits are those before the update.
    expect(Array.from(out[after(port.theta)]!.data as Float32Array)).toEqual(logits);
    expect(Array.from(out[port.logits]!.data as Float32Array)).toEqual(logits);
  });
});

describe("what cannot be trained", () => {
  test("unknown losses, optimisers and parameters are named", () => {
    const options = recipeSchema.parse({});
    expect(() => buildStep(linear(), roles, { ...options, loss: "hinge" }, 1)).toThrow(
      'no loss is called "hinge"',
    );
    expect(() => buildStep(linear(), roles, { ...options, optimizer: "lion" }, 1)).toThrow(
      'no optimiser is called "lion"',
    );
    const stranger = [{ ...roles[0]!, name: "conv9.weight" }];
    expect(() => buildStep(linear(), stranger, options, 1)).toThrow(
      'graph "linear" has no float32 parameter called "conv9.weight"',
    );
  });

  test("networks with more inputs than images, or with active dropout, are refused by name", () => {
    const g = new Builder();
    const x = g.input("x", "float32", [2, 3]);
    const extra = g.input("extra", "float32", [2, 3]);
    g.output(g.matmul(g.plus(x, extra), g.parameter(constant("w", float32([3, 1], start.w)))));
    const options = recipeSchema.parse({});
    expect(() => buildStep(g.finish("two"), [roles[0]!], options, 1)).toThrow(
      'graph "two" has 2 inputs (x, extra); a network to be trained has one, its images',
    );
    const h = new Builder();
    const training = h.constant({ dtype: "bool", shape: [], data: Uint8Array.of(1) });
    const dropped = h.op("Dropout", [h.input("x", "float32", [2, 3]), h.scalar(0.5), training]);
    h.output(h.matmul(dropped, h.parameter(constant("w", float32([3, 1], start.w)))));
    expect(() => buildStep(h.finish("dropping"), [roles[0]!], options, 1)).toThrow(
      /^graph "dropping" has dropout that is active in training \(.+\); training steps cannot draw its masks$/,
    );
  });
});
