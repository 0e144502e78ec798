import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { excessBands, limitText } from "./bands.ts";
import { moduleLabels, moduleNames } from "./module-axis.ts";
import { compact, compactRange } from "./names.ts";

test("numbers of any size are short, and rounded right", () => {
  const shown = [0, 0.0312, 4.25, 12.4, 532.4, 12_433, 3.14e7, 2e-9, 999.4, 999.6, 99_940, 99_960, -0.5];
  expect(shown.map((value) => compact(value).replaceAll("\u00a0", " "))).toEqual([
    "0",
    "0.031",
    "4.3",
    "12",
    "532",
    "12,400",
    "3.1 × 10⁷",
    "2.0 × 10⁻⁹",
    "999",
    "1,000",
    "99,900",
    "1.0 × 10⁵",
    "−0.5",
  ]);
  expect(compactRange({ value: null, low: null, high: null })).toBe("infinite");
  expect(compactRange({ value: 5, low: 4, high: null })).toBe("5 (4 to infinite)");
  expect(compactRange({ value: 0, low: 0, high: 0 })).toBe("0");
});

describe("labels of modules", () => {
  test("short names stay, long ones keep what tells them apart", () => {
    expect(moduleLabels(["stem", "head"], 8)).toEqual(["stem", "head"]);
    expect(moduleLabels(["features.9.conv", "features.10.conv", "head"], 15)).toEqual([
      "…9.conv",
      "…10.conv",
      "head",
    ]);
    expect(moduleLabels(["features.9.conv_and_norm", "features.10.conv_and_norm"], 10)).toEqual([
      "…9…",
      "…10…",
    ]);
  });
  test("stay apart, whatever the names", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(
          fc.string({ unit: fc.constantFrom("a", "b", ".", "/"), minLength: 1, maxLength: 30 }),
          {
            maxLength: 12,
          },
        ),
        fc.integer({ min: 8, max: 20 }),
        (names, most) => {
          const labels = moduleLabels(names, most);
          expect(new Set(labels).size).toBe(names.length);
          for (const label of labels) expect(label.length).toBeLessThanOrEqual(most + 1);
        },
      ),
    );
  });
  test("modules of other architectures stand at their relative depth", () => {
    const layers = (...names: string[]) => ({ modules: names.map((name, depth) => ({ name, depth })) });
    expect(moduleNames([layers("a", "b", "c"), layers("a", "x", "y", "c")])).toEqual([
      "a",
      "x",
      "b",
      "y",
      "c",
    ]);
  });
});

test("ε is a limit of the bands, and limits rise", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 1e-4, max: 0.5, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (epsilon, most) => {
        const { limits, colors, colorOf } = excessBands(epsilon, most);
        expect(limits).toContain(epsilon);
        expect(limits.toSorted((a, b) => a - b)).toEqual(limits);
        expect(colors).toHaveLength(limits.length + 1);
        expect(new Set(colors).size).toBe(colors.length);
        expect(colorOf(epsilon)).not.toBe(colorOf(epsilon + 1e-9));
        expect(colorOf(-0.1)).toBe(colors[0]);
      },
    ),
  );
  expect([0.0025, 0.01, 0.2].map(limitText)).toEqual(["0.25", "1", "20"]);
});
