import { ScopeError } from "../base/error.ts";
import type { Cell } from "../store/cell.node.ts";
import { shortAddress } from "../store/spec.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { freshWeights } from "./fresh-weights.node.ts";
import type { Family } from "./inputs.node.ts";
import type { ReplacementSource } from "./kinds/replace.node.ts";
import { type KeptNetwork, keptNetworks } from "./network.node.ts";

type Weights = ReadonlyMap<string, Tensor>;

/** Weights by where they come from. */
export interface WeightSources {
  /**
   * Writes tensor `name` as the source has it into `into`.
   * @param statistic whether it is a running statistic
   * @throws {ScopeError} usage, when the cell has no such input or the run kept no such step
   */
  fill(source: ReplacementSource, name: string, statistic: boolean, into: Float32Array): Promise<void>;
}

/**
 * Where replacements of the network in cell `final` come from. What is drawn or read once is kept.
 * @param family the networks of the cell's inputs, in the order of `inputs`, the final one first
 */
export async function openSources(
  final: Cell,
  family: Family,
  inputs: readonly string[],
): Promise<WeightSources> {
  const fresh = new Map<number, Promise<Weights>>();
  let kept: Promise<KeptNetwork[]> | undefined;

  function inputWeights(name: string): Weights {
    const place = inputs.indexOf(name);
    if (place >= 0) return family.networks[place]!.weights;
    throw new ScopeError("usage", `a replacement takes weights of input "${name}", which the cell has not`, {
      hint: `give the cell the input "${name}"`,
    });
  }
  async function weightsAfter(step: number): Promise<Weights> {
    const all = await (kept ??= keptNetworks(final));
    const found = all.find((one) => one.step === step);
    if (found !== undefined) return found.weights;
    throw new ScopeError("usage", `run ${shortAddress(final.address)} kept no weights of step ${step}`, {
      hint: `it kept those of ${all.map((one) => one.step).join(", ")}`,
    });
  }
  async function weightsFrom(
    source: Exclude<ReplacementSource, { kind: "zero" | "between" }>,
  ): Promise<Weights> {
    if (source.kind === "input") return inputWeights(source.input);
    if (source.kind === "kept") return await weightsAfter(source.step);
    let drawn = fresh.get(source.seed);
    if (drawn === undefined) {
      drawn = freshWeights(final, family.networks[0]!, source.seed);
      fresh.set(source.seed, drawn);
    }
    return await drawn;
  }

  return {
    async fill(source, name, statistic, into) {
      const last = numbers(inputWeights("final"), name);
      if (source.kind === "zero") {
        if (statistic) into.set(last);
        else into.fill(0);
      } else if (source.kind === "between") {
        const first = numbers(inputWeights("initial"), name);
        const [a, b] = [1 - source.alpha, source.alpha];
        for (let i = 0; i < into.length; i++) into[i] = a * first[i]! + b * last[i]!;
      } else into.set(numbers(await weightsFrom(source), name));
    },
  };
}

function numbers(weights: Weights, name: string): Float32Array {
  const found = weights.get(name);
  if (found !== undefined) return found.data as Float32Array;
  throw new ScopeError("usage", `a replacement names tensor "${name}", which the network has not`);
}
