/**
 * The table of ARCHITECTURE.md, enforced on the sources: which room may import which, that only files called *.node.ts
 * need Node, that there are no cycles, that every definition is registered, and that no file grows too long.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { isBuiltin } from "node:module";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../", import.meta.url));
const src = join(root, "src");

/** Packages that run in a browser as well. What is not listed here is for *.node.ts files. */
const portable = new Set([
  "zod",
  "yaml",
  "pure-rand",
  "protobufjs",
  "linkedom",
  "@observablehq/plot",
  "fast-png",
]);

/** Folders with one definition a file and a table in index.ts. */
const plural = [
  "rules",
  "losses",
  "optimizers",
  "sets",
  "presets",
  "kinds",
  "figures",
  "shapes",
  "axes",
  "commands",
];
/** Files of those folders that hold no definition: types and helpers that definitions share. */
const helpers = new Set([
  "src/autodiff/losses/loss.ts",
  "src/graph/shapes/rule.ts",
  "src/symmetry/axes/rule.ts",
  "src/autodiff/optimizers/optimizer.ts",
  "src/study/presets/preset.ts",
]);

/** Tables beside an index.ts: operators of other domains may have the names of ONNX's own. */
const moreTables = [
  "src/graph/shapes/microsoft.ts",
  "src/graph/shapes/nchwc.ts",
  "src/symmetry/axes/microsoft.ts",
];

interface Import {
  readonly from: string;
  /** A path from the root for our own files, else the specifier. */
  readonly to: string;
  readonly typeOnly: boolean;
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .toSorted();
}

const all = filesUnder(src);
/** What is shipped. Tests may look at everything. */
const sources = all.filter((file) => !file.endsWith(".test.ts"));
const textOf = new Map(all.map((file) => [file, readFileSync(join(root, file), "utf8")]));

/** Comments are blanked out, so that prose about imports is not taken for one. */
function importsOf(file: string): Import[] {
  const text = textOf.get(file)!.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
  const statement =
    /(?:^|[\n;}])\s*(?:import|export)\s+(type\s)?(?:(?:[\w{*][^;]*?)\sfrom\s*)?["']([^"'\n]+)["'];/g;
  const call = /\b(?:import|require)\(\s*(?<none>)["']([^"'\n]+)["']\s*\)/g;
  return [...text.matchAll(statement), ...text.matchAll(call)].map((match) => {
    const specifier = match[2]!;
    const own = specifier.startsWith(".");
    return {
      from: file,
      to: own ? relative(root, resolve(root, dirname(file), specifier)) : specifier,
      typeOnly: Boolean(match[1]),
    };
  });
}

const imports = new Map(all.map((file) => [file, importsOf(file)]));
const roomOf = (file: string): string => file.split("/")[1]!;

/** The rooms of ARCHITECTURE.md's table, and what each may import. */
function readTable(): Map<string, Set<string>> {
  const text = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");
  const start = text.indexOf("| room |");
  const rows = text
    .slice(start, text.indexOf("\n\n", start))
    .split("\n")
    .slice(2)
    .map((line) => line.split("|").map((cell) => cell.trim()));
  const table = new Map<string, Set<string>>();
  for (const [, names = "", , allowed = ""] of rows) {
    const above = [...table.keys()];
    const may =
      allowed === "all" || allowed === "all above" ? above : allowed === "–" ? [] : allowed.split(" ");
    for (const name of names.split(", ")) table.set(name, new Set(may));
  }
  return table;
}

const table = readTable();

test("the table is read as it is written", () => {
  expect([...table.get("base")!]).toEqual([]);
  expect([...table.get("tensor")!]).toEqual(["base"]);
  expect([...table.get("safetensors")!]).toEqual(["base", "tensor", "graph"]);
  expect(table.get("study")!.has("report")).toBe(false);
  expect(table.get("study")!.has("sweep")).toBe(true);
  expect(table.get("cli")!.has("report")).toBe(true);
});

