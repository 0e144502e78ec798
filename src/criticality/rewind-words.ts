import { grouped } from "../figure/numbers.ts";
import { networkTitle, pointsRange, testChange } from "./chart/names.ts";
import type { Change, RewindResults } from "./results.ts";
import { listed } from "./words.ts";

type Rewound = RewindResults["networks"][number];

/** Points of error a module may cost and still count as unharmed, share. */
const slack = 0.01;

/**
 * Rewinding in sentences: what setting modules back to the start costs, from which checkpoint on each has what it needs, and
 * where the straight path differs from that of training. A cost is called one only when its 95 % interval lies above 0.
 */
export function rewindWords({ networks }: Omit<RewindResults, "words">): string[] {
  return networks.flatMap((network) => [
    ...startWords(network),
    ...momentWords(network),
    ...pathWords(network),
  ]);
}

function startWords(network: Rewound): string[] {
  const { steps, modules } = network;
  const first = steps[0];
  if (first === undefined || modules.length === 0)
    return [`No checkpoint of ${networkTitle(network)} was kept: nothing could be set back.`];
  const at = first === 0 ? "the start" : `step ${grouped(first)}, the earliest kept,`;
  const costs = changesAt(network, 0);
  const worst = costs.toSorted((a, b) => b.change.excess.value - a.change.excess.value)[0];
  if (worst === undefined) return [];
  const { low } = worst.change.excess;
  const on = worst.change.split === "test" ? "test" : "training";
  const begin = `In ${networkTitle(network)}, setting one module back to ${at} costs most at ${worst.name}: ${pointsRange(worst.change.excess)} points of ${on} error`;
  if (low === null || low <= 0)
    return [
      `In ${networkTitle(network)}, that setting any one module back to ${at} costs error could not be shown; the most seen is ${pointsRange(worst.change.excess)} points, at ${worst.name}.`,
    ];
  const near = costs.filter(
    ({ name, change }) => name !== worst.name && (change.excess.high ?? Infinity) >= low,
  );
  const free = costs.filter(({ change }) => unharmed(change));
  return [
    [
      begin,
      near.length === 0 ? "" : ` (not told apart from ${listed(near.map(({ name }) => name))})`,
      free.length === 0
        ? "; no module was shown to bear it within 1 point."
        : `; ${free.length} of ${modules.length} modules bear it within 1 point: ${listed(free.map(({ name }) => name))}.`,
    ].join(""),
  ];
}

/** From which kept step on every module stays within a point. */
function momentWords(network: Rewound): string[] {
  const { steps, modules, total } = network;
  if (steps.length < 2) return [];
  const moments = modules.flatMap((module) => {
    const index = steps.findIndex((_, i) =>
      module.changes.slice(i).every((changes) => {
        const change = testChange(changes);
        return change !== undefined && unharmed(change);
      }),
    );
    return index < 0 ? [] : [{ name: module.name, step: steps[index]! }];
  });
  const late = modules.filter(({ name }) => !moments.some((one) => one.name === name));
  const all = [...moments].toSorted((a, b) => b.step - a.step);
  const tail =
    late.length === 0
      ? ""
      : ` ${listed(late.map(({ name }) => name))} ${late.length === 1 ? "was" : "were"} not shown to have it at the last kept checkpoint, step ${grouped(steps.at(-1)!)} of ${grouped(total)}.`;
  const [last] = all;
  if (last === undefined) return tail === "" ? [] : [`In ${networkTitle(network)}:${tail}`];
  const with0 = moments.filter(({ step }) => step === steps[0]);
  const rest = all.filter(({ step }) => step !== steps[0]);
  if (rest.length === 0) return tail === "" ? [] : [`Of the other modules:${tail}`];
  return [
    `From the kept checkpoint after which it stays within 1 point, a module has what it needs: ${listed(rest.toReversed().map(({ name, step }) => `${name} at step ${grouped(step)}`))}${with0.length > 0 ? `; ${listed(with0.map(({ name }) => name))} from the first on` : ""}.${tail}`,
  ];
}

/** Where the two paths differ by more than their intervals. */
function pathWords(network: Rewound): string[] {
  const { modules, steps } = network;
  const judged = modules.flatMap(({ name, changes, direct }) =>
    direct.length === 0
      ? []
      : [
          {
            name,
            differs: steps.flatMap((step, i) => {
              const [path, straight] = [testChange(changes[i] ?? []), testChange(direct[i]?.changes ?? [])];
              if (path === undefined || straight === undefined) return [];
              const [x, y] = [path.excess, straight.excess];
              if (x.low === null || x.high === null || y.low === null || y.high === null) return [];
              return x.high < y.low || y.high < x.low ? [{ step, worse: x.high < y.low, x, y }] : [];
            }),
          },
        ],
  );
  if (judged.length === 0) return [];
  const apart = judged.filter(({ differs }) => differs.length > 0);
  if (apart.length === 0)
    return [
      "That the straight path and the path of training differ in error could not be shown at any checkpoint.",
    ];
  const worst = apart
    .flatMap(({ name, differs }) => differs.map((one) => ({ name, ...one })))
    .toSorted((a, b) => Math.abs(b.x.value - b.y.value) - Math.abs(a.x.value - a.y.value))[0]!;
  return [
    `The straight path and the path of training differ at ${apart.length} of ${judged.length} modules, most at ${worst.name} at step ${grouped(worst.step)}: ${pointsRange(worst.y)} points on the straight path, ${pointsRange(worst.x)} on that of training.`,
  ];
}

function changesAt(
  { modules }: Rewound,
  index: number,
): { readonly name: string; readonly change: Change }[] {
  return modules.flatMap(({ name, changes }) => {
    const change = testChange(changes[index] ?? []);
    return change === undefined ? [] : [{ name, change }];
  });
}

/** Whether the upper end of the interval is within the slack. */
function unharmed({ excess }: Change): boolean {
  return excess.high !== null && excess.high <= slack;
}
