import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { InstabilityResults } from "../../src/basin/results.ts";
import { cli } from "../kit/cli.ts";
import { temporaryFolder } from "../kit/temporary.ts";

const base = `name: Tiny instability
model: { arch: cnn, widths: [8, 8] }
data: { set: synthetic, classes: shapes, trainSize: 64, testSize: 100 }
recipe: { steps: 24, batch: 16, learningRate: 0.1, augment: { flip: true } }
`;

interface Place {
  readonly dir: string;
  /** Runs `instability` on a file with this text after the base, in the folder's store. */
  readonly run: (more: string, ...options: string[]) => ReturnType<typeof cli>;
}

function place(): Place {
  const dir = temporaryFolder();
  return {
    dir,
    run(more, ...options) {
      const file = join(dir, "instability.yaml");
      writeFileSync(file, base + more);
      return cli("instability", file, "--store", join(dir, "store"), "--jobs", "2", ...options);
    },
  };
}

async function found(
  ended: ReturnType<typeof cli>,
): Promise<InstabilityResults & { cost: { cells: object } }> {
  const { status, err, out } = await ended;
  expect(status, err).toBe(0);
  return JSON.parse(out) as InstabilityResults & { cost: { cells: object } };
}

describe("instability", () => {
  test("copies with the same noise end with the same bits, wherever they part", async () => {
    const { spawn, total } = await found(
      place().run("spawn: [0, 1, 7, 24]\nvary: []\nreplicates: [0, 3]", "--json", "--quiet"),
    );
    expect(total).toBe(24);
    expect(spawn.map(({ k }) => k)).toEqual([0, 1, 7, 24]);
    for (const { pairs, stable, instability } of spawn) {
      expect(stable).toBe(1);
      expect(instability).toEqual({ value: 0, low: 0, high: 0 });
      for (const pair of pairs) {
        expect(pair.distance).toBe(0);
        expect(pair.instability.value).toBe(0);
        expect(pair.lossBarrier.value).toBe(0);
      }
    }
    // Computed apart from each other, not the same cell twice.
    const [a, b] = spawn[2]!.pairs[0]!.cells;
    expect(a).not.toBe(b);
  });

  test("copies with other noise differ, and are one network at the end of training; later moments cost only themselves", async () => {
    const { run, dir } = place();
    const out = join(dir, "out");
    const first = await found(
      run("spawn: [0, 50%, 24]\nreplicates: [0, 1]", "--json", "--quiet", "--out", out),
    );
    expect(first.spawn.map(({ k }) => k)).toEqual([0, 12, 24]);
    const [start, middle, end] = first.spawn;
    for (const { distance } of [...start!.pairs, ...middle!.pairs]) expect(distance).toBeGreaterThan(0);
    for (const { distance, instability } of end!.pairs) expect([distance, instability.value]).toEqual([0, 0]);
    expect(first.words[0]).toContain("the order of images and their augmentation");
    expect(readdirSync(join(out, "figures"))).toContain("instability.svg");
    expect(readFileSync(join(out, "report.html"), "utf8")).toContain("Tiny instability");
    const { cells: done } = first.cost as { cells: { total: number; computed: number } };
    expect(done.computed).toBe(done.total);

    const more = await found(run("spawn: [0, 6, 50%, 24]\nreplicates: [0, 1]", "--json", "--quiet"));
    expect(more.spawn.filter(({ k }) => k !== 6)).toEqual(first.spawn);
    // For each of two replicates: the state at 6, the child from it, and the path.
    expect(more.cost.cells).toEqual({ total: done.total + 6, computed: 6 });
  });

  test("a dry run says what would be done and does nothing", async () => {
    const { run, dir } = place();
    const { status, out } = await run("spawn: [0, 12]\nreplicates: [0]", "--dry-run", "--quiet");
    expect(status).toBe(0);
    expect(out).toMatch(/^Tiny instability: 6 of 6 cells to compute; less than a minute with 2 workers\n/);
    expect(out).toContain("seed 0, child 1 from step 12");
    expect(existsSync(join(dir, "store"))).toBe(false);
  });
});

test("the grid: controls are exactly zero, and every kind of pair is there", async () => {
  const { run } = place();
  const { grid, spawn } = await found(
    run(
      `spawn: []
grid:
  upstream:
    data: { set: synthetic, trainSize: 64, testSize: 50 }
    recipe: { steps: 10, batch: 16 }
  recipe: { steps: 12, batch: 16 }
  pairs: 2
  rateFactors: [1, 10]`,
      "--json",
      "--quiet",
    ),
  );
  expect(spawn).toEqual([]);
  expect(grid).toHaveLength(13);
  for (const row of grid) {
    for (const { distance, barriers, path } of row.pairs) {
      const same = row.sameStart && row.sameHead && row.sameOrder;
      expect(distance === 0).toBe(same);
      expect(path.at).toHaveLength(11);
      expect(barriers.map(({ split }) => split)).toContain("train");
      if (same) for (const { height } of barriers) expect(height.value).toBe(0);
    }
  }
});

describe("what is wrong with a configuration is said before anything is trained", () => {
  const cases: [string, string, RegExp][] = [
    ["a moment after the end", "spawn: [0, 25]", /spawn\[1\]: 25 is after the end of the run of 24 steps/],
    ["a moment that is none", "spawn: [late]", /spawn/],
    ["nothing to do", "spawn: []", /no moment is named, and there is no grid/],
    ["head with order", "vary: [head, order]", /head cannot be varied together with order/],
    ["an unknown field", "spawns: [0]", /spawns/],
    ["a seed twice", "replicates: [1, 1]", /a seed is listed twice/],
  ];
  for (const [name, more, message] of cases) {
    test(name, async () => {
      const { run, dir } = place();
      const { status, err } = await run(more, "--quiet");
      expect(status).toBe(2);
      expect(err).toMatch(message);
      expect(existsSync(join(dir, "store"))).toBe(false);
    });
  }
});
