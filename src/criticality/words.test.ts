import { describe, expect, test } from "vitest";
import { syntheticCriticality, syntheticRewind } from "../../test/kit/synthetic-criticality.ts";
import type { CriticalityResults, Interval, ModuleResult, NetworkResult } from "./results.ts";
import { rewindWords } from "./rewind-words.ts";
import { criticalityWords } from "./words.ts";

const one = syntheticCriticality({
  networks: [{ group: "given", count: 1 }],
  modules: 3,
  grid: 4,
  tried: false,
});

/** The one network of three modules, changed. */
function withNetwork(change: (network: NetworkResult) => NetworkResult): CriticalityResults {
  return { ...one, networks: one.networks.map(change), groups: [] };
}

type Mu = readonly [value: number | null, low: number | null, high: number | null];

/** Modules whose μ are as given. */
function withMu(...mus: readonly Mu[]): CriticalityResults {
  return withNetwork((network) => ({
    ...network,
    total: [],
    modules: network.modules.slice(0, mus.length).map((module, i): ModuleResult => ({
      ...module,
      maps: module.maps.slice(0, 1).map((map) => ({
        ...map,
        criticality: map.criticality.slice(0, 1).map((first) => {
          const [value, low, high] = mus[i]!;
          return {
            ...first,
            mu: { value, low, high },
            ...(value === null ? { reason: "no place is within ε" } : {}),
          };
        }),
      })),
    })),
  }));
}

function withOrder(criticality: Interval | null, count = 12): string {
  const results = withNetwork((network) => ({
    ...network,
    order: { criticality, rewound: null },
    modules: Array.from({ length: count }, (_, depth) => ({ ...network.modules[0]!, depth })),
  }));
  return criticalityWords(results).find((line) => line.includes("towards")) ?? "";
}

describe("which modules are critical", () => {
  test("the largest μ is called the most critical only when its interval lies above all others", () => {
    expect(criticalityWords(withMu([10, 8, 12], [900, 700, 1200], [300, 250, 400]))[0]).toContain(
      "neck is the most critical module at ε = 1 point of error with μ = 900 (700 to 1,200), before head with 300 (250 to 400)",
    );
    const tie = criticalityWords(withMu([10, 8, 12], [900, 350, 1200], [300, 250, 400]))[0];
    expect(tie).toContain("neck has the largest criticality");
    expect(tie).toContain("not told apart by the intervals from head (300)");
    expect(tie).not.toContain("most critical");
  });
  test("equal values are a tie", () => {
    expect(criticalityWords(withMu([5, 5, 5], [5, 5, 5]))[0]).toContain("not told apart");
  });
  test("an upper end that may be infinite excludes nothing", () => {
    expect(criticalityWords(withMu([900, 700, 1200], [300, 250, null]))[0]).toContain("not told apart");
  });
  test("infinite is a word with its reason, not a number", () => {
    const [first] = criticalityWords(withMu([null, null, null], [900, 700, 1200]));
    expect(first).toContain(
      "the criticality μ of stage 4 is infinite at ε = 1 point of error, because no place is within ε",
    );
    expect(first).toContain("of the others neck has μ = 900 (700 to 1,200)");
  });
  test("zero is said of the modules it holds for, and of all", () => {
    expect(criticalityWords(withMu([0, 0, 0], [40, 30, 60]))[0]).toContain("μ is 0 for stage 4.");
    expect(criticalityWords(withMu([0, 0, 0], [0, 0, 0]))[0]).toContain("μ is 0 for all 2 modules");
  });
});

describe("whether criticality grows towards the output", () => {
  test("is claimed only outside of 0", () => {
    expect(withOrder({ value: 0.6, low: 0.2, high: 0.9 })).toContain(
      "riticality grows towards the output (Kendall’s τ 0.60, 0.20 to 0.90)",
    );
    expect(withOrder({ value: -0.6, low: -0.9, high: -0.2 })).toContain("falls towards the output");
    expect(withOrder({ value: 0.6, low: -0.1, high: 0.9 })).toContain("could not be shown");
    expect(withOrder({ value: 0.6, low: 0, high: 0.9 })).toContain("could not be shown");
    expect(withOrder({ value: 0.6, low: null, high: null })).toContain("cannot be said without an interval");
    expect(withOrder(null)).toBe("");
  });
  test("is not claimed where a random order of so few modules does as well", () => {
    expect(withOrder({ value: 1, low: 1, high: 1 }, 3)).toContain(
      "could not be shown with 3 modules (Kendall’s τ 1.00, 1.00 to 1.00; 33 % of random orders have as strong a trend)",
    );
    expect(withOrder({ value: 1, low: 1, high: 1 }, 5)).toContain("grows towards the output");
  });
});

