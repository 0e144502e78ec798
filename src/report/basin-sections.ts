import { type BasinResults, basinFigures } from "../basin/all-figures.ts";
import { imagesOf, papers } from "../basin/chart/names.ts";
import type { ModelFacts, StudyBasin } from "../basin/results.ts";
import { decimal, enumerate, grouped } from "../figure/numbers.ts";
import {
  alignmentTable,
  growthTable,
  hullTable,
  instabilityTable,
  memberTable,
  methodTable,
  modelTable,
  pairTable,
  placeTable,
  rowTable,
} from "./basin-tables.ts";
import { type Html, markup } from "./html.ts";
import type { PageSection } from "./page.ts";

/** What a page about basins is called. */
export function basinTitle(results: BasinResults): string {
  switch (results.kind) {
    case "barrier":
      return results.models.length === 2
        ? "Is there a barrier between two networks?"
        : `Basins of ${results.models.length} networks`;
    case "plane":
      return results.models.length === 1
        ? "The loss around a network"
        : `The plane through ${results.models.length} networks`;
    case "instability":
      return results.name;
    case "soup":
      return `An average of ${results.members.length} networks`;
  }
}

/** What was done, in one paragraph. */
export function basinSetup(results: BasinResults): Html {
  const images = markup`${results.kind === "soup" ? `${grouped(results.data.heldOut)} held-out and ${grouped(results.data.test)} test images of ${results.data.set}` : imagesOf(results.data)}`;
  switch (results.kind) {
    case "barrier": {
      const tried = results.pairs.some((pair) => pair.paths.length > 1);
      return markup`<p class="setup">
        ${namesOf(results.models)} were joined pair by pair in weight space; at each position of a path the
        network was tested on ${images}${tried ? ", as they are and after what the figures name" : ""}.
      </p>`;
    }
    case "plane":
      return markup`<p class="setup">
        On a grid of ${results.x.length} × ${results.y.length} points of a plane
        ${results.models.length === 1 ? "around" : "through"} ${namesOf(results.models)}, the network was tested
        on ${images}.
      </p>`;
    case "instability":
      return markup`<p class="setup">
        A ${results.model.description} with ${grouped(results.model.parameters)} parameters was trained for
        ${grouped(results.total)} steps on ${results.data.set}. At each of ${results.spawn.length} moments,
        children went on from the same state with different ${enumerate(results.vary)}; paths between the
        finished children were tested on ${images}.
      </p>`;
    case "soup":
      return markup`<p class="setup">
        ${namesOf(results.members)} were averaged in weight space. Choices were made on held-out images, results
        are on test images: ${images}.
      </p>`;
  }
}

function namesOf(models: readonly ModelFacts[]): Html {
  const [first] = models;
  const parameters = first === undefined ? "" : ` (${grouped(first.parameters)} parameters each)`;
  if (models.length > 6) return markup`${models.length} networks${parameters}`;
  return markup`<em>${enumerate(models.map(({ name }) => name))}</em>${parameters}`;
}

/** The tables of a page about basins. */
export function basinTables(results: BasinResults): Html[] {
  switch (results.kind) {
    case "barrier": {
      const aligned = alignmentTable(results);
      return [
        pairTable(results),
        ...(aligned === undefined ? [] : [folded("What alignment could move", aligned)]),
        folded("The networks", modelTable(results.models)),
      ];
    }
    case "plane":
      return [
        placeTable(results),
        ...(results.hull === undefined
          ? []
          : [markup`<h3>Random averages of the networks</h3>`, hullTable(results.hull)]),
        folded("The networks", modelTable(results.models)),
      ];
    case "instability":
      return [
        instabilityTable(results),
        ...(results.grid.length > 0 ? [markup`<h3>By kind of pair</h3>`, rowTable(results.grid)] : []),
      ];
    case "soup":
      return [
        methodTable(results),
        ...(results.growth.length > 0
          ? [folded("Every candidate of the greedy soup", growthTable(results))]
          : []),
        folded("The networks", memberTable(results)),
      ];
  }
}

