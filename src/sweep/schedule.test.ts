import fc from "fast-check";
import { expect, test } from "vitest";
import { addressOf } from "../store/spec.ts";
import type { Address, CellSpec } from "../store/spec.ts";
import { sweepGraph } from "./graph.ts";
import type { KindFacts } from "./kind.ts";
import { planGraph } from "./plan.ts";
import { Schedule } from "./schedule.ts";

const kinds: KindFacts = {
  toy: {
    version: 1,
    estimate: (params) => ({
      seconds: (params as { seconds: number }).seconds,
      bytes: (params as { bytes?: number }).bytes ?? 0,
    }),
  },
  other: { version: 1, estimate: () => ({ steps: 10 }) },
};

function cell(params: { readonly [key: string]: number | string }, ...inputs: readonly CellSpec[]): CellSpec {
  return {
    kind: "toy",
    version: 1,
    params,
    inputs: Object.fromEntries(inputs.map((input, i) => [`in${i}`, addressOf(input)])),
  };
}

/** A random sweep: each cell takes some of the earlier ones as inputs. */
const sweeps = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.array(fc.nat(), { maxLength: 3 })), {
    minLength: 1,
    maxLength: 25,
  })
  .map((rows) => {
    const specs: CellSpec[] = [];
    rows.forEach(([seconds, picks], number) => {
      const inputs = specs.length === 0 ? [] : picks.map((pick) => specs[pick % specs.length]!);
      specs.push(cell({ seconds, number }, ...inputs));
    });
    return specs;
  });

/** Takes cells one after the other until none is left. */
function drain(schedule: Schedule, each: (address: Address) => void): void {
  for (let next = schedule.take(); next; next = schedule.take()) each(next.address);
}

test("every cell is offered once, after its inputs, in whatever order the cells are given", () => {
  fc.assert(
    fc.property(sweeps, fc.infiniteStream(fc.nat()), (specs, random) => {
      const shuffled = specs.toSorted(() => (random.next().value % 2 ? 1 : -1));
      const graph = sweepGraph(shuffled, { kinds });
      const schedule = new Schedule(graph, new Set());
      const seen = new Set<Address>();
      drain(schedule, (address) => {
        expect(seen.has(address)).toBe(false);
        for (const input of graph.cells.get(address)!.inputs) expect(seen.has(input)).toBe(true);
        seen.add(address);
        schedule.finish(address);
      });
      expect(seen.size).toBe(specs.length);
    }),
  );
});

test("a failed cell blocks exactly those that need it, and only once", () => {
  fc.assert(
    fc.property(sweeps, fc.nat(), (specs, pick) => {
      const graph = sweepGraph(specs, { kinds });
      const bad = addressOf(specs[pick % specs.length]!);
      const needs = (address: Address): boolean =>
        address === bad || graph.cells.get(address)!.inputs.some((input) => needs(input));
      const schedule = new Schedule(graph, new Set());
      const finished = new Set<Address>();
      const blocked: Address[] = [];
      drain(schedule, (address) => {
        if (address === bad) blocked.push(...schedule.fail(address).map((lost) => lost.address));
        else {
          finished.add(address);
          schedule.finish(address);
        }
      });
      expect(new Set(blocked).size).toBe(blocked.length);
      for (const address of graph.cells.keys()) {
        expect(finished.has(address)).toBe(!needs(address));
        expect(blocked.includes(address)).toBe(address !== bad && needs(address));
      }
    }),
  );
});

test("the cell with the longest remaining path comes first, then the one given first", () => {
  const [root, short, long] = [
    cell({ seconds: 1, name: "root" }),
    cell({ seconds: 5, name: "a" }),
    cell({ seconds: 2 }),
  ];
  const child = cell({ seconds: 4 }, long);
  const graph = sweepGraph([root, short, cell({ seconds: 1, name: "twin" }), child, long], { kinds });
  expect(graph.cells.get(addressOf(long))?.path).toBe(6);
  const order: string[] = [];
  const schedule = new Schedule(graph, new Set());
  drain(schedule, (address) => {
    order.push(JSON.stringify(graph.cells.get(address)?.spec.params));
    schedule.finish(address);
  });
  expect(order).toEqual([
    '{"seconds":2}',
    '{"seconds":5,"name":"a"}',
    '{"seconds":4}',
    '{"seconds":1,"name":"root"}',
    '{"seconds":1,"name":"twin"}',
  ]);
});

test("equal specs are one cell, and rates correct estimates", () => {
  const graph = sweepGraph([cell({ seconds: 3 }), cell({ seconds: 3 }), { ...cell({}), kind: "other" }], {
    kinds,
    rates: { other: 0.5 },
    label: ({ kind }) => `the ${kind}`,
  });
  expect([...graph.cells.values()].map(({ label, seconds }) => [label, seconds])).toEqual([
    ["the toy", 3],
    ["the other", 5],
  ]);
});

test("a plan by hand: two workers, a chain and two single cells", () => {
  const first = cell({ seconds: 4, bytes: 100 });
  const second = cell({ seconds: 2, bytes: 50 }, first);
  const [a, b] = [cell({ seconds: 3, bytes: 70 }), cell({ seconds: 1 })];
  const outside = cell({ seconds: 1, name: "outside" });
  const last = cell({ seconds: 1, name: "last" }, outside);
  const graph = sweepGraph([first, second, a, b, last], { kinds });
  // Worker 1: 4 + 2. Worker 2: 3 + 1, then the last once its input is there.
  const plan = planGraph(graph, new Set([addressOf(outside)]), 2);
  expect(plan).toMatchObject({
    total: 5,
    done: 0,
    seconds: 11,
    wallSeconds: 6,
    pathSeconds: 6,
    bytes: 170,
    lacking: [],
  });
  const half = planGraph(graph, new Set([addressOf(first), addressOf(second)]), 2);
  expect(half).toMatchObject({ total: 5, done: 2, seconds: 5, lacking: [addressOf(outside)] });
  expect(half.kinds).toEqual([{ kind: "toy", total: 5, done: 2, seconds: 5 }]);
});

test("planned time lies between its bounds and falls to the longest path", () => {
  fc.assert(
    fc.property(sweeps, fc.integer({ min: 1, max: 5 }), (specs, workers) => {
      const plan = planGraph(sweepGraph(specs, { kinds }), new Set(), workers);
      expect(plan.wallSeconds).toBeGreaterThanOrEqual(Math.max(plan.pathSeconds, plan.seconds / workers));
      // Graham's bound.
      expect(plan.wallSeconds).toBeLessThanOrEqual(
        plan.seconds / workers + (1 - 1 / workers) * plan.pathSeconds + 1e-9,
      );
    }),
  );
});

test("a sweep of 10,000 cells, deep or wide, is planned without trouble", () => {
  const wide: CellSpec[] = [];
  for (let i = 0; i < 100; i++) {
    const root = cell({ seconds: 10, number: i });
    wide.push(root);
    for (let j = 0; j < 99; j++) wide.push(cell({ seconds: 1, number: i, branch: j }, root));
  }
  expect(planGraph(sweepGraph(wide, { kinds }), new Set(), 8).wallSeconds).toBeCloseTo(
    (100 * (10 + 99)) / 8,
    -1,
  );
  // As deep as that, anything recursive would overflow.
  const deep: CellSpec[] = [];
  for (let i = 0; i < 10_000; i++) deep.push(cell({ seconds: 1, number: i }, ...deep.slice(-1)));
  expect(planGraph(sweepGraph(deep, { kinds }), new Set(), 8).wallSeconds).toBe(10_000);
});