describe("fine-tuned against scratch", () => {
  test("one network of a kind shows nothing", () => {
    const results = syntheticCriticality({
      networks: [
        { group: "fine-tuned", count: 1 },
        { group: "from scratch", count: 1 },
      ],
      modules: 3,
      grid: 4,
    });
    expect(results.words.join("\n")).toContain("cannot be said with one network of a kind");
    expect(results.words.join("\n")).not.toContain("less critical");
  });
  test("is compared over networks, module by module", () => {
    const results = syntheticCriticality({ grid: 6, infinite: false });
    const line = results.words.find((words) => words.startsWith("In fine-tuned networks"));
    expect(line).toContain("stem, stage 1 and stage 2 are less critical");
    expect(line).toContain("95 % intervals over networks");
    const wide = results.groups.map((group) => ({
      ...group,
      modules: group.modules.map((module) => ({
        ...module,
        logMu: module.logMu && { ...module.logMu, low: -1, high: 9 },
      })),
    }));
    expect(criticalityWords({ ...results, groups: wide }).join("\n")).toContain(
      "could not be shown for any of the 7 modules",
    );
  });
  test("an infinite mean is compared with nothing", () => {
    const results = syntheticCriticality({ grid: 6, infinite: true });
    const line = results.words.find((words) => words.startsWith("In fine-tuned networks"))!;
    expect(line.split(";")[0]).not.toContain("stage 2");
  });
});

describe("the sum", () => {
  const total = { epsilon: 0.01, value: 1500, low: 1200, high: 1900, infinite: [], trainImages: 50_000 };
  const words = (change: object) =>
    criticalityWords(
      withNetwork((network) => ({ ...network, total: [{ ...total, gap: 0.31, ...change }] })),
    ).join("\n");
  test("a bound above 1 says nothing; one below is given in points", () => {
    expect(words({})).toContain("he sum of μ over the modules is 1,500 (1,200 to 1,900); by PAC-Bayes");
    expect(words({})).toContain(
      "with noise on all modules at once exceeds its training error by at most 31 points",
    );
    expect(words({})).toContain("had α and σ been chosen before the images were seen, which they were not");
    expect(words({ gap: 1.7 })).toContain("exceeds 1: it says nothing");
  });
  test("an infinite sum names the modules", () => {
    expect(words({ value: null, low: null, high: null, gap: null, infinite: ["stem"] })).toContain(
      "is infinite, because of stem: it bounds nothing",
    );
  });
});

describe("following the list", () => {
  const { freeze } = syntheticCriticality({ grid: 3 });
  const words = (change: object) => criticalityWords({ ...one, freeze: { ...freeze!, ...change } }).at(-1);
  const tried = (accuracy: Interval, speed: Interval) =>
    words({ tried: { ...freeze!.tried!, accuracy, speed } });
  const [same, faster] = [
    { value: -0.001, low: -0.007, high: 0.005 },
    { value: 1.4, low: 1.3, high: 1.6 },
  ];
  test("accuracy and time are judged by their intervals", () => {
    expect(tried(same, faster)).toContain(
      "(no difference could be shown) and training is 1.40 times as fast",
    );
    expect(tried({ ...same, high: -0.0005 }, faster)).toContain("freezing loses accuracy");
    expect(tried(same, { ...faster, low: 0.9 })).toContain("that it is faster could not be shown");
    expect(tried({ value: 0, low: null, high: null }, { value: 1.4, low: null, high: null })).toContain(
      "one seed shows no difference and no equality",
    );
  });
  test("what the list costs is told for the images it was chosen by and for those it was not", () => {
    const change = { images: 1000, error: { value: 0.1, low: 0.09, high: 0.11 }, loss: 1 };
    const [train, test] = [
      { ...change, split: "train" as const, excess: { value: 0.004, low: 0.001, high: 0.009 } },
      { ...change, split: "test" as const, excess: { value: 0.02, low: 0.01, high: 0.03 } },
    ];
    expect(words({ together: [train, test] })).toContain(
      "cost 0.4 (0.1 to 0.9) points on training images and 2.0 (1.0 to 3.0) points on test images; they were chosen by the training images",
    );
    expect(words({ together: [test] })).toContain("points on test images, which they were chosen by");
  });
  test("an empty list is said to be empty", () => {
    expect(words({ modules: [], together: [], share: 0, tried: undefined })).toContain(
      "Nothing can be frozen",
    );
  });
});

