import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { expect, test } from "vitest";
import { globalOptions } from "../../src/cli/globals.ts";
import { readModel } from "../../src/onnx/read.node.ts";
import { readSafetensors } from "../../src/safetensors/read.node.ts";
import { cli, startCli } from "../kit/cli.ts";
import { temporaryFolder } from "../kit/temporary.ts";
import { tinyStudy, tinyTraining } from "../kit/tiny.ts";

const root = join(import.meta.dirname, "../..");
const commands = [
  ["study"],
  ["train"],
  ["eval"],
  ["align"],
  ["barrier"],
  ["instability"],
  ["plane"],
  ["criticality"],
  ["rewind"],
  ["data", "list"],
  ["data", "show"],
  ["data", "prepare"],
  ["runs", "list"],
  ["runs", "show"],
  ["schema"],
];

/** The one document a command with --json prints. */
async function document(...argv: string[]): Promise<Record<string, unknown>> {
  const { status, out, err } = await cli(...argv, "--json", "--quiet");
  expect(status, err).toBe(0);
  return JSON.parse(out) as Record<string, unknown>;
}

test("the help fits a screen, names every command under its theme, and shows examples", async () => {
  const { status, out, err } = await cli("--help");
  expect(status).toBe(0);
  expect(err).toBe("");
  const lines = out.split("\n");
  expect(lines.length).toBeLessThanOrEqual(40);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(96);
  const themes = lines.filter((line) => /^[A-Z].*:$/.test(line));
  expect(themes).toEqual([
    "Options:",
    "Studies:",
    "Single runs:",
    "Basins:",
    "Modules:",
    "Data and stored runs:",
    "For editors and scripts:",
    "Examples:",
  ]);
  for (const [name] of commands) expect(out).toMatch(new RegExp(`^  ${name}\\b`, "m"));
});

test.each(commands)("%s %s explains itself and takes the options all commands take", async (...names) => {
  const { status, out } = await cli(...names, "--help");
  expect(status).toBe(0);
  for (const option of globalOptions.keys()) expect(out).toContain(option);
});

test("without a command the help is shown, as an error", async () => {
  for (const argv of [[], ["data"], ["runs"]]) {
    const { status, out, err } = await cli(...argv);
    expect(status).toBe(2);
    expect(out).toBe("");
    expect(err).toMatch(/^Usage: transferscope/);
  }
});

test("the version is the package's", async () => {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  expect(await cli("--version")).toEqual({ status: 0, out: `${version}\n`, err: "" });
});

test("options all commands take may stand before the command", async () => {
  const { status, out } = await cli("--json", "--store", "nowhere", "data", "list");
  expect(status).toBe(0);
  expect((JSON.parse(out) as { name: string }[]).map(({ name }) => name)).toContain("synthetic");
});

test("the schema describes what a study file may hold", async () => {
  const schema = await document("schema", "study");
  const { properties, required } = schema as { properties: Record<string, unknown>; required: string[] };
  const study = parse(tinyStudy) as Record<string, unknown>;
  expect(Object.keys(properties)).toEqual(expect.arrayContaining(Object.keys(study)));
  // Fields with defaults may be left out.
  expect(required.toSorted()).toEqual(["downstream", "learningRates", "model", "name", "upstream"]);
  expect((await cli("schema", "studdy")).err).toBe(
    'error: no configuration file is called "studdy"\n  known: study, train, instability\n',
  );
});

