import { stream } from "../../src/base/random.ts";
import type {
  Barrier,
  BarrierResults,
  Curve,
  GridRow,
  InstabilityResults,
  Interval,
  ModelFacts,
  Pair,
  Path,
  PlaneResults,
  RunCost,
  SoupResults,
  Split,
  StudyBasin,
  Treatment,
} from "../../src/basin/results.ts";

/**
 * INVENTED results for developing and testing the figures and pages about basins. No network was trained: curves are
 * parabolas with noise from a seeded generator. Never part of the product.
 */

const round = (value: number, digits = 4): number => Number(value.toFixed(digits));

function interval(value: number, half: number): Interval {
  return { value: round(value), low: round(value - half), high: round(value + half) };
}

/** The middle of an invented path lies `height` nats above its ends. */
export interface Hill {
  readonly height: number;
  readonly treatment?: Partial<Treatment>;
  readonly at?: readonly number[];
  readonly seed?: number;
  /** Extrapolated points have losses that are not numbers. */
  readonly overflow?: boolean;
}

export function syntheticPath({
  height,
  treatment,
  at = grid(0, 1, 11),
  seed = 0,
  overflow = false,
}: Hill): Path {
  const random = stream(seed, "noise", "path", String(height));
  const curves = (["train", "test"] as const).map((split): Curve => {
    const lossAt = (alpha: number): number => {
      const inside = 4 * alpha * (1 - alpha);
      const base = split === "train" ? 0.21 : 0.42;
      const out = inside < 0 ? -0.9 * inside : 0;
      return base + (inside > 0 ? height * inside ** 1.5 : 0) + out + 0.06 * alpha + 0.004 * random.normal();
    };
    const loss = at.map(lossAt);
    return {
      split,
      images: split === "train" ? 5000 : 2000,
      loss: loss.map((value, i) =>
        overflow && (at[i]! < -0.3 || at[i]! > 1.3) ? null : interval(value, 0.03 + 0.02 * value),
      ),
      accuracy: loss.map((value) => interval(0.1 + 0.88 * Math.exp(-0.55 * value), 0.012)),
    };
  });
  const barriers = curves.flatMap((curve): Barrier[] =>
    (["loss", "error"] as const).flatMap((quantity) => {
      const worse = at.map((_, i) =>
        quantity === "loss" ? (curve.loss[i]?.value ?? Infinity) : 1 - curve.accuracy[i]!.value,
      );
      const [first, last] = [worse[at.indexOf(0)]!, worse[at.indexOf(1)]!];
      const over = at.map((alpha, i) =>
        alpha < 0 || alpha > 1 ? -Infinity : worse[i]! - ((1 - alpha) * first + alpha * last),
      );
      const top = over.indexOf(Math.max(...over));
      const half = at.indexOf(0.5);
      const middle = worse[half]! - (first + last) / 2;
      const spread = quantity === "loss" ? 0.04 : 0.011;
      const shared = { quantity, split: curve.split };
      return [
        { ...shared, definition: "chord", height: interval(over[top]!, spread), at: at[top]! },
        { ...shared, definition: "mean", height: interval(over[top]! + 0.002, spread), at: at[top]! },
        { ...shared, definition: "midpoint", height: interval(middle, spread), at: 0.5 },
      ];
    }),
  );
  return {
    treatment: { align: "none", curve: "linear", statistics: "none", repair: false, ...treatment },
    at,
    curves,
    barriers,
  };
}

/** Evenly spaced positions. */
export function grid(from: number, to: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => round(from + ((to - from) * i) / (count - 1), 6));
}

export function syntheticModels(
  count: number,
  name = (i: number) => `runs/cnn-seed-${i}.onnx`,
): ModelFacts[] {
  return Array.from({ length: count }, (_, i) => ({
    name: name(i),
    cell: String(i).repeat(64).slice(0, 64),
    parameters: 24_564,
    accuracy: { train: round(0.92 - 0.004 * i), test: round(0.81 - 0.003 * i) },
  }));
}

export interface SyntheticPairs {
  /** Basin of each model: models of one basin have no barrier between them. */
  readonly basins?: readonly number[];
  /** What is tried after the plain path, with the share of the hill that it leaves. */
  readonly tried?: readonly { readonly treatment: Partial<Treatment>; readonly leaves: number }[];
  readonly at?: readonly number[];
  readonly overflow?: boolean;
}

