import { decimal, enumerate, grouped } from "../figure/numbers.ts";
import { mean, meanInterval } from "../tensor/stats.ts";
import { compact, compactRange, pointsRange } from "./chart/names.ts";
import type { CriticalityResults, Interval } from "./results.ts";
import { type ModuleFacts, type Side, sidesOf } from "./sides.ts";
import { chanceOfTau } from "./trend.ts";

/** What the words are made from. */
export type CriticalityFacts = Omit<CriticalityResults, "words">;

/**
 * The answer in sentences: which modules are critical, whether that grows towards the output, what may be set back, how far
 * the ball reaches, fine-tuned against scratch, what the sum says, what following the list did. Nothing is claimed that its
 * 95 % interval does not show.
 */
export function criticalityWords(facts: CriticalityFacts): string[] {
  const named = sidesOf(facts);
  // One network is named by the first sentence, the others are about it.
  const sides = facts.networks.length === 1 ? named.map((side) => ({ ...side, label: "" })) : named;
  const allowed = facts.epsilons[0]?.text ?? "the error allowed";
  const mapped = sides.filter(({ modules }) => modules.some(({ mu }) => mu !== undefined));
  // Each side of the first topic is a paragraph: it is what a page begins with.
  const topics = [
    ...sides.map((side, i) =>
      mapped.includes(side) ? criticalWords(named[i]!, allowed) : rewoundWords(named[i]!),
    ),
    coarseWords(facts),
    sides.flatMap(orderWords),
    sides.flatMap((side) => robustWords(side, allowed)),
    compareWords(sides),
    mapped.flatMap(ballWords),
    mapped.flatMap(totalWords),
    freezeWords(facts),
  ];
  // Many given networks one by one would bury the answer: beyond three, their tables tell the rest.
  return topics.flatMap((lines) =>
    lines.length === 0
      ? []
      : [
          lines.length <= 3
            ? lines.join(" ")
            : `${lines.slice(0, 3).join(" ")} The tables below have the other ${lines.length - 3}.`,
        ],
  );
}

/** Where one image is more than the error allowed, "within ε" means no image at all, and few images show little. */
function coarseWords({ networks, epsilons, data }: CriticalityFacts): string[] {
  const [split, images] = data.train > 0 ? ["training", data.train] : ["test", data.test];
  const allowed = networks.flatMap(({ modules }) => mapsOf(modules)).map(({ epsilon }) => epsilon);
  if (allowed.length === 0 || 1 / images <= Math.min(...allowed) + 1e-12) return [];
  return [
    `The maps were made on ${grouped(images)} ${split} ${images === 1 ? "image" : "images"}: one is ${decimal(100 / images, 1)} points of error, more than ε = ${epsilons[0]!.text}, so what is within ε may be so by luck. Look at more images.`,
  ];
}

/** The main criticality of every module's maps. */
function mapsOf(modules: CriticalityFacts["networks"][number]["modules"]) {
  return modules.flatMap(({ maps }) => maps.flatMap(({ criticality }) => criticality[0] ?? []));
}

/** Most names a sentence lists. */
const most = 6;

/** "a, b and c", or the first few and how many more. */
export function listed(names: readonly string[]): string {
  return names.length <= most
    ? enumerate(names)
    : `${names.slice(0, most - 1).join(", ")} and ${names.length - most + 1} more`;
}

/** The text with a capital first letter. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** "in the fine-tuned network a, ", "on average over 3 fine-tuned networks, "; "" of the only network, named before. */
function within({ label, networks }: Side): string {
  if (label === "") return "";
  return networks.length > 1 ? `on average over ${label}, ` : `in ${label}, `;
}

function criticalWords(side: Side, allowed: string): string[] {
  const known = side.modules.filter(({ mu }) => mu !== undefined);
  const infinite = known.filter(({ mu }) => mu!.value === null);
  const zero = known.filter(({ mu }) => mu!.value === 0);
  const ranked = known
    .filter(({ mu }) => mu!.value !== null && mu!.value > 0)
    .toSorted((a, b) => b.mu!.value! - a.mu!.value!);
  const parts: string[] = [];
  if (infinite.length > 0) {
    const alone = side.networks.length === 1;
    const why = !alone
      ? "in at least one network no place of the map with noise keeps the error within ε"
      : infinite.length === 1 && infinite[0]!.reason !== undefined
        ? infinite[0]!.reason
        : `no place of ${infinite.length === 1 ? "its map" : "their maps"} with noise keeps the error within ε`;
    parts.push(
      `the criticality μ of ${listed(infinite.map(({ name }) => name))} is infinite at ε = ${allowed}, because ${why}`,
    );
  }
  if (ranked.length > 0) parts.push(topWords(ranked, infinite.length > 0, allowed));
  if (zero.length > 0) {
    parts.push(
      zero.length === known.length
        ? `μ is 0 for all ${known.length} modules: each does as well at its initial weights, within ${allowed}`
        : `μ is 0 for ${listed(zero.map(({ name }) => name))}`,
    );
  }
  return parts.length === 0 ? [] : [capital(`${within(side)}${parts.join("; ")}.`)];
}

