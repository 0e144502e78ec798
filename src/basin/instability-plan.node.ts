import { train } from "../cells/kinds/index.ts";
import type { Recipe } from "../train/recipe.ts";
import type { Address } from "../store/spec.ts";
import { type InstabilityConfig, momentsOf } from "./instability-config.ts";
import { type PlannedCell, plannedCell, uniqueCells } from "./sweep.node.ts";

/** Two networks to be compared: cells of kind "train". */
export interface PlannedPair {
  /** Seed of the parent run, or number of the pair in its row. */
  readonly replicate: number;
  readonly a: PlannedCell;
  readonly b: PlannedCell;
}

/** All pairs of children that part at step k. */
export interface PlannedMoment {
  readonly k: number;
  readonly pairs: readonly PlannedPair[];
}

/** A row of the lecture's grid. */
export interface PlannedRow {
  readonly label: string;
  readonly sameStart: boolean;
  readonly sameHead: boolean;
  readonly sameOrder: boolean;
  readonly rateFactor: number;
  readonly pairs: readonly PlannedPair[];
}

/** Everything an analysis trains, and what is compared with what. */
export interface InstabilityPlan {
  /** Steps of a whole run. */
  readonly total: number;
  /** Cells of kind "train", inputs before those that need them. */
  readonly training: readonly PlannedCell[];
  readonly moments: readonly PlannedMoment[];
  readonly rows: readonly PlannedRow[];
}

/**
 * The first step at which a parent's state is kept for later ones to go on from. From here on at every power of two, so
 * that which cells make a state at step k depends on k alone, not on the other moments: moments that are added later find
 * all earlier states, and none costs more than half its steps.
 */
const firstLanding = 256;

/** The step whose state the state at step k is computed from: the largest power of two below it, or none (0). */
export function landingBefore(k: number): number {
  let at = firstLanding;
  if (k <= at) return 0;
  while (2 * at < k) at *= 2;
  return at;
}

/** Seed of what differs in child number `child` (from 1) of a replicate: no replicate has it. */
export function childSeed(replicate: number, child: number): number {
  return 100_003 * child + replicate;
}

/**
 * Plans an instability analysis (Frankle et al. 2020, arXiv:1912.05671, algorithm 1) and, with `config.grid`, the lecture's
 * grid. Child 0 of every replicate is the parent's own uninterrupted run; the others go on from its state at step k with
 * random numbers of their own. Deviation: Frankle gives both copies new noise; here one keeps the parent's, which is as
 * independent of the state and saves nearly half of the training.
 * @param total steps of a whole run on the data
 * @throws {ScopeError} usage, for a moment after the end
 */
export function planInstability(config: InstabilityConfig, total: number): InstabilityPlan {
  const moments = momentsOf(config.spawn, total);
  const training: PlannedCell[] = [];
  const add = (cell: PlannedCell): PlannedCell => {
    training.push(cell);
    return cell;
  };
  const planned = moments.map((k): PlannedMoment => {
    const pairs = config.replicates.flatMap((replicate) => {
      const children = Array.from({ length: config.children }, (_, child) =>
        childAt(config, total, replicate, k, child, add),
      );
      return children.flatMap((a, i) => children.slice(i + 1).map((b) => ({ replicate, a, b })));
    });
    return { k, pairs };
  });
  const rows = config.grid === undefined ? [] : gridRows(config, config.grid, add);
  return { total, training: uniqueCells(training), moments: planned, rows };
}

interface RunSeeds {
  readonly init: number;
  readonly head: number;
  readonly order: number;
  readonly augmentation: number;
}

type Add = (cell: PlannedCell) => PlannedCell;

function seedsOf(seed: number): RunSeeds {
  return { init: seed, head: seed, order: seed, augmentation: seed };
}

/** Parameters of a training cell. A run that goes on from a state keeps its head. */
function params(config: InstabilityConfig, recipe: Recipe, seeds: RunSeeds, more: object = {}): object {
  const { model, data } = config;
  return {
    model,
    data,
    recipe,
    seeds,
    head: "new",
    evaluate: { split: "test", count: 1 },
    keep: [],
    ...more,
  };
}

/** The parent's state after k steps, 0 < k < total, by way of its landings. */
function stateAt(config: InstabilityConfig, replicate: number, k: number, add: Add): Address {
  const before = landingBefore(k);
  const inputs = before === 0 ? {} : { state: stateAt(config, replicate, before, add) };
  const given = params(config, config.recipe, seedsOf(replicate), {
    until: k,
    ...(before === 0 ? {} : { head: "kept" }),
  });
  return add(plannedCell(train, given, inputs, `seed ${replicate}, to step ${k}`)).address;
}

function parentOf(config: InstabilityConfig, replicate: number, add: Add): PlannedCell {
  return add(plannedCell(train, params(config, config.recipe, seedsOf(replicate)), {}, `seed ${replicate}`));
}