export function syntheticBarriers(options: SyntheticPairs = {}): BarrierResults {
  const { basins = [0, 1], tried = [], at, overflow } = options;
  const models = syntheticModels(basins.length);
  const pairs = models.flatMap((_, a) =>
    models.slice(a + 1).map((__, k): Pair => {
      const b = a + 1 + k;
      const apart = basins[a] !== basins[b];
      const height = apart ? 1.8 + 0.1 * ((a * 3 + b) % 4) : 0.004;
      const common = {
        seed: 10 * a + b,
        ...(at === undefined ? {} : { at }),
        ...(overflow === undefined ? {} : { overflow }),
      };
      const paths = [
        syntheticPath({ height, ...common }),
        ...tried.map(({ treatment, leaves }) =>
          syntheticPath({ height: height * leaves, treatment, ...common }),
        ),
      ];
      const of = barrierOf(paths.at(-1)!, "test", "mean", "error");
      const threshold = 0.02;
      return {
        a,
        b,
        distance: apart ? 21.4 : 6.2,
        relativeDistance: apart ? 1.31 : 0.38,
        paths,
        verdict: {
          says: of.high! < threshold ? "connected" : of.low! > threshold ? "barrier" : "open",
          threshold,
          of,
        },
        ...(tried.some(({ treatment }) => treatment.align !== undefined)
          ? { proof: 2.4e-7, symmetry: { spaces: 6, units: 224, unproved: [] } }
          : {}),
      };
    }),
  );
  const groups = [...new Set(basins)].map((basin) =>
    models.flatMap((_, i) => (basins[i] === basin ? [i] : [])),
  );
  return {
    schema: 1,
    kind: "barrier",
    models,
    data: { set: "invented", train: 5000, test: 2000 },
    pairs,
    basins: groups,
    words: [`These ${models.length} networks lie in ${groups.length} basins: invented numbers.`],
  };
}

function barrierOf(
  path: Path,
  split: Split,
  definition: Barrier["definition"],
  quantity: Barrier["quantity"],
): Interval {
  return path.barriers.find(
    (one) => one.split === split && one.definition === definition && one.quantity === quantity,
  )!.height;
}

export function syntheticPlane(
  options: { models?: 1 | 3; size?: number; hole?: boolean } = {},
): PlaneResults {
  const { models: count = 3, size = 15, hole = false } = options;
  const corners =
    count === 3
      ? [
          [0, 0],
          [21, 0],
          [9.5, 16],
        ]
      : [[0, 0]];
  const [x, y] =
    count === 3 ? [grid(-4.2, 25.2, size), grid(-3.2, 19.2, size)] : [grid(-1, 1, size), grid(-1, 1, size)];
  const scale = count === 3 ? 5 : 0.45;
  const lossAt = (px: number, py: number, base: number) => {
    const nearest = Math.min(...corners.map(([cx, cy]) => Math.hypot(px - cx!, py - cy!) / scale));
    return round(base + 2.6 * (1 - Math.exp(-0.5 * nearest ** 2)) + 0.12 * nearest ** 2);
  };
  return {
    schema: 1,
    kind: "plane",
    models: syntheticModels(count).map((one, i) => ({ ...one, x: corners[i]![0]!, y: corners[i]![1]! })),
    unit: count === 3 ? "l2 distance" : "filter norms",
    x,
    y,
    surfaces: (["train", "test"] as const).map((split) => {
      const loss = y.map((py) => x.map((px) => lossAt(px, py, split === "train" ? 0.1 : 0.4)));
      return {
        split,
        images: split === "train" ? 5000 : 2000,
        loss: loss.map((row, j) => row.map((value, i) => (hole && i === 0 && j === 0 ? null : value))),
        accuracy: loss.map((row) => row.map((value) => round(0.1 + 0.88 * Math.exp(-0.55 * value)))),
      };
    }),
    data: { set: "invented", train: 5000, test: 2000 },
    hull: {
      of: ["a", "b", "c"],
      points: 200,
      accuracy: [{ split: "test", mean: 0.412, least: 0.263, most: 0.711, corners: [0.81, 0.807, 0.804] }],
    },
    words: ["Three networks, three valleys: invented numbers."],
  };
}