/** The largest finite μ, and whether it is shown to be the largest. */
function topWords(ranked: readonly ModuleFacts[], besides: boolean, allowed: string): string {
  const [first, ...others] = ranked as [ModuleFacts, ...ModuleFacts[]];
  const number = `μ = ${compactRange(first.mu!)}`;
  const at = besides ? "" : ` at ε = ${allowed}`;
  const among = besides ? "of the others " : "";
  if (others.length === 0) return `${among}${first.name} has ${number}${at}`;
  const low = first.mu!.low;
  // An upper end that is missing is infinite, or unknown: it excludes nothing.
  const apart = (other: ModuleFacts) => low !== null && (other.mu!.high ?? Infinity) < low;
  const near = others.filter((other) => !apart(other));
  if (near.length === 0) {
    const [second] = others;
    return `${among}${first.name} is the most critical module${at} with ${number}, before ${second!.name} with ${compactRange(second!.mu!)}`;
  }
  return `${among}${first.name} has the largest criticality${at}, ${number}, not told apart by the intervals from ${near.length > 3 ? `those of ${near.length} others` : `${listed(near.map(({ name, mu }) => `${name} (${compact(mu!.value!)})`))}`}`;
}

/** The worst module to set back, where no maps were made. */
function rewoundWords(side: Side): string[] {
  const ranked = side.modules
    .filter(({ rewound }) => rewound !== undefined)
    .toSorted((a, b) => b.rewound!.value - a.rewound!.value);
  if (ranked.length === 0) return [];
  const isShown = ({ rewound }: ModuleFacts) => (rewound!.low ?? 0) > 0;
  const first = ranked.find(isShown);
  if (first === undefined)
    return [capital(`${within(side)}that setting back any one module costs error could not be shown.`)];
  const others = ranked.filter((one) => one !== first);
  const [second] = others;
  const worst = `setting back ${first.name} costs`;
  const number = `${pointsRange(first.rewound!)} points of error`;
  const shown = others.every(({ rewound }) => (rewound!.high ?? Infinity) < first.rewound!.low!);
  const rest =
    second === undefined
      ? ""
      : shown
        ? `, more than any other module; next is ${second.name} with ${pointsRange(second.rewound!)}`
        : `; that this is more than for any other, such as ${second.name} with ${pointsRange(second.rewound!)}, could not be shown`;
  return [capital(`${within(side)}${worst} ${number}${rest}.`)];
}

function orderWords(side: Side): string[] {
  const parts = (
    [
      ["criticality", side.order.criticality],
      ["the cost of setting a module back", side.order.rewound],
    ] as const
  ).flatMap(([what, tau]) => (tau === null ? [] : [tauWords(what, tau, side)]));
  return parts.length === 0 ? [] : [capital(`${within(side)}${parts.join("; ")}.`)];
}

/**
 * Of one network, the interval holds what noise and images leave open; whether its modules' order could be chance is
 * another question, and few modules cannot answer it.
 */
function tauWords(what: string, { value, low, high }: Interval, { networks, modules }: Side): string {
  const number = `Kendall’s τ ${decimal(value, 2)}`;
  if (low === null || high === null)
    return `whether ${what} grows towards the output cannot be said without an interval (${number})`;
  const range = `${number}, ${decimal(low, 2)} to ${decimal(high, 2)}`;
  const chance = networks.length === 1 && modules.length > 1 ? chanceOfTau(value, modules.length) : 0;
  if ((low > 0 || high < 0) && chance > 0.05)
    return `that ${what} ${low > 0 ? "grows" : "falls"} towards the output could not be shown with ${modules.length} modules (${range}; ${decimal(100 * chance, 0)} % of random orders have as strong a trend)`;
  const much = Math.abs(value) < 0.3 ? " weakly" : "";
  if (low > 0) return `${what} grows${much} towards the output (${range})`;
  if (high < 0) return `${what} falls${much} towards the output (${range})`;
  return `that ${what} grows or falls towards the output could not be shown (${range})`;
}