function childAt(
  config: InstabilityConfig,
  total: number,
  replicate: number,
  k: number,
  child: number,
  add: Add,
): PlannedCell {
  const label = `seed ${replicate}, child ${child} from step ${k}`;
  if (config.vary.includes("head")) return withNewHead(config, total, replicate, k, child, label, add);
  const parent = parentOf(config, replicate, add);
  if (child === 0 || k === total) return parent;
  const seeds = { ...seedsOf(replicate) };
  for (const stream of config.vary) seeds[stream] = childSeed(replicate, child);
  if (k === 0) return add(plannedCell(train, params(config, config.recipe, seeds), {}, label));
  const state = stateAt(config, replicate, k, add);
  const given = params(config, config.recipe, seeds, { head: "kept" });
  return add(plannedCell(train, given, { state }, label));
}

/** A last layer drawn anew on the parent's other layers at step k; trained with the whole recipe, from its beginning. */
function withNewHead(
  config: InstabilityConfig,
  total: number,
  replicate: number,
  k: number,
  child: number,
  label: string,
  add: Add,
): PlannedCell {
  const seeds = {
    ...seedsOf(replicate),
    head: child === 0 ? replicate : childSeed(replicate, child),
  };
  const inputs: Record<string, Address> = {};
  if (k === total) inputs["start"] = parentOf(config, replicate, add).address;
  else if (k > 0) inputs["start"] = stateAt(config, replicate, k, add);
  return add(plannedCell(train, params(config, config.recipe, seeds), inputs, label));
}

type Grid = NonNullable<InstabilityConfig["grid"]>;

/**
 * {same init, other init, fine-tuned with the same head, with another, fine-tuned against scratch} × {same order, other
 * order}. A pair's two seeds belong to it alone, so pairs of a row are independent (but for the pretraining run). Order
 * stands for order and augmentation: all that is random along training.
 */
function gridRows(config: InstabilityConfig, grid: Grid, add: Add): PlannedRow[] {
  const pretraining = add(
    plannedCell(
      train,
      {
        model: config.model,
        data: grid.upstream.data,
        recipe: grid.upstream.recipe,
        seeds: seedsOf(grid.upstream.seed),
        head: "new",
        evaluate: { split: "test", count: 1 },
        keep: [],
      },
      {},
      "pretrain",
    ),
  );
  const scratch = (init: number, order: number): PlannedCell =>
    add(
      plannedCell(
        train,
        params(config, config.recipe, { init, head: init, order, augmentation: order }),
        {},
        `scratch, init ${init}, order ${order}`,
      ),
    );
  const tuned = (pair: number, head: number, order: number, factor: number): PlannedCell => {
    const recipe = { ...grid.recipe, learningRate: grid.recipe.learningRate * factor };
    const seeds = { init: pair, head, order, augmentation: order };
    // A rate that was raised to see what breaks may break training: that is an answer, not a failure.
    const given = params(config, recipe, seeds, factor === 1 ? {} : { divergence: "record" });
    const rate = factor === 1 ? "" : `, rate × ${factor}`;
    return add(
      plannedCell(
        train,
        given,
        { start: pretraining.address },
        `fine-tuned, head ${head}, order ${order}${rate}`,
      ),
    );
  };
  // The pretraining's seed is left out: a network from scratch must not begin from the weights it began from.
  const seeds = Array.from({ length: grid.pairs + 1 }, (_, i) => i).filter(
    (seed) => seed !== grid.upstream.seed,
  );
  const pairs = seeds.slice(0, grid.pairs).map((one) => ({ one, other: childSeed(one, 1) }));
  const row = (
    label: string,
    [sameStart, sameHead, sameOrder]: readonly [boolean, boolean, boolean],
    pairOf: (one: number, other: number) => readonly [PlannedCell, PlannedCell],
    rateFactor = 1,
  ): PlannedRow => ({
    label,
    sameStart,
    sameHead,
    sameOrder,
    rateFactor,
    pairs: pairs.map(({ one, other }) => {
      const [a, b] = pairOf(one, other);
      return { replicate: one, a, b };
    }),
  });
  const fromScratch = [
    row("RI-T / RI-T, same init", [true, true, true], (one) => [scratch(one, one), scratch(one, one)]),
    row("RI-T / RI-T, same init", [true, true, false], (one, other) => [
      scratch(one, one),
      scratch(one, other),
    ]),
    row("RI-T / RI-T", [false, false, true], (one, other) => [scratch(one, one), scratch(other, one)]),
    row("RI-T / RI-T", [false, false, false], (one, other) => [scratch(one, one), scratch(other, other)]),
  ];
  const against = [true, false].map((sameOrder) =>
    row("P-T / RI-T", [false, false, sameOrder], (one, other) =>
      sameOrder
        ? [tuned(one, one, one, 1), scratch(one, one)]
        : [tuned(one, one, one, 1), scratch(other, other)],
    ),
  );
  const fineTuned = (factor: number): PlannedRow[] =>
    [true, false].flatMap((sameHead) =>
      [true, false]
        // The control is the same network twice; once is enough.
        .filter((sameOrder) => factor === 1 || !(sameHead && sameOrder))
        .map((sameOrder) =>
          row(
            "P-T / P-T",
            [true, sameHead, sameOrder],
            (one, other) => [
              tuned(one, one, one, factor),
              tuned(one, sameHead ? one : other, sameOrder ? one : other, factor),
            ],
            factor,
          ),
        ),
    );
  const raised = grid.rateFactors.filter((factor) => factor !== 1).toSorted((a, b) => a - b);
  return [...fromScratch, ...fineTuned(1), ...raised.flatMap(fineTuned), ...against];
}
