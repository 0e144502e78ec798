import { describe, expect, test, vi } from "vitest";
import {
  allCriticalityFigures,
  criticalityFigures,
  furtherCriticalityFigures,
} from "../../src/criticality/all-figures.ts";
import type { CriticalityResults, RewindResults } from "../../src/criticality/results.ts";
import { figureDocument } from "../../src/figure/document.node.ts";
import type { AbsentFigure, Canvas, Figure } from "../../src/figure/figure.ts";
import { expectGolden } from "../kit/golden.ts";
import { syntheticCriticality, syntheticRewind } from "../kit/synthetic-criticality.ts";

const document = figureDocument();
const paper: Canvas = { document, ink: "paper", width: "wide" };

function drawn(figures: readonly (Figure | AbsentFigure)[]): Figure[] {
  return figures.map((figure) => {
    if ("absent" in figure) expect.fail(`${figure.id}: ${figure.absent}`);
    return figure;
  });
}

const small = syntheticCriticality({
  networks: [
    { group: "fine-tuned", count: 2 },
    { group: "from scratch", count: 1 },
  ],
  modules: 3,
  grid: 5,
});
const rewound = syntheticRewind({ networks: ["fine-tuned"], modules: 3, steps: [0, 20, 200] });

/** What is stored: each kind of figure once, small. */
const stored = [
  ...allCriticalityFigures(small).filter(({ id }) => id !== "maps-3" && id !== "interpolation-3"),
  ...allCriticalityFigures(rewound),
];

describe("each figure looks as stored", () => {
  for (const figure of drawn(stored)) {
    test(`${figure.id}, as a file`, () => {
      expectGolden(`criticality/${figure.id}.svg`, `${figure.svg(paper)}\n`);
      expectGolden(`criticality/${figure.id}.csv`, figure.csv);
    });
  }
  test("maps in the page, narrow", () => {
    const maps = drawn(stored).find(({ id }) => id === "maps-1")!;
    expectGolden(
      "criticality/maps-page-narrow.svg",
      `${maps.svg({ document, ink: "page", width: "narrow" })}\n`,
    );
  });
});

describe("whatever was found", () => {
  const given = [{ group: "given", count: 1 }] as const;
  const found: Record<string, CriticalityResults | RewindResults> = {
    "one network": syntheticCriticality({ networks: given, tried: false }),
    "one module": syntheticCriticality({ networks: given, modules: 1, grid: 4 }),
    "forty modules": syntheticCriticality({ networks: given, modules: 40, grid: 4 }),
    "nothing within ε with noise": {
      ...syntheticCriticality({ networks: [{ group: "from scratch", count: 1 }], modules: 1, grid: 4 }),
    },
    "the smallest map": syntheticCriticality({ networks: given, modules: 2, grid: 3 }),
    "a rewind with two checkpoints": syntheticRewind({ steps: [0, 100] }),
    "a rewind of thirty modules": syntheticRewind({ networks: ["given"], modules: 30 }),
  };
  for (const [name, results] of Object.entries(found)) {
    test(`${name}: figures hold only numbers, and Plot has nothing to warn of`, () => {
      const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
      for (const figure of allCriticalityFigures(results)) {
        if ("absent" in figure) continue;
        for (const width of ["wide", "narrow"] as const) {
          const svg = figure.svg({ document, ink: "page", width });
          expect(svg, figure.id).not.toMatch(/NaN|Infinity|undefined|null|(?: width| height)="-/);
        }
        expect(figure.csv, figure.id).not.toMatch(/NaN|Infinity|undefined/);
        expect(figure.caption, figure.id).not.toMatch(/NaN|Infinity|undefined|null|\$\{/);
      }
      expect(warn).not.toHaveBeenCalled();
      warn.mockRestore();
    });
  }

  test("a figure that cannot be drawn says why", () => {
    const reasons = (results: CriticalityResults | RewindResults) =>
      allCriticalityFigures(results).flatMap((one) => ("absent" in one ? [[one.id, one.absent]] : []));
    expect(reasons(syntheticCriticality({ networks: given, maps: false, tried: false }))).toEqual([
      ["criticality-by-depth", "no maps were made, only robustness was asked for"],
      ["maps", "no maps were made, only robustness was asked for"],
      ["interpolation", "no maps were made, only robustness was asked for"],
    ]);
    expect(reasons(syntheticRewind({ networks: ["given"], steps: [0] }))).toEqual([
      ["rewind-paths", "fewer than two checkpoints were kept"],
    ]);
    const untried = { ...small, freeze: { epsilon: 0.01, modules: [], share: 0, together: [] } };
    expect(reasons(untried)).toEqual([
      ["freeze", "no fine-tune that follows the list was asked for"],
    ]);
  });

  test("a page shows one fine-tuned network and one from scratch; files hold the others", () => {
    const ids = (figures: readonly { readonly id: string }[]) =>
      figures.map(({ id }) => id).filter((id) => id.startsWith("maps"));
    const results = syntheticCriticality({ modules: 2, grid: 3 });
    expect(ids(allCriticalityFigures(results))).toEqual(["maps-1", "maps-4"]);
    expect(ids(furtherCriticalityFigures(results))).toEqual(["maps-2", "maps-3", "maps-5", "maps-6"]);
    expect(criticalityFigures(results).map(({ id }) => id)).toEqual([
      "criticality-by-depth",
      "maps-1",
      "maps-4",
    ]);
  });

  test("drawing twice gives the same bytes", () => {
    for (const figure of drawn(stored)) expect(figure.svg(paper)).toBe(figure.svg(paper));
  });

  test("every place of the maps is in the table, and drawn", () => {
    const maps = drawn(stored).find(({ id }) => id === "maps-1")!;
    // Three modules, five by five places, and the heading.
    expect(maps.csv.trim().split("\n")).toHaveLength(3 * 25 + 1);
    const { excess } = small.networks[0]!.modules[0]!.maps[0]!.cells[7]!;
    expect(maps.csv).toContain(`,${excess.value},${excess.low},${excess.high},`);
    const svg = maps.svg({ document, ink: "page", width: "wide" });
    expect(svg.match(/points of error more/g)).toHaveLength(3 * 25);
  });
});
