/**
 * `npm run bench -- criticality`: sensitivity maps of all modules of a ResNet that was trained on CIFAR-10 for a minute,
 * against a straightforward PyTorch loop over the same places (bench/peers/criticality.py: set the module's weights, run the
 * whole network on all images, average over draws of noise) in its fastest memory layout and batch size. Ours in full; the
 * loop, which would take days, on a random part of the places, multiplied. Prints where the factor comes from, the factor
 * for the very same evaluations, and the factor at equal widths of intervals.
 *
 * Options: --threads 1 or 2 (only that; both unless told: two threads against two workers), --quick (tiny, to see that it
 * runs: its numbers mean nothing), --json FILE, --python FILE, --alone (without PyTorch), --modules layer|block|stage,
 * --depth 20, --images 2048, --steps 600 (of training), --alphas 11, --ratios 10 (and 0), --draws 10 (the loop's),
 * --max-draws 32 and --block 64 (ours), --epsilon 0.01, --places 24 (the loop's, at random), --edge 12 (the loop's, near
 * the edge), --folder (where network and images are kept).
 */
import { execFile } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { stream } from "../src/base/random.ts";
import { type Granularity, modules } from "../src/graph/modules.ts";
import { alphaGrid, ratioGrid } from "../src/sensitivity/grid.ts";
import {
  drawsFor,
  factorsOf,
  halfWidth,
  median,
  type OursModule,
  theirEvaluations,
} from "./criticality/compare.ts";
import type { TheirPlace } from "./criticality/compare.ts";
import { open, prepare } from "./criticality/network.ts";
import { type MapAnswer, type MapOptions, openPool, type RateAnswer } from "./criticality/pool.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const { values } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: "string" },
    quick: { type: "boolean", default: false },
    json: { type: "string" },
    python: { type: "string" },
    alone: { type: "boolean", default: false },
    modules: { type: "string", default: "layer" },
    depth: { type: "string" },
    images: { type: "string" },
    steps: { type: "string" },
    alphas: { type: "string" },
    ratios: { type: "string" },
    draws: { type: "string", default: "10" },
    "max-draws": { type: "string" },
    block: { type: "string", default: "64" },
    epsilon: { type: "string", default: "0.01" },
    places: { type: "string" },
    edge: { type: "string" },
    folder: { type: "string", default: join(tmpdir(), "transferscope-bench") },
  },
});
const number = (given: string | undefined, usual: number, quick: number): number =>
  Number(given ?? (values.quick ? quick : usual));

const subject = {
  depth: number(values.depth, 20, 8),
  side: 32,
  images: number(values.images, 2048, 128),
  steps: number(values.steps, 600, 8),
};
const options: MapOptions = {
  granularity: values.modules as Granularity,
  alphas: alphaGrid(number(values.alphas, 11, 3)),
  ratios: ratioGrid({ from: 0.01, to: 4, count: number(values.ratios, 10, 2) }),
  epsilon: Number(values.epsilon),
  block: Number(values.block),
  maxDraws: number(values["max-draws"], 32, 8),
  refine: 2,
  memoryBytes: 256e6,
};
const draws = Number(values.draws);
const threads = values.threads === undefined ? [1, 2] : [Number(values.threads)];

const file = await prepare(subject, values.folder);
const opened = await open(file);
const parts = modules(opened.graph, options.granularity);
const sampling = {
  modules: parts.length,
  noisy: options.alphas.length * (options.ratios.length - 1),
  still: options.alphas.length,
  images: opened.images.count,
  block: options.block,
  draws,
  maxDraws: options.maxDraws,
};

interface Loop {
  readonly torch: string;
  readonly variant: string;
  readonly plain: number;
  readonly error: number;
  readonly places: readonly TheirPlace[];
}

/** The loop on some places. */
async function loop(
  cores: number,
  places: readonly Pick<TheirPlace, "module" | "alpha" | "ratio">[],
  count: number,
): Promise<Loop> {
  const task = join(values.folder, `task-${process.pid}.json`);
  writeFileSync(
    task,
    JSON.stringify({
      network: file,
      spec: opened.spec,
      io: opened.io,
      modules: Object.fromEntries(parts.map((part) => [part.name, part.parameters])),
      places,
      draws: count,
      images: 512,
    }),
  );
  const { stdout } = await promisify(execFile)(python, [`${here}peers/criticality.py`, String(cores), task], {
    maxBuffer: 1e8,
  });
  return JSON.parse(stdout) as Loop;
}

const python = values.python ?? process.env["BENCH_PYTHON"] ?? `${here}peers/.venv/bin/python`;

/** Seconds of the loop for one image: mean over all evaluations. */
function perImage(places: readonly TheirPlace[]): number {
  const seconds = places.flatMap((place) => place.seconds);
  return seconds.reduce((a, b) => a + b, 0) / seconds.length / opened.images.count;
}

