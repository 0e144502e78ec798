import { createRequire } from "node:module";
import { availableParallelism, cpus, release } from "node:os";
import { describe } from "../models/describe.ts";
import { buildModel, type ModelSpec } from "../models/model.ts";
import type { ModelIo } from "../models/types.ts";
import type { Store } from "../store/store.node.ts";
import type { RunCost } from "./results.ts";
import type { BasinEnv } from "./sweep.node.ts";

/**
 * What an experiment took, and where.
 * @param begun `performance.now()` at its beginning
 * @param cells addresses of all its finished cells
 * @param computed how many of them this run computed
 */
export async function costOf(
  begun: number,
  cells: readonly string[],
  computed: number,
  { store, jobs, command }: Pick<BasinEnv, "store" | "jobs" | "command">,
): Promise<RunCost> {
  return {
    finished: new Date().toISOString(),
    seconds: (performance.now() - begun) / 1000,
    computeSeconds: await computeSeconds(store, cells),
    cells: { total: cells.length, computed },
    jobs,
    machine: `${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores, ${process.platform} ${release()}`,
    versions: versions(),
    command,
  };
}

/** One line about a network: architecture, options, cost. */
export function modelSentence(spec: ModelSpec, io: ModelIo): string {
  const { multiplyAdds } = describe(buildModel(spec, io));
  const options = Object.entries(spec)
    .filter(([name, value]) => name !== "arch" && !(Array.isArray(value) && value.length === 0))
    .map(([name, value]) => `${name} ${Array.isArray(value) ? value.join("-") : String(value)}`);
  return `${spec.arch} (${options.join(", ")}; ${(multiplyAdds / 1e6).toFixed(1)} M multiply-adds an image)`;
}

async function computeSeconds(store: Store, cells: readonly string[]): Promise<number> {
  const seconds = await Promise.all(
    cells.map(async (address) => Number((await store.get(address)).cost()?.["seconds"] ?? 0)),
  );
  return seconds.reduce((sum, one) => sum + one, 0);
}

function versions(): Record<string, string> {
  const require = createRequire(import.meta.url);
  const { version } = require("onnxruntime-node/package.json") as { version: string };
  return { node: process.versions.node, onnxruntime: version };
}
