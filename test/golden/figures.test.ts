import { describe, expect, test, vi } from "vitest";
import { figureDocument } from "../../src/figure/document.node.ts";
import type { Canvas, Figure } from "../../src/figure/figure.ts";
import { allFigures } from "../../src/study/all-figures.ts";
import { expectGolden } from "../kit/golden.ts";
import { syntheticExamples, syntheticResults, type SyntheticOptions } from "../kit/synthetic-results.ts";

const document = figureDocument();
const paper: Canvas = { document, ink: "paper", width: "wide" };
const results = syntheticResults({ shuffles: ["none", 4, "pixel"], looks: 6 });
const figures = allFigures({ results, examples: syntheticExamples(results, 4) });

function drawn(options: SyntheticOptions): Figure[] {
  return allFigures({ results: syntheticResults(options) }).filter((figure) => "svg" in figure);
}

describe("each figure looks as stored", () => {
  for (const figure of figures) {
    test(`${figure.id}, as a file`, () => {
      if ("absent" in figure) expect.fail(figure.absent);
      expectGolden(`figures/${figure.id}.svg`, `${figure.svg(paper)}\n`);
      expectGolden(`figures/${figure.id}.csv`, figure.csv);
    });
  }
  for (const id of ["accuracy", "learning-curves"]) {
    test(`${id}, in the page, narrow`, () => {
      const figure = figures.find((one) => one.id === id) as Figure;
      expectGolden(`figures/${id}-page-narrow.svg`, `${figure.svg({ document, ink: "page", width: "narrow" })}\n`);
    });
  }
});

describe("whatever the study was", () => {
  const studies: Record<string, SyntheticOptions> = {
    "one seed": { seeds: [5] },
    "one shuffle": { shuffles: ["none"] },
    "no intact images": { shuffles: [8, "pixel"] },
    "no gain": { gain: 0, speedUp: 1, noise: 0.03 },
    "a loss": { gain: -0.1, speedUp: 0.3 },
    "no noise at all": { noise: 0 },
    "two looks, seven seeds": { looks: 2, seeds: [0, 1, 2, 3, 4, 5, 6] },
  };
  for (const [name, options] of Object.entries(studies)) {
    test(`${name}: figures hold only numbers, and Plot has nothing to warn of`, () => {
      const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
      const all = drawn(options);
      expect(all.length).toBeGreaterThanOrEqual(6);
      for (const figure of all) {
        for (const width of ["wide", "narrow"] as const) {
          const svg = figure.svg({ document, ink: "page", width });
          expect(svg, figure.id).not.toMatch(/NaN|Infinity|undefined|null/);
        }
        expect(figure.csv, figure.id).not.toMatch(/NaN|Infinity|undefined/);
      }
      expect(warn).not.toHaveBeenCalled();
      warn.mockRestore();
    });
  }

  test("a figure that cannot be drawn says why", () => {
    const reasons = (options: SyntheticOptions) =>
      Object.fromEntries(allFigures({ results: syntheticResults(options) }).flatMap((one) => ("absent" in one ? [[one.id, one.absent]] : [])));
    expect(reasons({ gain: 0, speedUp: 1, noise: 0.03 })).toEqual({
      "example-images": "no example images were handed to the report",
      survival: "on intact images no gain and no speed-up could be shown, so there is nothing to take a share of",
    });
    expect(reasons({ shuffles: ["none"] })["survival"]).toBe("it needs runs on intact images and on shuffled ones");
  });

  test("drawing twice gives the same bytes", () => {
    for (const figure of drawn({})) expect(figure.svg(paper), figure.id).toBe(figure.svg(paper));
  });
});
