import { paper, seedsNamed } from "../study/figure-source.ts";
import { decimal, enumerate, orderShuffles, shuffleLabel, grouped } from "../study/format.ts";
import type { StudyCost, StudyResults, Task } from "../study/results.ts";
import { type Html, markup } from "./html.ts";
import { type Entry, provenance } from "./provenance.ts";

/** What was done, in one paragraph. */
export function setup(results: StudyResults): Html {
  const { upstream, downstream, image, model, learningRates, shuffles } = results;
  const rates = [...new Set(learningRates.map((one) => one.learningRate))]
    .toSorted((a, b) => a - b)
    .map(String);
  const last = results.runs[0]?.steps.at(-1) ?? 0;
  const colour =
    image.channels === 3 ? "colour" : image.channels === 1 ? "grey" : `${image.channels}-channel`;
  const tuned =
    rates.length > 1
      ? `, the learning rate chosen for each from ${enumerate(rates)} on validation images`
      : "";
  return markup`<p class="setup">
    A ${model.description} with ${grouped(model.parameters)} parameters learned ${taskOf(upstream)} and
    classifies ${decimal(100 * upstream.accuracy, 1)} % of ${grouped(upstream.testSize)} test images
    correctly. Then ${taskOf(downstream)} was learned twice in ${grouped(last)} steps: by that network with a
    new last layer (P-T), and by the same network from random weights (RI-T)${tuned}. Tested on
    ${grouped(downstream.testSize)} ${colour} images of ${image.width}×${image.height} pixels:
    ${enumerate(orderShuffles(shuffles).map(shuffleLabel))}; each with ${seedsNamed(results)}.
  </p>`;
}

function taskOf({ set, classes, trainSize }: Task): Html {
  // Long lists of classes belong into the details below.
  const named = classes.length <= 12 ? `: ${enumerate(classes)}` : "";
  return markup`<em>${set}</em> (${classes.length} classes${named}; ${grouped(trainSize)} training images)`;
}

/** How the numbers are made. */
export function methods(results: StudyResults): Html[] {
  const { speedFraction } = results.summary;
  return [
    markup`P-T is the pretrained network fine-tuned, RI-T the same network trained from random initialisation,
    as named by ${paper}. Fine-tuning keeps all weights but the last layer's, which is drawn anew for each
    seed. A seed decides initialisation, last layer, order of images, subset and shuffle.`,
    markup`Block shuffle: the image is cut into blocks and one permutation, fixed for a run, moves them, the
    same in every training and test image, channels together. “pixels” permutes every number of an image,
    across channels.`,
    markup`Gain: difference of final test accuracies. Relative gain: that, divided by the pretrained accuracy.
    Head start: difference of mean test accuracies over training (area under the learning curve by trapezoids,
    divided by its length). Speed-up: ratio of the steps in which the mean learning curves first reach
    ${decimal(100 * speedFraction, 0)} % of the scratch arm's best mean accuracy at the same shuffle,
    interpolated linearly between looks.`,
    markup`All intervals are 95 % confidence intervals over seeds, paired by seed: Student's t with n − 1
    degrees of freedom for means; Fieller's interval for ratios (relative gain, what is left of gain and head
    start); the jackknife over seeds with Student's t for the logarithm of speed-ups and for the difference of
    two shares. With few seeds they are wide, as they should be. They cover the choice of seed, not the choice
    of pretrained network (one, seed ${results.upstream.seed}) nor of test images.`,
    markup`“Left” is the value at a shuffle divided by the value on intact images. It is given only when the
    intact value's interval leaves out zero.`,
  ];
}

/** What ran where, for how long, from which inputs. */
export function studyProvenance(results: StudyResults, cost: StudyCost): Html {
  const { upstream, downstream } = results;
  const task = (one: Task) =>
    `${one.set}: ${one.classes.join(", ")}; ${grouped(one.trainSize)} training and ${grouped(one.testSize)} test images${one.fingerprint === undefined ? "" : `; SHA-256 ${one.fingerprint}`}`;
  const entries: Entry[] = [
    ["pretrained on", markup`${task(upstream)}`],
    ["trained on", markup`${task(downstream)}`],
    ["seeds", markup`${results.seeds.join(", ")}; pretraining ${upstream.seed}`],
  ];
  if (upstream.cell !== undefined) entries.push(["pretraining cell", markup`<code>${upstream.cell}</code>`]);
  return provenance(cost, entries, results.config);
}