test("imports are found, whatever they look like", () => {
  const of = (file: string): string[] => imports.get(file)!.map((one) => one.to);
  expect(of("src/graph/builder.ts")).toContain("src/tensor/tensor.ts");
  expect(of("src/runtime/ort.node.ts")).toEqual(
    expect.arrayContaining(["node:module", "onnxruntime-node", "src/runtime/session.ts"]),
  );
  expect(of("src/autodiff/losses/index.ts")).toHaveLength(3);
});

describe("rooms", () => {
  test("every folder of src is a room of the table, and the other way round", () => {
    const rooms = readdirSync(src, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
    expect(rooms.toSorted()).toEqual([...table.keys()].toSorted());
  });

  test("import only what the table allows", () => {
    const offences = sources.flatMap((file) => {
      const room = roomOf(file);
      const may = table.get(room);
      // Files of src itself (the library's face) stand above all rooms.
      if (may === undefined) return [];
      return imports
        .get(file)!
        .filter(({ to }) => to.startsWith("src/") && roomOf(to) !== room && !may.has(roomOf(to)))
        .map(({ to }) => `${file} → ${to}`);
    });
    expect(offences).toEqual([]);
  });

  test("import nothing outside src, and name files with their extension", () => {
    const offences = sources.flatMap((file) =>
      imports
        .get(file)!
        .filter(
          ({ to }) => to.startsWith("..") || (/^(src|test|bench|scripts)\//.test(to) && !textOf.has(to)),
        )
        .map(({ to }) => `${file} → ${to}`),
    );
    expect(offences).toEqual([]);
  });
});

test("only *.node.ts files need Node", () => {
  const offences = sources
    .filter((file) => !file.endsWith(".node.ts"))
    .flatMap((file) =>
      imports
        .get(file)!
        .filter(({ to, typeOnly }) => {
          if (typeOnly) return false;
          if (to.startsWith("src/")) return to.endsWith(".node.ts") && !registersNodeFiles(file);
          const name = to
            .split("/")
            .slice(0, to.startsWith("@") ? 2 : 1)
            .join("/");
          return isBuiltin(to) || !portable.has(name);
        })
        .map(({ to }) => `${file} → ${to}`),
    );
  expect(offences).toEqual([]);
});

/** Tables of definitions that run in Node only (cells, commands), and the library's face, are loaded in Node only. */
function registersNodeFiles(file: string): boolean {
  return ["src/index.ts", "src/cells/kinds/index.ts", "src/cli/commands/index.ts"].includes(file);
}

test("there are no cycles of imports", () => {
  const state = new Map<string, "open" | "done">();
  const cycles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (state.get(file) === "done") return;
    if (state.get(file) === "open") {
      cycles.push([...path.slice(path.indexOf(file)), file].join(" → "));
      return;
    }
    state.set(file, "open");
    for (const { to, typeOnly } of imports.get(file) ?? []) {
      if (!typeOnly && textOf.has(to)) visit(to, [...path, file]);
    }
    state.set(file, "done");
  };
  for (const file of sources) visit(file, []);
  expect(cycles).toEqual([]);
});

test("every definition is registered in its folder's index.ts, one line each", () => {
  const indexes = sources.filter(
    (file) => basename(file) === "index.ts" && plural.includes(basename(dirname(file))),
  );
  expect([...new Set(indexes.map((file) => basename(dirname(file))))].toSorted()).toEqual(plural.toSorted());
  const missing = indexes.flatMap((index) => {
    const tables = [index, ...moreTables.filter((file) => dirname(file) === dirname(index))];
    const registered = new Set(tables.flatMap((file) => imports.get(file)!.map(({ to }) => to)));
    const definitions = sources.filter((file) => dirname(file) === dirname(index) && !tables.includes(file));
    return definitions.filter((file) => !registered.has(file) && !helpers.has(file));
  });
  expect(missing).toEqual([]);
  for (const index of indexes) {
    const lines = textOf
      .get(index)!
      .split("\n")
      .filter((line) => line.startsWith("export"));
    expect(lines.length, index).toBeGreaterThanOrEqual(imports.get(index)!.length);
  }
});

test("no file of src has more than 500 lines", () => {
  const long = all.filter((file) => textOf.get(file)!.trimEnd().split("\n").length > 500);
  expect(long).toEqual([]);
});