/** What may be set back or left out, one at a time. */
function robustWords(side: Side, allowed: string): string[] {
  const count = side.networks.length;
  const all = side.modules.length;
  // Of a group: in every one of its networks.
  const names = (kind: keyof ModuleFacts["advice"]) =>
    side.modules.filter(({ advice }) => advice[kind] === count).map(({ name }) => name);
  const [rewind, freeze, prune] = [names("rewind"), names("freeze"), names("prune")];
  const head =
    rewind.length > 0
      ? `${count > 1 ? `in all ${side.label}, ` : within(side)}${rewind.length} of ${all} modules can be set back to their initial weights, one at a time, within ${allowed}: ${listed(rewind)}`
      : `${count > 1 ? `no module was shown in all ${side.label}` : `${within(side)}no module was shown`} to stay within ${allowed} when set back to its initial weights`;
  const same = freeze.length === rewind.length && freeze.every((name) => rewind.includes(name));
  const tail = [
    ...(freeze.length === 0 || same ? [] : [`on training images alone it is ${listed(freeze)}`]),
    ...(prune.length === 0 ? [] : [`${listed(prune)} can be all zero`]),
  ];
  return [capital(`${[head, ...tail].join("; ")}.`)];
}

/** The radius of the ball around the final weights. */
function ballWords(side: Side): string[] {
  const known = side.modules.filter(({ radius }) => radius !== undefined);
  if (known.length === 0) return [];
  const none = known.filter(({ radius }) => radius!.value === null);
  const found = known
    .filter(({ radius }) => radius!.value !== null)
    .toSorted((a, b) => a.radius!.value! - b.radius!.value!);
  const [least, largest] = [found[0], found.at(-1)];
  const parts: string[] = [];
  if (least !== undefined && largest !== undefined) {
    const text = ({ radius }: ModuleFacts) => {
      const { value, low, high, beyond } = radius!;
      if (beyond) return `${compactRange({ value, low, high: value })}, the largest ratio looked at,`;
      // The interval may reach beyond the map although the value does not.
      return low !== null && high === null
        ? `${compact(value!)} (${compact(low)} to beyond the map)`
        : compactRange({ value, low, high });
    };
    parts.push(
      least === largest
        ? `noise on ${least.name} keeps the error within ε up to ${text(least)} times the RMS of its weights`
        : `the ball of noise that keeps the error within ε reaches from ${text(least)} (${least.name}) to ${text(largest)} (${largest.name}) times the RMS of a module’s weights`,
    );
  }
  if (none.length > 0)
    parts.push(
      side.networks.length > 1
        ? `for ${listed(none.map(({ name }) => name))} at least one network takes none of the noise looked at`
        : `${listed(none.map(({ name }) => name))} ${none.length === 1 ? "takes" : "take"} none of the noise looked at`,
    );
  return [capital(`${within(side)}${parts.join("; ")}.`)];
}

/** Fine-tuned networks against networks from scratch, module by module, over networks. */
function compareWords(sides: readonly Side[]): string[] {
  const tuned = sides.filter(({ group }) => group === "fine-tuned");
  const scratch = sides.filter(({ group }) => group === "from scratch");
  const [a, b] = [tuned[0], scratch[0]];
  if (a === undefined || b === undefined) return [];
  if (tuned.length > 1 || scratch.length > 1 || a.networks.length < 2 || b.networks.length < 2)
    return [
      "Whether fine-tuned networks differ from networks from scratch cannot be said with one network of a kind: the intervals are over noise and images, not over networks.",
    ];
  const pairs = a.modules.flatMap((one) => {
    const other = b.modules.find(({ name }) => name === one.name);
    return other === undefined ? [] : [{ name: one.name, one, other }];
  });
  const judged = pairs.flatMap(({ name, one, other }) => {
    const [x, y] = [measureOf(one, other, 0), measureOf(one, other, 1)];
    if (x === undefined || y === undefined) return [];
    return [{ name, less: x.high < y.low, more: x.low > y.high }];
  });
  if (judged.length === 0) return [];
  const mapped = pairs.some(({ one }) => one.mu !== undefined);
  const what = mapped ? "less critical" : "cheaper to set back";
  const converse = mapped ? "more critical" : "dearer to set back";
  const [less, more] = [judged.filter((one) => one.less), judged.filter((one) => one.more)];
  const undecided = pairs.length - less.length - more.length;
  const basis = `${a.networks.length} and ${b.networks.length} networks, 95 % intervals over networks`;
  if (less.length + more.length === 0)
    return [
      `That modules are more or less critical in fine-tuned networks than in networks from scratch could not be shown for any of the ${pairs.length} modules (${basis}).`,
    ];
  const names = (all: readonly { readonly name: string }[]) => listed(all.map(({ name }) => name));
  const claims = [
    ...(less.length > 0 ? [`${names(less)} ${less.length === 1 ? "is" : "are"} ${what}`] : []),
    ...(more.length > 0 ? [`${names(more)} ${more.length === 1 ? "is" : "are"} ${converse}`] : []),
  ];
  return [
    `In fine-tuned networks ${enumerate(claims)} than in networks from scratch${undecided > 0 ? `; of the other ${undecided === 1 ? "module" : `${undecided} modules`} no difference could be shown` : ""} (${basis}).`,
  ];
}

