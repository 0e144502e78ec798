/**
 * `node bench/align.ts`: weight matching of two networks of ResNet-50's shape, and assignments of 2,048 rows, against the
 * same on NumPy and SciPy (bench/peers/weight_matching.py), with the same weights and the same number of threads, each
 * in a process of its own, in turns. Prints seconds, objectives and ratios (above 1: Transferscope is faster).
 * Options: --threads 1,2 · --rounds 2 · --python PATH (or BENCH_PYTHON; needs numpy, scipy and safetensors).
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { assign } from "../src/align/assign.ts";
import { matchWeights } from "../src/align/weights.ts";
import { stream } from "../src/base/random.ts";
import { Builder } from "../src/graph/builder.ts";
import { constant, type Graph } from "../src/graph/graph.ts";
import { modules } from "../src/graph/modules.ts";
import { openRuntime } from "../src/runtime/ort.node.ts";
import { readSafetensors } from "../src/safetensors/read.node.ts";
import { writeSafetensors } from "../src/safetensors/write.node.ts";
import { randomPermutations } from "../src/symmetry/permutations.ts";
import { permute } from "../src/symmetry/permute.ts";
import { symmetries } from "../src/symmetry/symmetries.ts";
import { float32, sizeOf, type Tensor } from "../src/tensor/tensor.ts";

const run = promisify(execFile);
const here = fileURLToPath(new URL(".", import.meta.url));

/** torchvision's ResNet-50, random weights: He's for convolutions, scales about 1 and shifts about 0 for norms. */
function resnet50(seed: number): Graph {
  const g = new Builder(17);
  const parameter = (name: string, shape: readonly number[], of: (normal: number) => number): string => {
    const random = stream(seed, "init", name);
    const data = new Float32Array(sizeOf(shape));
    for (let i = 0; i < data.length; i++) data[i] = of(random.normal());
    return g.parameter(constant(name, float32(shape, data)));
  };
  const conv = (
    name: string,
    bn: string,
    x: string,
    from: number,
    to: number,
    k: number,
    stride = 1,
  ): string => {
    const scale = Math.sqrt(2 / (from * k * k));
    const weight = parameter(`${name}.weight`, [to, from, k, k], (z) => scale * z);
    const p = k >> 1;
    const y = g.op("Conv", [x, weight], {
      kernel_shape: [k, k],
      strides: [stride, stride],
      pads: [p, p, p, p],
    });
    return g.op("BatchNormalization", [
      y,
      parameter(`${bn}.weight`, [to], (z) => 1 + 0.2 * z),
      parameter(`${bn}.bias`, [to], (z) => 0.2 * z),
      parameter(`${bn}.running_mean`, [to], (z) => z),
      parameter(`${bn}.running_var`, [to], (z) => 1 + z * z),
    ]);
  };
  let y = g.input("x", "float32", ["N", 3, 224, 224]);
  y = g.op("Relu", [conv("conv1", "bn1", y, 3, 64, 7, 2)]);
  y = g.op("MaxPool", [y], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  let from = 64;
  [3, 4, 6, 3].forEach((blocks, stage) => {
    const width = 64 << stage;
    for (let block = 0; block < blocks; block++) {
      const name = `layer${stage + 1}.${block}`;
      const stride = stage > 0 && block === 0 ? 2 : 1;
      let z = g.op("Relu", [conv(`${name}.conv1`, `${name}.bn1`, y, from, width, 1)]);
      z = g.op("Relu", [conv(`${name}.conv2`, `${name}.bn2`, z, width, width, 3, stride)]);
      z = conv(`${name}.conv3`, `${name}.bn3`, z, width, 4 * width, 1);
      if (block === 0)
        y = conv(`${name}.downsample.0`, `${name}.downsample.1`, y, from, 4 * width, 1, stride);
      y = g.op("Relu", [g.plus(y, z)]);
      from = 4 * width;
    }
  });
  y = g.op("Flatten", [g.op("GlobalAveragePool", [y])], { axis: 1 });
  const bound = Math.sqrt(1 / from);
  const weight = parameter("fc.weight", [1000, from], (z) => bound * z);
  g.output(g.op("Gemm", [y, weight, parameter("fc.bias", [1000], (z) => bound * z)], { transB: 1 }));
  return g.finish("ResNet-50");
}

type Weights = Map<string, Tensor>;
const weightsOf = (graph: Graph, names: readonly string[]): Weights =>
  new Map(names.map((name) => [name, graph.initializers.get(name)!.load()]));

/** Weights plus noise of half their own spread. */
function blurred(weights: ReadonlyMap<string, Tensor>): Weights {
  return new Map(
    [...weights].map(([name, { shape, data }]) => {
      const random = stream(9, "noise", name);
      let squares = 0;
      for (const value of data) squares += Number(value) ** 2;
      const size = 0.5 * Math.sqrt(squares / data.length);
      return [
        name,
        float32(
          shape,
          (data as Float32Array).map((value) => value + size * random.normal()),
        ),
      ];
    }),
  );
}

/** The square matrices of the assignment bench: noise, a planted order under noise, and correlations of low rank. */
function scores(n: number): Weights {
  const random = stream(4, "noise", "scores");
  const normal = (length: number): Float32Array => Float32Array.from({ length }, () => random.normal());
  const planted = normal(n * n);
  random.permutation(n).forEach((j, i) => (planted[i * n + j]! += 4));
  const low = (rank: number): Float32Array => {
    const [left, right] = [normal(n * rank), normal(n * rank)];
    const out = new Float32Array(n * n);
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < rank; k++) {
        const value = left[i * rank + k]!;
        for (let j = 0; j < n; j++) out[i * n + j]! += value * right[j * rank + k]!;
      }
    }
    return out;
  };
  const all = { noise: normal(n * n), planted, "rank 8": low(8), "rank 64": low(64), "rank 512": low(512) };
  return new Map(Object.entries(all).map(([name, data]) => [name, float32([n, n], data)]));
}

