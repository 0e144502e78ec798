import { createRequire } from "node:module";
import { availableParallelism, cpus, release } from "node:os";
import type { Address } from "../store/spec.ts";
import type { RunCost } from "./results.ts";
import type { BasinEnv } from "./sweep.node.ts";

/**
 * What an experiment took, to be shown beside its results.
 * @param cells all its cells, finished
 * @param computed how many of them this call computed
 * @param begun `performance.now()` at its start
 */
export async function costOf(
  cells: readonly Address[],
  computed: number,
  begun: number,
  { store, jobs, command }: BasinEnv,
): Promise<RunCost> {
  const all = [...new Set(cells)];
  let computeSeconds = 0;
  for (const address of all) computeSeconds += Number((await store.get(address)).cost()?.["seconds"] ?? 0);
  const require = createRequire(import.meta.url);
  const { version } = require("onnxruntime-node/package.json") as { version: string };
  return {
    finished: new Date().toISOString(),
    seconds: (performance.now() - begun) / 1000,
    computeSeconds,
    cells: { total: all.length, computed },
    jobs,
    machine: `${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores, ${process.platform} ${release()}`,
    versions: { node: process.versions.node, onnxruntime: version },
    command,
  };
}
