import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CriticalityResults, RewindResults } from "../../src/criticality/results.ts";
import { unbroken } from "../../src/report/html.ts";
import { writeCriticality } from "../../src/report/write.node.ts";
import { launchChromium } from "../kit/chromium.ts";
import { syntheticCriticality, syntheticRewind } from "../kit/synthetic-criticality.ts";
import { syntheticCost } from "../kit/synthetic-results.ts";
import { temporaryFolder } from "../kit/temporary.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

/** A page as a reader opens it, and everything it did that it should not. */
async function open(path: string, width = 1000): Promise<{ page: Page; misdeeds: string[] }> {
  const page = await browser.newPage({ viewport: { width, height: 800 } });
  const misdeeds: string[] = [];
  const url = pathToFileURL(path).href;
  page.on("console", (message) => misdeeds.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => misdeeds.push(`error: ${error.message}`));
  page.on("request", (request) => {
    if (request.url() !== url && !request.url().startsWith("data:"))
      misdeeds.push(`request: ${request.url()}`);
  });
  await page.goto(url);
  return { page, misdeeds };
}

const small = syntheticCriticality({ modules: 3, grid: 4 });
const kinds: Record<string, { results: CriticalityResults | RewindResults; figures: string[] }> = {
  criticality: {
    results: small,
    figures: [
      "criticality-by-depth",
      "maps-1",
      "maps-4",
      "robustness",
      "interpolation-1",
      "interpolation-4",
      "freeze",
    ],
  },
  "one network of many modules": {
    results: syntheticCriticality({
      networks: [{ group: "given", count: 1 }],
      modules: 26,
      grid: 4,
      tried: false,
    }),
    figures: ["criticality-by-depth", "maps", "robustness", "interpolation"],
  },
  rewind: {
    results: syntheticRewind({ modules: 3 }),
    figures: ["rewinding-1", "rewind-paths-1", "rewinding-2", "rewind-paths-2"],
  },
};

for (const [name, { results, figures }] of Object.entries(kinds)) {
  test(`${name}: the page answers, shows its numbers when pointed at, asks the network for nothing, fits a telephone`, async () => {
    const folder = temporaryFolder();
    const path = await writeCriticality(folder, results, syntheticCost);
    const { page, misdeeds } = await open(path);
    expect(await page.textContent(".answer p")).toBe(unbroken(results.words[0]!));
    expect(await page.evaluate("[...document.querySelectorAll('figure')].map((one) => one.id)")).toEqual(
      figures,
    );
    const tips = page.locator(`#${figures[1]!} .wide [data-tip]`);
    await tips.nth(3).hover({ force: true });
    expect(await page.isVisible("#tip")).toBe(true);
    expect(await page.textContent("#tip")).toMatch(/points/);
    expect(misdeeds).toEqual([]);
    await page.close();
    const telephone = (await open(path, 360)).page;
    expect(await telephone.locator("figure .wide svg:visible").count()).toBe(0);
    expect(await telephone.evaluate<number>("document.documentElement.scrollWidth")).toBe(360);
    // No word of a narrow figure reaches over its edge.
    const beyond = await telephone.evaluate<
      string[]
    >(`[...document.querySelectorAll("figure .narrow > svg")].flatMap((svg) => {
      const frame = svg.getBoundingClientRect();
      return [...svg.querySelectorAll("text")].filter((text) => {
        const box = text.getBoundingClientRect();
        return box.right > frame.right + 1 || box.left < frame.left - 1 || box.bottom > frame.bottom + 1;
      }).map((text) => text.textContent);
    })`);
    expect(beyond).toEqual([]);
    await telephone.close();
  });
}

test("hostile names stay text", async () => {
  const evil = `</script><img src="https://example.org/x" onerror="window.hacked = 1"> & 'q' <b>`;
  const networks = small.networks.map((network) => ({
    ...network,
    name: evil,
    initial: evil,
    modules: network.modules.map((module) => ({ ...module, name: `${evil}.${module.name}` })),
  }));
  const { page, misdeeds } = await open(
    await writeCriticality(
      temporaryFolder(),
      { ...small, networks, groups: [], granularity: evil, words: [evil] },
      syntheticCost,
    ),
  );
  expect(await page.evaluate("window.hacked")).toBeUndefined();
  expect(await page.locator("img, b").count()).toBe(0);
  expect(await page.textContent(".answer p")).toBe(evil);
  expect(misdeeds).toEqual([]);
  await page.close();
});

test("every SVG file is well-formed XML with its own background and no variable left open", async () => {
  const folder = temporaryFolder();
  const page = await browser.newPage();
  for (const { results } of Object.values(kinds)) await writeCriticality(folder, results, syntheticCost);
  for (const name of readdirSync(join(folder, "figures"))) {
    const svg = readFileSync(join(folder, "figures", name), "utf8");
    expect(svg, name).toContain('fill="#ffffff"');
    expect(svg, name).not.toMatch(/var\(|https?:(?!\/\/www\.w3\.org\/)/);
    const root = await page.evaluate(
      `new DOMParser().parseFromString(${JSON.stringify(svg)}, "image/svg+xml").documentElement.nodeName`,
    );
    expect(root, name).toBe("svg");
  }
  await page.close();
});
