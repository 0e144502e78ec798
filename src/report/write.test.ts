import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { syntheticCost, syntheticExamples, syntheticResults } from "../../test/kit/synthetic-results.ts";
import { temporaryFolder } from "../../test/kit/temporary.ts";
import { canonical } from "../base/canonical.ts";
import { answer } from "../study/words.ts";
import { markup, raw, unbroken } from "./html.ts";
import { writeReport } from "./write.node.ts";

describe("writing a report", () => {
  test("gives a page, the results and the figures, and nothing else", async () => {
    const folder = join(temporaryFolder(), "new", "out");
    const results = syntheticResults();
    const page = await writeReport(folder, {
      results,
      cost: syntheticCost,
      examples: syntheticExamples(results),
    });
    expect(page).toBe(join(folder, "report.html"));
    expect(readdirSync(folder).toSorted()).toEqual(["figures", "report.html", "results.json"]);
    expect(readdirSync(join(folder, "figures")).toSorted()).toEqual([
      "accuracy.svg",
      "area.svg",
      "example-images.svg",
      "learning-curves.svg",
      "milestones.svg",
      "relative-gain.svg",
      "speed-up.svg",
      "survival.svg",
      "tuning.svg",
    ]);
    expect(readFileSync(join(folder, "results.json"), "utf8")).toBe(`${canonical(results)}\n`);
  });

  test("results.json does not depend on what the study took", async () => {
    const [one, other] = [temporaryFolder(), temporaryFolder()];
    const results = syntheticResults({ shuffles: ["none"] });
    await writeReport(one, { results, cost: syntheticCost });
    await writeReport(other, {
      results,
      cost: { ...syntheticCost, seconds: 1, machine: "another", finished: "2027-01-01T00:00:00Z" },
    });
    expect(readFileSync(join(one, "results.json"))).toEqual(readFileSync(join(other, "results.json")));
  });

  test("replaces an earlier report, and removes the figures this study lacks but nothing of the user's", async () => {
    const folder = temporaryFolder();
    await writeReport(folder, { results: syntheticResults(), cost: syntheticCost });
    expect(existsSync(join(folder, "figures", "survival.svg"))).toBe(true);
    writeFileSync(join(folder, "figures", "mine.svg"), "mine");
    await writeReport(folder, { results: syntheticResults({ shuffles: ["none"] }), cost: syntheticCost });
    expect(existsSync(join(folder, "figures", "survival.svg"))).toBe(false);
    expect(readFileSync(join(folder, "figures", "mine.svg"), "utf8")).toBe("mine");
    expect(readFileSync(join(folder, "report.html"), "utf8")).toContain(
      "it needs runs on intact images and on shuffled ones",
    );
  });

  test("the chapter on criticality: page, figures, answer; its figures go when the next study has none", async () => {
    const folder = temporaryFolder();
    const figures = ["criticality-by-depth", "maps-1", "maps-2"];
    const there = () => figures.map((id) => existsSync(join(folder, "figures", `${id}.svg`)));
    const results = syntheticResults({ shuffles: ["none"], criticality: true });
    const page = readFileSync(await writeReport(folder, { results, cost: syntheticCost }), "utf8");
    expect(there()).toEqual([true, true, true]);
    for (const id of figures) expect(page).toContain(`<figure id="${id}">`);
    expect(page).toContain("Which modules matter");
    expect(page).not.toMatch(/>\s*(?:NaN|undefined|null|Infinity)/);
    expect(answer(results).at(-1)).toBe(results.criticality!.words[0]);
    expect(readFileSync(join(folder, "results.json"), "utf8")).toBe(`${canonical(results)}\n`);
    await writeReport(folder, { results: syntheticResults({ shuffles: ["none"] }), cost: syntheticCost });
    expect(there()).toEqual([false, false, false]);
  });

  test("a path that is a file is refused with its name", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "figures"), "in the way");
    await expect(
      writeReport(folder, { results: syntheticResults({ shuffles: ["none"] }), cost: syntheticCost }),
    ).rejects.toThrow("figures");
    expect(existsSync(join(folder, "report.html"))).toBe(false);
  });
});

describe("markup", () => {
  test("slots are escaped, markup is kept, lists are joined", () => {
    const list = ["<i>", "&"].map((text) => markup`<li>${text}</li>`);
    expect(markup`<ul title="${'"'}">${list}${raw("<hr>")}${3}</ul>`.text).toBe(
      '<ul title="&quot;"><li>&lt;i&gt;</li><li>&amp;</li><hr>3</ul>',
    );
  });
  test("numbers stay with their units", () => {
    expect(unbroken("61 ± 2 % of 400 steps")).toBe("61\u00a0±\u00a02\u00a0% of 400\u00a0steps");
  });
});
