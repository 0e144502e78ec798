import { ScopeError } from "../base/error.ts";
import { controlledDraws, controlsOf } from "./control.ts";
import { excessInterval, meanOf, passOf, verdictOf, type DrawSet } from "./interval.ts";
import { refinedPlaces } from "./refined-places.ts";
import { ballOf, bestOf, muAt, rowsOf } from "./rows.ts";
import type { Place, SampledPlace } from "./types.ts";

/** Looks at places with one draw: the noise vector of that number on the block of images of that number. */
export interface DrawLook {
  /**
   * @param draw 0, 1, 2 …; noise vector and block depend on it alone; all draws weigh the same
   * @param places where to put the module
   * @returns error and loss minus the final network's on the same block, parallel to `places`
   */
  look(
    draw: number,
    places: readonly Place[],
  ): Promise<{ readonly excess: Float32Array; readonly lossExcess: Float32Array }>;
}

export interface SampleOptions extends DrawSet {
  /** Shares of the way, and noise ratios (rising, 0 among them): every pair is looked at. */
  readonly alphas: readonly number[];
  readonly ratios: readonly number[];
  /** Allowed excesses, absolute shares; the first is refined around. */
  readonly epsilons: readonly number[];
  /** See `SampledMap`. */
  readonly span: number;
  /** Draws before a place may be called decided; 4 unless told. */
  readonly minDraws?: number | undefined;
  readonly maxDraws: number;
  /** Most pairs of place and draw. Two draws at every place of the grid are made in any case: less is no map. */
  readonly mostLooks?: number | undefined;
  /** Rounds of refinement after the grid. */
  readonly refine: number;
  readonly signal?: AbortSignal | undefined;
  /** Pairs of place and draw made, and those there may be as far as is known. */
  readonly progress?: ((done: number, total: number) => void) | undefined;
}

/** A place while it is being sampled. */
interface Growing extends Place {
  readonly refined: boolean;
  readonly excess: number[];
  readonly lossExcess: number[];
}

// Confidence in a verdict "within ε or not" at which a place stops.
const confidence = 0.95;

// Places that refinement may add: a small part of a usual grid of 11 × 11.
const mostRefined = 20;

// Draws that the places which give the numbers get, however sure they seemed.
const confirming = 64;

// Share of a capped number of looks that is kept for the places refinement adds: they decide μ.
const keptForRefinement = 0.25;

/**
 * Samples a map: every place in rounds of minDraws, twice that, … up to maxDraws draws, until it is certain of every ε
 * whether the mean excess is within it. The mean over draws estimates the mean over noise and images without bias.
 *
 * Certain: the interval (`placeInterval`) lies on one side at level 1 − 5 % / R, where R is the number of rounds planned:
 * looking R times then errs in at most 5 % of places (Bonferroni). One interval serves all ε. What is decided stops; what is
 * not after maxDraws stays open. A place without noise stops when all images were seen: more blocks would only repeat.
 *
 * Places without noise are looked at with every block first (unless that would take more than half of `mostLooks`): they are
 * exact then, and serve as controls of the others (see `withControl`), whose spread is that of the noise alone.
 *
 * `mostLooks` never depends on time: when the next round would pass it, the places nearest to the present minimum of μ
 * (in the logarithm of α²/r²) get their draws first, and then it ends. A quarter of it is kept for `refinedPlaces`, which are
 * added after the grid (at most 20 in all) and sampled alike; what is left goes to what is still open.
 *
 * Last, the place of the minimum and the one at the end of the ball at α = 1 get up to 64 draws (as far as `maxDraws` and
 * `mostLooks` go) although they seemed decided, until the ones found have them. The best of many places is often one that
 * was lucky in its first draws, more so where few noise vectors do most of the harm: in simulations with such noise the
 * intervals of μ covered 79 % without this step and 88 % with it (95 % without such noise), for 1 % more draws.
 *
 * @returns the grid's places, α by α and rising in ratio, then the refined ones; draws as they were seen, so measure from
 *   `controlled`
 * @throws {ScopeError} usage, when options do not fit; whatever `look` throws
 */
