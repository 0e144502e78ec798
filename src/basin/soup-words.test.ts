import { describe, expect, test } from "vitest";
import { stream } from "../base/random.ts";
import { outcomes } from "../soup/outcomes.ts";
import { summarise } from "../soup/quality.ts";
import { type SoupFacts, type SoupRow, soupWords } from "./soup-words.ts";

const images = 1000;

/** A row that is right on the first `right` images, so that two rows differ on as few images as they can. */
function row(name: string, right: number, members = 1, passes = 1): SoupRow {
  const random = stream(0, "noise");
  const logits = new Float32Array(2 * images);
  for (let i = 0; i < images; i++) {
    logits[2 * i] = i < right * images ? 1 + random.uniform() : -1 - random.uniform();
  }
  const found = outcomes(logits, new Int32Array(images), 2);
  return { name, members, heldOut: right, quality: summarise(found, passes), outcomes: found };
}

function facts(more: Partial<SoupFacts>): SoupFacts {
  return {
    chosen: "greedy",
    rows: [
      row("best single", 0.7),
      row("uniform", 0.69, 4),
      row("greedy", 0.75, 3),
      row("logit ensemble", 0.78, 4, 4),
    ],
    best: "b.onnx",
    count: 4,
    seen: "no",
    statistics: "none",
    growth: [{ accepted: true }],
    singles: [0.7, 0.68, 0.66, 0.64].map((right) => row("single", right).outcomes),
    ...more,
  };
}

describe("an average in words", () => {
  test("better than the best, less than the ensemble", () => {
    const words = soupWords(facts({}));
    expect(words).toHaveLength(2);
    expect(words[0]).toMatch(
      /^The greedy soup of 3 of 4 networks classifies 75\.0 % \([\d.]+ to [\d.]+ %\) of the test images correctly, the best single network \(b\.onnx, by held-out images\) 70\.0 % .*: better by 5\.0 points \([34]\.\d to [67]\.\d\)\.$/,
    );
    expect(words[1]).toMatch(
      /^The ensemble of all 4 networks' logits reaches 78\.0 % .* at 4 passes a prediction instead of 1: more than the average by 3\.0 points/,
    );
  });

  test("a difference that is not shown is not claimed", () => {
    const rows = [row("best single", 0.7), row("uniform", 0.7, 4)];
    expect(soupWords(facts({ chosen: "uniform", rows }))[0]).toMatch(
      /^The average of all 4 networks .*: no difference could be shown \(0\.0 points, 0\.0 to 0\.0\)\.$/,
    );
  });

  test("an average worse than the best, but not than the mean of its members, says nothing about basins", () => {
    const singles = [0.9, 0.3, 0.3].map((right) => row("single", right).outcomes);
    const rows = [row("best single", 0.9), row("uniform", 0.5, 3), row("greedy", 0.9, 1)];
    expect(soupWords(facts({ rows, singles })).join(" ")).not.toMatch(/basin/);
  });

  test("an average far below its members tells of several basins", () => {
    const rows = [row("best single", 0.7), row("uniform", 0.3, 4), row("greedy", 0.7, 1)];
    const words = soupWords(facts({ rows }));
    expect(words[0]).toMatch(/^The greedy soup of 4 networks is the best single network alone \(b\.onnx\)/);
    expect(words[1]).toMatch(
      /classifies 37\.0 points .* less correctly than its members do on the mean: they do not all lie in one basin\. See which: transferscope barrier\.$/,
    );
  });

  test("over the moments of one run there is no best single network", () => {
    const rows = [row("best single", 0.7), row("swa", 0.6, 5)];
    expect(soupWords(facts({ chosen: "swa", rows, count: 5 }))).toEqual([
      expect.stringMatching(
        /^The average over 5 moments of training .*, the end of the run 70\.0 % .*: worse by 10\.0 points/,
      ),
    ]);
  });

  test("held-out images that were trained on, and statistics that were not estimated, are said", () => {
    const words = soupWords(facts({ seen: "yes", statistics: "averaged" }));
    expect(words.at(-2)).toMatch(/trained on the images that decided here/);
    expect(words.at(-1)).toMatch(/averaged like weights/);
    expect(soupWords(facts({ seen: "unknown" })).at(-1)).toMatch(/is not known\.$/);
  });
});