/** Wall and processor time from now on, s: on a busy machine the second says more. */
function clock(): () => { seconds: number; cpu: number } {
  const start = performance.now();
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return { seconds: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 };
  };
}

/** What the other process prints: one measurement, as JSON. */
async function ours(what: string, path: string, threads: number): Promise<unknown> {
  const { tensors } = await readSafetensors(path);
  const load = (prefix: string): Weights =>
    new Map(
      [...tensors]
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, lazy]) => [name.slice(prefix.length), lazy.load()]),
    );
  if (what === "assign") {
    return Object.fromEntries(
      [...load("")].map(([name, { shape, data }]) => {
        const stop = clock();
        const { total } = assign(data as Float32Array, shape[0]!);
        return [name, { ...stop(), total }];
      }),
    );
  }
  const symmetry = symmetries(resnet50(1));
  const [a, b] = [load("a."), load("b.")];
  const runtime = await openRuntime("cpu", { threads });
  const stop = clock();
  const found = await matchWeights(runtime, symmetry, a, b, { seed: 0, parameters: [...a.keys()] });
  return { ...stop(), objective: found.objective.at(-1), sweeps: found.sweeps };
}

interface Measured {
  readonly seconds: number;
  readonly cpu: number;
  readonly objective: number;
  readonly sweeps: number;
}

