import { imagesOf } from "../basin/chart/names.ts";
import { allCriticalityFigures, criticalityFigures } from "../criticality/all-figures.ts";
import { groupsOf, networkTitle, papers, shownNetworks } from "../criticality/chart/names.ts";
import type {
  CriticalityResults,
  NetworkResult,
  RewindResults,
  RunCost,
  StudyCriticality,
} from "../criticality/results.ts";
import type { Canvas, Figure } from "../figure/figure.ts";
import { decimal, enumerate, grouped } from "../figure/numbers.ts";
import {
  criticalityTable,
  groupTable,
  moduleTable,
  networkTable,
  replacementTable,
  rewindTable,
} from "./criticality-tables.ts";
import { type Html, markup } from "./html.ts";
import { type PageSection, renderPage } from "./page.ts";
import { provenance } from "./provenance.ts";

/**
 * What `criticality` or `rewind` found, as one HTML page (see `renderPage`).
 * @param document a DOM to draw figures in (see figure/document.node.ts)
 */
export function renderCriticality(
  results: CriticalityResults | RewindResults,
  cost: RunCost,
  document: Canvas["document"],
): string {
  const figures = allCriticalityFigures(results);
  const headline = figures.find((figure): figure is Figure => "svg" in figure);
  const others = figures.filter((figure) => figure !== headline);
  return renderPage(
    {
      title: titleOf(results),
      answer: results.words,
      headline,
      sections: [
        { heading: "What was done", html: setup(results) },
        ...(others.length > 0 ? [{ heading: "Figures", figures: others }] : []),
        {
          heading: "Numbers",
          tables: results.kind === "rewind" ? rewindTables(results) : criticalityTables(results),
        },
      ],
      methods: results.kind === "rewind" ? rewindMethods(results) : methods(results),
      provenance: provenance(cost, [["images", markup`${results.data.set}`]], undefined),
      data: results,
      dataName: "results.json",
    },
    document,
  );
}

/** The chapter of a study's report about which modules are critical. */
export function criticalityChapter(study: StudyCriticality): PageSection {
  return {
    heading: "Which modules matter",
    html: markup`${study.words.map((line) => markup`<p>${line}</p>`)}
      <p class="setup">
        One ${modulesOf(study.granularity)} at a time between its initial and its final weights, with noise,
        tested on ${imagesOf(study.data)}; ε = ${enumerate(study.epsilons.map(({ text }) => text))}.
        ${muLine}
      </p>`,
    figures: criticalityFigures(study),
    tables: [study.groups.length > 0 ? groupTable(study.groups) : networkTable(study)],
  };
}

const muLine = `Criticality μ(ε) = min α²‖θᶠ − θ⁰‖²/σ² over α and σ for which the mean error under noise of deviation σ stays within ε of the final network’s (${papers.criticality}).`;

function titleOf(results: CriticalityResults | RewindResults): string {
  if (results.kind === "rewind") return "Modules set back along training";
  return results.networks.length === 1
    ? `Which modules matter in ${networkTitle(results.networks[0]!)}?`
    : `Which modules matter in ${results.networks.length} networks?`;
}

/** "layer", "block", "stage"; a regular expression is shown as one. */
function modulesOf(granularity: string): string {
  return ["layer", "block", "stage"].includes(granularity) ? granularity : `module (/${granularity}/)`;
}

function setup(results: CriticalityResults | RewindResults): Html {
  const images = imagesOf(results.data);
  const count = results.networks[0]?.modules.length ?? 0;
  const unit = modulesOf(results.granularity);
  const names = enumerate(
    groupsOf<{ readonly group: NetworkResult["group"]; readonly name: string }>(results.networks).map(
      ({ group, networks }) =>
        networks.length === 1
          ? networkTitle(networks[0]!)
          : `${networks.length} networks ${group === "given" ? "as given" : group}`,
    ),
  );
  if (results.kind === "rewind")
    return markup`<p class="setup">
      Each ${unit} of <em>${names}</em> (${grouped(count)} modules) was set to the values it had at
      ${grouped(results.networks[0]?.steps.length ?? 0)} kept moments of training, all others final; the network
      was tested on ${images}.
    </p>`;
  const [first] = results.networks;
  const starts = [...new Set(results.networks.map(({ initial }) => initial))];
  return markup`<p class="setup">
    Each ${unit} of <em>${names}</em> (${grouped(count)}
    modules${first === undefined ? "" : `, ${grouped(first.parameters)} parameters`}) was moved between its
    initial and its final weights, with noise and without, all others final; the network was tested on
    ${images}. Initial weights: ${enumerate(starts)}. Error allowed above the final network’s: ε =
    ${enumerate(results.epsilons.map(({ text }) => text))}, the first one in figures and words.
  </p>`;
}

function folded(summary: string, content: Html): Html {
  return markup`<details>
    <summary>${summary}</summary>
    ${content}
  </details>`;
}

