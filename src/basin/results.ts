import type { Barrier, Curve, Interval, Split, Verdict } from "../landscape/types.ts";
import type { Quality } from "../soup/quality.ts";

export type { Barrier, BarrierDefinition, Curve, Interval, Split, Verdict } from "../landscape/types.ts";
export type { Quality } from "../soup/quality.ts";

/** What was done to a pair before or on the way. */
export interface Treatment {
  readonly align: "none" | "weights" | "activations" | "ste";
  readonly curve: "linear" | "bezier";
  /** never: statistics interpolated like weights. auto: estimated anew where there is batch norm. */
  readonly statistics: "interpolated" | "re-estimated" | "none";
  readonly repair: boolean;
}

/** A path between two networks under one treatment. */
export interface Path {
  readonly treatment: Treatment;
  /** Positions, 0 at the first network, 1 at the second. */
  readonly at: readonly number[];
  readonly curves: readonly Curve[];
  readonly barriers: readonly Barrier[];
}

/** How two networks are related, as far as the store knows: what they were trained from. */
export type Kinship =
  | "copy"
  | "same weights"
  | "same init"
  | "different init"
  | "pretrained and scratch"
  | "different pretraining";

export interface Pair {
  /** Indices into `models`. */
  readonly a: number;
  readonly b: number;
  /** ‖θ_a − θ_b‖₂ over all trainable parameters, and divided by the mean of both norms. */
  readonly distance: number;
  readonly relativeDistance: number;
  /** One or more treatments, the plain one first. */
  readonly paths: readonly Path[];
  /** Absent where it is not known: files from elsewhere. */
  readonly kinship?: Kinship;
  /** Of the last path, the one with everything done. */
  readonly verdict: Verdict;
  /** With alignment: largest difference of logits, moved network against original, relative to their largest size. */
  readonly proof?: number;
  /** With alignment: positions moved and not, in words of the symmetry analysis. */
  readonly symmetry?: {
    readonly spaces: number;
    readonly units: number;
    readonly unproved: readonly string[];
  };
}

/** One network as the user named it, with what is known of it. */
export interface ModelFacts {
  readonly name: string;
  readonly cell: string;
  readonly parameters: number;
  readonly accuracy?: { readonly train?: number; readonly test?: number };
}

export interface BarrierResults {
  readonly schema: 1;
  readonly kind: "barrier";
  readonly models: readonly ModelFacts[];
  readonly data: { readonly set: string; readonly train: number; readonly test: number };
  readonly pairs: readonly Pair[];
  /** Basins: groups of models no barrier stands between (complete linkage at the verdict's threshold). */
  readonly basins: readonly (readonly number[])[];
  /** Sentences: the answer. */
  readonly words: readonly string[];
}

/** A plane of weight space: through three networks, or around one along two random directions. */
export interface PlaneResults {
  readonly schema: 1;
  readonly kind: "plane";
  readonly models: readonly (ModelFacts & { readonly x: number; readonly y: number })[];
  /** Unit of both axes: "l2 distance" (through models) or "filter norms" (random directions). */
  readonly unit: "l2 distance" | "filter norms";
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** One entry a split; [y][x]. */
  readonly surfaces: readonly {
    readonly split: Split;
    readonly images: number;
    readonly loss: readonly (readonly (number | null)[])[];
    readonly accuracy: readonly (readonly number[])[];
  }[];
  /** Random points of the convex hull of the networks (with others besides those of the plane), where asked for. */
  readonly hull?: {
    /** Names of the networks it is the hull of. */
    readonly of: readonly string[];
    readonly points: number;
    /** Over the points, by split. */
    readonly accuracy: readonly {
      readonly split: Split;
      readonly mean: number;
      readonly least: number;
      readonly most: number;
      /** Of the networks themselves. */
      readonly corners: readonly number[];
    }[];
  };
  readonly data: { readonly set: string; readonly train: number; readonly test: number };
  readonly words: readonly string[];
}

/** Instability of one moment of training: pairs of children that share the first k steps. */
export interface InstabilityAt {
  /** Steps shared. */
  readonly k: number;
  /** Every pair: replicate, instability (mean barrier of the test error), chord barrier of the train loss, distance. */
  readonly pairs: readonly {
    readonly replicate: number;
    readonly instability: Interval;
    readonly lossBarrier: Interval;
    readonly distance: number;
    readonly cells: readonly [string, string];
  }[];
  /** Mean over pairs; interval over pairs (Student's t). */
  readonly instability: Interval;
  readonly lossBarrier: Interval;
  readonly distance: Interval;
  /** Share of pairs under the threshold. */
  readonly stable: number;
}

