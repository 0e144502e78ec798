import type { Builder } from "../../graph/builder.ts";

/** What an update is given. All vectors hold every trainable parameter, flattened one after another: [P]. */
export interface UpdateContext {
  readonly g: Builder;
  /** Parameters before the step, [P]. */
  readonly theta: string;
  /** Gradient of the loss (with any clipping and L2-SP term already in it), [P]. */
  readonly gradient: string;
  /** Optimiser state before the step, one [P] for each of `slots`. */
  readonly slots: readonly string[];
  /** Learning rate: a scalar, or [P] when modules have rates of their own. */
  readonly rate: string;
  /** Weight decay: a scalar or [P]; undefined when there is none. */
  readonly decay: string | undefined;
  /** Number of this step, from 1, as a float scalar. */
  readonly step: string;
}

/** An update rule, as nodes added to a graph. */
export interface Optimizer {
  readonly doc: string;
  /** Names of the state vectors; all start at zero. */
  readonly slots: readonly string[];
  /** Adds the nodes; returns the parameters and the state after the step. */
  update(
    context: UpdateContext,
    options: OptimizerOptions,
  ): { readonly theta: string; readonly slots: readonly string[] };
}

export interface OptimizerOptions {
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}
