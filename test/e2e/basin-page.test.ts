import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canonical } from "../../src/base/canonical.ts";
import type { BasinResults } from "../../src/basin/all-figures.ts";
import { unbroken } from "../../src/report/html.ts";
import { writeBasin, writeReport } from "../../src/report/write.node.ts";
import { launchChromium } from "../kit/chromium.ts";
import {
  syntheticBarriers,
  syntheticInstability,
  syntheticPlane,
  syntheticRunCost,
  syntheticSoup,
  syntheticStudyBasin,
} from "../kit/synthetic-basins.ts";
import { syntheticCost, syntheticResults } from "../kit/synthetic-results.ts";
import { temporaryFolder } from "../kit/temporary.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

/** A page as a reader opens it, and everything it did that it should not. */
async function open(path: string, width = 1000) {
  const context = await browser.newContext({ viewport: { width, height: 800 } });
  const page = await context.newPage();
  const misdeeds: string[] = [];
  const url = pathToFileURL(path).href;
  page.on("console", (message) => misdeeds.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => misdeeds.push(`error: ${error.message}`));
  page.on("request", (request) => {
    if (request.url() !== url && !request.url().startsWith("data:"))
      misdeeds.push(`request: ${request.url()}`);
  });
  await page.goto(url);
  return { page, misdeeds, close: () => context.close() };
}

const idsOf = (page: Page): Promise<string[]> =>
  page.evaluate("[...document.querySelectorAll('figure')].map((one) => one.id)");

const aligned = [{ treatment: { align: "weights" }, leaves: 0.2 }] as const;
const kinds: Record<string, { results: BasinResults; figures: string[]; heading: string; cell: string }> = {
  barrier: {
    results: syntheticBarriers({ basins: [0, 1, 0], tried: aligned }),
    figures: ["matrix", "paths"],
    heading: "Basins of 3 networks",
    cell: "aligned by weights",
  },
  plane: {
    results: syntheticPlane({ size: 5 }),
    figures: ["plane-test", "plane-train"],
    heading: "The plane through 3 networks",
    cell: "21.000",
  },
  instability: {
    results: syntheticInstability(),
    figures: ["instability", "basin-rows", "basin-paths"],
    heading: "Invented instability",
    cell: "P-T / RI-T",
  },
  soup: {
    results: syntheticSoup(),
    figures: ["soup-methods", "soup-growth", "wise", "soup-mixing"],
    heading: "An average of 8 networks",
    cell: "logit ensemble",
  },
};

