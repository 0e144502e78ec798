import { ScopeError } from "../base/error.ts";
import { type Finish, runningMean } from "./average.ts";

/** What a greedy soup is made of. Scores are higher for better networks: held-out accuracy, a share in [0, 1]. */
export interface GreedyOptions {
  /** Networks to choose from. */
  readonly count: number;
  /** Weight vector [P] of network i; asked for one at a time. */
  readonly vectors: readonly Float32Array[] | ((i: number) => Promise<Float32Array>);
  /** Score of network i alone, on the held-out split. */
  readonly heldOut: (i: number) => Promise<number>;
  /**
   * Score of an average [P] on the held-out split. May be NaN, or throw `diverged`, for an average that computes nothing
   * sensible: it is rejected.
   */
  readonly score: (average: Float32Array) => Promise<number>;
  /** ">=" (as the paper says; unless told): a tie is accepted. ">" (as its released code does): it is not. */
  readonly accept?: ">=" | ">";
  /** The order in which networks are tried; by their own score, best first (equal scores: as given), unless told. */
  readonly order?: readonly number[];
  /** Applied to every average before it is scored, and to the result. */
  readonly finish?: Finish;
  /** What a score is called, "held-out accuracy" unless told, and how it is written, as percent unless told. */
  readonly quantity?: string;
  readonly write?: (score: number, digits: number) => string;
  /** Scores of averages of an earlier call that was stopped, by position in the order: those are not scored again. */
  readonly known?: readonly (number | null)[];
  readonly onStep?: (step: GreedyStep, position: number) => void | Promise<void>;
}

/** One network tried. */
export interface GreedyStep {
  readonly model: number;
  /** Score of the network alone. */
  readonly alone: number;
  /** Score of the soup with it; null when it has none. */
  readonly heldOut: number | null;
  readonly accepted: boolean;
  /** One clause: why. */
  readonly reason: string;
  /** Networks in the soup after this step, and its score. */
  readonly members: number;
  readonly soup: number;
}

export interface GreedySoup {
  /** Every network, in the order tried. */
  readonly steps: readonly GreedyStep[];
  /** Those in the soup, in the order they came in. */
  readonly members: readonly number[];
  /** Score of the soup on the held-out split; never below `best.heldOut`. */
  readonly heldOut: number;
  /** The best network alone. */
  readonly best: { readonly model: number; readonly heldOut: number };
  /** Set when an order of one's own led to a soup below the best network, which then is the result in its place. */
  readonly fellBack: boolean;
  /** The soup, [P]: finished, unless it is one network, which is left as it is. */
  readonly average: Float32Array;
}

/**
 * The greedy soup: starts with the first network in the order; takes each next one in if the average's score on the
 * held-out split does not fall (`accept`). A soup of one is that network bit for bit, with its own score, so the result
 * is never below the best single network on the held-out split. (On other images it may be.)
 *
 * Source: Wortsman et al. 2022, arXiv:2203.05482, recipe 1; the order by held-out accuracy.
 * Deviation: with an order of one's own, a soup that ends below the best single network is replaced by it (`fellBack`).
 * Cost: one score for each network and one for each after the first; memory for three vectors besides those kept.
 * @throws {ScopeError} data, without any network or when a network has no score of its own; usage, for an order that is
 *   not a permutation; whatever `score` throws but `diverged`
 */