export async function sampleMap(look: DrawLook, options: SampleOptions): Promise<SampledPlace[]> {
  const { alphas, ratios, epsilons, span, refine, maxDraws, signal, progress } = options;
  const minDraws = Math.min(options.minDraws ?? 4, maxDraws);
  const budget = options.mostLooks ?? Infinity;
  check(options, minDraws);
  const rounds = roundsOf(minDraws, maxDraws);
  const level = 1 - (1 - confidence) / rounds.length;
  const main = epsilons[0]!;
  const grow = (place: Place, refined: boolean): Growing => ({
    alpha: place.alpha,
    ratio: place.ratio,
    refined,
    excess: [],
    lossExcess: [],
  });
  const places = alphas.flatMap((alpha) => ratios.map((ratio) => grow({ alpha, ratio }, false)));
  let spent = 0;

  const pass = passOf(options);
  const still = places.filter(({ ratio }) => ratio === 0);
  const areControls = still.length * pass <= budget / 2;
  const most = (place: Place): number => {
    if (place.ratio > 0) return maxDraws;
    return areControls ? pass : Math.min(maxDraws, pass);
  };
  /** Draws of a place as they are judged. Controls do not change any more once there are some. */
  let controlAt: ReturnType<typeof controlsOf> = () => undefined;
  const valuesOf = (place: Growing): Float32Array => controlledDraws(place, controlAt(place.alpha)).excess;
  const isOpen = (place: Growing): boolean => {
    const draws = place.excess.length;
    if (draws < Math.min(minDraws, most(place))) return true;
    if (draws >= most(place)) return false;
    const interval = excessInterval(place, valuesOf(place), options, level);
    return epsilons.some((epsilon) => verdictOf(interval, epsilon) === "open");
  };

  /** Draws for every place until it has as many as wanted, all places of a draw together. */
  async function draw(chosen: readonly { readonly place: Growing; readonly until: number }[]): Promise<void> {
    const last = chosen.reduce((top, { until }) => Math.max(top, until), 0);
    const first = chosen.reduce((least, { place }) => Math.min(least, place.excess.length), last);
    for (let at = first; at < last; at++) {
      const now = chosen
        .filter(({ place, until }) => place.excess.length === at && at < until)
        .map(({ place }) => place);
      if (now.length === 0) continue;
      signal?.throwIfAborted();
      const seen = await look.look(at, now);
      if (seen.excess.length !== now.length || seen.lossExcess.length !== now.length) {
        throw new ScopeError(
          "bug",
          `internal: a look at ${now.length} places gave ${seen.excess.length} answers`,
        );
      }
      for (const [i, place] of now.entries()) {
        place.excess.push(seen.excess[i]!);
        place.lossExcess.push(seen.lossExcess[i]!);
      }
      spent += now.length;
      progress?.(spent, Math.max(spent, Math.min(budget, spent + left())));
    }
  }

  const left = (): number =>
    places.reduce((sum, place) => sum + (isOpen(place) ? most(place) - place.excess.length : 0), 0);

  /** Rounds over some places, within a number of looks; false: the number did not suffice. */
  async function sample(group: readonly Growing[], limit: number, least: number): Promise<boolean> {
    for (const round of rounds) {
      const open = group
        .map((place) => ({ place, until: Math.min(round, most(place)) }))
        .filter(({ place, until }) => place.excess.length < until && isOpen(place));
      const costs = open.map(({ place, until }) => until - place.excess.length);
      const cost = costs.reduce((sum, one) => sum + one, 0);
      if (spent + cost <= limit) {
        await draw(open);
        continue;
      }
      // The first round is for all alike: a map with holes is none.
      if (open.some(({ place }) => place.excess.length === 0)) {
        const each = Math.max(least, Math.floor((limit - spent) / Math.max(1, open.length)));
        await draw(open.map(({ place, until }) => ({ place, until: Math.min(until, each) })));
        return false;
      }
      const value = valueNow();
      const ordered = open
        .map((one, i) => ({ ...one, cost: costs[i]!, value: value(one.place) }))
        .toSorted((a, b) => a.value - b.value);
      let room = limit - spent;
      const chosen = ordered.filter((one) => (room -= one.cost) >= 0);
      await draw(chosen);
      return false;
    }
    return true;
  }

  const meansNow = (): number[] => places.map((place) => meanOf(valuesOf(place)));

  /** How far a place is from the present minimum of μ: 0 nearest. */
  function valueNow(): (place: Place) => number {
    const best = bestOf(rowsOf(places, alphas), meansNow(), main, span);
    const least = Math.min(...ratios);
    return (place) => {
      if (place.alpha === 0) return place.ratio === least ? 0 : Infinity;
      const mu = muAt(place, span);
      if (mu === Infinity || best?.mu === 0) return Infinity;
      // Nothing is within ε yet: the least noise on the most final weights comes first.
      return best === undefined ? place.ratio / place.alpha : Math.abs(Math.log(mu / best.mu));
    };
  }

  /** The places that give μ and the radius, where they have fewer draws than they should; none when looks are spent. */
  function unconfirmed(): { readonly place: Growing; readonly until: number }[] {
    const means = meansNow();
    const rows = rowsOf(places, alphas);
    const best = bestOf(rows, means, main, span);
    const end = rows.at(-1)!;
    const judges = [
      best === undefined ? -1 : rows[best.row]!.at[best.in]!,
      end.at[ballOf(end, means, main) - 1] ?? -1,
    ];
    const chosen = [...new Set(judges)]
      .filter((p) => p >= 0 && places[p]!.ratio > 0)
      .map((p) => ({ place: places[p]!, until: Math.min(maxDraws, confirming) }))
      .filter(({ place, until }) => place.excess.length < until);
    const cost = chosen.reduce((sum, { place, until }) => sum + until - place.excess.length, 0);
    return spent + cost <= budget ? chosen : [];
  }

  if (areControls) {
    await draw(still.map((place) => ({ place, until: pass })));
    controlAt = controlsOf(still, options);
  }
  await sample(places, refine > 0 ? budget * (1 - keptForRefinement) : budget, 2);
  let added = 0;
  for (let round = 0; round < refine; round++) {
    const wanted = refinedPlaces({ places, means: meansNow(), alphas, epsilon: main, span });
    const room = Math.min(mostRefined - added, Math.floor((budget - spent) / minDraws));
    const fresh = wanted.slice(0, Math.max(0, room)).map((place) => grow(place, true));
    if (fresh.length === 0) break;
    added += fresh.length;
    places.push(...fresh);
    await sample(fresh, budget, minDraws);
  }
  await sample(places, budget, minDraws);
  for (let doubted = unconfirmed(); doubted.length > 0; doubted = unconfirmed()) await draw(doubted);
  return places.map((place) => ({
    alpha: place.alpha,
    ratio: place.ratio,
    refined: place.refined,
    excess: Float32Array.from(place.excess),
    lossExcess: Float32Array.from(place.lossExcess),
  }));
}