/** All maps on `cores` workers, those of long suffixes first, as the sweep orders its cells. */
async function maps(cores: number) {
  const pool = await openPool(cores, file, options);
  const { answers, seconds } = await pool.ask<MapAnswer>(parts.map((_, module) => ({ what: "map", module })));
  pool.close();
  return { answers, seconds };
}

/** A module in the middle, with all parts and with one of them switched off. */
async function switchedOff() {
  const pool = await openPool(1, file, options);
  const module = Math.floor(parts.length / 2);
  const { answers } = await pool.ask<MapAnswer>([
    { what: "map", module },
    { what: "map", module, without: "prefix" },
    { what: "map", module, without: "stop" },
  ]);
  pool.close();
  const [all, prefix, stop] = answers.map((answer) => answer.seconds) as [number, number, number];
  console.log(
    `switched off, measured on ${parts[module]!.name}, one core: all parts ${hours(all)}; whole network at every place ` +
      `${hours(prefix)}, ${times(prefix / all)}; most draws at every place ${hours(stop)}, ${times(stop / all)}`,
  );
  return { module: parts[module]!.name, all, prefix, stop };
}

/** Seconds an image of every module, one thread. */
async function rates(): Promise<RateAnswer[]> {
  const pool = await openPool(1, file, options);
  const { answers } = await pool.ask<RateAnswer>(parts.map((_, module) => ({ what: "rate", module })));
  pool.close();
  return answers;
}

/** Places for the loop: some of all of them, and some whose excess is near ε as ours saw it, where the width matters. */
function sample(answers: readonly MapAnswer[]) {
  const random = stream(0, "subset", "places");
  const all = answers.flatMap((answer) =>
    answer.places
      .filter((place) => !place.refined)
      .map((place) => ({ ...place, module: parts[answer.module]!.name })),
  );
  const excessOf = (excess: readonly number[]) => excess.reduce((a, b) => a + b, 0) / excess.length;
  const near = all.filter(
    ({ ratio, excess }) => ratio > 0 && Math.abs(excessOf(excess) - options.epsilon) <= options.epsilon,
  );
  const pick = <T>(from: readonly T[], count: number): T[] =>
    Array.from(random.permutation(from.length).subarray(0, count), (i) => from[i]!);
  return {
    random: pick(all, number(values.places, 24, 3)),
    edge: pick(near, number(values.edge, 12, 2)),
  };
}

const hours = (seconds: number): string =>
  seconds < 120
    ? `${seconds.toFixed(1)} s`
    : seconds < 7200
      ? `${(seconds / 60).toFixed(1)} min`
      : `${(seconds / 3600).toFixed(1)} h`;
const times = (factor: number): string => `${factor < 10 ? factor.toFixed(2) : factor.toFixed(0)} ×`;
const share = (value: number): string => `${(100 * value).toFixed(2)} points`;

