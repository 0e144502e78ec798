import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { Builder } from "../../src/graph/builder.ts";
import { writeModel } from "../../src/onnx/write.node.ts";
import { readSafetensors } from "../../src/safetensors/read.node.ts";
import { cli } from "../kit/cli.ts";
import { mayMount, remount, smallDisk } from "../kit/disk.ts";
import { temporaryFolder } from "../kit/temporary.ts";
import { tinyStudy, tinyTraining } from "../kit/tiny.ts";

// What was prepared stays in the user's cache, as it would in use: a generated set, and folders of the tests.
const networks = join(import.meta.dirname, "../oracle/exports");

interface Case {
  readonly name: string;
  /** Files to make, by path; a value that ends in ".onnx" is copied from the exported networks. */
  readonly files?: Readonly<Record<string, string>>;
  readonly argv: readonly string[];
  readonly status: 1 | 2;
  /** All that standard error says; DIR stands for the test's folder. */
  readonly says: string;
}

const study = (...more: string[]): string[] => [
  "study",
  "DIR/study.yaml",
  "--store",
  "DIR/store",
  "--out",
  "DIR/out",
  ...more,
];
/** A case about one changed place of the tiny study. */
const changed = (name: string, from: string, to: string, says: string): Case => ({
  name,
  files: { "study.yaml": tinyStudy.replace(from, to) },
  argv: study(),
  status: 2,
  says,
});
/** A case about the command line alone. */
const typed = (name: string, argv: readonly string[], says: string): Case => ({
  name,
  files: { "study.yaml": tinyStudy },
  argv,
  status: 2,
  says,
});

const sets =
  "cifar10, emoji-google, emoji-twitter, fashion-mnist, mnist, openclipart-12, synthetic, folder:PATH";