test("without maps a module costs most only where its interval lies above all others", () => {
  const costs = (...all: readonly (readonly [value: number, low: number, high: number])[]): string =>
    criticalityWords(
      withNetwork((network) => ({
        ...network,
        total: [],
        modules: network.modules.slice(0, all.length).map((module, i) => ({
          ...module,
          maps: [],
          rewound: module.rewound.map((change) => {
            const [value, low, high] = all[i]!;
            return { ...change, excess: { value, low, high } };
          }),
        })),
      })),
    )[0]!;
  expect(costs([0.3, 0.2, 0.4], [0.1, 0.05, 0.15], [0, -0.1, 0.1])).toContain("more than any other module");
  // The second by value is apart, the third is not.
  expect(costs([0.3, 0.2, 0.4], [0.1, 0.05, 0.15], [0.05, -0.3, 0.4])).toContain(
    "that this is more than for any other",
  );
  // The largest is not shown to cost anything, the next is.
  expect(costs([0.3, -0.1, 0.7], [0.1, 0.05, 0.15], [0, -0.1, 0.1])).toContain("10.0 (5.0 to 15.0) points");
  expect(costs([0.3, -0.1, 0.7], [0, -0.1, 0.1])).toContain("costs error could not be shown");
});

test("robustness alone has its words", () => {
  const results = syntheticCriticality({
    networks: [{ group: "given", count: 1 }],
    maps: false,
    tried: false,
  });
  expect(results.words[0]).toMatch(/^In net-seed-0, setting back \S.* points of error/);
  expect(results.words.join("\n")).not.toMatch(/NaN|undefined|null|Infinity/);
});

describe("rewinding", () => {
  test("says what the start costs, from when on values do, and where the paths part", () => {
    const words = syntheticRewind({ networks: ["fine-tuned"] }).words.join("\n");
    expect(words).toContain("setting one module back to the start costs most at head");
    expect(words).toContain("2 of 7 modules bear it within 1 point: stem and stage 1");
    expect(words).toContain("stem and stage 1 from step 0 on");
    expect(words).toContain("The straight path and the path of training differ at");
  });
  test("several networks of a kind are told together, with an interval over networks", () => {
    const results = syntheticRewind({ networks: ["from scratch"] });
    const [one] = results.networks;
    const moved = (by: number) => ({
      ...one!,
      modules: one!.modules.map((module) => ({
        ...module,
        changes: module.changes.map((changes) =>
          changes.map((change) => ({
            ...change,
            excess: { ...change.excess, value: change.excess.value + by },
          })),
        ),
      })),
    });
    const words = rewindWords({ ...results, networks: [moved(-0.01), moved(0), moved(0.01)] });
    expect(words[0]).toMatch(
      /^Over 3 networks from scratch, setting one module back to the start costs most at/,
    );
    // Student's t with 2 degrees of freedom: ± 4.303 · 1 / √3 points.
    const [, mean, low, high] = /at [^:]+: ([-\d.]+) \(([-\d.]+) to ([-\d.]+)\)/.exec(words[0]!)!.map(Number);
    expect(high! - mean!).toBeCloseTo(2.48, 0);
    expect(mean! - low!).toBeCloseTo(2.48, 0);
    expect(words[0]).toContain("the most in each of them");
    expect(words.join("\n")).toContain("With one module drawn afresh the error is from");
    expect(words.join("\n")).not.toContain(one!.name);
  });
  test("a cost whose interval holds 0 is not called one", () => {
    const results = syntheticRewind({ networks: ["given"] });
    const flat = results.networks.map((network) => ({
      ...network,
      modules: network.modules.map((module) => ({
        ...module,
        direct: [],
        changes: module.changes.map((changes) =>
          changes.map((change) => ({ ...change, excess: { value: 0.02, low: -0.01, high: 0.05 } })),
        ),
      })),
    }));
    const words = rewindWords({ ...results, networks: flat }).join("\n");
    expect(words).toContain("costs error could not be shown");
    expect(words).toContain("was not shown for");
    expect(words).not.toContain("straight path");
  });
  test("no checkpoint is said to be none", () => {
    expect(syntheticRewind({ networks: ["given"], steps: [] }).words).toEqual([
      "No checkpoint of net-seed-0 was kept: nothing could be set back.",
    ]);
  });
});

describe("what is said once", () => {
  test("the only network is named by the first sentence alone; of several each sentence names its own", () => {
    const [first, ...others] = criticalityWords(one);
    expect(first).toContain("In net-seed-0, ");
    for (const line of others) expect(line).not.toContain("net-seed-0");
    for (const line of others) expect(line).toMatch(/^[A-Z]/);
    const two = criticalityWords({ ...one, networks: [...one.networks, ...one.networks], groups: [] });
    expect(two.filter((line) => line.includes("net-seed-0")).length).toBeGreaterThan(2);
  });

  test("too few images for ε are told, after the answer", () => {
    const told = (train: number, test: number) =>
      criticalityWords({ ...one, data: { ...one.data, train, test } }).find((line) =>
        line.includes("by luck"),
      );
    expect(told(100, 0)).toBeUndefined();
    expect(told(20, 1000)).toContain(
      "on 20 training images: one is 5.0 points of error, more than ε = 1 point",
    );
    expect(told(0, 1)).toContain("on 1 test image: one is 100");
  });
});
