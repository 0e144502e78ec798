import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeReport } from "../../src/report/write.node.ts";
import { resultsJson } from "../../src/report/page.ts";
import type { StudyResults } from "../../src/study/results.ts";
import { launchChromium } from "../kit/chromium.ts";
import { syntheticCost, syntheticExamples, syntheticResults } from "../kit/synthetic-results.ts";
import { temporaryFolder } from "../kit/temporary.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

/** A page as a reader opens it, and everything it did that it should not: messages, errors, requests. */
async function open(results: StudyResults, options: { colorScheme?: "light" | "dark"; width?: number } = {}) {
  const folder = temporaryFolder();
  const path = await writeReport(folder, {
    results,
    cost: syntheticCost,
    examples: syntheticExamples(results),
  });
  const context = await browser.newContext({
    colorScheme: options.colorScheme ?? "light",
    viewport: { width: options.width ?? 1000, height: 800 },
  });
  const page = await context.newPage();
  const misdeeds: string[] = [];
  const url = pathToFileURL(path).href;
  page.on("console", (message) => misdeeds.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => misdeeds.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => misdeeds.push(`dialog: ${dialog.message()}`));
  page.on("request", (request) => {
    if (request.url() !== url && !request.url().startsWith("data:"))
      misdeeds.push(`request: ${request.url()}`);
  });
  await page.goto(url);
  return { folder, page, misdeeds, close: () => context.close() };
}

async function download(page: Page, selector: string): Promise<{ name: string; text: string }> {
  const [file] = await Promise.all([page.waitForEvent("download"), page.click(selector)]);
  return { name: file.suggestedFilename(), text: readFileSync(await file.path(), "utf8") };
}

/** Luminance of the page's background, 0 to 255. */
function brightness(page: Page): Promise<number> {
  return page.evaluate(`(() => {
    const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).map(Number);
    return (r + g + b) / 3;
  })()`);
}