export function syntheticRows(options: { pairs?: number; rates?: readonly number[] } = {}): GridRow[] {
  const { pairs = 3, rates = [1] } = options;
  const kinds = [
    { label: "P-T / P-T", sameStart: true, sameHead: true, sameOrder: false, height: 0.03 },
    { label: "P-T / P-T", sameStart: true, sameHead: false, sameOrder: false, height: 0.09 },
    { label: "RI-T / RI-T", sameStart: false, sameHead: false, sameOrder: true, height: 1.7 },
    { label: "RI-T / RI-T, same init", sameStart: true, sameHead: true, sameOrder: false, height: 0.8 },
    { label: "RI-T / RI-T, same init", sameStart: true, sameHead: true, sameOrder: true, height: 0 },
    { label: "P-T / RI-T", sameStart: false, sameHead: false, sameOrder: false, height: 1.4 },
  ];
  return rates.flatMap((rateFactor) =>
    kinds.map(({ height, ...kind }, k): GridRow => {
      const all = Array.from({ length: pairs }, (_, i) => {
        const path = syntheticPath({
          height: height * rateFactor ** 0.5 * (1 + 0.12 * i),
          seed: 100 * k + i,
        });
        return {
          names: [`seed ${i}`, `seed ${i + 1}`] as const,
          barriers: path.barriers,
          distance: 4 + height,
          path,
        };
      });
      return {
        ...kind,
        rateFactor,
        pairs: all,
        chord: (["train", "test"] as const).flatMap((split) =>
          (["loss", "error"] as const).map((quantity) => {
            const values = all.map((one) => barrierOf(one.path, split, "chord", quantity).value);
            const value = values.reduce((sum, one) => sum + one, 0) / values.length;
            const height =
              pairs < 2
                ? { value: round(value), low: null, high: null }
                : interval(value, 0.25 * value + 0.005);
            return { split, quantity, height };
          }),
        ),
      };
    }),
  );
}

export function syntheticInstability(
  options: { replicates?: number; grid?: boolean } = {},
): InstabilityResults {
  const { replicates = 3, grid: withGrid = true } = options;
  const ks = [0, 20, 50, 100, 200, 500, 1000];
  const random = stream(0, "noise", "instability");
  return {
    schema: 1,
    kind: "instability",
    name: "Invented instability",
    config: { note: "invented by test/kit/synthetic-basins.ts" },
    model: { description: "residual network of 8 layers", parameters: 77_754 },
    data: { set: "invented", train: 5000, test: 2000 },
    total: 2000,
    vary: ["order", "augmentation"],
    threshold: 0.02,
    spawn: ks.map((k) => {
      const level = 0.42 / (1 + (k / 60) ** 1.6);
      const pairs = Array.from({ length: replicates }, (_, replicate) => {
        const value = Math.max(0, level * (1 + 0.18 * random.normal()) + 0.002 * random.normal());
        return {
          replicate,
          instability: interval(value, 0.008),
          lossBarrier: interval(3 * value, 0.03),
          distance: round(18 - 4 * Math.log10(1 + k)),
          cells: ["a".repeat(64), "b".repeat(64)] as [string, string],
        };
      });
      const mean = pairs.reduce((sum, one) => sum + one.instability.value, 0) / replicates;
      const over = (value: number, half: number): Interval =>
        replicates < 2 ? { value: round(value), low: null, high: null } : interval(value, half);
      return {
        k,
        pairs,
        instability: over(mean, 0.3 * mean + 0.003),
        lossBarrier: over(3 * mean, 0.8 * mean + 0.01),
        distance: over(18 - 4 * Math.log10(1 + k), 0.4),
        stable: pairs.filter((one) => one.instability.value < 0.02).length / replicates,
      };
    }),
    grid: withGrid ? syntheticRows({ rates: [1, 10] }) : [],
    words: ["Becomes stable between 200 and 500 of 2,000 steps: invented numbers."],
  };
}