const cases: readonly Case[] = [
  // Configuration files.
  changed(
    "unknown field",
    "validation:",
    "valdation:",
    'DIR/study.yaml:10:1: there is no field "valdation"\n  nearest: validation, evaluations, question',
  ),
  changed(
    "unknown field, deep",
    "batch: 16",
    "bacth: 16",
    'DIR/study.yaml:5:23: there is no field "upstream.recipe.bacth"\n  nearest: batch, beta1, beta2',
  ),
  changed("missing field", "name: Tiny\n", "", "DIR/study.yaml:1:1: name is missing"),
  changed("wrong type", "seeds: [0]", "seeds: [a]", 'DIR/study.yaml:12:9: seeds.0: expected number, got "a"'),
  changed(
    "number out of range",
    "validation: 32",
    "validation: 0",
    "DIR/study.yaml:10:1: validation: expected number to be >0, got 0",
  ),
  changed(
    "unknown word",
    "arch: cnn",
    "arch: cn",
    'DIR/study.yaml:2:10: model.arch: expected cnn, mlp, resnet, vgg or vit, got "cn"',
  ),
  changed(
    "shuffle of no kind",
    "[none, 8]",
    "[nine]",
    'DIR/study.yaml:11:12: shuffles.0: expected none, pixel or a whole number of pixels, got "nine"',
  ),
  changed(
    "unknown data set",
    "set: synthetic",
    "set: cifr10",
    `DIR/study.yaml:4:11: upstream.data.set: no data set is called "cifr10"; known: ${sets}`,
  ),
  changed("not YAML", "name: Tiny", "name: [", "DIR/study.yaml:2:1: "),
  {
    name: "not text",
    files: { "study.yaml": "\u0000\u0001 no study" },
    argv: study(),
    status: 2,
    says: 'DIR/study.yaml:1:1: expected fields like "name: value", found text',
  },
  {
    name: "empty",
    files: { "study.yaml": "" },
    argv: study(),
    status: 2,
    says: "DIR/study.yaml: name is missing (and 4 more)",
  },
  { name: "no such file", argv: study(), status: 2, says: "DIR/study.yaml: there is no such file" },
  {
    name: "a folder for a file",
    files: { "study.yaml/x": "" },
    argv: study(),
    status: 2,
    says: "DIR/study.yaml: this is a folder, not a file",
  },
  // Studies that cannot be.
  changed(
    "block size",
    "[none, 8]",
    "[none, 7]",
    "shuffles: blocks of 7 pixels do not divide an image of 16×16\n  sizes that do: 1, 2, 4, 8, 16",
  ),
  changed("seed twice", "seeds: [0]", "seeds: [0, 0]", "seeds: a seed is listed twice"),
  changed(
    "unlike images",
    "testSize: 50 }\n  recipe: { steps: 4, batch: 16 }\nlearning",
    "testSize: 50, height: 8, width: 8 }\n  recipe: { steps: 4, batch: 16 }\nlearning",
    "upstream images have height 16, downstream images 8: one network cannot take both\n  set height: 16 under downstream.data",
  ),
  changed(
    "unknown group of classes",
    "set: synthetic",
    "set: synthetic, classes: shape",
    'no group of classes of synthetic is called "shape"\n  known: shapes, textures',
  ),
  changed(
    "unknown module",
    "steps: 4",
    "freeze: [stem9], steps: 4",
    'upstream.recipe: no module is called "stem9"\n  modules: ',
  ),
  // The command line.
  typed("unknown command", ["stduy"], 'there is no command "stduy"\n  nearest: study'),
  typed("unknown option", study("--sotre", "x"), 'there is no option "--sotre"\n  nearest: --store'),
  typed("option without its value", study("--seed"), "--seed <n> needs a value"),
  typed(
    "no study",
    ["study"],
    "study: no study was named\n  give a FILE.yaml, or --preset clipart|emoji|synthetic|vehicles",
  ),
  typed(
    "two studies",
    study("--preset", "emoji"),
    "study: a file and a preset were both given\n  give a FILE.yaml, or --preset clipart|emoji|synthetic|vehicles",
  ),
  typed(
    "unknown preset",
    ["study", "--preset", "vehikles"],
    'no preset is called "vehikles"\n  known: clipart, emoji, synthetic, vehicles',
  ),
  typed("wrong device", study("--device", "gpu"), '--device expected cpu, webgpu or cuda, got "gpu"'),
  typed(
    "wrong number of workers",
    study("--jobs", "0"),
    '--jobs expected a whole number from 1 to 1024, got "0"',
  ),
  typed(
    "wrong seed",
    study("--seed", "1.5"),
    '--seed expected a whole number from 0 to 2147483647, got "1.5"',
  ),
  typed(
    "too many arguments",
    ["runs", "list", "all"],
    "list was given too many arguments: Expected 0 arguments but got 1: all\n  see transferscope --help, and --help after a command",
  ),
  // Folders.
  {
    name: "out is a file",
    files: { "study.yaml": tinyStudy, out: "mine" },
    argv: study(),
    status: 2,
    says: "--out DIR/out: this is a file, expected a folder",
  },
  {
    name: "out below a file",
    files: { "study.yaml": tinyStudy, out: "mine" },
    argv: ["study", "DIR/study.yaml", "--store", "DIR/store", "--out", "DIR/out/deep"],
    status: 2,
    says: "--out DIR/out/deep: DIR/out is a file, expected a folder",
  },
  {
    name: "a file of the user's own in out",
    files: { "study.yaml": tinyStudy, "out/report.html": "mine" },
    argv: study(),
    status: 2,
    says: "--out DIR/out holds report.html, which no study wrote\n  choose another folder with --out, or allow it with --overwrite",
  },
  {
    name: "another study's report in out",
    files: { "study.yaml": tinyStudy, "out/.transferscope-report": '{"study":"Other"}' },
    argv: study(),
    status: 2,
    says: '--out DIR/out holds the report of the study "Other", this is "Tiny"\n  choose another folder with --out, or allow it with --overwrite',
  },
  {
    name: "store is another folder",
    files: { "study.yaml": tinyStudy, "store/letter.txt": "dear" },
    argv: study(),
    status: 2,
    says: "DIR/store is not a store: it has no store.json\n  check --store",
  },
  {
    name: "store is a file",
    files: { "study.yaml": tinyStudy, store: "x" },
    argv: study(),
    status: 2,
    says: "--store DIR/store: this is a file, expected a folder",
  },
  {
    name: "store of another release",
    files: { "study.yaml": tinyStudy, "store/store.json": '{"format":99}' },
    argv: study(),
    status: 2,
    says: "store DIR/store has layout 99, this program knows layout 1\n  use the release of transferscope that made the store, or another --store",
  },
  {
    name: "listing what is no store",
    argv: ["runs", "list", "--store", "DIR/store"],
    status: 2,
    says: "DIR/store is not a store: it has no store.json\n  check --store",
  },
  // Images.
  {
    name: "folder without a readable image",
    files: {
      "study.yaml": tinyStudy.replaceAll("set: synthetic", 'set: "folder:DIR/pics"'),
      "pics/cat/1.png": "no",
      "pics/cat/2.png": "no",
      "pics/dog/1.png": "no",
    },
    argv: study("--quiet"),
    status: 2,
    says: 'folder DIR/pics: class "cat" has no readable training image (cat/1.png: not a PNG, JPEG or WebP image; cat/2.png: not a PNG, JPEG or WebP image; dog/1.png: not a PNG, JPEG or WebP image)\n  replace the broken files, or remove the class\'s directory',
  },
  {
    name: "no such folder of images",
    argv: ["data", "show", "folder:DIR/pics"],
    status: 2,
    says: "folder DIR/pics: there is no such directory",
  },
  { name: "unknown set", argv: ["data", "prepare", "mnst"], status: 2, says: 'no data set is called "mnst"' },
  // Models.
  { name: "no such model", argv: ["eval", "DIR/gone.onnx"], status: 2, says: "DIR/gone.onnx: no such file" },
  {
    name: "not ONNX",
    files: { "net.onnx": "hello, I am no network\n" },
    argv: ["eval", "DIR/net.onnx", "--set", "synthetic"],
    status: 2,
    says: "DIR/net.onnx: damaged, or not an ONNX model: ",
  },
  {
    name: "no data set for a model",
    files: { "net.onnx": "resnet.onnx" },
    argv: ["eval", "DIR/net.onnx"],
    status: 2,
    says: "DIR/net.onnx: on which images?\n  name a data set with --set",
  },
  {
    name: "number of classes",
    files: { "net.onnx": "resnet.onnx" },
    argv: ["eval", "DIR/net.onnx", "--set", "synthetic"],
    status: 2,
    says: "DIR/net.onnx tells 5 classes apart, synthetic has 8\n  choose as many with --classes",
  },
  {
    name: "wrong split",
    files: { "net.onnx": "resnet.onnx" },
    argv: ["eval", "DIR/net.onnx", "--set", "synthetic", "--split", "tset"],
    status: 2,
    says: '--split expected train or test, got "tset"',
  },
  // Single runs.
  {
    name: "a model is there already",
    files: { "train.yaml": tinyTraining, "out/model.onnx": "mine" },
    argv: ["train", "DIR/train.yaml", "--store", "DIR/store", "--out", "DIR/out"],
    status: 2,
    says: "--out DIR/out holds model.onnx already\n  choose another folder with --out, or allow it with --overwrite",
  },
  {
    name: "start from a run, without a store",
    files: { "train.yaml": `${tinyTraining}start: abcd\n` },
    argv: ["train", "DIR/train.yaml", "--store", "DIR/store"],
    status: 2,
    says: "DIR/store is not a store: it has no store.json\n  check --store",
  },
  {
    name: "start from a run that is not there",
    files: {
      "train.yaml": `${tinyTraining}start: abcd\n`,
      "store/store.json": '{"what":"transferscope store","format":1}',
    },
    argv: ["train", "DIR/train.yaml", "--store", "DIR/store"],
    status: 2,
    says: "no cell of store DIR/store has an address beginning with abcd\n  see `transferscope runs list`",
  },
];