describe("the report in Chromium", () => {
  test("shows the answer and all figures, asks the network for nothing and complains of nothing", async () => {
    const { page, misdeeds, close } = await open(syntheticResults());
    expect(await page.textContent(".answer p")).toMatch(/^Pretraining lifts accuracy from 60/);
    expect(await page.locator("figure .wide svg:visible").count()).toBe(9);
    expect(await page.locator("figure .narrow svg:visible").count()).toBe(0);
    await page.keyboard.press("End");
    expect(misdeeds).toEqual([]);
    await close();
  });

  test("a point tells its numbers when pointed at, and with the arrow keys", async () => {
    const { page, misdeeds, close } = await open(syntheticResults());
    expect(await page.isVisible("#tip")).toBe(false);
    const points = page.locator("#accuracy .wide [data-tip]");
    await points.first().hover();
    expect(await page.textContent("#tip")).toMatch(
      /^pretrained \(P-T\), intact\nfinal accuracy: 73 ± 3 %\nseeds: /,
    );
    await page.mouse.move(2, 2);
    expect(await page.isVisible("#tip")).toBe(false);
    await page.focus("#accuracy .wide svg");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    expect(await page.textContent("#tip")).toMatch(/^pretrained \(P-T\), 16×16\n/);
    await page.keyboard.press("Escape");
    expect(await page.isVisible("#tip")).toBe(false);
    expect(misdeeds).toEqual([]);
    await close();
  });

  test("a key of the legend brings its series out and keeps it so when clicked", async () => {
    const { page, close } = await open(syntheticResults());
    const faded = page.locator("#accuracy .wide [data-series=pretrained].faded");
    const key = page.locator("#accuracy .wide [data-key=scratch]");
    expect(await faded.count()).toBe(0);
    await key.click();
    await page.mouse.move(2, 2);
    expect(await faded.count()).toBeGreaterThan(0);
    expect(await page.locator("#accuracy .wide [data-series=scratch].faded").count()).toBe(0);
    await key.focus();
    await page.keyboard.press("Enter");
    expect(await faded.count()).toBe(0);
    await close();
  });

  test("figures come down as SVG and CSV, results as JSON, the same as the files beside the page", async () => {
    const results = syntheticResults();
    const { page, folder, misdeeds, close } = await open(results);
    const svg = await download(page, "#survival .downloads a[download$=svg]");
    expect(svg.name).toBe("survival.svg");
    expect(`${svg.text}\n`).toBe(readFileSync(join(folder, "figures", "survival.svg"), "utf8"));
    const csv = await download(page, "#survival .downloads a[download$=csv]");
    expect(csv.text.split("\n")[0]).toMatch(/^shuffle,gain_share,low95/);
    expect(csv.text.trim().split("\n")).toHaveLength(6);
    const json = await download(page, "#results-link");
    expect(json.name).toBe("results.json");
    // As booleans: a difference would be printed in full, and they are long.
    expect(json.text === resultsJson(results)).toBe(true);
    expect(json.text === readFileSync(join(folder, "results.json"), "utf8")).toBe(true);
    expect(misdeeds.filter((one) => !one.startsWith("request: blob:"))).toEqual([]);
    await close();
  });

  test("light and dark follow the reader's system and the button", async () => {
    const light = await open(syntheticResults({ shuffles: ["none"] }));
    expect(await brightness(light.page)).toBeGreaterThan(200);
    await light.page.click("#theme");
    expect(await brightness(light.page)).toBeLessThan(60);
    expect(await light.page.textContent("#theme")).toBe("light page");
    await light.close();
    const dark = await open(syntheticResults({ shuffles: ["none"] }), { colorScheme: "dark" });
    expect(await brightness(dark.page)).toBeLessThan(60);
    await dark.page.emulateMedia({ media: "print" });
    expect(await brightness(dark.page)).toBeGreaterThan(200);
    await dark.close();
  });

  test("a telephone gets the narrow drawings and never scrolls sideways", async () => {
    const { page, close } = await open(syntheticResults(), { width: 360 });
    expect(await page.locator("figure .narrow svg:visible").count()).toBe(9);
    expect(await page.locator("figure .wide svg:visible").count()).toBe(0);
    expect(await page.evaluate<number>("document.documentElement.scrollWidth")).toBe(360);
    await close();
  });

  test("hostile names stay text, in the page and in the files", async () => {
    const evil = `</script><script>window.hacked = 1</script><img src="https://example.org/x" onerror="window.hacked = 1"> & 'quoted' "doubly"\u0001`;
    const base = syntheticResults({ name: evil, set: evil, shuffles: ["none", 4] });
    const results: StudyResults = {
      ...base,
      study: { name: evil, question: evil },
      model: { ...base.model, description: evil },
      downstream: { ...base.downstream, classes: [evil, "=1+1", "<b>", "]]>"] },
    };
    const { page, folder, misdeeds, close } = await open(results);
    expect(await page.evaluate("window.hacked")).toBeUndefined();
    expect(await page.locator("img").count()).toBe(0);
    expect(await page.textContent("h1")).toBe(evil.replace("\u0001", "\ufffd"));
    expect(await page.evaluate("JSON.parse(document.getElementById('results').textContent).study.name")).toBe(
      evil,
    );
    const svg = readFileSync(join(folder, "figures", "example-images.svg"), "utf8");
    const roots = await page.evaluate((text) => {
      const page = globalThis as unknown as {
        DOMParser: new () => {
          parseFromString(text: string, type: string): { documentElement: { nodeName: string } };
        };
      };
      return new page.DOMParser().parseFromString(text, "image/svg+xml").documentElement.nodeName;
    }, svg);
    expect(roots).toBe("svg");
    const csv = await download(page, "#example-images .downloads a[download$=csv]");
    expect(csv.text).toContain(",'=1+1,");
    expect(misdeeds).toEqual([]);
    await close();
  });

  test("every SVG file is well-formed XML with its own background and no variable left open", async () => {
    const { page, folder, close } = await open(syntheticResults());
    for (const link of await page.locator(".downloads a[download$=svg]").all()) {
      const name = (await link.getAttribute("download"))!;
      const svg = readFileSync(join(folder, "figures", name), "utf8");
      expect(svg, name).toContain('fill="#ffffff"');
      expect(svg, name).not.toMatch(/var\(|currentColor"? *data-tip|https?:(?!\/\/www\.w3\.org\/)/);
      const root = await page.evaluate(
        `new DOMParser().parseFromString(${JSON.stringify(svg)}, "image/svg+xml").documentElement.nodeName`,
      );
      expect(root, name).toBe("svg");
    }
    await close();
  });
});
