import { resourceUsage } from "node:process";
import { join } from "node:path";
import type { Json } from "../base/canonical.ts";
import { ScopeError } from "../base/error.ts";
import type { Attempt } from "../store/attempt.node.ts";
import type { Cell } from "../store/cell.node.ts";
import { ioError, systemCode, writeWhole } from "../store/disk.node.ts";
import { checkSpec, shortAddress } from "../store/spec.ts";
import type { CellSpec } from "../store/spec.ts";
import type { Store } from "../store/store.node.ts";
import type { CellContext, CellKinds, CellProgress } from "./kind.ts";
import { MetricsFile } from "./metrics.node.ts";

/** What became of a cell that `runCell` was given. */
export type CellEnd =
  /** It is finished. `fresh`: computed now, rather than found finished. Seconds are of all attempts together. */
  | { readonly state: "finished"; readonly fresh: boolean; readonly seconds: number }
  /** Another process works on it. */
  | { readonly state: "busy"; readonly by: string }
  /** It was stopped on request, and its files kept. */
  | { readonly state: "released" };

/** How `runCell` runs a cell. */
export interface RunCellOptions {
  readonly store: Store;
  readonly kinds: CellKinds;
  readonly signal: AbortSignal;
  readonly device?: string;
  readonly onProgress?: (progress: CellProgress) => void;
}

/**
 * Computes one cell from its spec and the store alone, and publishes it. This is all that a worker does, on whatever
 * machine, under whichever executor.
 * @throws {ScopeError} why it failed, after the reason was recorded in the store and the cell given back
 */
export async function runCell(spec: CellSpec, options: RunCellOptions): Promise<CellEnd> {
  const { store, kinds, signal } = options;
  checkSpec(spec, kinds, "cell spec");
  if (signal.aborted) return { state: "released" };
  const begun = await store.begin(spec);
  if (begun.state === "done") return { state: "finished", fresh: false, seconds: secondsOf(begun.cell) };
  if (begun.state === "busy") return { state: "busy", by: String(begun.by) };

  const { attempt } = begun;
  const name = `cell ${shortAddress(attempt.address)} (${spec.kind})`;
  let metrics: MetricsFile | undefined;
  try {
    metrics = new MetricsFile(join(attempt.dir, "metrics.jsonl"));
    const context = await contextOf(attempt, metrics, options);
    const result = await kinds[spec.kind]!.run(context);
    metrics.finish();
    const cell = await attempt.publish(result, { peakBytes: resourceUsage().maxRSS * 1024 });
    return { state: "finished", fresh: true, seconds: secondsOf(cell) };
  } catch (error) {
    metrics?.close();
    if (attempt.lost.aborted && (await store.has(attempt.address))) {
      await attempt.release();
      return { state: "finished", fresh: false, seconds: attempt.seconds() };
    }
    if (isStop(error, signal)) {
      await attempt.release();
      return { state: "released" };
    }
    const failure = asScopeError(attempt.lost.aborted ? attempt.lost.reason : error, name);
    const { fault, message, hint } = failure;
    // On a full disk the reason can't be recorded either; the error itself still reaches whoever asked for the cell.
    await attempt.fail({ fault, message, hint, detail: stackOf(failure) }).catch(() => undefined);
    throw failure;
  }
}

async function contextOf(
  attempt: Attempt,
  metrics: MetricsFile,
  options: RunCellOptions,
): Promise<CellContext> {
  const { spec } = attempt;
  const inputs = new Map<string, Cell>();
  for (const [name, address] of Object.entries(spec.inputs))
    inputs.set(name, await options.store.get(address));
  return {
    spec,
    params: spec.params,
    dir: attempt.dir,
    resumed: attempt.resumed,
    input(name) {
      const cell = inputs.get(name);
      if (!cell)
        throw new ScopeError(
          "bug",
          `internal: cell kind "${spec.kind}" asks for input "${name}", which its spec lacks`,
        );
      return cell;
    },
    metrics,
    async write(name, bytes) {
      metrics.sync();
      try {
        await writeWhole(join(attempt.dir, name), bytes);
      } catch (error) {
        throw ioError(error, `cannot write ${join(attempt.dir, name)}`);
      }
    },
    progress: (progress) => options.onProgress?.(progress),
    signal: AbortSignal.any([options.signal, attempt.lost]),
    device: options.device ?? "cpu",
  };
}

/** Did the cell end because it was told to? Any error counts that an abort is known to cause. */
function isStop(error: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted) return false;
  if (error === signal.reason) return true;
  if (error instanceof ScopeError) return error.fault === "cancelled";
  return error instanceof Error && error.name === "AbortError";
}

/** Any thrown value as the one error class: file errors become io, everything unforeseen becomes bug. */
function asScopeError(error: unknown, name: string): ScopeError {
  if (error instanceof ScopeError) return error;
  if (systemCode(error) !== undefined) return ioError(error, name);
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new ScopeError("bug", `${name} ended with ${message}`, { cause: error });
}

/** The stacks of an error and its causes. */
function stackOf(error: unknown): string {
  const parts: string[] = [];
  for (let at = error; at instanceof Error && parts.length < 5; at = at.cause)
    parts.push(at.stack ?? at.message);
  return parts.join("\ncaused by ");
}

function secondsOf(cell: Cell): number {
  const seconds: Json | undefined = cell.cost()?.["seconds"];
  return typeof seconds === "number" ? seconds : 0;
}
