import type { Criticality, Interval, MapCell, NoiseScale } from "../sensitivity/types.ts";

export type { RunCost } from "../basin/results.ts";
export type {
  Criticality,
  Edge,
  Interval,
  MapCell,
  MaybeInfinite,
  NoiseScale,
} from "../sensitivity/types.ts";

/** Error of a changed network against the final one's, on one split. */
export interface Change {
  readonly split: "train" | "test";
  readonly images: number;
  /** Share of wrong predictions of the changed network. Wilson's interval. */
  readonly error: Interval;
  /** Error minus the final network's on the same images; interval over images (paired), and over draws too where there are several. */
  readonly excess: Interval;
  /** Nats; null where not finite. */
  readonly loss: number | null;
}

/** A module's map under one kind of noise. */
export interface ModuleMap {
  readonly noise: NoiseScale;
  readonly alphas: readonly number[];
  readonly ratios: readonly number[];
  readonly cells: readonly MapCell[];
  /** One entry an ε, the first one the command's main one. */
  readonly criticality: readonly Criticality[];
}

/** What to do with a module, and why. */
export interface Advice {
  /** Its initial weights do as well (upper end of the rewind interval within ε): it need not be trained. */
  readonly freeze: boolean;
  /** It may be set back to its initial weights after training; the same test, on the data of both splits. */
  readonly rewind: boolean;
  /** Without it (all its weights zero) the error stays within ε. */
  readonly prune: boolean;
  /** Factor on the learning rate: the share of its way from initial to final that it needs, in [0, 1]. */
  readonly rate: number;
  readonly why: string;
}

export interface ModuleResult {
  readonly name: string;
  /** Place among the modules, 0 at the input. */
  readonly depth: number;
  readonly isHead: boolean;
  /** Numbers in its parameters. */
  readonly parameters: number;
  /** Root mean square of its final weights: σ = ratio · rms. */
  readonly rms: number;
  /** ‖θ^F − θ^0‖₂, and divided by ‖θ^F‖₂. */
  readonly distance: number;
  readonly relativeDistance: number;
  /** isotropic first; per-tensor only where it differs (several tensors). Empty when only robustness was asked for. */
  readonly maps: readonly ModuleMap[];
  /** Set back to its initial value (Zhang, Bengio and Singer's re-initialisation); by split. */
  readonly rewound: readonly Change[];
  /** Replaced by fresh draws from the distribution it was initialised from: mean over draws. */
  readonly rerandomised: readonly Change[];
  /** All its parameters zero. */
  readonly zeroed: readonly Change[];
  readonly advice: Advice;
}

/** The network a map belongs to. */
export interface NetworkResult {
  readonly name: string;
  readonly cell: string;
  /** What the initial weights are: "its own start", "the pretrained weights", "all zero", "fresh random weights (seed 0)", a file's name. */
  readonly initial: string;
  /** What it was trained from, where known: groups networks in figures. */
  readonly group: "fine-tuned" | "from scratch" | "given";
  readonly parameters: number;
  /** Error of the final network. */
  readonly final: readonly {
    readonly split: "train" | "test";
    readonly images: number;
    readonly error: Interval;
    readonly loss: number;
  }[];
  /** How batch norm's statistics were treated: those of the images looked at, or the network's own; none: has none. */
  readonly statistics: "of the images" | "kept" | "none";
  readonly modules: readonly ModuleResult[];
  /** Σ μ over the modules at each ε (isotropic), Chatterji et al.'s network criticality; null: some are infinite (named). */
  readonly total: readonly {
    readonly epsilon: number;
    readonly value: number | null;
    readonly low: number | null;
    readonly high: number | null;
    readonly infinite: readonly string[];
    /** PAC-Bayes: with probability 95 % over m training images the noisy network's error exceeds its training error by at most this; may be > 1 (says nothing). All modules noisy at once; α and σ as if chosen before the images were seen: a size, no guarantee. */
    readonly gap: number | null;
    readonly trainImages: number;
  }[];
  /** Kendall's τ-b of depth with μ and with the rewound error on training images; interval by resampling draws. Null: all equal. */
  readonly order: {
    readonly criticality: Interval | null;
    readonly rewound: Interval | null;
  };
  /** Seconds of work in this network's cells, all workers together; not in a study, whose results do not depend on what they took. */
  readonly seconds?: number | undefined;
}