test("a written network says the same as the run it came from, wherever it is asked", async () => {
  const dir = temporaryFolder();
  const [file, store, out] = [join(dir, "train.yaml"), join(dir, "store"), join(dir, "out")];
  writeFileSync(file, tinyTraining);
  expect((await cli("train", file, "--store", store, "--dry-run")).out).toMatch(
    /^1 run to compute \([0-9a-f]{10}\): 20 steps, at a speed not measured yet\n$/,
  );
  expect(readdirSync(dir)).toEqual(["train.yaml"]);

  const trained = (await document("train", file, "--store", store, "--out", out)) as {
    run: string;
    result: { accuracy: number; loss: number; images: number; classes: string[]; parameters: number };
    written: string[];
  };
  const { accuracy, loss, images } = trained.result;
  expect(trained.written).toEqual([join(out, "model.onnx"), join(out, "weights.safetensors")]);
  const [onnx, weights] = trained.written as [string, string];

  const run = await document("eval", trained.run.slice(0, 12), "--store", store);
  expect(run).toMatchObject({ accuracy, images, split: "test" });
  expect(run["loss"]).toBeCloseTo(loss, 6);
  const model = await document("eval", onnx);
  expect(model).toMatchObject({ accuracy, images });
  expect(model["loss"]).toBeCloseTo(loss, 5);
  // The data set by hand: the whole test split of these classes.
  expect(await document("eval", onnx, "--set", "synthetic", "--classes", "shapes")).toMatchObject({
    images: 200,
  });
  expect(await document("eval", onnx, "--split", "train")).toMatchObject({ images: 64, split: "train" });
  expect(await document("eval", onnx, "--dry-run")).toMatchObject({ model: onnx, split: "test" });

  const graph = await readModel(onnx);
  expect(JSON.parse(graph.metadata["transferscope.classes"]!)).toEqual(trained.result.classes);
  expect(graph.metadata["transferscope.run"]).toBe(trained.run);
  const { tensors, metadata } = await readSafetensors(weights);
  expect(metadata["run"]).toBe(trained.run);
  const numbers = [...tensors.values()].reduce(
    (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
    0,
  );
  expect(numbers).toBe(trained.result.parameters);

  // The same file again computes nothing, and a second run may start from the first.
  expect((await cli("train", file, "--store", store, "--dry-run")).out).toBe(
    `already done: run ${trained.run.slice(0, 10)}\n`,
  );
  writeFileSync(file, `${tinyTraining}start: ${trained.run.slice(0, 12)}\nhead: kept\n`);
  const second = (await document("train", file, "--store", store)) as {
    run: string;
    looks: { accuracy: number }[];
  };
  expect(second.looks[0]!.accuracy).toBe(accuracy);

  const { cells, failed, unfinished } = await document("runs", "list", "--store", store);
  expect((cells as { address: string }[]).map(({ address }) => address).toSorted()).toEqual(
    [trained.run, second.run].toSorted(),
  );
  expect([failed, unfinished]).toEqual([[], []]);
  expect(await document("runs", "show", second.run.slice(0, 10), "--store", store)).toMatchObject({
    address: second.run,
    spec: { kind: "train", inputs: { start: trained.run } },
    problems: [],
  });
});

test("data sets are listed, shown and prepared", async () => {
  expect((await cli("data", "prepare", "synthetic", "--quiet")).out).toMatch(
    /^synthetic: .*\.bin \(1\.5 MB\)\n$/,
  );
  expect((await cli("data", "list")).out).toMatch(
    /^synthetic +2,000 generated shapes and textures, .* yes$/m,
  );
  expect((await cli("data", "show", "synthetic")).out).toMatch(/^classes +8: disc, square,/m);
  expect((await cli("data", "prepare", "synthetic", "--dry-run")).out).toBe(
    "synthetic: already in the cache\n",
  );
});

test("a pipe that closes early is no error", () => {
  const main = join(root, "src/cli/main.node.ts");
  const text = execFileSync(
    "bash",
    ["-c", `"${process.execPath}" "${main}" schema study | head -c 20; echo " $\{PIPESTATUS[0]}"`],
    { encoding: "utf8" },
  );
  expect(text.endsWith(" 0\n")).toBe(true);
});

test("the built package runs a study, with its own workers", async () => {
  const dir = temporaryFolder();
  const app = join(dir, "app");
  mkdirSync(app);
  execFileSync(join(root, "node_modules/.bin/tsc"), [
    "-p",
    join(root, "tsconfig.build.json"),
    "--outDir",
    join(app, "dist"),
  ]);
  writeFileSync(join(app, "package.json"), readFileSync(join(root, "package.json")));
  symlinkSync(join(root, "node_modules"), join(app, "node_modules"));
  writeFileSync(join(dir, "study.yaml"), tinyStudy);
  const argv = [
    "study",
    join(dir, "study.yaml"),
    "--store",
    join(dir, "store"),
    "--out",
    join(dir, "out"),
    "--quiet",
  ];
  const { status, err } = await startCli(argv, join(app, "dist/cli/main.node.js")).ended;
  expect(err).toBe("");
  expect(status).toBe(0);
  expect(existsSync(join(dir, "out/report.html"))).toBe(true);
  const face = (await import(join(app, "dist/index.js"))) as Record<string, unknown>;
  for (const name of [
    "buildModel",
    "buildStep",
    "differentiate",
    "openStore",
    "openTrainer",
    "readModel",
    "runStudy",
    "writeModel",
  ]) {
    expect(typeof face[name]).toBe("function");
  }
});