function folded(summary: string, content: Html): Html {
  return markup`<details>
    <summary>${summary}</summary>
    ${content}
  </details>`;
}

const chordLine = `Barrier over the chord: the greatest height of the loss (or error) on the path over the straight line between the values of its ends, for 0 ≤ α ≤ 1; never negative (${papers.transfer}).`;
const meanLine = `Barrier over the mean: the greatest height over the mean of the two ends; of the error it is called instability (${papers.instability}).`;
const weightsLine =
  "A path changes all trainable parameters alike: biases, scales and the last layer included. Distances are Euclidean over all of them; relative ones are divided by the mean of both norms.";

/** How the numbers are made, a paragraph each. */
export function basinMethods(results: BasinResults): string[] {
  switch (results.kind) {
    case "barrier": {
      const threshold = results.pairs[0]?.verdict.threshold ?? 0;
      const paths = results.pairs.flatMap((pair) => pair.paths);
      return [
        weightsLine,
        chordLine,
        meanLine,
        `Two networks count as connected when the 95 % interval of the test error's barrier over the mean lies below ${points(threshold)}, as apart when it lies above; else the question is open.`,
        "Intervals of barriers are bootstrapped over images: the same resampled images at all positions, the highest position sought anew in each sample.",
        ...(paths.some(({ treatment }) => treatment.statistics === "re-estimated")
          ? [
              "Between two networks the statistics of batch norm belong to neither; they were estimated anew on training images at every position.",
            ]
          : []),
        ...(paths.some(({ treatment }) => treatment.align !== "none")
          ? [
              "Alignment permutes the units of the second network, which leaves what it computes unchanged; the permutations that are possible were derived from its graph. The moved network's outputs were compared with the original's.",
            ]
          : []),
        ...(paths.some(({ treatment }) => treatment.repair)
          ? [
              "Repaired: the mean and variance of every unit are set to the mean of those of both ends (Jordan et al. 2022, arXiv 2211.08403).",
            ]
          : []),
      ];
    }
    case "plane":
      return [
        results.unit === "filter norms"
          ? "The two directions are random, each filter's part scaled to the norm of that filter; biases and normalisation stay (Li et al. 2018, arXiv 1712.09913)."
          : `The plane is spanned by the differences of the networks, made orthonormal (${papers.curves}); all points on it are weighted sums of the networks.`,
        "Contours are drawn through a cubic interpolation of the measured points that stays between its neighbours.",
      ];
    case "instability":
      return [
        weightsLine,
        meanLine,
        chordLine,
        `A pair counts as stable when its instability is below ${points(results.threshold)}. Intervals of means are over pairs (Student's t); those of single pairs are bootstrapped over images.`,
      ];
    case "soup":
      return [
        "Averages are of all trainable parameters, in double precision; one forward pass a prediction, whatever the number of networks.",
        `Uniform: the mean of all. Greedy: from the best on held-out images on, a network is added when the held-out accuracy of the average does not fall. Learned: mixing weights by gradient descent on held-out images (${papers.soups}).`,
        "Logit ensemble: the mean of the members' logits; one pass for each member.",
        `Calibration error: 15 bins of confidence of equal width (${papers.calibration}). Intervals are over test images: Wilson's for accuracy, Student's t for loss.`,
        ...(results.wise === undefined
          ? []
          : [`The curve from the first to the second network is that of WiSE-FT (${papers.wise}).`]),
      ];
  }
}

function points(share: number): string {
  return `${decimal(100 * share, 1).replace(/\.0$/, "")} points`;
}

/** The chapter of a study's report about the basins of its runs. */
export function basinChapter(basin: StudyBasin): PageSection {
  return {
    heading: "Basins",
    html: markup`${basin.words.map((line) => markup`<p>${line}</p>`)}
      <p class="setup">
        Paths between runs on intact images, tested on ${imagesOf(basin.data)}. ${chordLine} Distances and paths
        take all parameters alike, the last layer included.
      </p>`,
    figures: basinFigures(basin),
    tables: [rowTable(basin.rows)],
  };
}
