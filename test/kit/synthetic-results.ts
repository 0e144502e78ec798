import { type StreamName, stream } from "../../src/base/random.ts";
import type { Shuffle } from "../../src/study/config.ts";
import type { Arm } from "../../src/study/plan.ts";
import type { Examples, Run, StudyCost, StudyResults, TuningResult } from "../../src/study/results.ts";
import { summarise } from "../../src/study/summary.ts";
import { syntheticStudyCriticality } from "./synthetic-criticality.ts";

/** What the invented study should look like. */
export interface SyntheticOptions {
  readonly name?: string;
  readonly set?: string;
  readonly seeds?: readonly number[];
  readonly shuffles?: readonly Shuffle[];
  /** Final accuracy of the pretrained arm minus that of the scratch arm, intact, in shares. */
  readonly gain?: number;
  /** Standard deviation of the noise of a run's accuracy, in shares. */
  readonly noise?: number;
  /** How many times sooner the pretrained arm learns, intact. */
  readonly speedUp?: number;
  readonly looks?: number;
  /** With an invented chapter on criticality. */
  readonly criticality?: boolean;
}

/** How much of the images' structure each shuffle leaves: an invention, of the papers' rough shape. */
function kept(shuffle: Shuffle): number {
  if (shuffle === "none") return 1;
  if (shuffle === "pixel") return 0;
  return Math.log2(shuffle) / 5;
}

/**
 * INVENTED results for developing and testing figures and words. No network was trained: curves are exponentials with
 * noise from a seeded generator. Never part of the product.
 */
export function syntheticResults(options: SyntheticOptions = {}): StudyResults {
  const {
    name = "Synthetic study (invented numbers)",
    set = "invented",
    seeds = [0, 1, 2],
    shuffles = ["none", 16, 8, 4, 2, "pixel"],
    gain = 0.12,
    noise = 0.01,
    speedUp = 4,
    looks = 16,
    criticality = false,
  } = options;
  const steps = Array.from({ length: looks + 1 }, (_, i) => Math.round((400 * i) / looks));
  const rates = [0.01, 0.03, 0.1];
  const level = (arm: Arm, shuffle: Shuffle) =>
    0.4 + 0.22 * kept(shuffle) + (arm === "pretrained" ? gain * (0.1 + 0.9 * kept(shuffle) ** 1.5) : 0);
  const round = (value: number) => Math.round(Math.min(1, Math.max(0, value)) * 1000) / 1000;
  const runs: Run[] = shuffles.flatMap((shuffle) =>
    seeds.flatMap((seed) =>
      (["pretrained", "scratch"] as const).map((arm): Run => {
        const random = stream(seed, "noise" satisfies StreamName, arm, shuffle);
        const offset = noise * random.normal();
        const tau = 90 / (arm === "pretrained" ? 1 + (speedUp - 1) * (0.35 + 0.65 * kept(shuffle)) : 1);
        const testAccuracy = steps.map((step) => {
          const jitter = step === 0 ? 0 : offset + 0.5 * noise * random.normal();
          return round(0.25 + (level(arm, shuffle) - 0.25) * (1 - Math.exp(-step / tau)) + jitter);
        });
        const testLoss = testAccuracy.map((accuracy) => Math.round((1.9 - 1.6 * accuracy) * 1000) / 1000);
        return {
          arm,
          shuffle,
          seed,
          learningRate: arm === "pretrained" ? 0.03 : 0.1,
          steps,
          trainLoss: steps.map((step, i) =>
            step === 0 ? null : Math.round((testLoss[i]! - 0.15) * 1000) / 1000,
          ),
          testLoss,
          testAccuracy,
          finalAccuracy: testAccuracy.at(-1)!,
          finalLoss: testLoss.at(-1)!,
          cell: "0".repeat(60) + String(seed).padStart(4, "0"),
        };
      }),
    ),
  );
  const learningRates: TuningResult[] = shuffles.flatMap((shuffle) =>
    (["pretrained", "scratch"] as const).flatMap((arm) =>
      rates.map((learningRate): TuningResult => {
        const best = arm === "pretrained" ? 0.03 : 0.1;
        const off = Math.log10(learningRate / best) ** 2;
        return {
          arm,
          shuffle,
          learningRate,
          accuracy: round(level(arm, shuffle) - 0.06 * off),
          chosen: learningRate === best,
        };
      }),
    ),
  );
  return {
    schema: 1,
    study: { name, question: "INVENTED numbers: what would the page look like if these had been measured?" },
    config: { name, note: "invented by test/kit/synthetic-results.ts" },
    model: { description: "convolutional network of 3 layers (16, 32, 64 channels)", parameters: 24_564 },
    upstream: {
      set,
      classes: ["bird", "cat", "deer", "dog", "frog", "horse"],
      trainSize: 30_000,
      testSize: 6_000,
      accuracy: 0.683,
      seed: 0,
    },
    downstream: {
      set,
      classes: ["airplane", "automobile", "ship", "truck"],
      trainSize: 400,
      testSize: 4_000,
    },
    image: { channels: 3, height: 32, width: 32 },
    seeds,
    arms: ["pretrained", "scratch"],
    shuffles,
    runs,
    learningRates,
    summary: summarise({ runs, shuffles, seeds }),
    ...(criticality ? { criticality: syntheticStudyCriticality() } : {}),
  };
}

/** INVENTED cost of the invented study. */
export const syntheticCost: StudyCost = {
  finished: "2026-01-02T03:04:05Z",
  seconds: 251.4,
  computeSeconds: 480.2,
  cells: { total: 73, computed: 61 },
  jobs: 2,
  machine: "an invented machine with 2 cores",
  versions: { transferscope: "0.1.0", node: "24.21.0", "onnxruntime-node": "1.30.0" },
  command: "transferscope study --preset vehicles --out out/demo",
};

/** INVENTED pictures, shuffled as the study's would be (blocks moved by a seeded permutation). */
export function syntheticExamples(results: StudyResults, count = 6): Examples {
  const { channels, height, width } = results.image;
  const plane = height * width;
  const intact = new Uint8Array(count * channels * plane);
  for (let n = 0; n < count; n++) {
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const disc = Math.hypot(x - width / 2 + n - 3, y - height / 2) < 6 + n;
          const value = disc ? 90 + 50 * ((c + n) % 3) : 255 - (y * 5 + c * 20);
          intact[((n * channels + c) * height + y) * width + x] = Math.min(255, Math.max(0, value));
        }
      }
    }
  }
  const rows = results.shuffles.map((shuffle) => ({ shuffle, images: shuffled(intact, shuffle) }));
  const { classes } = results.downstream;
  return { labels: Array.from({ length: count }, (_, i) => classes[i % classes.length]!), seed: 0, rows };

  function shuffled(images: Uint8Array, shuffle: Shuffle): Uint8Array {
    if (shuffle === "none") return images;
    const block = shuffle === "pixel" ? 1 : shuffle;
    const [down, across] = [height / block, width / block];
    const order = stream(0, "shuffle", block).permutation(down * across);
    const out = new Uint8Array(images.length);
    for (let n = 0; n < count * channels; n++) {
      for (let i = 0; i < plane; i++) {
        const [y, x] = [Math.floor(i / width), i % width];
        const from = order[Math.floor(y / block) * across + Math.floor(x / block)]!;
        const row = Math.floor(from / across) * block + (y % block);
        out[n * plane + i] = images[n * plane + row * width + (from % across) * block + (x % block)]!;
      }
    }
    return out;
  }
}
