import { compact, mainMap } from "../criticality/chart/names.ts";
import type { NetworkResult, StudyCriticality } from "../criticality/results.ts";
import { listed } from "../criticality/words.ts";
import { enumerate } from "./format.ts";

/**
 * The chapter on criticality in one sentence, for a study's answer: the most critical module of each network, the others
 * that its interval does not leave behind, and that one network of a kind shows nothing of the kind.
 */
export function criticalityHeadline({
  networks,
  epsilons,
}: Pick<StudyCriticality, "networks" | "epsilons">): string {
  const parts = networks.map((network) => `${mostCritical(network)} in ${network.name}`);
  return `The most critical module (largest μ at ε = ${epsilons[0]!.text}) is ${enumerate(parts)}; with one network each, nothing is shown about fine-tuning and training from scratch as such.`;
}

/** "head (μ = 530, not told apart from conv2)"; infinite ones are the most critical of all. */
function mostCritical({ modules }: Pick<NetworkResult, "modules">): string {
  const known = modules.flatMap((module) => {
    const mu = mainMap(module)?.criticality[0]?.mu;
    return mu === undefined ? [] : [{ name: module.name, mu }];
  });
  const infinite = known.filter(({ mu }) => mu.value === null).map(({ name }) => name);
  if (infinite.length > 0) return `${listed(infinite)} (μ infinite)`;
  const [first, ...others] = known.toSorted((a, b) => b.mu.value! - a.mu.value!);
  if (first === undefined || first.mu.value === 0) return "none (all μ = 0)";
  // A missing upper end excludes nothing.
  const near = others.filter(({ mu }) => first.mu.low === null || (mu.high ?? Infinity) >= first.mu.low);
  const apart = near.length === 0 ? "" : `, not told apart from ${listed(near.map(({ name }) => name))}`;
  return `${first.name} (μ = ${compact(first.mu.value!)}${apart})`;
}