/** One row of the lecture's table: pairs of a kind. */
export interface GridRow {
  /** "P-T / P-T", "RI-T / RI-T", "P-T / RI-T", "RI-T / RI-T, same init". */
  readonly label: string;
  readonly sameStart: boolean;
  readonly sameHead: boolean;
  readonly sameOrder: boolean;
  /** Learning-rate factor on the fine-tuned arm, 1 unless the row is of a high-rate variant. */
  readonly rateFactor: number;
  readonly pairs: readonly {
    readonly names: readonly [string, string];
    /** All barriers of the pair. */
    readonly barriers: readonly Barrier[];
    readonly distance: number;
    readonly path: Path;
  }[];
  /** Chord barrier of loss and of error by split, mean over pairs, interval over pairs (Student's t). */
  readonly chord: readonly {
    readonly split: Split;
    readonly quantity: "loss" | "error";
    readonly height: Interval;
  }[];
}

export interface InstabilityResults {
  readonly schema: 1;
  readonly kind: "instability";
  readonly name: string;
  readonly config: unknown;
  readonly model: { readonly description: string; readonly parameters: number };
  readonly data: { readonly set: string; readonly train: number; readonly test: number };
  /** Steps of the whole run. */
  readonly total: number;
  /** What differs between children: "order", "augmentation", "head". */
  readonly vary: readonly string[];
  readonly threshold: number;
  readonly spawn: readonly InstabilityAt[];
  readonly grid: readonly GridRow[];
  readonly words: readonly string[];
}

export interface SoupResults {
  readonly schema: 1;
  readonly kind: "soup";
  readonly method: string;
  readonly data: { readonly set: string; readonly heldOut: number; readonly test: number };
  readonly members: readonly (ModelFacts & { readonly heldOut: number; readonly quality: Quality })[];
  /** "best single", "uniform", "greedy", "learned", "learned per module", "logit ensemble", "swa", … */
  readonly rows: readonly {
    readonly method: string;
    readonly members: number;
    readonly heldOut: number;
    readonly quality: Quality;
  }[];
  /** Greedy: every candidate in the order tried. */
  readonly growth: readonly {
    readonly model: number;
    readonly heldOut: number;
    readonly accepted: boolean;
    readonly reason: string;
  }[];
  /** WiSE-FT: quality along the line from the first to the second model, on the data and, if given, on shifted data. */
  readonly wise?: {
    readonly at: readonly number[];
    readonly reference: readonly Interval[];
    readonly shifted?: readonly Interval[] | undefined;
  };
  /** Learned weights, one row a module ("" when global). */
  readonly mixing?: readonly { readonly module: string; readonly weights: readonly number[] }[];
  readonly words: readonly string[];
}

/** The basins of a study: paths between runs it already has, by the kind of pair. */
export interface StudyBasin {
  /** The runs that stand in a pair; a pair's `names` are names of these. */
  readonly models: readonly ModelFacts[];
  /** Images the paths were looked at with. */
  readonly data: { readonly set: string; readonly train: number; readonly test: number };
  /** Error barrier (mean definition) below which a pair counts as connected. */
  readonly threshold: number;
  /** All pairs, with their paths, by kind. */
  readonly rows: readonly GridRow[];
  readonly words: readonly string[];
}

/** What a command took, and where: passed beside its results because it differs from run to run. */
export interface RunCost {
  /** When it was finished, ISO 8601. */
  readonly finished: string;
  /** Wall time of the command, seconds. */
  readonly seconds: number;
  /** Time spent inside all cells, whenever they were computed, seconds. */
  readonly computeSeconds: number;
  readonly cells: { readonly total: number; readonly computed: number };
  /** Worker processes. */
  readonly jobs: number;
  /** Processor, cores, operating system: one line. */
  readonly machine: string;
  /** Program → version ("node" → "24.21.0"). */
  readonly versions: Readonly<Record<string, string>>;
  /** The command that gives these results again. */
  readonly command: string;
}
