/**
 * `npm run bench`: Transferscope against PyTorch on this machine, in one run: training and evaluation, one thread each,
 * and two workers against PyTorch with two threads. Prints ratios (above 1: Transferscope is faster) and writes
 * bench/out.json. Options: --seconds N (budget for each measurement, default 4), --only NAME.
 * `npm run bench -- path …` measures a path through weight space instead: see path.ts; `npm run bench -- criticality …`
 * the maps of all modules of a network: see criticality.ts.
 */
import { execFile } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parseArgs } from "node:util";
import { describe } from "../src/models/describe.ts";
import { buildModel, modelSpecSchema } from "../src/models/model.ts";
import type { ModelIo } from "../src/models/types.ts";

if (process.argv[2] === "path") {
  await import("./path.ts");
  process.exit();
}
if (process.argv[2] === "criticality") {
  await import("./criticality.ts");
  process.exit();
}

const run = promisify(execFile);
const here = fileURLToPath(new URL(".", import.meta.url));
const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "4" },
    only: { type: "string" },
    python: { type: "string" },
  },
});
const seconds = Number(values.seconds);
const python = values.python ?? process.env["BENCH_PYTHON"] ?? `${here}peers/.venv/bin/python`;

interface Case {
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly io: ModelIo;
  readonly batch: number;
}
const mnist: ModelIo = { channels: 1, height: 28, width: 28, classes: 10 };
const cifar: ModelIo = { channels: 3, height: 32, width: 32, classes: 10 };
const cases: readonly Case[] = [
  { name: "mlp", spec: { arch: "mlp", hidden: [128] }, io: mnist, batch: 32 },
  { name: "cnn", spec: { arch: "cnn" }, io: cifar, batch: 32 },
  { name: "cnn", spec: { arch: "cnn" }, io: cifar, batch: 128 },
  { name: "resnet-20", spec: { arch: "resnet", depth: 20 }, io: cifar, batch: 32 },
  { name: "resnet-20", spec: { arch: "resnet", depth: 20 }, io: cifar, batch: 128 },
  { name: "resnet-20 bn", spec: { arch: "resnet", depth: 20, norm: "batch" }, io: cifar, batch: 32 },
  { name: "vit", spec: { arch: "vit" }, io: cifar, batch: 32 },
].filter((one) => values.only === undefined || one.name === values.only);

if (!existsSync(python)) {
  console.error(
    `PyTorch is not there (${python}): run bench/peers/setup.sh, which makes a virtual environment and installs it`,
  );
  process.exit(2);
}

async function ours(what: string, one?: Case): Promise<Record<string, number>> {
  const { stdout } = await run(process.execPath, [
    `${here}ours.ts`,
    what,
    String(seconds),
    JSON.stringify(one ?? {}),
  ]);
  return JSON.parse(stdout) as Record<string, number>;
}

/** PyTorch's best of its variants: images per second. */
async function theirs(what: string, one: Case, threads: number): Promise<number> {
  const { stdout } = await run(
    python,
    [
      `${here}peers/bench_${what}.py`,
      "--threads",
      String(threads),
      "--seconds",
      String(seconds),
      "--cases",
      JSON.stringify([one]),
    ],
    { maxBuffer: 1e8 },
  );
  const document = JSON.parse(stdout) as { cases: { imagesPerSecond: number }[] };
  return document.cases[0]!.imagesPerSecond;
}

interface Row {
  readonly name: string;
  readonly batch: number;
  readonly what: string;
  readonly ours: number;
  readonly theirs: number;
  readonly ratio: number;
  readonly gflops: number;
  readonly two?: {
    readonly ours: number;
    readonly theirs: number;
    readonly scaling: number;
    readonly ratio: number;
  };
}

const yardstick = (await ours("matmul"))["gflops"]!;
console.log(
  `${cpus()[0]?.model}, ${cpus().length} cores; plain 1024×1024 MatMul, one thread: ${yardstick.toFixed(0)} GFLOP/s`,
);
console.log(
  "images/s, one thread each; ratio above 1: Transferscope is faster; two: 2 workers against PyTorch with 2 threads\n",
);
console.log(
  [
    "network",
    "batch",
    "what",
    "ours",
    "PyTorch",
    "ratio",
    "GFLOP/s",
    "of MatMul",
    "two ours",
    "two PyTorch",
    "scaling",
    "ratio",
  ].join("\t"),
);
const rows: Row[] = [];
for (const one of cases) {
  const macs = describe(buildModel(modelSpecSchema.parse(one.spec), one.io)).multiplyAdds;
  for (const what of ["train", "eval"]) {
    const rate = (time: Record<string, number>): number => one.batch / time["median"]!;
    const single = rate(await ours(what, one));
    const peer = await theirs(what, one, 1);
    const pair = await Promise.all([ours(what, one), ours(what, one)]);
    const two = pair.map(rate).reduce((a, b) => a + b, 0);
    const peerTwo = await theirs(what, one, 2);
    // A training step is about three passes: forward, gradient of the images, gradient of the weights.
    const gflops = (single * macs * 2 * (what === "train" ? 3 : 1)) / 1e9;
    const row: Row = {
      name: one.name,
      batch: one.batch,
      what,
      ours: single,
      theirs: peer,
      ratio: single / peer,
      gflops,
      two: { ours: two, theirs: peerTwo, scaling: two / single, ratio: two / peerTwo },
    };
    rows.push(row);
    console.log(
      [
        row.name,
        row.batch,
        what,
        single.toFixed(0),
        peer.toFixed(0),
        row.ratio.toFixed(2),
        gflops.toFixed(0),
        `${((100 * gflops) / yardstick).toFixed(0)} %`,
        two.toFixed(0),
        peerTwo.toFixed(0),
        (two / single).toFixed(2),
        (two / peerTwo).toFixed(2),
      ].join("\t"),
    );
  }
}
writeFileSync(
  `${here}out.json`,
  `${JSON.stringify({ date: new Date().toISOString(), machine: cpus()[0]?.model, node: process.versions.node, seconds, matmulGflops: yardstick, rows }, null, 2)}\n`,
);
