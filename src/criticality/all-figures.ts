import type { AbsentFigure, Figure } from "../figure/figure.ts";
import { shownNetworks } from "./chart/names.ts";
import * as figures from "./figures/index.ts";
import type { CriticalityResults, NetworkResult, RewindResults, StudyCriticality } from "./results.ts";

/** Number of a network in file names: nothing where there is only one, "-2" for the second. */
function suffixOf(networks: readonly unknown[], network: unknown): string {
  return networks.length === 1 ? "" : `-${networks.indexOf(network) + 1}`;
}

/**
 * The figures of a page in its order, the headline first; absent ones with their reasons. Of several networks one
 * fine-tuned and one from scratch are drawn on their own; `furtherCriticalityFigures` has the others.
 */
export function allCriticalityFigures(
  results: CriticalityResults | RewindResults,
): (Figure | AbsentFigure)[] {
  if (results.kind === "rewind") return rewindFigures(results, shownNetworks(results.networks));
  const { networks, epsilons, freeze } = results;
  const shown = shownNetworks(networks);
  const of = (network: NetworkResult) => ({ network, epsilons, suffix: suffixOf(networks, network) });
  return [
    figures.byDepth(results),
    ...shown.map((network) => figures.maps(of(network))),
    figures.robustness(results),
    ...shown.map((network) => figures.interpolation(of(network))),
    ...(freeze === undefined ? [] : [figures.freeze(freeze)]),
  ];
}

/** Figures of single networks that the page leaves out: files beside it. */
export function furtherCriticalityFigures(
  results: CriticalityResults | RewindResults,
): (Figure | AbsentFigure)[] {
  if (results.kind === "rewind") {
    const shown = shownNetworks(results.networks);
    return rewindFigures(
      results,
      results.networks.filter((network) => !shown.includes(network)),
    );
  }
  const { networks, epsilons } = results;
  const shown = shownNetworks(networks);
  return networks
    .filter((network) => !shown.includes(network))
    .flatMap((network) => {
      const of = { network, epsilons, suffix: suffixOf(networks, network) };
      return [figures.maps(of), figures.interpolation(of)];
    });
}

function rewindFigures(
  { networks }: RewindResults,
  shown: RewindResults["networks"],
): (Figure | AbsentFigure)[] {
  return shown.flatMap((network) => {
    const of = { network, suffix: suffixOf(networks, network) };
    return [figures.rewinding(of), figures.rewindPaths(of)];
  });
}

/** The figures of a study's chapter: criticality from input to output, and the maps of two networks. */
export function criticalityFigures(study: StudyCriticality): (Figure | AbsentFigure)[] {
  const { networks, epsilons } = study;
  return [
    figures.byDepth(study),
    ...shownNetworks(networks).map((network) =>
      figures.maps({ network, epsilons, suffix: suffixOf(networks, network) }),
    ),
  ];
}
