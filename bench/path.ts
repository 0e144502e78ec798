/**
 * `npm run bench -- path`: a path of 25 points of a ResNet on 10,000 CIFAR-10-shaped images, against a straightforward
 * PyTorch loop (bench/peers/path.py: load the interpolated state dict, run over all batches) in its fastest memory layout
 * and batch size. Prints seconds and ratios (above 1: Transferscope is faster), one thread against one, two workers
 * against two threads. Options: --depth 20, --norm batch|fixup|layer|group, --points 25, --images 10000, --batch N (ours),
 * --python FILE, --alone (without PyTorch), --frozen (only the head differs between the networks).
 */
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { stream } from "../src/base/random.ts";
import { linePoint } from "../src/landscape/points-of.ts";
import { openPoints } from "../src/landscape/points.ts";
import { rangePoints } from "../src/landscape/range.ts";
import { buildModel, initialise, modelSpecSchema } from "../src/models/model.ts";
import { openRuntime } from "../src/runtime/ort.node.ts";
import type { ImageSource } from "../src/train/evaluate.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const { values } = parseArgs({
  allowPositionals: true,
  options: {
    depth: { type: "string", default: "20" },
    norm: { type: "string", default: "batch" },
    points: { type: "string", default: "25" },
    images: { type: "string", default: "10000" },
    batch: { type: "string" },
    python: { type: "string" },
    alone: { type: "boolean", default: false },
    frozen: { type: "boolean", default: false },
    /** Part of the points this process computes, "i/n": how the bench starts its workers. */
    worker: { type: "string" },
  },
});
const spec = { arch: "resnet", depth: Number(values.depth), norm: values.norm };
const io = { channels: 3, height: 32, width: 32, classes: 10 };
const at = rangePoints({ from: 0, to: 1, count: Number(values.points) });
const count = Number(values.images);

/** Seconds for this process's share of the path: the data are there, sessions are opened inside the measured time. */
async function ours(part: number, of: number): Promise<number> {
  const model = buildModel(modelSpecSchema.parse(spec), io);
  const names = model.parameters.map((info) => info.name);
  const basis = [1, 2].map((seed) => {
    const own = initialise(model.parameters, { init: values.frozen ? 1 : seed, head: seed });
    return Float32Array.from(names.flatMap((name) => [...own.get(name)!]));
  });
  const size = io.channels * io.height * io.width;
  const random = stream(0, "noise");
  const pixels = Float32Array.from({ length: count * size }, () => random.uniform() - 0.5);
  const labels = Int32Array.from({ length: count }, () => random.below(io.classes));
  const images: ImageSource = {
    count,
    labels,
    fill: (into, from, some) => into.set(pixels.subarray(from * size, (from + some) * size)),
  };
  const runtime = await openRuntime();
  const start = performance.now();
  const points = await openPoints(runtime, model.graph, names, {
    basis,
    ...(values.batch === undefined ? {} : { batch: Number(values.batch) }),
  });
  await points.evaluate(at.filter((_, i) => i % of === part).map(linePoint), images);
  const seconds = (performance.now() - start) / 1000;
  await points.release();
  return seconds;
}

/** The same share in a process of its own, as the product's workers are. */
function worker(part: number, of: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [
      fileURLToPath(import.meta.url),
      ...process.argv.slice(2),
      "--worker",
      `${part}/${of}`,
    ]);
    let text = "";
    child.stdout.on("data", (piece: Buffer) => (text += piece.toString()));
    child.stderr.pipe(process.stderr);
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve(Number(text)) : reject(new Error(`a worker ended with status ${code}`)),
    );
  });
}

async function theirs(
  python: string,
  threads: number,
): Promise<{ seconds: number; variant: string; plain: number }> {
  const task = JSON.stringify({
    spec,
    io,
    at,
    images: count,
    frozen: values.frozen,
  });
  const { stdout } = await promisify(execFile)(python, [`${here}peers/path.py`, String(threads), task]);
  return JSON.parse(stdout) as { seconds: number; variant: string; plain: number };
}

async function compare(): Promise<void> {
  const python = values.python ?? process.env["BENCH_PYTHON"] ?? `${here}peers/.venv/bin/python`;
  if (!values.alone && !existsSync(python)) {
    throw new Error(
      `PyTorch is not there (${python}): run bench/peers/setup.sh, or give --python, or --alone`,
    );
  }
  console.log(
    `${cpus()[0]?.model}, ${cpus().length} cores; ResNet-${values.depth} (norm ${values.norm}), ${at.length} points, ${count} images`,
  );
  for (const cores of [1, 2]) {
    const parts = await Promise.all(Array.from({ length: cores }, (_, part) => worker(part, cores)));
    const seconds = Math.max(...parts);
    const line = `${cores} core${cores > 1 ? "s" : ""}: ours ${seconds.toFixed(1)} s`;
    if (values.alone) {
      console.log(line);
      continue;
    }
    const peer = await theirs(python, cores);
    console.log(
      `${line}, PyTorch ${peer.seconds.toFixed(1)} s (${peer.variant}), ratio ${(peer.seconds / seconds).toFixed(2)}; against NCHW in batches of 128, by a short look: ${((peer.plain * peer.seconds) / seconds).toFixed(2)}`,
    );
  }
}

if (values.worker === undefined) {
  try {
    await compare();
  } catch (cause) {
    console.error(cause instanceof Error ? cause.message : String(cause));
    process.exitCode = 1;
  }
} else {
  const [part = 0, of = 1] = values.worker.split("/").map(Number);
  console.log(await ours(part, of));
}
