import { ScopeError } from "../base/error.ts";
import { type Random, stream } from "../base/random.ts";
import { sizeOf } from "../tensor/tensor.ts";
import type { ParameterInfo } from "./types.ts";

/** Two seeds, so that a body can be kept while its head is drawn anew (and the other way round). */
export interface InitSeeds {
  readonly init: number;
  readonly head: number;
}

/**
 * Starting values of every parameter, by name. Each tensor is drawn from a stream of its own (seed and name), so its
 * numbers do not depend on which other tensors exist or in which order they are drawn.
 * @throws {ScopeError} bug, when an initialiser needs a fan that the tensor's shape does not have
 */
export function initialise(
  parameters: readonly ParameterInfo[],
  seeds: InitSeeds,
): Map<string, Float32Array> {
  return new Map(parameters.map((info) => [info.name, draw(info, seeds)]));
}

/** Starting values of one parameter, row-major, as `initialise` gives them. */
export function draw(info: ParameterInfo, seeds: InitSeeds): Float32Array {
  const random = info.head ? stream(seeds.head, "head", info.name) : stream(seeds.init, "init", info.name);
  const out = new Float32Array(sizeOf(info.shape));
  const { init } = info;
  switch (init.kind) {
    case "zeros":
      return out;
    case "ones":
      return out.fill(1);
    case "he-normal": {
      const fan = fans(info);
      return normal(out, random, (init.gain ?? 1) * Math.sqrt(2 / (init.fan === "in" ? fan.in : fan.out)));
    }
    case "lecun-normal":
      return normal(out, random, (init.gain ?? 1) * Math.sqrt(1 / fans(info).in));
    case "glorot-uniform": {
      const fan = fans(info);
      return uniform(out, random, (init.gain ?? 1) * Math.sqrt(6 / (fan.in + fan.out)));
    }
    case "uniform-fan-in":
      return uniform(out, random, (init.gain ?? 1) / Math.sqrt(fans(info).in));
    case "uniform":
      return uniform(out, random, init.bound);
    case "normal":
      return normal(out, random, init.std, init.mean);
    case "truncated-normal":
      return truncatedNormal(out, random, init.std);
  }
}

/**
 * Inputs and outputs of one unit. Weights are laid out [out, in, ...kernel]; a kernel's positions count on both sides.
 * @throws {ScopeError} bug, for tensors of fewer than two dimensions
 */
export function fans(info: Pick<ParameterInfo, "name" | "shape">): { in: number; out: number } {
  const [out, inputs, ...kernel] = info.shape;
  if (out === undefined || inputs === undefined) {
    throw new ScopeError(
      "bug",
      `internal: parameter "${info.name}" of shape [${info.shape.join(", ")}] has no fan`,
    );
  }
  const field = sizeOf(kernel);
  return { in: inputs * field, out: out * field };
}

function normal(out: Float32Array, random: Random, std: number, mean = 0): Float32Array {
  for (let i = 0; i < out.length; i++) out[i] = mean + std * random.normal();
  return out;
}

function uniform(out: Float32Array, random: Random, bound: number): Float32Array {
  for (let i = 0; i < out.length; i++) out[i] = bound * (2 * random.uniform() - 1);
  return out;
}

function truncatedNormal(out: Float32Array, random: Random, std: number): Float32Array {
  for (let i = 0; i < out.length; i++) {
    let z = random.normal();
    while (Math.abs(z) > 2) z = random.normal();
    out[i] = std * z;
  }
  return out;
}