/** Makes a case's files; returns the folder. */
function setting(files: Case["files"] = {}): string {
  const dir = temporaryFolder();
  for (const [path, text] of Object.entries(files)) {
    const file = join(dir, path);
    mkdirSync(dirname(file), { recursive: true });
    if (text.endsWith(".onnx")) copyFileSync(join(networks, text), file);
    else writeFileSync(file, text.replaceAll("DIR", dir));
  }
  return dir;
}

/** All names below a folder, in order. */
function filesIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: "utf8" }).toSorted();
}

beforeAll(async () => {
  expect((await cli("data", "prepare", "synthetic", "--quiet")).status).toBe(0);
});

test.each(cases)("$name", async ({ files, argv, status, says }) => {
  const dir = setting(files);
  const before = filesIn(dir);
  const ended = await cli(...argv.map((word) => word.replaceAll("DIR", dir)));
  const told = ended.err.replaceAll(dir, "DIR");
  // The sentence comes first and alone: some go on with the library's own words, or with a hint that lists what is known.
  expect(told.slice(0, "error: ".length + says.length)).toBe(`error: ${says}`);
  expect(told.trimEnd().split("\n").length).toBeLessThanOrEqual(2);
  expect(ended.out).toBe("");
  expect(ended.status).toBe(status);
  // Nothing was made: no store, no report, no half of one.
  expect(filesIn(dir)).toEqual(before);
});