describe("the page of a command about basins, in Chromium", () => {
  for (const [name, { results, figures, heading, cell }] of Object.entries(kinds)) {
    test(`${name}: answer, figures and tables are there, and nothing is asked of the network`, async () => {
      const folder = temporaryFolder();
      const path = await writeBasin(folder, results, syntheticRunCost);
      expect(readdirSync(folder).toSorted()).toEqual(["figures", "report.html", "results.json"]);
      expect(readdirSync(join(folder, "figures")).toSorted()).toEqual(
        figures.map((id) => `${id}.svg`).toSorted(),
      );
      const { page, misdeeds, close } = await open(path);
      expect(await page.textContent("h1")).toBe(heading);
      expect(await page.textContent(".answer p")).toBe(unbroken(results.words[0]!));
      expect(await idsOf(page)).toEqual(figures);
      if (name === "plane") expect(await page.textContent("main")).toContain("81.0, 80.7, 80.4");
      expect(await page.locator("table td", { hasText: cell }).count()).toBeGreaterThan(0);
      expect(await page.textContent("dl")).toContain(syntheticRunCost.command);
      const carried = await page.textContent("#results");
      expect(carried === readFileSync(join(folder, "results.json"), "utf8")).toBe(true);
      expect(carried === `${canonical(results)}\n`).toBe(true);
      const points = page.locator(`#${figures[0]!} .wide [data-tip]`);
      await points.first().hover({ force: true });
      expect(await page.isVisible("#tip")).toBe(true);
      expect(misdeeds).toEqual([]);
      await close();
    });
  }

  test("the surface of a plane is drawn and turned by keys, and is not there without scripts", async () => {
    const path = await writeBasin(temporaryFolder(), kinds["plane"]!.results, syntheticRunCost);
    const { page, misdeeds, close } = await open(path);
    const picture = (): Promise<string> =>
      page.evaluate("document.querySelector('.orbit canvas').toDataURL()");
    expect(await page.locator(".orbit canvas:visible").count()).toBe(2);
    const before = await picture();
    expect(before.length).toBeGreaterThan(5000);
    await page.locator(".orbit canvas").first().focus();
    await page.keyboard.press("ArrowRight");
    expect((await picture()) === before).toBe(false);
    await page.keyboard.press("ArrowLeft");
    expect((await picture()) === before).toBe(true);
    expect(misdeeds).toEqual([]);
    await close();
    const context = await browser.newContext({ javaScriptEnabled: false });
    const silent = await context.newPage();
    await silent.goto(pathToFileURL(path).href);
    expect(await silent.locator(".orbit:visible").count()).toBe(0);
    await context.close();
  });

  test("a telephone gets the narrow drawings and never scrolls sideways", async () => {
    for (const { results } of Object.values(kinds)) {
      const path = await writeBasin(temporaryFolder(), results, syntheticRunCost);
      const { page, close } = await open(path, 360);
      expect(await page.locator("figure .wide svg:visible").count()).toBe(0);
      expect(await page.evaluate<number>("document.documentElement.scrollWidth")).toBe(360);
      await close();
    }
  });

  test("hostile names stay text", async () => {
    const evil = `</script><img src="https://example.org/x" onerror="window.hacked = 1"> & 'q' "d"\u0001 <b>`;
    const base = syntheticBarriers({ basins: [0, 1, 2], tried: aligned });
    const results = {
      ...base,
      models: base.models.map((one, i) => ({ ...one, name: `${evil}${i}` })),
      data: { ...base.data, set: evil },
      words: [evil],
    };
    const { page, misdeeds, close } = await open(
      await writeBasin(temporaryFolder(), results, { ...syntheticRunCost, command: evil }),
    );
    expect(await page.evaluate("window.hacked")).toBeUndefined();
    expect(await page.locator("img, b").count()).toBe(0);
    expect(await page.textContent(".answer p")).toBe(evil.replace("\u0001", "\ufffd"));
    expect(misdeeds).toEqual([]);
    await close();
  });

  test("every SVG file is well-formed XML with its own background and no variable left open", async () => {
    const folder = temporaryFolder();
    for (const { results } of Object.values(kinds)) await writeBasin(folder, results, syntheticRunCost);
    const { page, close } = await open(await writeBasin(folder, kinds["plane"]!.results, syntheticRunCost));
    for (const name of readdirSync(join(folder, "figures"))) {
      const svg = readFileSync(join(folder, "figures", name), "utf8");
      expect(svg, name).toContain('fill="#ffffff"');
      expect(svg, name).not.toMatch(/var\(|https?:(?!\/\/www\.w3\.org\/)/);
      const root = await page.evaluate(
        `new DOMParser().parseFromString(${JSON.stringify(svg)}, "image/svg+xml").documentElement.nodeName`,
      );
      expect(root, name).toBe("svg");
    }
    await close();
  });
});

test("a study that looked for basins has a chapter of them", async () => {
  const folder = temporaryFolder();
  const results = { ...syntheticResults({ shuffles: ["none"] }), basin: syntheticStudyBasin() };
  const { page, misdeeds, close } = await open(await writeReport(folder, { results, cost: syntheticCost }));
  expect(await page.locator("h2").allTextContents()).toEqual([
    "What was done",
    "Figures",
    "Basins",
    "Numbers",
    "Methods",
    "Provenance",
  ]);
  expect(await idsOf(page)).toEqual(expect.arrayContaining(["basin-rows", "basin-paths"]));
  expect(readdirSync(join(folder, "figures"))).toEqual(
    expect.arrayContaining(["basin-rows.svg", "basin-paths.svg"]),
  );
  expect(misdeeds).toEqual([]);
  await close();
});