async function compare() {
  console.log(
    `${cpus()[0]?.model}, ${cpus().length} cores; ResNet-${subject.depth} (Fixup), ${parts.length} modules, ` +
      `${options.alphas.length} × ${options.ratios.length} places each, ${opened.images.count} images, ε ${share(options.epsilon)}`,
  );
  const evaluations = theirEvaluations(sampling);
  const rate = await rates();
  const report: Record<string, unknown> = { subject, options, sampling, rate, theirEvaluations: evaluations };
  let single: number | undefined;
  let sampled: ReturnType<typeof sample> | undefined;
  for (const cores of threads) {
    const ours = await maps(cores);
    const looks = ours.answers.reduce((sum, answer) => sum + answer.looks, 0);
    console.log(
      `\n${cores} core${cores > 1 ? "s" : ""}: ours ${hours(ours.seconds)}, ${looks} looks at blocks of ${options.block}` +
        (single === undefined ? "" : `; two workers against one: ${times(single / ours.seconds)}`),
    );
    report[`ours${cores}`] = { seconds: ours.seconds, looks };
    if (cores === 1) single = ours.seconds;
    if (values.alone) continue;
    const first = sampled === undefined;
    sampled ??= sample(ours.answers);
    // The second time only the clock is read: fewer draws do.
    const their = await loop(
      cores,
      first ? [...sampled.random, ...sampled.edge] : sampled.random.slice(0, 8),
      first ? draws : Math.min(draws, 3),
    );
    const seconds = evaluations * perImage(their.places);
    const factor = seconds / ours.seconds;
    console.log(
      `PyTorch ${their.torch} (${their.variant}): ${(1 / perImage(their.places)).toFixed(0)} images/s measured on ` +
        `${their.places.length} places, so ${hours(seconds)} for all ${evaluations.toLocaleString("en")} evaluations of an image; ` +
        `NCHW in batches of 128 by a short look ${their.plain.toFixed(2)} times that`,
    );
    console.log(`ratio ${times(factor)} at ${cores} core${cores > 1 ? "s" : ""}`);
    report[`theirs${cores}`] = { ...their, total: seconds, factor };
    if (cores === 1) report["factors"] = explain(ours.answers, rate, ours.seconds, perImage(their.places));
    if (first) report["widths"] = widths(ours, their, sampled.random.length, cores);
  }
  report["switchedOff"] = await switchedOff();
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 1)}\n`);
}

/** Prints where the factor comes from, on one core. */
function explain(
  answers: readonly MapAnswer[],
  rate: readonly RateAnswer[],
  seconds: number,
  theirs: number,
) {
  const list: OursModule[] = answers.map((answer, i) => ({
    name: parts[answer.module]!.name,
    looks: answer.looks,
    computed: answer.computed,
    after: rate[i]!.after,
    before: rate[i]!.before,
  }));
  // The first module has nothing before it: its suffix is the whole network.
  const whole = rate[0]!.after;
  const factors = factorsOf(sampling, list, seconds, theirs, whole);
  console.log(
    [
      "where the factor comes from, one core (products of measured rates and counted evaluations):",
      `  engine       ${times(factors.engine)}  whole networks: ours ${(1 / whole).toFixed(0)}, PyTorch ${(1 / theirs).toFixed(0)} images/s`,
      `  prefix       ${times(factors.prefix)}  only what comes after the module is run`,
      `  blocks       ${times(factors.blocks)}  ${options.maxDraws} draws on ${options.block} images each, instead of ${draws} on all ${opened.images.count}`,
      `  early stop   ${times(factors.stop)}  places that are certain are left; refined places are added`,
      `  the rest     ${times(factors.rest)}  sessions, noise, scores`,
      `  together     ${times(factors.total)}`,
      `the same evaluations by both (engine and prefix only): ${times(factors.alike)}`,
    ].join("\n"),
  );
  return { ...factors, whole, theirs };
}

/** Prints how exact both are at the places the loop looked at, and what the loop would take to be as exact as ours. */
function widths(
  ours: { readonly answers: readonly MapAnswer[]; readonly seconds: number },
  their: Loop,
  random: number,
  cores: number,
) {
  const rows = their.places.map((place, i) => {
    const answer = ours.answers.find((one) => parts[one.module]!.name === place.module)!;
    const mine = answer.places.find((one) => one.alpha === place.alpha && one.ratio === place.ratio)!;
    const excess = mine.excess.reduce((a, b) => a + b, 0) / mine.excess.length;
    const theirExcess = place.errors.reduce((a, b) => a + b, 0) / place.errors.length - their.error;
    const width = {
      ours: halfWidth(place, mine.excess, { block: options.block, images: sampling.images }),
      theirs: halfWidth(place, place.errors, { block: sampling.images, images: sampling.images }),
    };
    return {
      module: place.module,
      alpha: place.alpha,
      ratio: place.ratio,
      random: i < random,
      // Near ε by the loop's own numbers.
      matters: place.ratio > 0 && Math.abs(theirExcess - options.epsilon) <= options.epsilon,
      ours: { draws: mine.excess.length, excess, width: width.ours },
      theirs: { draws: place.errors.length, excess: theirExcess, width: width.theirs },
      enough: drawsFor(place.errors, opened.images.count, width.ours),
      agree: Math.abs(excess - theirExcess) <= Math.hypot(width.ours, width.theirs) + 1e-6,
    };
  });
  const line = (what: string, some: typeof rows): string => {
    const part = (of: (row: (typeof rows)[number]) => number): string => share(median(some.map(of)));
    return some.length === 0
      ? `  ${what}: none among the loop's places`
      : `  ${what} (${some.length}): ours ± ${part((row) => row.ours.width)}, PyTorch ± ${part((row) => row.theirs.width)}; median draws of ours ${median(some.map((row) => row.ours.draws))}`;
  };
  const drawn = rows.filter((row) => row.random);
  const enough = drawn.reduce((sum, row) => sum + row.enough, 0) / drawn.length;
  const seconds =
    enough *
    sampling.modules *
    (sampling.noisy + sampling.still) *
    opened.images.count *
    perImage(their.places);
  console.log(
    [
      "half widths of 95 % intervals of the excess error (Student, over draws), medians:",
      line(
        "places near ε",
        rows.filter((row) => row.matters),
      ),
      line("places at random", drawn),
      `both agree within their intervals at ${rows.filter((row) => row.agree).length} of ${rows.length} places`,
      `at equal widths: the loop would need ${enough.toFixed(1)} draws a place on average (at least 2, 1 without noise), ` +
        `${hours(seconds)}: ratio ${times(seconds / ours.seconds)} at ${cores} core${cores > 1 ? "s" : ""}`,
    ].join("\n"),
  );
  return { rows, enough, seconds, factor: seconds / ours.seconds };
}

if (!values.alone && !existsSync(python)) {
  console.error(`PyTorch is not there (${python}): run bench/peers/setup.sh, or give --python, or --alone`);
  process.exitCode = 1;
} else {
  await compare();
}