export function syntheticSoup(
  options: { members?: number; shifted?: boolean; wise?: boolean } = {},
): SoupResults {
  const { members: count = 8, shifted = true, wise = true } = options;
  const random = stream(1, "noise", "soup");
  const quality = (accuracy: number, loss: number, ece: number, passes: number) => ({
    accuracy: interval(accuracy, 0.009),
    loss: interval(loss, 0.025),
    ece,
    brier: round(0.6 * loss),
    passes,
  });
  const members = syntheticModels(count, (i) => `fine-tune-${i}`).map((one, i) => {
    const level = 0.845 - 0.006 * i + 0.003 * random.normal();
    return {
      ...one,
      heldOut: round(level),
      quality: quality(level - 0.006, 0.6 - 0.1 * level + 0.01 * i, 0.05 + 0.003 * i, 1),
    };
  });
  let best = 0;
  const growth = members.map((member, i) => {
    const accepted = i % 3 !== 1;
    const heldOut = round(accepted ? Math.max(best, member.heldOut) + 0.003 : best - 0.004 - 0.002 * i);
    const was = best;
    if (accepted) best = heldOut;
    return {
      model: i,
      heldOut,
      accepted,
      reason:
        i === 0
          ? "the best single network on the held-out images"
          : `held-out accuracy ${accepted ? "rises" : "would fall"} from ${(100 * was).toFixed(1)} % to ${(100 * heldOut).toFixed(1)} %`,
    };
  });
  const kept = growth.filter((one) => one.accepted).length;
  const at = grid(0, 1, 11);
  return {
    schema: 1,
    kind: "soup",
    method: "greedy",
    data: { set: "invented", heldOut: 500, test: 2000 },
    members,
    rows: [
      { method: "best single", members: 1, heldOut: 0.845, quality: quality(0.838, 0.52, 0.051, 1) },
      { method: "uniform", members: count, heldOut: 0.836, quality: quality(0.831, 0.505, 0.03, 1) },
      { method: "greedy", members: kept, heldOut: best, quality: quality(0.853, 0.471, 0.034, 1) },
      { method: "learned", members: count, heldOut: 0.861, quality: quality(0.856, 0.466, 0.03, 1) },
      {
        method: "logit ensemble",
        members: count,
        heldOut: 0.866,
        quality: quality(0.861, 0.442, 0.022, count),
      },
    ],
    growth,
    ...(wise
      ? {
          wise: {
            at,
            reference: at.map((alpha) =>
              interval(0.76 + 0.1 * alpha - 0.07 * alpha ** 2 + 0.04 * 4 * alpha * (1 - alpha) * 0.6, 0.009),
            ),
            ...(shifted
              ? {
                  shifted: at.map((alpha) =>
                    interval(0.63 - 0.06 * alpha + 0.09 * 4 * alpha * (1 - alpha) * 0.5, 0.011),
                  ),
                }
              : {}),
          },
        }
      : {}),
    mixing: ["conv1", "conv2", "conv3", "head"].map((module, m) => {
      const raw = Array.from({ length: count }, (_, i) => Math.exp(Math.sin(i * (m + 1))));
      const sum = raw.reduce((all, one) => all + one, 0);
      return { module, weights: raw.map((one) => round(one / sum)) };
    }),
    words: ["The greedy soup beats the best single network: invented numbers."],
  };
}

export function syntheticStudyBasin(): StudyBasin {
  return {
    models: syntheticModels(4, (i) => `seed ${i}`),
    data: { set: "invented", train: 400, test: 4000 },
    threshold: 0.02,
    rows: syntheticRows().filter((row) => row.label !== "RI-T / RI-T, same init"),
    words: ["Fine-tuned networks share a basin, networks from scratch do not: invented numbers."],
  };
}

/** INVENTED cost of an invented command. */
export const syntheticRunCost: RunCost = {
  finished: "2026-01-02T03:04:05Z",
  seconds: 31.4,
  computeSeconds: 52.2,
  cells: { total: 12, computed: 9 },
  jobs: 2,
  machine: "an invented machine with 2 cores",
  versions: { transferscope: "0.1.0", node: "24.21.0", "onnxruntime-node": "1.30.0" },
  command: "transferscope barrier a.onnx b.onnx --data invented --out out/barrier",
};