export async function greedySoup(options: GreedyOptions): Promise<GreedySoup> {
  const { count, vectors, accept = ">=", finish } = options;
  if (count === 0) throw new ScopeError("data", "there is no network to average");
  const load = typeof vectors === "function" ? vectors : (i: number) => Promise.resolve(vectors[i]!);
  const alone = await ownScores(options);
  const ranked = alone.map((_, i) => i).toSorted((a, b) => alone[b]! - alone[a]! || a - b);
  const order = checkedOrder(options.order ?? ranked, count);
  const say = explainer(options);

  const first = order[0]!;
  const start = await load(first);
  const mean = runningMean(start.length);
  mean.add(start);
  // Finished when first needed: a resumed soup does not finish the averages on its way again.
  let average = (): Promise<Float32Array> => Promise.resolve(start);
  let soup = alone[first]!;
  const members = [first];
  const steps: GreedyStep[] = [];
  const record = async (step: GreedyStep): Promise<void> => {
    steps.push(step);
    await options.onStep?.(step, steps.length - 1);
  };
  await record({
    model: first,
    alone: soup,
    heldOut: soup,
    accepted: true,
    reason: say.first(soup, first === ranked[0]),
    members: 1,
    soup,
  });
  for (const model of order.slice(1)) {
    const weights = await load(model);
    const candidate = mean.with(weights);
    const position = steps.length;
    const kept = options.known?.[position];
    let finished: Float32Array | undefined;
    const finishOnce = async (): Promise<Float32Array> =>
      (finished ??= finish === undefined ? candidate : await finish(candidate));
    const heldOut = kept === undefined ? await scoreOf(options, await finishOnce()) : (kept ?? Number.NaN);
    const accepted = accept === ">=" ? heldOut >= soup : heldOut > soup;
    const reason = say.next(soup, heldOut, accepted);
    if (accepted) {
      mean.add(weights);
      members.push(model);
      soup = heldOut;
      average = finishOnce;
    }
    await record({
      model,
      alone: alone[model]!,
      heldOut: Number.isNaN(heldOut) ? null : heldOut,
      accepted,
      reason,
      members: members.length,
      soup,
    });
  }
  const best = { model: ranked[0]!, heldOut: alone[ranked[0]!]! };
  if (soup >= best.heldOut) {
    return { steps, members, heldOut: soup, best, fellBack: false, average: await average() };
  }
  return {
    steps,
    members: [best.model],
    heldOut: best.heldOut,
    best,
    fellBack: true,
    average: await load(best.model),
  };
}

async function ownScores({
  count,
  heldOut,
  quantity = "held-out accuracy",
}: GreedyOptions): Promise<number[]> {
  const scores: number[] = [];
  for (let i = 0; i < count; i++) {
    const score = await heldOut(i);
    if (Number.isNaN(score)) {
      throw new ScopeError("data", `network ${i + 1} of ${count} has no ${quantity}: it is not a number`, {
        hint: "leave that network out",
      });
    }
    scores.push(score);
  }
  return scores;
}

function checkedOrder(order: readonly number[], count: number): readonly number[] {
  const seen = new Set(order);
  if (
    order.length === count &&
    seen.size === count &&
    order.every((i) => Number.isInteger(i) && i >= 0 && i < count)
  )
    return order;
  throw new ScopeError(
    "usage",
    `greedy soup: expected an order of the networks 0 to ${count - 1}, each once, got ${order.join(", ") || "none"}`,
  );
}

async function scoreOf(options: GreedyOptions, average: Float32Array): Promise<number> {
  try {
    return await options.score(average);
  } catch (error) {
    if (error instanceof ScopeError && error.fault === "diverged") return Number.NaN;
    throw error;
  }
}

/** Writes the reasons. */
function explainer({ quantity = "held-out accuracy", write = percent }: GreedyOptions): {
  first(soup: number, isBest: boolean): string;
  next(before: number, after: number, accepted: boolean): string;
} {
  /** Both numbers with as few digits as tell them apart, at most four. */
  const pair = (a: number, b: number): [string, string] => {
    let digits = 1;
    while (digits < 4 && a !== b && write(a, digits) === write(b, digits)) digits++;
    return [write(a, digits), write(b, digits)];
  };
  return {
    first: (soup, isBest) =>
      `${isBest ? "the best network alone" : "the first in the order given"}: ${quantity} ${write(soup, 1)}`,
    next(before, after, accepted) {
      if (Number.isNaN(after)) return `the average gives outputs that are not numbers`;
      const [old, now] = pair(before, after);
      if (before === after) {
        return accepted
          ? `${quantity} stays at ${now}, and a tie is accepted`
          : `${quantity} would stay at ${now}, and a tie is not accepted`;
      }
      if (accepted) return `${quantity} rises from ${old} to ${now}`;
      return `${quantity} ${old} would fall to ${now}`;
    },
  };
}

function percent(score: number, digits: number): string {
  return `${(100 * score).toFixed(digits)} %`;
}
