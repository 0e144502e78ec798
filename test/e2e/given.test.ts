import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readModel } from "../../src/onnx/read.node.ts";
import { writeModel } from "../../src/onnx/write.node.ts";
import { cli } from "../kit/cli.ts";
import { residualNetwork } from "../kit/graphs.ts";
import { temporaryFolder } from "../kit/temporary.ts";

/** A folder with somebody's model of five classes and a file that fine-tunes it; `more` are further lines. */
async function setting(more = ""): Promise<{ dir: string; file: string; store: string; model: string }> {
  const dir = temporaryFolder();
  const [file, model] = [join(dir, "train.yaml"), join(dir, "mine.onnx")];
  await writeModel(residualNetwork(), model);
  writeFileSync(
    file,
    `model: { arch: given }
data: { set: synthetic, trainSize: 64, testSize: 40 }
recipe: { steps: 10, batch: 16, optimizer: adamw, learningRate: 0.003, freeze: [conv1, norm1] }
evaluations: 2
${/^(start:|#)/.test(more) ? "" : `start: ${model}\n`}${more}`,
  );
  return { dir, file, store: join(dir, "store"), model };
}

test("train fine-tunes a model of the user's from its file, and writes one that eval takes", async () => {
  const { dir, file, store } = await setting();
  const planned = await cli("train", file, "--store", store, "--dry-run");
  expect(planned.out).toMatch(/^1 run to compute \([0-9a-f]{10}\): 10 steps/);
  expect(readdirSync(dir)).toEqual(["mine.onnx", "train.yaml"]);

  const out = join(dir, "out");
  const {
    status,
    out: text,
    err,
  } = await cli("train", file, "--store", store, "--out", out, "--json", "--quiet");
  expect(status, err).toBe(0);
  const { run, result } = JSON.parse(text) as {
    run: string;
    result: { accuracy: number; classes: string[] };
  };
  expect(result.classes).toHaveLength(8);
  // The model says the size of its images, and so nobody else has to.
  const graph = await readModel(join(out, "model.onnx"));
  expect(graph.inputs[0]!.shape).toEqual(["N", 3, 8, 8]);
  for (const name of [run, join(out, "model.onnx")]) {
    const measured = await cli("eval", name, "--store", store, "--json", "--quiet");
    expect(JSON.parse(measured.out)).toMatchObject({ accuracy: result.accuracy, images: 40 });
  }
  expect((await cli("train", file, "--store", store, "--dry-run")).out).toMatch(/^already done: run/);
  expect((await cli("runs", "show", run, "--store", store)).status).toBe(0);

  writeFileSync(
    file,
    readFileSync(file, "utf8").replace(/start: .*/, `start: ${run.slice(0, 12)}\nhead: kept`),
  );
  const second = await cli("train", file, "--store", store, "--json", "--quiet");
  expect(second.status, second.err).toBe(0);
});

test.each<[string, string, RegExp]>([
  ["no start", "# none\n", /arch: given trains the network of start, and there is no start/],
  ["a file that is not there", "start: other.onnx\n", /start: there is no file "other.onnx"/],
  ["a file of another kind", `start: ${import.meta.filename}\n`, /start: .*given.test.ts is no .onnx file/],
  ["no such run", "start: abcdef\n", /abcdef|no store/],
  [
    "a kept head of other classes",
    "head: kept\n",
    /tells 5 classes apart, synthetic has 8: its head cannot be kept/,
  ],
])("train refuses a given network: %s", async (_, more, message) => {
  const { file, store, dir } = await setting(more);
  const { status, err } = await cli("train", file, "--store", store, "--quiet");
  expect(status).not.toBe(0);
  expect(err).toMatch(message);
  expect(readdirSync(dir)).toEqual(["mine.onnx", "train.yaml"]);
});

test("train refuses a given network of other sizes, and modules it has not", async () => {
  const { file, store } = await setting();
  const text = readFileSync(file, "utf8");
  for (const [from, to, message] of [
    [
      "testSize: 40",
      "testSize: 40, height: 16, width: 16",
      /takes images of 3×8×8, those of synthetic are 3×16×16/,
    ],
    ["norm1", "stage7", /no module is called "stage7"/],
  ] as const) {
    writeFileSync(file, text.replace(from, to));
    const { status, err } = await cli("train", file, "--store", store, "--quiet");
    expect(status).not.toBe(0);
    expect(err).toMatch(message);
  }
});
