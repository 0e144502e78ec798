import type { z } from "zod";
import type { Graph } from "../graph/graph.ts";
import type { Network } from "./network.ts";

/** What goes into a classifier and how many classes come out. */
export interface ModelIo {
  readonly channels: number;
  /** Image size in pixels. */
  readonly height: number;
  readonly width: number;
  readonly classes: number;
}

/**
 * How a tensor is filled at the start. `gain` multiplies the standard deviation; fans are those of `fans`.
 *
 * - zeros, ones: every element the same.
 * - he-normal: N(0, gain² · 2/fan), fan counted over inputs or outputs. He et al. 2015, arXiv:1502.01852, equations 10 and 14.
 * - glorot-uniform: U(±gain · √(6/(fan_in + fan_out))). Glorot and Bengio 2010, equation 16.
 * - lecun-normal: N(0, gain²/fan_in). LeCun et al. 1998, "Efficient BackProp", equation 16.
 * - uniform-fan-in: U(±gain/√fan_in), what PyTorch's Linear and Conv2d start from.
 * - uniform: U(±bound), for biases, whose fan is that of the weight beside them.
 * - normal: N(mean, std²).
 * - truncated-normal: N(0, std²) cut at two standard deviations of that normal (redrawn, not clipped).
 */
export type InitSpec =
  | { readonly kind: "zeros" }
  | { readonly kind: "ones" }
  | { readonly kind: "he-normal"; readonly fan: "in" | "out"; readonly gain?: number }
  | { readonly kind: "glorot-uniform"; readonly gain?: number }
  | { readonly kind: "lecun-normal"; readonly gain?: number }
  | { readonly kind: "uniform-fan-in"; readonly gain?: number }
  | { readonly kind: "uniform"; readonly bound: number }
  | { readonly kind: "normal"; readonly mean: number; readonly std: number }
  | { readonly kind: "truncated-normal"; readonly std: number };

/** One float32 tensor of a model. */
export interface ParameterInfo {
  /** Dotted path as a person would say it: `stage2.block1.conv1.weight`. Also the initializer's name in the graph. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly init: InitSpec;
  /** Statistics (a batch norm's running mean and variance) follow the data; no gradient reaches them. */
  readonly role: "trainable" | "statistic";
  /** Whether weight decay is meant for it: weights, not biases, scales or position embeddings. */
  readonly decay: boolean;
  /** The layer it belongs to: its name without the last part. */
  readonly module: string;
  /** Belongs to the last layer, which is replaced when the network moves to another task. */
  readonly head: boolean;
  /** Factor on the learning rate: 0.1 for Fixup's scalars, else 1. */
  readonly lrScale: number;
}

/** Values inside the network worth looking at: the output of each block, in order, by the block's name. */
export interface Tap {
  readonly module: string;
  /** Name of the value in the graph. */
  readonly value: string;
}

/** A network ready to be trained: input "x" [N, C, H, W] (float32), output "logits" [N, K]. */
export interface Model {
  readonly spec: { readonly arch: string };
  readonly io: ModelIo;
  /** Its initializers include every parameter; loaded as they are, they hold the weights of init seed 0, head seed 0. */
  readonly graph: Graph;
  /** Parameters and statistics in the order of the forward pass. */
  readonly parameters: readonly ParameterInfo[];
  /** Block outputs from the stem to the input of the head. */
  readonly taps: readonly Tap[];
}

/** A family of networks: its options, and how to build one. */
export interface Architecture<S extends z.ZodType> {
  readonly doc: string;
  readonly schema: S;
  /** Adds the layers from `x` to the logits; returns the name of the logits [N, K]. */
  build(net: Network, spec: z.output<S>, x: string): string;
}
