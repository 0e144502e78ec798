import { z } from "zod";
import { ScopeError } from "../base/error.ts";
import { float } from "../graph/builder.ts";
import type { Network } from "./network.ts";
import type { InitSpec } from "./types.ts";

/** Kinds of normalisation an image network may have between its convolutions. */
export type NormKind = "none" | "batch" | "layer" | "group";

/** Added to a variance before its root is taken; PyTorch's default, the same for all kinds. */
const epsilon = 1e-5;

export const groupsSchema = z
  .int()
  .positive()
  .default(8)
  .describe("groups of group normalisation; must divide the channels");

export interface NormOptions {
  readonly groups: number;
  /** What the scale starts from; ones unless told. */
  readonly scale?: InitSpec;
}

/**
 * Normalisation of an image batch [N, C, H, W] with a scale and a shift per channel, module `name`
 * (`weight`, `bias`: [C]; batch norm also `running_mean`, `running_var`: [C]).
 *
 * - batch: over N, H, W; in the graph with its running statistics (inference form). Ioffe and Szegedy 2015, arXiv:1502.03167.
 * - layer: over the C channels of each position by itself, as Flax's LayerNorm does on channels-last images and as Git
 *   Re-Basin's networks have it. (Normalisation over C, H and W together is `group` with one group.)
 *   Ba et al. 2016, arXiv:1607.06450.
 * - group: over H, W and the C/groups channels of a group. Wu and He 2018, arXiv:1803.08494.
 * @throws {ScopeError} usage, when the groups do not divide the channels
 */
export function norm(net: Network, name: string, x: string, kind: NormKind, options: NormOptions): string {
  switch (kind) {
    case "none":
      return x;
    case "batch":
      return batchNorm(net, name, x, options);
    case "layer": {
      const last = net.g.transpose(x, [0, 2, 3, 1]);
      return net.g.transpose(layerNorm(net, name, last, net.channels(x), options), [0, 3, 1, 2]);
    }
    case "group":
      return groupNorm(net, name, x, options);
  }
}

/** Normalisation over the last axis, of size `size`, with scale and shift [size]. x: [..., size]. */
export function layerNorm(
  net: Network,
  name: string,
  x: string,
  size: number,
  options: Pick<NormOptions, "scale"> = {},
): string {
  const { weight, bias } = affine(net, name, size, options);
  return net.g.op("LayerNormalization", [x, weight, bias], { axis: -1, epsilon: float(epsilon) });
}

function batchNorm(net: Network, name: string, x: string, options: NormOptions): string {
  const size = net.channels(x);
  const { weight, bias } = affine(net, name, size, options);
  const mean = net.parameter(`${name}.running_mean`, [size], { kind: "zeros" }, { role: "statistic" });
  const variance = net.parameter(`${name}.running_var`, [size], { kind: "ones" }, { role: "statistic" });
  // ONNX's momentum is the share of the old statistics that is kept: 0.9 here is 0.1 in PyTorch.
  return net.g.op("BatchNormalization", [x, weight, bias, mean, variance], {
    epsilon: float(epsilon),
    momentum: float(0.9),
  });
}

/**
 * GroupNormalization as ONNX defines it came with opset 21; before, it is an instance norm over [N, groups, rest],
 * followed by scale and shift.
 */
function groupNorm(net: Network, name: string, x: string, options: NormOptions): string {
  const { g } = net;
  const size = net.channels(x);
  const { groups } = options;
  if (size % groups !== 0) {
    throw new ScopeError("usage", `${name}: ${groups} groups do not divide ${size} channels`, {
      hint: "set model groups to a divisor of the channels",
    });
  }
  const [h, w] = net.image(x);
  const { weight, bias } = affine(net, name, size, options);
  const one = g.floats([groups], new Float32Array(groups).fill(1));
  const zero = g.floats([groups], new Float32Array(groups));
  // A 0 in the target shape of Reshape keeps that axis, so the batch stays symbolic.
  const grouped = g.op("Reshape", [x, g.ints([0, groups, (size / groups) * h * w])]);
  const normal = g.op("InstanceNormalization", [grouped, one, zero], { epsilon: float(epsilon) });
  const back = g.op("Reshape", [normal, g.ints([0, size, h, w])]);
  const column = (value: string): string => g.op("Reshape", [value, g.ints([size, 1, 1])]);
  return g.plus(g.mul(back, column(weight)), column(bias));
}

function affine(
  net: Network,
  name: string,
  size: number,
  { scale }: Pick<NormOptions, "scale">,
): { weight: string; bias: string } {
  return {
    weight: net.parameter(`${name}.weight`, [size], scale ?? { kind: "ones" }),
    bias: net.parameter(`${name}.bias`, [size], { kind: "zeros" }),
  };
}
