import { describe, expect, test, vi } from "vitest";
import { allBasinFigures, basinFigures, type BasinResults } from "../../src/basin/all-figures.ts";
import type { BarrierResults } from "../../src/basin/results.ts";
import { figureDocument } from "../../src/figure/document.node.ts";
import type { AbsentFigure, Canvas, Figure } from "../../src/figure/figure.ts";
import { expectGolden } from "../kit/golden.ts";
import {
  grid,
  syntheticBarriers,
  syntheticInstability,
  syntheticPlane,
  syntheticRows,
  syntheticSoup,
  syntheticStudyBasin,
} from "../kit/synthetic-basins.ts";

const document = figureDocument();
const paper: Canvas = { document, ink: "paper", width: "wide" };
const aligned = [
  { treatment: { align: "weights", statistics: "interpolated" }, leaves: 0.6 },
  { treatment: { align: "weights", statistics: "re-estimated" }, leaves: 0.2 },
] as const;

function drawn(figures: readonly (Figure | AbsentFigure)[]): Figure[] {
  return figures.map((figure) => {
    if ("absent" in figure) expect.fail(`${figure.id}: ${figure.absent}`);
    return figure;
  });
}

/** Results whose paths were only looked at beyond the second network: no barrier is defined there. */
function outside(results: BarrierResults): BarrierResults {
  return {
    ...results,
    pairs: results.pairs.map((pair) => ({
      ...pair,
      paths: pair.paths.map((path) => ({
        ...path,
        at: path.at.map((alpha) => alpha + 1.5),
        barriers: [],
      })),
    })),
  };
}

/** What is stored: each kind of figure once, small. */
const stored: Record<string, readonly (Figure | AbsentFigure)[]> = {
  pair: allBasinFigures(
    syntheticBarriers({ at: grid(-0.5, 1.5, 13), overflow: true, tried: aligned }),
  ),
  group: allBasinFigures(syntheticBarriers({ basins: [0, 1, 0, 2], tried: [aligned[1]] })),
  plane: allBasinFigures(syntheticPlane({ size: 7 })),
  around: allBasinFigures(syntheticPlane({ models: 1, size: 7, hole: true })).slice(0, 1),
  instability: allBasinFigures(syntheticInstability()),
  soup: allBasinFigures(syntheticSoup()),
  "soup-plain": allBasinFigures(syntheticSoup({ shifted: false })).filter(({ id }) => id === "wise"),
};

describe("each figure looks as stored", () => {
  for (const [name, figures] of Object.entries(stored)) {
    for (const figure of drawn(figures)) {
      test(`${figure.id} (${name}), as a file`, () => {
        expectGolden(`basin/${name}-${figure.id}.svg`, `${figure.svg(paper)}\n`);
        expectGolden(`basin/${name}-${figure.id}.csv`, figure.csv);
      });
    }
  }
  test("paths and kinds of pair, in the page, narrow", () => {
    const canvas: Canvas = { document, ink: "page", width: "narrow" };
    const [paths] = drawn(stored["pair"]!);
    expectGolden("basin/pair-paths-page-narrow.svg", `${paths!.svg(canvas)}\n`);
    const [rows] = drawn(basinFigures(syntheticStudyBasin()));
    expectGolden("basin/study-rows-page-narrow.svg", `${rows!.svg(canvas)}\n`);
  });
});

describe("whatever was found", () => {
  const found: Record<string, BasinResults> = {
    "a pair in one basin": syntheticBarriers({ basins: [0, 0] }),
    "a path of two points": syntheticBarriers({ at: [0, 0.5, 1] }),
    "fourteen networks": syntheticBarriers({ basins: Array.from({ length: 14 }, (_, i) => i % 4) }),
    "a path whose far points overflow": syntheticBarriers({ at: grid(-2, 3, 11), overflow: true }),
    "a range that leaves the ends out": outside(syntheticBarriers({ basins: [0, 1] })),
    "the smallest plane": syntheticPlane({ size: 2 }),
    "one pair a moment": syntheticInstability({ replicates: 1, grid: false }),
    "one moment": { ...syntheticInstability(), spawn: syntheticInstability().spawn.slice(0, 1) },
    "rows of one pair": { ...syntheticInstability(), grid: syntheticRows({ pairs: 1 }) },
    "two networks": syntheticSoup({ members: 2 }),
    "forty networks": syntheticSoup({ members: 40 }),
  };
  for (const [name, results] of Object.entries(found)) {
    test(`${name}: figures hold only numbers, and Plot has nothing to warn of`, () => {
      const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
      const figures = drawn(allBasinFigures(results));
      for (const figure of figures) {
        for (const width of ["wide", "narrow"] as const) {
          const svg = figure.svg({ document, ink: "page", width });
          expect(svg, figure.id).not.toMatch(/NaN|Infinity|undefined|null|="-[^"]*"[^>]*(?:width|height)="-/);
        }
        expect(figure.csv, figure.id).not.toMatch(/NaN|Infinity|undefined/);
        expect(figure.caption, figure.id).not.toMatch(/NaN|Infinity|undefined|null|\$\{/);
      }
      expect(warn).not.toHaveBeenCalled();
      warn.mockRestore();
    });
  }

  test("a figure that cannot be drawn says why", () => {
    const plane = syntheticPlane({ size: 5 });
    const reasons = (results: BasinResults) =>
      allBasinFigures(results).flatMap((one) => ("absent" in one ? [[one.id, one.absent]] : []));
    expect(reasons({ ...plane, surfaces: plane.surfaces.slice(1) })).toEqual([
      ["plane-train", "no training images were looked at"],
    ]);
    expect(reasons({ ...syntheticSoup(), growth: [] })).toEqual([["soup-growth", "no greedy soup was made"]]);
    expect(reasons({ ...syntheticBarriers(), pairs: [] })).toEqual([["paths", "there is no pair of networks"]]);
    expect(reasons(outside(syntheticBarriers({ basins: [0, 1, 2] })))).toEqual([
      ["matrix", "no path reaches from one network to the other"],
    ]);
    expect(reasons({ ...syntheticInstability({ grid: false }), spawn: [] })).toEqual([
      ["instability", "no moment of training was looked at"],
    ]);
  });

  test("drawing twice gives the same bytes", () => {
    for (const figure of drawn(stored["plane"]!)) expect(figure.svg(paper)).toBe(figure.svg(paper));
    for (const figure of drawn(stored["group"]!)) expect(figure.svg(paper)).toBe(figure.svg(paper));
  });

  test("every number of the curves is in the table", () => {
    const results = syntheticBarriers({ basins: [0, 1, 2], tried: aligned });
    const [, paths] = drawn(allBasinFigures(results));
    const lines = paths!.csv.trim().split("\n");
    // Three pairs, three treatments, two splits, eleven points, and the heading.
    expect(lines).toHaveLength(3 * 3 * 2 * 11 + 1);
    const { loss } = results.pairs[0]!.paths[0]!.curves[0]!;
    expect(lines[1]).toContain(`,${loss[0]!.value},${loss[0]!.low},${loss[0]!.high},`);
  });
});
