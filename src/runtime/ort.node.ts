import { createRequire } from "node:module";
import * as ort from "onnxruntime-node";
import { ScopeError } from "../base/error.ts";
import { Builder } from "../graph/builder.ts";
import { blockedDomain } from "../graph/blocked.ts";
import type { Graph } from "../graph/graph.ts";
import { encodeModel } from "../onnx/encode.ts";
import type { Tensor, TypedArray } from "../tensor/tensor.ts";
import type { Device, Runtime, Session } from "./session.ts";

const require = createRequire(import.meta.url);

/**
 * ONNX Runtime on this machine, one thread per process: throughput comes from many models side by side.
 * @throws {ScopeError} usage, when the installed build or the machine has no such device
 */
export async function openRuntime(
  device: Device = "cpu",
  options: { threads?: number } = {},
): Promise<Runtime> {
  const known = ort.listSupportedBackends?.().map((backend) => backend.name) ?? ["cpu"];
  if (device !== "cpu" && !known.includes(device)) {
    throw new ScopeError("usage", `this installation of ONNX Runtime knows no device "${device}"`, {
      hint: `it knows: ${known.join(", ")}`,
    });
  }
  const settings: ort.InferenceSession.SessionOptions = {
    executionProviders: device === "cpu" ? ["cpu"] : [device, "cpu"],
    intraOpNumThreads: options.threads ?? 1,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    logSeverityLevel: 3,
    // ONNX Runtime 1.30 moves a Pad by zeros into the pads of a MaxPool, which stand for −∞: wrong for negative numbers.
    extra: { optimization: { disable_specified_optimizers: "Pad_Fusion" } },
  };
  if (device !== "cpu") await probeDevice(device, settings);
  const { version } = require("onnxruntime-node/package.json") as { version: string };
  const block = device === "cpu" ? await probeBlock(settings) : 1;
  return {
    device,
    versions: { onnxruntime: version },
    block,
    session: (graph) => open(graph, settings),
  };
}

async function open(graph: Graph, settings: ort.InferenceSession.SessionOptions): Promise<Session> {
  const inner = await create(encodeModel(graph), graph.name, settings);
  const where = graph.name;
  return {
    inputs: inner.inputNames,
    outputs: inner.outputNames,
    async run(feeds) {
      const results = await attempt(where, () => inner.run(wrapAll(feeds)));
      return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, unwrap(value)]));
    },
    bind(feeds, outputs) {
      const wrapped = wrapAll(feeds);
      const fetches = wrapAll(outputs);
      return {
        async run() {
          await attempt(where, () => inner.run(wrapped, fetches));
        },
      };
    },
    release: () => inner.release(),
  };
}

async function create(
  model: Uint8Array,
  name: string,
  settings: ort.InferenceSession.SessionOptions,
): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(model, settings);
  } catch (cause) {
    throw new ScopeError("runtime", `ONNX Runtime refused the graph "${name}": ${firstLine(cause)}`, {
      cause,
    });
  }
}

async function attempt<T>(where: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new ScopeError("runtime", `ONNX Runtime failed while running "${where}": ${firstLine(cause)}`, {
      cause,
    });
  }
}

function firstLine(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split("\n")[0]!;
}

function wrapAll(tensors: Readonly<Record<string, Tensor>>): Record<string, ort.Tensor> {
  return Object.fromEntries(Object.entries(tensors).map(([name, value]) => [name, wrap(value)]));
}

function wrap(value: Tensor): ort.Tensor {
  // ort-common's constructor is typed per element type; the pairing of dtype and data was checked by `tensor`.
  return new ort.Tensor(value.dtype as "float32", value.data as Float32Array, value.shape);
}

function unwrap(value: ort.Tensor): Tensor {
  return { dtype: value.type as Tensor["dtype"], shape: value.dims, data: value.data as TypedArray };
}

/**
 * Opens an empty session on a device: builds list devices whose libraries or drivers the machine lacks.
 * @throws {ScopeError} usage, with ONNX Runtime's reason
 */
async function probeDevice(device: Device, settings: ort.InferenceSession.SessionOptions): Promise<void> {
  const g = new Builder(17);
  g.output(g.op("Identity", [g.input("x", "float32", [1])]));
  try {
    const session = await ort.InferenceSession.create(encodeModel(g.finish("device probe")), settings);
    await session.release();
  } catch (cause) {
    throw new ScopeError("usage", `this machine cannot run models on "${device}": ${firstLine(cause)}`, {
      hint: "leave out --device to use the processor",
      cause,
    });
  }
}

let probed: Promise<number> | undefined;

/**
 * How many channels this processor's blocked convolutions take at a time, found by looking at what ReorderInput does to
 * the numbers 0 … 127 laid out as 64 channels of two pixels: the distance between the pixels of channel 0. 1 when the
 * operators are missing.
 */
function probeBlock(settings: ort.InferenceSession.SessionOptions): Promise<number> {
  probed ??= (async () => {
    const g = new Builder(17);
    const shape = [1, 64, 1, 2];
    g.output(g.op("ReorderInput", [g.input("x", "float32", shape)], {}, { domain: blockedDomain }));
    try {
      const session = await ort.InferenceSession.create(encodeModel(g.finish("block probe")), settings);
      const { [session.outputNames[0]!]: y } = await session.run({
        x: new ort.Tensor(
          "float32",
          Float32Array.from({ length: 128 }, (_, i) => i),
          shape,
        ),
      });
      const place = (y!.data as Float32Array).indexOf(1);
      await session.release();
      return place > 1 ? place : 1;
    } catch {
      return 1;
    }
  })();
  return probed;
}
