import { grouped } from "../figure/numbers.ts";
import { mean, meanInterval } from "../tensor/stats.ts";
import { groupsOf, networkTitle, pointsRange, testChange } from "./chart/names.ts";
import type { Change, RewindResults } from "./results.ts";
import { capital, listed } from "./words.ts";

type Rewound = RewindResults["networks"][number];

/** Points of error a module may cost and still count as unharmed, share. */
const slack = 0.01;

/**
 * Rewinding in sentences: what setting modules back to the start costs, from which checkpoint on each has what it needs, and
 * where the straight path differs from that of training. A cost is called one only when its 95 % interval lies above 0.
 */
export function rewindWords({ networks, data }: Omit<RewindResults, "words">): string[] {
  const groups = groupsOf(networks).map(({ group, networks: members }) => ({ group, members }));
  const alone = groups.flatMap(({ members }) => (isComparable(members) ? [] : members));
  return [
    ...groups.flatMap(({ group, members }) =>
      isComparable(members) ? groupWords(group, members, data.classes) : [],
    ),
    ...alone.flatMap(startWords),
    ...alone.flatMap((network) => {
      const rest = [...momentWords(network), ...pathWords(network)];
      return rest.length === 0
        ? []
        : [[`In ${networkTitle(network)}, ${rest[0]!}`, ...rest.slice(1).map(capital)].join(" ")];
    }),
  ];
}

/** Several networks with the same modules and kept steps: what is said of them is said of all together. */
function isComparable(members: readonly Rewound[]): boolean {
  const key = ({ steps, modules }: Rewound): string =>
    JSON.stringify([steps, modules.map(({ name }) => name)]);
  return members.length > 1 && members.every((one) => key(one) === key(members[0]!) && one.steps.length > 0);
}

/** Means over networks with Student's interval over networks; single networks are in the tables. */
function groupWords(
  group: Rewound["group"],
  members: readonly Rewound[],
  classes: number | undefined,
): string[] {
  const first = members[0]!;
  const each = first.modules.flatMap(({ name }, m) => {
    const changes = members.flatMap((one) => testChange(one.modules[m]!.changes[0] ?? []) ?? []);
    if (changes.length < members.length) return [];
    const values = changes.map(({ excess }) => excess.value);
    return [{ name, values, mean: { value: mean(values), ...meanInterval(values, 0.95)! }, changes }];
  });
  const ordered = each.toSorted((a, b) => b.mean.value - a.mean.value);
  const [worst, next] = ordered;
  if (worst === undefined) return [];
  const who = `${members.length} networks ${group === "given" ? "given" : group}`;
  const at = first.steps[0] === 0 ? "the start" : `step ${grouped(first.steps[0]!)}, the earliest kept,`;
  const on = worst.changes[0]!.split === "test" ? "test" : "training";
  const everywhere = members.every((_, n) => each.every(({ values }) => values[n]! <= worst.values[n]!));
  const free = each.filter(({ changes }) => changes.every(unharmed));
  return [
    [
      `Over ${who}, setting one module back to ${at} costs most at ${worst.name}: ${pointsRange(worst.mean)} points of ${on} error (mean, 95 % over networks)`,
      everywhere ? `, the most in each of them` : "",
      next === undefined ? "" : `; next is ${next.name} with ${pointsRange(next.mean)}`,
      free.length === 0
        ? "; no module was shown to bear it within 1 point in all of them."
        : `; within 1 point in all of them ${free.length === 1 ? "stays" : "stay"} ${listed(free.map(({ name }) => name))}.`,
    ].join(""),
    ...freshWords(members, classes),
  ];
}

/** What fresh draws leave of the networks, where every module has some. */
function freshWords(members: readonly Rewound[], classes: number | undefined): string[] {
  const errors = members.flatMap(({ modules }) =>
    modules.map(({ name, rerandomised }) => ({ name, error: testChange(rerandomised)?.error.value })),
  );
  const known = errors.flatMap(({ name, error }) => (error === undefined ? [] : [{ name, error }]));
  if (known.length === 0 || known.length < errors.length) return [];
  const [least, most] = [(a: number, b: number) => a - b, (a: number, b: number) => b - a].map(
    (order) => known.toSorted((a, b) => order(a.error, b.error))[0]!,
  ) as [(typeof known)[0], (typeof known)[0]];
  const percent = (share: number): string => (100 * share).toFixed(0);
  const chance =
    classes === undefined ? "" : `; guessing among ${classes} classes gives ${percent(1 - 1 / classes)} %`;
  return [
    `With one module drawn afresh the error is from ${percent(least.error)} % (${least.name}) to ${percent(most.error)} % (${most.name})${chance}.`,
  ];
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

/** From which kept step on each module stays within a point. */
function momentWords({ steps, modules, total }: Rewound): string[] {
  if (steps.length < 2) return [];
  const bears = (changes: readonly Change[]) => {
    const change = testChange(changes);
    return change !== undefined && unharmed(change);
  };
  const moments = modules.map(({ name, changes }) => ({
    name,
    // The end of the last run of harm, if there is any.
    from: steps.findIndex((_, i) => changes.slice(i).every(bears)),
  }));
  const at = (from: number) => moments.filter((one) => one.from === from).map(({ name }) => name);
  const found = steps.flatMap((step, i) => {
    const names = at(i);
    return names.length === 0 ? [] : [`${listed(names)} from step ${grouped(step)} on`];
  });
  const never = at(-1);
  const last = `step ${grouped(steps.at(-1)!)} of ${grouped(total)}`;
  const open =
    never.length === 0
      ? ""
      : `${found.length > 0 ? "; " : "a module’s values staying within 1 point was not shown for "}${listed(never)}${found.length > 0 ? ` ${never.length === 1 ? "was" : "were"} not shown to, even` : ","} at the last kept checkpoint, ${last}`;
  return [
    `${found.length > 0 ? `a module’s values of a kept checkpoint do as well as the final ones, within 1 point: ${found.join(", ")}` : ""}${open}.`,
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
    `the straight path and the path of training differ at ${apart.length} of ${judged.length} modules, most at ${worst.name} at step ${grouped(worst.step)}: ${pointsRange(worst.y)} points on the straight path, ${pointsRange(worst.x)} on that of training.`,
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