/** Draws a place has after each round: least, twice that, … most. */
function roundsOf(least: number, most: number): number[] {
  const rounds: number[] = [];
  for (let draws = least; draws < most; draws *= 2) rounds.push(draws);
  return [...rounds, most];
}

function check(
  { alphas, ratios, epsilons, block, images, maxDraws, refine }: SampleOptions,
  minDraws: number,
) {
  const need = (isGood: boolean, what: string): void => {
    if (!isGood) throw new ScopeError("usage", what);
  };
  need(alphas.length > 0 && ratios.length > 0, "a map needs at least one α and one noise ratio");
  need(
    [...alphas, ...ratios].every((one) => Number.isFinite(one) && one >= 0),
    "α and noise ratios expected numbers of at least 0",
  );
  need(
    epsilons.length > 0 && epsilons.every((one) => one >= 0),
    `ε expected at least one number of at least 0, got ${epsilons.join(", ") || "none"}`,
  );
  need(
    Number.isInteger(maxDraws) && Number.isInteger(minDraws) && minDraws >= 2,
    `draws expected a whole number of at least 2, got ${Math.min(minDraws, maxDraws)}`,
  );
  need(
    Number.isInteger(block) && block > 0 && images > 0,
    `a draw needs images, got a block of ${block} of ${images}`,
  );
  need(
    Number.isInteger(refine) && refine >= 0,
    `rounds of refinement expected a whole number, got ${refine}`,
  );
}
