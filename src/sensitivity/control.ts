import { isExact, type DrawSet, meanOf, passOf } from "./interval.ts";
import type { Place, SampledMap } from "./types.ts";

/** Draws of a place, as they were seen. */
interface Drawn extends Place {
  readonly excess: ArrayLike<number>;
  readonly lossExcess: ArrayLike<number>;
}

/** What draws at an α have in common with the place without noise there, whose mean over all images is known exactly. */
export interface Control {
  readonly excess: Float64Array;
  readonly lossExcess: Float64Array;
  readonly meanExcess: number;
  readonly meanLossExcess: number;
}

/**
 * The controls of a map by α: the place without noise, once it has been looked at with every block of images; between two
 * α's of the grid, both of theirs by distance. Undefined where none is known yet.
 */
export function controlsOf(places: readonly Drawn[], set: DrawSet): (alpha: number) => Control | undefined {
  const pass = passOf(set);
  const known = places
    .filter((place) => isExact(place, place.excess.length, set))
    .map((place) => ({ alpha: place.alpha, control: controlOf(place, pass) }))
    .toSorted((a, b) => a.alpha - b.alpha);
  const made = new Map(known.map(({ alpha, control }) => [alpha, control]));
  return (alpha) => {
    const own = made.get(alpha);
    if (own !== undefined) return own;
    const below = known.findLast((one) => one.alpha < alpha);
    const above = known.find((one) => one.alpha > alpha);
    if (below === undefined || above === undefined) return undefined;
    const share = (alpha - below.alpha) / (above.alpha - below.alpha);
    const mixed = mix(below.control, above.control, share);
    made.set(alpha, mixed);
    return mixed;
  };
}

/**
 * The excess at a place, draw by draw, with what the block of images alone brings taken out:
 *
 *   excess_s(α, r) − excess_s(α, 0) + E_images[excess(α, 0)],
 *
 * the place without noise as a control variate with coefficient 1. Its expectation is that of excess_s, as that of the first
 * two terms' difference is what noise adds and the last is exact; but images that are wrong with and without noise no longer
 * count as spread. (Glasserman 2003, "Monte Carlo methods in financial engineering", section 4.1.)
 */
export function withControl(values: ArrayLike<number>, control: Float64Array, mean: number): Float32Array {
  const pass = control.length;
  return Float32Array.from({ length: values.length }, (_, s) => values[s]! - control[s % pass]! + mean);
}

/** Draws of a place without noise (which stay as they are), or with it and its control taken into account. */
export function controlledDraws(
  place: Drawn,
  control: Control | undefined,
): { readonly excess: Float32Array; readonly lossExcess: Float32Array } {
  if (place.ratio === 0 || control === undefined) {
    return { excess: Float32Array.from(place.excess), lossExcess: Float32Array.from(place.lossExcess) };
  }
  const { excess, lossExcess, meanExcess, meanLossExcess } = control;
  return {
    excess: withControl(place.excess, excess, meanExcess),
    lossExcess: Number.isFinite(meanLossExcess)
      ? withControl(place.lossExcess, lossExcess, meanLossExcess)
      : Float32Array.from(place.lossExcess),
  };
}

/** A map whose draws are those of `controlledDraws`: what everything is measured from. */
export function controlled(map: SampledMap): SampledMap {
  const controlAt = controlsOf(map.places, map);
  return {
    ...map,
    places: map.places.map((place) => ({ ...place, ...controlledDraws(place, controlAt(place.alpha)) })),
  };
}

function controlOf({ excess, lossExcess }: Drawn, pass: number): Control {
  const first = (values: ArrayLike<number>): Float64Array =>
    Float64Array.from({ length: pass }, (_, s) => values[s]!);
  const [errors, losses] = [first(excess), first(lossExcess)];
  return {
    excess: errors,
    lossExcess: losses,
    meanExcess: meanOf(errors),
    meanLossExcess: meanOf(losses),
  };
}

function mix(a: Control, b: Control, share: number): Control {
  const between = (x: number, y: number): number => (1 - share) * x + share * y;
  return {
    excess: a.excess.map((one, s) => between(one, b.excess[s]!)),
    lossExcess: a.lossExcess.map((one, s) => between(one, b.lossExcess[s]!)),
    meanExcess: between(a.meanExcess, b.meanExcess),
    meanLossExcess: between(a.meanLossExcess, b.meanLossExcess),
  };
}