test("with --json the error is one document on standard output, whatever is wrong", async () => {
  const dir = setting({ "study.yaml": tinyStudy.replace("[none, 8]", "[7]") });
  for (const argv of [
    ["--json", "stduy"],
    ["study", "--json"],
    ["study", join(dir, "study.yaml"), "--json"],
    ["runs", "--json"],
    ["--json"],
  ]) {
    const { out, status } = await cli(...argv);
    expect(status).toBe(2);
    const document = JSON.parse(out) as { error: { fault: string; message: string } };
    expect(document.error.fault).toBe("usage");
    expect(document.error.message.length).toBeGreaterThan(10);
  }
});

test("a stack is shown with --debug, and only then", async () => {
  expect((await cli("study", "--preset", "none")).err).not.toContain("    at ");
  expect((await cli("study", "--preset", "none", "--debug")).err).toContain("    at ");
});

test("a truncated model is refused at every length", async () => {
  const dir = setting({ "net.onnx": "resnet.onnx" });
  const file = join(dir, "net.onnx");
  for (let size = readFileSync(file).length - 1; size > 0; size = Math.floor(size / 3)) {
    truncateSync(file, size);
    const { status, err } = await cli("eval", file, "--set", "synthetic");
    expect(status).toBe(2);
    expect(err.trimEnd().split("\n").length).toBeLessThanOrEqual(2);
    expect(err.startsWith(`error: ${file}: `)).toBe(true);
  }
});

test("an operator nobody knows is named, with its node and its file", async () => {
  const file = join(temporaryFolder(), "odd.onnx");
  const g = new Builder(17);
  const x = g.input("x", "float32", ["N", 3, 16, 16]);
  g.output(
    g.op("ReduceMean", [x], { axes: { type: "ints", value: [2, 3] }, keepdims: { type: "int", value: 0 } }),
  );
  const graph = g.finish("odd");
  const nodes = graph.nodes.map((node) => ({ ...node, op: "Nonsense", name: "here" }));
  await writeModel({ ...graph, nodes }, file, { innerValues: false });
  const { status, err } = await cli("eval", file, "--set", "synthetic");
  expect(err).toBe(`error: ${file}: operator "Nonsense" is not supported (node "here")\n`);
  expect(status).toBe(2);
});

