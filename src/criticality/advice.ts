import { decimal } from "../figure/numbers.ts";
import { isWithin } from "../sensitivity/interval.ts";
import type { Advice, Change, Interval, MapCell, ModuleMap } from "./results.ts";

/** What advice is made from. */
export interface AdviceFacts {
  readonly rewound: readonly Change[];
  readonly zeroed: readonly Change[];
  /** The map that advice on rates is read from; none: no map was made. */
  readonly map: ModuleMap | undefined;
  /** Allowed excess, absolute. */
  readonly epsilon: number;
}

/**
 * Share of its way from initial to final that a module needs: the smallest α of the grid such that it and all larger α,
 * without noise, are within ε by their mean; 0: the initial weights do. 1 where no map was made.
 */
export function neededShare(map: Pick<ModuleMap, "cells"> | undefined, epsilon: number): number {
  const path = (map?.cells ?? [])
    .filter(({ ratio }) => ratio === 0)
    .toSorted((a: MapCell, b: MapCell) => b.alpha - a.alpha);
  let needed = 1;
  for (const { alpha, excess } of path) {
    if (!isWithin(excess.value, epsilon)) break;
    needed = alpha;
  }
  return needed;
}

/**
 * What to do with the modules of a network. Freezing and rewinding ask that the upper end of the interval is within ε, so
 * too few images never recommend anything. Rates are shares of the largest; 0 only where freezing is advised, else at least
 * a step of the map's grid.
 */
export function advise(modules: readonly AdviceFacts[]): Advice[] {
  const shares = modules.map((one) =>
    canFreeze(one) ? 0 : Math.max(neededShare(one.map, one.epsilon), leastStep(one.map)),
  );
  const largest = Math.max(...shares, 0);
  return modules.map((one, i) => {
    const { rewound, zeroed, map, epsilon } = one;
    const shown = rewound.find(({ split }) => split === "train") ?? rewound[0];
    const freeze = canFreeze(one);
    const rewind = rewound.length > 0 && rewound.every((change) => within(change, epsilon));
    const prune = zeroed.length > 0 && zeroed.every((change) => within(change, epsilon));
    const without = zeroed.find(({ split }) => split === "train") ?? zeroed[0];
    const rate = largest === 0 ? 0 : shares[i]! / largest;
    const reasons = [
      shown === undefined ? undefined : `set back it costs ${points(shown.excess)} points`,
      prune && without !== undefined ? `without it ${points(without.excess)}` : undefined,
      map === undefined || freeze ? undefined : `it needs ${decimal(100 * shares[i]!, 0)} % of its way`,
    ].filter((one) => one !== undefined);
    return { freeze, rewind, prune, rate, why: reasons.join("; ") };
  });
}

/** Whether its initial weights are shown to do as well. */
function canFreeze({ rewound, epsilon }: AdviceFacts): boolean {
  const shown = rewound.find(({ split }) => split === "train") ?? rewound[0];
  return shown !== undefined && within(shown, epsilon);
}

/** The first step of a map's grid away from the initial weights. */
function leastStep(map: AdviceFacts["map"]): number {
  return map?.alphas.find((alpha) => alpha > 0) ?? 1;
}

function within({ excess }: Change, epsilon: number): boolean {
  return excess.high !== null && excess.high <= epsilon + 1e-12;
}

/** "1.2 [0.4, 2.0]" in points of error. */
function points({ value, low, high }: Interval): string {
  const show = (x: number): string => decimal(100 * x, 1);
  return low === null || high === null ? show(value) : `${show(value)} [${show(low)}, ${show(high)}]`;
}