function criticalityTables(results: CriticalityResults): Html[] {
  const { networks, groups, freeze } = results;
  const shown = shownNetworks(networks);
  const rest = networks.filter((network) => !shown.includes(network));
  const mapped = (network: NetworkResult) => network.modules.some(({ maps }) => maps.length > 0);
  const titled = (network: NetworkResult) =>
    markup`<h3>${networkTitle(network)}</h3>
      ${moduleTable(network)}`;
  return [
    ...(networks.length > 1 && groups.length > 0
      ? [markup`<h3>By module, means over networks</h3>`, groupTable(groups)]
      : []),
    ...shown.map(titled),
    ...(freeze?.file === undefined
      ? []
      : [markup`<p>The list for <code>train</code> was written to <code>${freeze.file}</code>.</p>`]),
    folded("The networks", networkTable(results)),
    ...rest.map((network) => folded(`Modules of ${networkTitle(network)}`, moduleTable(network))),
    ...networks.flatMap((network) => [
      ...(mapped(network)
        ? [folded(`Criticality at every ε: ${networkTitle(network)}`, criticalityTable(network))]
        : []),
      folded(`Every replacement: ${networkTitle(network)}`, replacementTable(network)),
    ]),
  ];
}

function rewindTables({ networks }: RewindResults): Html[] {
  return networks.map((network) =>
    folded(`Every module and checkpoint: ${networkTitle(network)}`, rewindTable(network)),
  );
}

const statisticsLines = {
  "of the images":
    "Batch norm’s statistics are those of the images looked at, anew for every changed network and for the final one it is compared with.",
  kept: "Batch norm’s statistics are those of the final network, except in replaced modules, which bring their own.",
  none: undefined,
} as const;

function statistics(networks: readonly { readonly statistics: NetworkResult["statistics"] }[]): string[] {
  return [...new Set(networks.map((one) => one.statistics))].flatMap((one) => statisticsLines[one] ?? []);
}

function methods(results: CriticalityResults): string[] {
  const { networks } = results;
  const maps = networks.flatMap(({ modules }) => modules.flatMap((module) => module.maps));
  const split = networks.some(({ modules }) => modules.some(({ zeroed }) => zeroed.length > 0));
  return [
    ...(maps.length === 0
      ? []
      : [
          `${muLine} The minimum is over places looked at, refined around the best one, so it is reached from above. KL(N(θ(α), σ²I) ‖ N(θ⁰, σ²I)) = μ/2.`,
          "A noise draw comes with a block of images of its own, and both are the same at all places: the mean over draws estimates the mean over noise and images without bias, and differences between places are those of the places. Places without noise are looked at with all images; what a block does there is taken out of the places with noise, draw by draw, and its mean put back (a control variate). Places get more draws until their verdict is certain or the budget is spent; intervals of a place are Student’s over draws, widened by the rule of three.",
          "Noise ratio r: σ divided by the root mean square of the module’s final weights (isotropic noise). Per tensor: σ of each tensor is r times that tensor’s own root mean square; this μ stays the same when a layer is multiplied by a number and the next divided by it, which a ReLU network does not notice; the isotropic one does not.",
          "PAC-Bayes: with probability 95 % over the training images, the error of the network with all modules under their noise exceeds its training error by at most the gap; above 1 it says nothing. This wants α and σ chosen before the images were seen, and they are chosen by them here; and each module alone, not all together, is within ε. It is a size, no guarantee.",
        ]),
    ...(split
      ? [
          `Rewound: the module’s initial values; re-randomised: fresh draws from the distribution it was initialised from; zero: all its numbers zero (${papers.layers}). Differences are paired by image.`,
        ]
      : []),
    "Kendall’s τ-b between a module’s depth and its measure; infinite values are ties at the top. Of one network its interval is over noise draws (or images), and a trend is only spoken of when fewer than 5 % of random orders of as many modules have one as strong; of several networks the interval is over networks (Student’s t).",
    "Freeze and rewind are advised where the upper end of the interval, not the value, is within ε. Each module is judged alone; the list to freeze is chosen greedily, by the training images where there are any, so that all of it together stays within ε. The factor on the learning rate is the share of its way from initial to final that the module needs without noise, divided by the largest such share.",
    ...statistics(networks),
    ...(results.freeze?.tried === undefined
      ? []
      : [
          `Frozen against full fine-tunes have the same seeds, batches and steps; the list was made at ε = ${decimal(100 * results.freeze.epsilon, 2)} points.`,
        ]),
  ];
}

function rewindMethods({ networks }: RewindResults): string[] {
  return [
    `A module is set to its values at a kept optimiser step, all other modules final (checkpoint-k robustness, ${papers.layers}).`,
    "The straight path beside it: the module at (1 − α)·initial + α·final, α being the share of the distance from initial to final weights that training had covered at that step.",
    "Errors have Wilson’s intervals; differences from the final network are paired by image. A module counts as having what it needs when the upper end of the interval is within 1 point at that checkpoint and all later ones.",
    ...statistics(networks),
  ];
}