async function compare(python: string, threadCounts: readonly number[], rounds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "transferscope-bench-"));
  const measure = async (
    side: "ours" | "theirs",
    what: string,
    path: string,
    threads: number,
  ): Promise<string> => {
    const count = String(threads);
    const env = {
      ...process.env,
      OPENBLAS_NUM_THREADS: count,
      OMP_NUM_THREADS: count,
      MKL_NUM_THREADS: count,
    };
    const args =
      side === "ours"
        ? [fileURLToPath(import.meta.url), "--measure", what, "--file", path, "--threads", count]
        : [`${here}peers/weight_matching.py`, what, path, "0"];
    const { stdout } = await run(side === "ours" ? process.execPath : python, args, {
      env,
      maxBuffer: 1 << 26,
    });
    return stdout;
  };
  try {
    console.log(
      `${cpus()[0]?.model ?? "unknown processor"}, ${cpus().length} cores, Node ${process.version}`,
    );
    const graph = resnet50(1);
    const symmetry = symmetries(graph);
    const names = modules(graph, "layer")
      .flatMap((layer) => layer.parameters)
      .filter((name) => symmetry.tensors.has(name));
    const axes = Object.fromEntries(
      names.map((name) => [name, symmetry.tensors.get(name)!.map((axis) => axis[0]?.[0]?.space ?? null)]),
    );
    const a = weightsOf(graph, names);
    const pairs = {
      "copy in another order, with noise": blurred(permute(symmetry, randomPermutations(symmetry, 7), a)),
      "independent network": weightsOf(resnet50(2), names),
    };
    for (const [name, b] of Object.entries(pairs)) {
      const path = join(folder, "pair.safetensors");
      const both = [
        ...[...a].map(([k, t]) => [`a.${k}`, t] as const),
        ...[...b].map(([k, t]) => [`b.${k}`, t] as const),
      ];
      await writeSafetensors(path, both, { axes: JSON.stringify(axes) }, { overwrite: true });
      for (const threads of threadCounts) {
        const times: { ours: Measured[]; theirs: Measured[] } = { ours: [], theirs: [] };
        for (let round = 0; round < rounds; round++) {
          for (const side of ["ours", "theirs"] as const)
            times[side].push(JSON.parse(await measure(side, "match", path, threads)) as Measured);
        }
        const [mine, other] = [fastest(times.ours), fastest(times.theirs)];
        console.log(
          `ResNet-50 against ${name}, ${threads} thread${threads > 1 ? "s" : ""}: ${seconds(mine.seconds)} (${mine.sweeps} sweeps, objective ${mine.objective.toFixed(2)}); ` +
            `NumPy and SciPy ${seconds(other.seconds)} (${other.sweeps} sweeps, objective ${other.objective.toFixed(2)}); ${ratios(mine, other)}`,
        );
      }
    }
    const path = join(folder, "scores.safetensors");
    await writeSafetensors(path, scores(2048), {}, { overwrite: true });
    type Totals = Record<string, { seconds: number; cpu: number; total: number }>;
    const [mine, other] = [
      JSON.parse(await measure("ours", "assign", path, 1)) as Totals,
      JSON.parse(await measure("theirs", "assign", path, 1)) as Totals,
    ];
    for (const [name, { seconds: time, total }] of Object.entries(mine)) {
      const peer = other[name]!;
      console.log(
        `assignment of 2048, ${name}: ${seconds(time)} (total ${total.toFixed(3)}); SciPy ${seconds(peer.seconds)} (total ${peer.total.toFixed(3)}); ${ratios(mine[name]!, peer)}`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Times {
  readonly seconds: number;
  readonly cpu: number;
}

function ratios(mine: Times, other: Times): string {
  const [wall, cpu] = [other.seconds / mine.seconds, other.cpu / mine.cpu];
  return `ratio ${wall.toFixed(2)} (processor time ${mine.cpu.toFixed(2)} and ${other.cpu.toFixed(2)} s: ${cpu.toFixed(2)})`;
}

function fastest(all: readonly Measured[]): Measured {
  return all.toSorted((one, other) => one.seconds - other.seconds)[0]!;
}

function seconds(value: number): string {
  return `${value.toFixed(2)} s`;
}

const { values } = parseArgs({
  options: {
    threads: { type: "string", default: "1" },
    rounds: { type: "string", default: "2" },
    python: { type: "string" },
    measure: { type: "string" },
    file: { type: "string" },
  },
});
if (values.measure !== undefined) {
  console.log(JSON.stringify(await ours(values.measure, values.file!, Number(values.threads))));
} else {
  const python = values.python ?? process.env["BENCH_PYTHON"] ?? `${here}peers/.venv/bin/python`;
  await compare(python, values.threads.split(",").map(Number), Number(values.rounds));
}