/** The interval two modules are compared by: of μ where both have one, else of the cost of setting them back. */
function measureOf(
  one: ModuleFacts,
  other: ModuleFacts,
  which: 0 | 1,
): { readonly low: number; readonly high: number } | undefined {
  const of = [one, other][which]!;
  if (one.mu !== undefined && other.mu !== undefined) {
    const { value, low, high } = of.mu!;
    return value === null || low === null || high === null ? undefined : { low, high };
  }
  const { low = null, high = null } = of.rewound ?? {};
  return low === null || high === null ? undefined : { low, high };
}

/** The sum over the modules and its PAC-Bayes reading. */
function totalWords(side: Side): string[] {
  const totals = side.networks.flatMap(({ total }) => total[0] ?? []);
  if (totals.length === 0) return [];
  const finite = totals.filter(({ value }) => value !== null);
  if (finite.length < totals.length) {
    const names = [...new Set(totals.flatMap(({ infinite }) => infinite))];
    return [
      capital(
        `${side.networks.length > 1 ? `for ${totals.length - finite.length} of ${side.label}, ` : within(side)}the sum of μ over the modules is infinite, because of ${listed(names)}: it bounds nothing.`,
      ),
    ];
  }
  const single = totals.length === 1 ? totals[0]! : undefined;
  const values = finite.map(({ value }) => value!);
  const around = meanInterval(values, 0.95);
  const range = single ?? {
    value: mean(values),
    low: around === null ? null : Math.max(0, around.low),
    high: around?.high ?? null,
  };
  const gaps = totals.flatMap(({ gap }) => gap ?? []);
  const images = totals[0]!.trainImages;
  const [least, largest] = [Math.min(...gaps), Math.max(...gaps)];
  const bound = (gap: number) => `${decimal(100 * gap, gap < 0.0995 ? 1 : 0)} points`;
  const reading =
    gaps.length === 0
      ? ""
      : largest > 1
        ? `; the PAC-Bayes bound it gives for ${grouped(images)} training images exceeds 1${least <= 1 ? ` for ${gaps.filter((gap) => gap > 1).length} of ${gaps.length} networks` : ""}: it says nothing${least <= 1 ? " there" : ""}`
        : `; by PAC-Bayes, with probability 95 % over ${grouped(images)} training images, the error of the network with noise on all modules at once exceeds its training error by at most ${least === largest ? bound(least) : `${bound(least)} to ${bound(largest)}`} on new images, had α and σ been chosen before the images were seen, which they were not: a size, no guarantee`;
  return [capital(`${within(side)}the sum of μ over the modules is ${compactRange(range)}${reading}.`)];
}

/** What following the list of modules that need no training did. */
function freezeWords({ freeze }: CriticalityFacts): string[] {
  if (freeze === undefined) return [];
  const { modules, share, tried, together } = freeze;
  const limit = `${decimal(100 * freeze.epsilon, 1).replace(/\.0$/, "")} ${freeze.epsilon === 0.01 ? "point" : "points"} of error`;
  if (modules.length === 0)
    return [`Nothing can be frozen: no module was shown to stay within ${limit} at its initial weights.`];
  // What the list was chosen by, and what it was not chosen by: the second is the check.
  const cost = together.map(
    ({ split, excess }) =>
      `${pointsRange(excess)} points on ${split === "train" ? "training" : "test"} images`,
  );
  const chosen = together.some(({ split }) => split === "train") ? "training" : "test";
  const list = `The list of what need not be trained, made for ${limit}: ${listed(modules)}, ${decimal(100 * share, share < 0.0995 ? 1 : 0)} % of the parameters${cost.length === 0 ? "" : `; all of them set back at once cost ${enumerate(cost)}${cost.length === 1 ? ", which they were chosen by" : `; they were chosen by the ${chosen} images`}`}.`;
  if (tried === undefined) return [list];
  const { accuracy, speed, seeds } = tried;
  const verdict =
    accuracy.low === null || accuracy.high === null
      ? "one seed shows no difference and no equality"
      : accuracy.high < 0
        ? "freezing loses accuracy"
        : accuracy.low > 0
          ? "freezing gains accuracy"
          : "no difference could be shown";
  const time =
    speed.low === null || speed.high === null
      ? `full training took ${decimal(speed.value, 2)} times as long`
      : speed.low > 1
        ? `training is ${decimal(speed.value, 2)} times as fast (${decimal(speed.low, 2)} to ${decimal(speed.high, 2)})`
        : `that it is faster could not be shown (${decimal(speed.value, 2)} times, ${decimal(speed.low, 2)} to ${decimal(speed.high, 2)})`;
  return [
    `${list} Following it, over ${seeds.length} ${seeds.length === 1 ? "seed" : "seeds"}, test accuracy changes by ${pointsRange(accuracy)} points (${verdict}) and ${time}.`,
  ];
}