/** Several networks of one kind together, module by module. */
export interface GroupResult {
  readonly group: NetworkResult["group"];
  readonly networks: readonly string[];
  /** Mean over networks, Student's interval over networks; null where a network's is infinite. */
  readonly modules: readonly {
    readonly name: string;
    readonly depth: number;
    /** log10(1 + μ) */
    readonly logMu: Interval | null;
    /** Ratio of the ball's radius at α = 1, as log10. */
    readonly logRadius: Interval | null;
    /** Rewound excess error on training images. */
    readonly rewound: Interval;
  }[];
  /** Kendall's τ with depth, mean over networks with Student's interval. */
  readonly order: { readonly criticality: Interval | null; readonly rewound: Interval | null };
}

/** Following the list of modules that need not be trained. */
export interface FreezeResult {
  /** The ε the list is made by. */
  readonly epsilon: number;
  /** Modules to freeze, as `train` takes them, chosen greedily: rewound together they stay within ε. */
  readonly modules: readonly string[];
  /** Share of the parameters in them. */
  readonly share: number;
  /** All of them rewound at once. */
  readonly together: readonly Change[];
  /** The file the list was written to, where asked for. */
  readonly file?: string;
  /** Fine-tunes that follow the list against full ones, same seeds, where asked for. */
  readonly tried?: {
    readonly seeds: readonly number[];
    readonly rows: readonly {
      readonly what: "full" | "frozen";
      /** Test accuracy by seed; mean with Student's interval over seeds. */
      readonly accuracy: Interval;
      readonly accuracies: readonly number[];
      /** Seconds of training by run, as measured when its cell was computed. */
      readonly seconds: Interval;
      readonly trained: number;
    }[];
    /** Frozen minus full, paired by seed. */
    readonly accuracy: Interval;
    /** Time of a full run over time of a frozen one, paired by seed (geometric mean). */
    readonly speed: Interval;
  };
}

export interface CriticalityResults {
  readonly schema: 1;
  readonly kind: "criticality";
  readonly networks: readonly NetworkResult[];
  readonly groups: readonly GroupResult[];
  readonly data: {
    readonly set: string;
    readonly train: number;
    readonly test: number;
    /** Classes, where known: figures mark chance. */
    readonly classes?: number;
  };
  /** "layer", "block", "stage" or the regular expression. */
  readonly granularity: string;
  /** Allowed excesses, absolute; how they were given ("1 point of error", "10 % of the final error"). */
  readonly epsilons: readonly { readonly given: string; readonly text: string }[];
  readonly freeze?: FreezeResult;
  readonly words: readonly string[];
}

/** Modules set to their values at earlier moments of training, one at a time. */
export interface RewindResults {
  readonly schema: 1;
  readonly kind: "rewind";
  readonly networks: readonly {
    readonly name: string;
    readonly cell: string;
    readonly group: NetworkResult["group"];
    readonly statistics: NetworkResult["statistics"];
    readonly final: NetworkResult["final"];
    /** Optimiser steps of the kept checkpoints, rising; 0 is the start. */
    readonly steps: readonly number[];
    /** Steps of the whole run. */
    readonly total: number;
    readonly modules: readonly {
      readonly name: string;
      readonly depth: number;
      readonly parameters: number;
      /** Parallel to `steps`: the module as it was at that step (the optimisation path). */
      readonly changes: readonly (readonly Change[])[];
      /** The direct path beside it: the module at (1 − α)·initial + α·final, α the share of the way (by distance) covered at that step. */
      readonly direct: readonly { readonly alpha: number; readonly changes: readonly Change[] }[];
      readonly rerandomised: readonly Change[];
    }[];
  }[];
  readonly data: {
    readonly set: string;
    readonly train: number;
    readonly test: number;
    /** Classes, where known: figures mark chance. */
    readonly classes?: number;
  };
  readonly granularity: string;
  readonly words: readonly string[];
}

/** What a study's report says about criticality. */
export type StudyCriticality = Pick<
  CriticalityResults,
  "networks" | "groups" | "granularity" | "epsilons" | "data" | "words"
>;