test("a run that diverges stops, names the step, and keeps the last good weights", async () => {
  const dir = setting({ "train.yaml": tinyTraining.replace("steps: 20", "learningRate: 1e6, steps: 20") });
  const { status, err, out } = await cli(
    "train",
    join(dir, "train.yaml"),
    "--store",
    join(dir, "store"),
    "--out",
    join(dir, "out"),
    "--quiet",
  );
  expect(status).toBe(1);
  expect(out).toBe("");
  expect(err).toMatch(/^error: train cnn on synthetic: .* (at|after) step \d+ of 20 \(learning rate .*\)\n/);
  const kept = /the last good weights, of step \d+, are in (.*\.safetensors)/.exec(err)?.[1];
  const { tensors } = await readSafetensors(kept!);
  const theta = tensors.get("theta")!.load().data as Float32Array;
  expect(theta.length).toBeGreaterThan(100);
  expect(theta.every(Number.isFinite)).toBe(true);
  expect(existsSync(join(dir, "out"))).toBe(false);
  // The failure is on record, and no finished cell looks like it.
  const listed = JSON.parse(
    (await cli("runs", "list", "--store", join(dir, "store"), "--json")).out,
  ) as Record<string, string[]>;
  expect(listed["cells"]).toEqual([]);
  expect(listed["failed"]).toHaveLength(1);
  const shown = await cli("runs", "show", listed["failed"]![0]!.slice(0, 8), "--store", join(dir, "store"));
  expect(shown.out).toContain(" of 20 (learning rate");
});

test("broken images among good ones are left out and named", async () => {
  const dir = temporaryFolder();
  const { default: sharp } = await import("sharp");
  for (const [c, name] of ["cat", "dog"].entries()) {
    mkdirSync(join(dir, name), { recursive: true });
    for (let i = 0; i < 12; i++) {
      await sharp({
        create: { width: 16, height: 16, channels: 3, background: { r: 100 * c, g: 20 * i, b: 60 } },
      })
        .png()
        .toFile(join(dir, name, `${i}.png`));
    }
  }
  writeFileSync(join(dir, "cat", "0.png"), "no image");
  const { status, out } = await cli("data", "prepare", `folder:${dir}`, "--quiet");
  expect(status).toBe(0);
  expect(out).toContain("cat/0.png: not a PNG, JPEG or WebP image");
});

// Where the system lets nobody mount a disk, src/store/disk-full.test.ts, which fails every single write in turn, must do.
if (mayMount()) {
  test("a full disk ends a study in one sentence; with room the same command goes on", async () => {
    const disk = smallDisk(150);
    const dir = setting({ "study.yaml": tinyStudy });
    const argv = [
      "study",
      join(dir, "study.yaml"),
      "--store",
      join(disk, "store"),
      "--out",
      join(dir, "out"),
      "--quiet",
    ];
    const full = await cli(...argv);
    expect(full.err).toMatch(/^error: .*no space (is )?left.*\n {2}.* run the same command again.*\n$/);
    expect(full.status).toBe(1);
    expect(existsSync(join(dir, "out"))).toBe(false);
    remount(disk, "size=20m");
    const { status, err } = await cli(...argv);
    expect(err).toBe("");
    expect(status).toBe(0);
  });

  test("a read-only store answers what it holds and refuses new work", async () => {
    const disk = smallDisk(20_000);
    const dir = setting({
      "study.yaml": tinyStudy,
      "more.yaml": tinyStudy.replace("seeds: [0]", "seeds: [0, 1]"),
    });
    const argv = (name: string): string[] => [
      "study",
      join(dir, name),
      "--store",
      join(disk, "store"),
      "--out",
      join(dir, "out"),
      "--quiet",
    ];
    expect((await cli(...argv("study.yaml"))).status).toBe(0);
    remount(disk, "ro");
    expect((await cli(...argv("study.yaml"))).status).toBe(0);
    const { status, err } = await cli(...argv("more.yaml"));
    expect(err).toBe(
      `error: store ${disk}/store is read-only: cannot compute cells\n  choose a writable folder with --store\n`,
    );
    expect(status).toBe(1);
  });
}
