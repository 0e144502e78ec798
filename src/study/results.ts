import type { Json } from "../base/canonical.ts";
import type { StudyBasin } from "../basin/results.ts";
import type { StudyCriticality } from "../criticality/results.ts";
import type { Shuffle } from "./config.ts";
import type { Arm } from "./plan.ts";

/** What one arm learned at one shuffle with one seed. The four arrays are parallel, one entry a look at the test set. */
export interface Run {
  readonly arm: Arm;
  readonly shuffle: Shuffle;
  readonly seed: number;
  readonly learningRate: number;
  /** Training steps done at each look, rising from 0 to the end of training. */
  readonly steps: readonly number[];
  /** Mean training loss since the look before, nats per image; null at step 0. */
  readonly trainLoss: readonly (number | null)[];
  /** Mean cross-entropy on the looked-at test images, nats per image. */
  readonly testLoss: readonly number[];
  /** Share of the looked-at test images classified correctly, in [0, 1]. */
  readonly testAccuracy: readonly number[];
  /** Share of all test images classified correctly after the last step. */
  readonly finalAccuracy: number;
  /** Mean cross-entropy on all test images after the last step, nats per image. */
  readonly finalLoss: number;
  /** Address of the cell that holds the run. */
  readonly cell?: string | undefined;
}

/** One entry of the learning rate search: the mean over its validation images and seeds. */
export interface TuningResult {
  readonly arm: Arm;
  readonly shuffle: Shuffle;
  readonly learningRate: number;
  /** Share of validation images classified correctly, in [0, 1]. */
  readonly accuracy: number;
  /** Whether this rate was used for the reported runs. */
  readonly chosen: boolean;
}

/** A task the network was trained on. */
export interface Task {
  /** Name of the data set, as the user gave it. */
  readonly set: string;
  readonly classes: readonly string[];
  /** Images. */
  readonly trainSize: number;
  /** Images. */
  readonly testSize: number;
  /** SHA-256 (hex) of the decoded bytes. */
  readonly fingerprint?: string | undefined;
}

/**
 * A number with its 95 % confidence interval over seeds. `low` and `high` are null where no interval can be had
 * (one seed, or a quantity that some subset of the seeds leaves undefined).
 */
export interface Estimate {
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
}

/** One arm at one shuffle, over its seeds. */
export interface ArmSummary {
  readonly arm: Arm;
  readonly shuffle: Shuffle;
  /** Final test accuracy, share in [0, 1]. */
  readonly accuracy: Estimate;
  /** Mean test accuracy over training (area under the learning curve divided by its length), share in [0, 1]. */
  readonly area: Estimate;
  /** Highest point of the mean learning curve, share in [0, 1]. */
  readonly best: number;
}

/** When each arm's mean learning curve first reaches a fixed share of the scratch arm's best. */
export interface Milestone {
  /** Share of the best mean accuracy of the scratch arm at the same shuffle. */
  readonly fraction: number;
  /** The accuracy to be reached: `fraction` × that best. */
  readonly threshold: number;
  /** Training steps, interpolated linearly between looks; null when it was not reached. */
  readonly pretrained: number | null;
  /** Training steps; null when it was not reached. */
  readonly scratch: number | null;
  /** Scratch steps / pretrained steps; null when either is 0 or was not reached. */
  readonly speedUp: Estimate | null;
}

/** Pretrained against scratch at one shuffle, paired by seed. */
export interface ShuffleSummary {
  readonly shuffle: Shuffle;
  /** Final accuracy, pretrained − scratch, in shares (0.1 = 10 points). */
  readonly gain: Estimate;
  /** (acc_PT − acc_RIT) / acc_PT of the paper; null when nothing was classified correctly. */
  readonly relativeGain: Estimate | null;
  /** Mean accuracy over training, pretrained − scratch, in shares. */
  readonly areaGain: Estimate;
  readonly milestones: readonly Milestone[];
  /** gain / gain on intact images; null when the intact gain's interval includes zero, or on intact images. */
  readonly gainShare: Estimate | null;
  /** areaGain / areaGain on intact images; null as for gainShare. */
  readonly areaShare: Estimate | null;
  /** log speed-up / log speed-up on intact images, at `speedFraction` of scratch's best; null as for gainShare. */
  readonly speedShare: Estimate | null;
  /** areaShare − gainShare: above zero when the head start survives better than the final gain. */
  readonly surplus: Estimate | null;
}

/** Everything that is computed from the runs. */
export interface Summary {
  /** Coverage of every interval, 0.95. */
  readonly confidence: number;
  /** The milestone that `speedShare` compares. */
  readonly speedFraction: number;
  readonly arms: readonly ArmSummary[];
  readonly shuffles: readonly ShuffleSummary[];
}

/**
 * A whole study: plain data, the same bytes however often it was interrupted. Times and machines are not in it: they are
 * a `StudyCost`.
 */
export interface StudyResults {
  readonly schema: 1;
  readonly study: { readonly name: string; readonly question?: string | undefined };
  /** The configuration the study ran from, all defaults filled in. */
  readonly config: Json;
  readonly model: { readonly description: string; readonly parameters: number };
  /** The task of the pretraining run, and the network's test accuracy on it. */
  readonly upstream: Task & {
    readonly accuracy: number;
    readonly seed: number;
    readonly cell?: string | undefined;
  };
  readonly downstream: Task;
  readonly image: { readonly channels: number; readonly height: number; readonly width: number };
  readonly seeds: readonly number[];
  readonly arms: readonly Arm[];
  readonly shuffles: readonly Shuffle[];
  /** Ordered by shuffle, seed, arm. */
  readonly runs: readonly Run[];
  readonly learningRates: readonly TuningResult[];
  readonly summary: Summary;
  /** Paths between the runs, where the study has two seeds or more. */
  readonly basin?: StudyBasin | undefined;
  /** Which modules matter in the first seed's two networks, where the study has intact images. */
  readonly criticality?: StudyCriticality | undefined;
}

/** What a study took, and where: passed beside its results because it differs from run to run. */
export type { RunCost as StudyCost } from "../basin/results.ts";

/** The same few downstream test images under every shuffle, for the figure of examples. */
export interface Examples {
  /** Class name of each image. */
  readonly labels: readonly string[];
  /** Seed of the permutations that are shown. */
  readonly seed: number;
  /** `images`: [labels.length, channels, height, width], uint8, planar, sized as `StudyResults.image`. */
  readonly rows: readonly { readonly shuffle: Shuffle; readonly images: Uint8Array }[];
}
