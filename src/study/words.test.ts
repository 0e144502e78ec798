import { describe, expect, test } from "vitest";
import { syntheticResults, type SyntheticOptions } from "../../test/kit/synthetic-results.ts";
import {
  decimal,
  enumerate,
  orderShuffles,
  percent,
  percentRange,
  points,
  grouped,
  times,
} from "./format.ts";
import type { Estimate, StudyResults } from "./results.ts";
import { answer } from "./words.ts";

const lines = (options: SyntheticOptions) => answer(syntheticResults(options));

/** The same results with estimates of the summary put in place by hand. */
function withIntact(change: { gain?: Estimate; areaGain?: Estimate }): StudyResults {
  const results = syntheticResults();
  const shuffles = results.summary.shuffles.map((one) =>
    one.shuffle === "none" ? { ...one, ...change } : one,
  );
  return { ...results, summary: { ...results.summary, shuffles } };
}

describe("the answer", () => {
  test("always has five lines, each one sentence or more, without a number that is none", () => {
    const many: SyntheticOptions[] = [
      {},
      { gain: 0, speedUp: 1, noise: 0.03 },
      { gain: -0.1, speedUp: 0.3 },
      { seeds: [4] },
      { shuffles: ["none"] },
      { shuffles: ["pixel"] },
      { shuffles: [8, "pixel"] },
      { shuffles: ["none", "pixel"], seeds: [0, 1] },
      { noise: 0 },
      { gain: 0, speedUp: 1, noise: 0 },
    ];
    for (const options of many) {
      const text = lines(options);
      expect(text).toHaveLength(5);
      for (const line of text) {
        expect(line).toMatch(/^[A-Z].*\.$/u);
        expect(line).not.toMatch(/NaN|Infinity|undefined|null/);
      }
    }
  });

  test("a shown gain is called one, with both levels and their intervals", () => {
    expect(lines({})[0]).toBe(
      "Pretraining lifts accuracy from 60 ± 2 % to 73 ± 3 % (+13 ± 2 points; 95 % intervals over 3 seeds).",
    );
    expect(lines({})[1]).toMatch(
      /^The pretrained network reaches the scratch network's best accuracy \(61 %\) 11× \(.*\) sooner, after 33 steps instead of 375\.$/,
    );
    expect(lines({})[2]).toMatch(
      /^Of this gain 36 % \(27 to 46 %\) remains with 4×4 blocks shuffled and none can be shown to remain with all pixels shuffled: 6 %/,
    );
  });

  test("an interval that includes zero is no difference", () => {
    const text = answer(withIntact({ gain: { value: 0.03, low: -0.001, high: 0.061 } }));
    expect(text[0]).toMatch(
      /^No difference in final accuracy could be shown: 60 ± 2 % from scratch, 73 ± 3 % pretrained \(\+3 ± 3 points/,
    );
    expect(text[2]).toMatch(/^There is no shown gain/);
    expect(text[4]).toBe(
      "So in this study pretraining helps along training; at its end no difference could be shown.",
    );
  });

  test("a negative gain is a loss, and no head start", () => {
    const text = lines({ gain: -0.08, speedUp: 0.5 });
    expect(text[0]).toMatch(/^Pretraining lowers accuracy from 60 ± 2 % to 50 ± 3 %/);
    expect(text[2]).toMatch(/^Of this loss/);
    expect(text[3]).toMatch(/^Of the lag/);
    expect(text[4]).toBe("So in this study pretraining hurts, along training and at its end.");
  });

  test("what is not reached is said, and the highest mark that is", () => {
    expect(lines({ gain: -0.08, speedUp: 0.5 })[1]).toMatch(
      /^The pretrained network does not reach the scratch network's best accuracy \(61 %\) in 400 steps\. It reaches 75 % of the scratch network's best accuracy \(that is 46 %\) .* later/,
    );
  });

  test("opposite effects along training and at its end are both said", () => {
    const text = answer(
      withIntact({
        gain: { value: -0.05, low: -0.06, high: -0.04 },
        areaGain: { value: 0.05, low: 0.04, high: 0.06 },
      }),
    );
    expect(text[4]).toBe("So in this study pretraining helps along training and hurts at its end.");
  });

  test("what the paths between runs say comes last", () => {
    const results = syntheticResults({});
    const basin = {
      models: [],
      data: { set: "x", train: 1, test: 1 },
      threshold: 0.02,
      rows: [],
      words: ["One.", "Two."],
    };
    expect(answer({ ...results, basin })).toEqual([...answer(results), "One."]);
  });

  test("one seed shows nothing", () => {
    const text = lines({ seeds: [3] });
    expect(text[0]).toContain("with one seed there is no interval, so nothing is shown");
    expect(text[0]).not.toContain("±");
    expect(text[4]).toMatch(/add seeds/);
  });

  test("a study without intact images gives no share", () => {
    expect(lines({ shuffles: [8, "pixel"] })[0]).toContain("intact images were not part of this study");
    expect(lines({ shuffles: [8, "pixel"] })[2]).toContain("no share of their gain can be given");
  });

  test("the conclusion names the paper only when the difference of shares was shown", () => {
    expect(lines({ seeds: [0, 1, 2, 3, 4], noise: 0.004, shuffles: ["none", 2] })[4]).toMatch(
      /^So the head start survives shuffling better than the final gain \(with 2×2 blocks shuffled: \+6 points of share, 4 to 8\), as in the paper/,
    );
    expect(lines({})[4]).toMatch(/could not be shown/);
  });
});

describe("numbers as people read them", () => {
  test("percentages get a digit when less than a point is known", () => {
    expect(percent({ value: 0.614, low: 0.594, high: 0.634 })).toBe("61 ± 2 %");
    expect(percent({ value: 0.6144, low: 0.611, high: 0.6178 })).toBe("61.4 ± 0.3 %");
    expect(percent({ value: 0.614, low: null, high: null })).toBe("61 %");
    expect(points({ value: -0.013, low: -0.043, high: 0.017 })).toBe("−1 ± 3 points");
    expect(percentRange({ value: 0.38, low: -0.05, high: 0.47 })).toBe("38 % (−5 to 47 %)");
  });
  test("minus zero is zero", () => {
    expect(decimal(-0.001, 1, true)).toBe("0.0");
  });
  test("ratios and steps", () => {
    expect([times(0.5), times(5.13), times(12.4)]).toEqual(["0.50×", "5.1×", "12×"]);
    expect([grouped(78.4), grouped(1250), grouped(1_250_000)]).toEqual(["78", "1,250", "1,250,000"]);
  });
  test("lists and orders", () => {
    expect(enumerate(["a", "b", "c"])).toBe("a, b and c");
    expect(orderShuffles(["pixel", 2, "none", 16])).toEqual(["none", 16, 2, "pixel"]);
  });
});
