import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { expect, test } from "vitest";
import { syntheticCriticality, syntheticRewind } from "../../test/kit/synthetic-criticality.ts";
import { syntheticCost } from "../../test/kit/synthetic-results.ts";
import { temporaryFolder } from "../../test/kit/temporary.ts";
import { canonical } from "../base/canonical.ts";
import { criticalityChapter } from "./criticality.ts";
import { writeCriticality } from "./write.node.ts";

test("the page of criticality: answer, figures, tables, data; figures of all networks as files", async () => {
  const folder = temporaryFolder();
  const results = syntheticCriticality({ modules: 3, grid: 4 });
  const page = readFileSync(await writeCriticality(folder, results, syntheticCost), "utf8");
  for (const id of ["criticality-by-depth", "maps-1", "maps-4", "robustness", "interpolation-1", "freeze"])
    expect(page).toContain(`<figure id="${id}">`);
  expect(page).not.toContain('<figure id="maps-2">');
  expect(page).not.toMatch(/>\s*(?:NaN|undefined|null|Infinity)/);
  expect(page).toContain("Which modules matter in 6 networks?");
  expect(page).toContain("By module, means over networks");
  expect(page).toContain("freeze.json");
  expect(readFileSync(join(folder, "results.json"), "utf8")).toBe(`${canonical(results)}\n`);
  expect(readdirSync(join(folder, "figures")).filter((name) => name.startsWith("maps"))).toHaveLength(6);
});

test("names of strangers' modules stay text", async () => {
  const results = syntheticCriticality({ networks: [{ group: "given", count: 1 }], modules: 2, grid: 3 });
  const evil = "<img src=x onerror=alert(1)>";
  const networks = results.networks.map((network) => ({
    ...network,
    name: evil,
    modules: network.modules.map((module) => ({ ...module, name: `${evil}.${module.name}` })),
  }));
  const page = readFileSync(
    await writeCriticality(temporaryFolder(), { ...results, networks }, syntheticCost),
    "utf8",
  );
  const { document } = parseHTML(page);
  expect(document.querySelectorAll("img, [onerror]")).toHaveLength(0);
  expect(document.querySelector("h1")?.textContent).toContain("<img src=x onerror=alert(1)>");
});

test("the page of a rewind", async () => {
  const folder = temporaryFolder();
  const page = readFileSync(await writeCriticality(folder, syntheticRewind(), syntheticCost), "utf8");
  for (const id of ["rewinding-1", "rewinding-2", "rewind-paths-1", "rewind-paths-2"])
    expect(page).toContain(`<figure id="${id}">`);
  expect(page).toContain("Modules set back along training");
  expect(page).toContain("checkpoint-k robustness");
});

test("the chapter of a study", () => {
  const { heading, figures, tables } = criticalityChapter(syntheticCriticality({ modules: 3, grid: 3 }));
  expect(heading).toBe("Which modules matter");
  expect(figures?.map(({ id }) => id)).toEqual(["criticality-by-depth", "maps-1", "maps-4"]);
  expect(tables).toHaveLength(1);
});
