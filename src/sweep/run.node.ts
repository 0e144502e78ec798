import { ScopeError } from "../base/error.ts";
import type { Fault } from "../base/error.ts";
import { isStoreWide } from "../store/disk.node.ts";
import { shortAddress } from "../store/spec.ts";
import type { Address, CellSpec } from "../store/spec.ts";
import type { Store } from "../store/store.node.ts";
import type { SweepEvent } from "./event.ts";
import { sweepGraph } from "./graph.ts";
import type { GraphOptions, SweepCell, SweepGraph } from "./graph.ts";
import { fromErrorText } from "./message.ts";
import type { ErrorText, FromWorker } from "./message.ts";
import type { Outcome } from "./outcome.ts";
import { WorkerProcess } from "./process.node.ts";
import type { WorkerEnd } from "./process.node.ts";
import { Schedule } from "./schedule.ts";

/** How a sweep is run. */
export interface RunOptions extends GraphOptions {
  readonly store: Store;
  /** Number of worker processes. */
  readonly workers: number;
  /** The worker's entry module, which calls `serveWorker`. See `moduleBeside`. */
  readonly workerUrl: URL;
  /** Where models run, passed on to the cells: "cpu". */
  readonly device?: string | undefined;
  /** How often a cell is tried again after its worker crashed, or after a fault that may pass. Default 1. */
  readonly retries?: number | undefined;
  /** Aborted: workers write a checkpoint and stop. */
  readonly signal?: AbortSignal | undefined;
  /** Aborted: workers are killed. Nothing finished is lost. */
  readonly kill?: AbortSignal | undefined;
  /** How long workers may take to stop before they are ended by force, ms. Default 20,000. */
  readonly graceMs?: number | undefined;
  /** How often a cell that another process works on is looked at, ms. Default 500. */
  readonly pollMs?: number | undefined;
  /** Node's own options for worker processes, for example --max-old-space-size. */
  readonly execArgv?: readonly string[] | undefined;
  readonly onEvent?: ((event: SweepEvent) => void) | undefined;
}

/** The cells of a sweep, and those outside that it takes inputs from, which are finished in this store. */
export async function doneIn(store: Store, graph: SweepGraph): Promise<Set<Address>> {
  const done = new Set<Address>();
  for (const address of [...graph.cells.keys(), ...graph.outside])
    if (await store.has(address)) done.add(address);
  return done;
}

/**
 * Computes the cells of a sweep that the store lacks, in worker processes, and returns when nothing more can be done.
 * Cells are independent of the order they are given in, of the number of workers, and of what else uses the store. A
 * failed cell costs itself and those that need it: see `Outcome`, and `requireComplete`.
 * @throws {ScopeError} usage, when an input is neither in the sweep nor in the store; io, when the store can't be written
 *   to or is full; runtime, when workers can't be started; format, unsupported: as `checkSpec`
 */
export async function runGraph(specs: readonly CellSpec[], options: RunOptions): Promise<Outcome> {
  const { workers, store } = options;
  if (!Number.isSafeInteger(workers) || workers < 1) {
    throw new ScopeError("usage", `the number of workers expected a whole number from 1, got ${workers}`, {
      hint: "mend --jobs",
    });
  }
  const begun = Date.now();
  const graph = sweepGraph(specs, options);
  const done = await doneIn(store, graph);
  for (const cell of graph.cells.values()) {
    const lacking = done.has(cell.address)
      ? undefined
      : cell.inputs.find((input) => !done.has(input) && !graph.cells.has(input));
    if (lacking !== undefined) {
      throw new ScopeError(
        "usage",
        `${cell.label}: its input ${shortAddress(lacking)} is neither in store ${store.path} nor among the cells to compute`,
      );
    }
  }
  const run = new Run(graph, done, options, begun);
  return await run.finish();
}

/** Faults that may pass: worth another try. The others are the same the second time. */
function mayPass({ fault, code }: ErrorText): boolean {
  return (fault === "io" && !isStoreWide(code)) || fault === "runtime";
}

class Run {
  readonly #graph: SweepGraph;
  readonly #options: RunOptions;
  readonly #store: Store;
  readonly #schedule: Schedule;
  readonly #done: number;
  /** When the sweep was asked for, ms since 1970. */
  readonly #begun: number;
  readonly #slots: (WorkerProcess | undefined)[];
  /** How often each cell was tried in this run. */
  readonly #attempts = new Map<Address, number>();
  /** Cells another process works on. */
  readonly #elsewhere = new Map<Address, SweepCell>();
  readonly #failed: Outcome["failed"][number][] = [];
  readonly #blocked: Outcome["blocked"][number][] = [];
  readonly #settled = Promise.withResolvers<void>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #finishedHere = 0;
  #finishedElsewhere = 0;
  /** Worker processes that ended before they were ready, in a row. */
  #stillborn = 0;
  /** Answers still being worked out: the run isn't over before. */
  #pending = 0;
  #polling = false;
  #stopping = false;
  #cancelled = false;
  #fatal: ScopeError | undefined;

  constructor(graph: SweepGraph, done: ReadonlySet<Address>, options: RunOptions, begun: number) {
    this.#graph = graph;
    this.#begun = begun;
    this.#options = options;
    this.#store = options.store;
    this.#schedule = new Schedule(graph, done);
    const missing = [...graph.cells.values()].filter((cell) => !done.has(cell.address));
    this.#done = graph.cells.size - missing.length;
    this.#slots = Array.from({ length: Math.min(options.workers, missing.length) });
    this.#emit({
      type: "planned",
      at: Date.now(),
      total: graph.cells.size,
      done: this.#done,
      workers: options.workers,
      missing: missing.map(({ address, spec, seconds }) => ({ address, kind: spec.kind, seconds })),
    });
  }

  async finish(): Promise<Outcome> {
    const { signal, kill } = this.#options;
    const stop = (): void => this.#stop(true);
    const end = (): void => this.#killAll();
    if (this.#slots.length > 0) {
      this.#store.requireWritable(`compute ${this.#slots.length === 1 ? "a cell" : "cells"}`);
      await this.#store.tidy();
      signal?.addEventListener("abort", stop);
      kill?.addEventListener("abort", end);
      const poll = setInterval(() => void this.#poll(), this.#options.pollMs ?? 500);
      try {
        if (signal?.aborted || kill?.aborted) stop();
        this.#pump();
        await this.#settled.promise;
      } finally {
        clearInterval(poll);
        for (const timer of this.#timers) clearTimeout(timer);
        signal?.removeEventListener("abort", stop);
        kill?.removeEventListener("abort", end);
      }
    }
    if (this.#fatal) throw this.#fatal;
    const byIndex = (a: { address: Address }, b: { address: Address }): number =>
      this.#graph.cells.get(a.address)!.index - this.#graph.cells.get(b.address)!.index;
    return {
      total: this.#graph.cells.size,
      done: this.#done,
      finished: this.#finishedHere,
      elsewhere: this.#finishedElsewhere,
      failed: this.#failed.toSorted(byIndex),
      blocked: this.#blocked.toSorted(byIndex),
      cancelled: this.#cancelled,
      seconds: (Date.now() - this.#begun) / 1000,
    };
  }

  /** Gives idle workers cells, starts workers while there is more to do, and notices the end. */
  #pump(): void {
    if (!this.#stopping) {
      for (const worker of this.#slots) {
        if (worker?.state !== "idle") continue;
        const cell = this.#schedule.take();
        if (!cell) break;
        this.#give(worker, cell);
      }
      let starting = this.#slots.filter((worker) => worker?.state === "starting").length;
      for (let i = 0; i < this.#slots.length && this.#schedule.ready > starting; i++) {
        if (this.#slots[i]) continue;
        this.#slots[i] = this.#start(i);
        starting++;
      }
    }
    const waits = this.#schedule.ready > 0 || this.#elsewhere.size > 0;
    const works = this.#slots.some((worker) => worker?.state === "running") || this.#pending > 0;
    if (works || (waits && !this.#stopping)) return;
    this.#dismiss();
    if (this.#slots.every((worker) => !worker)) this.#settled.resolve();
  }

  #start(number: number): WorkerProcess {
    const worker = new WorkerProcess(number, this.#options.workerUrl, this.#options.execArgv ?? [], {
      message: (from, message) => this.#heed(from, message),
      ended: (from, end) => void this.#bury(from, end),
    });
    const { path, heartbeatMs, staleAfterMs } = this.#store;
    worker.tell({
      type: "open",
      store: path,
      heartbeatMs,
      staleAfterMs,
      device: this.#options.device ?? "cpu",
    });
    return worker;
  }

  #give(worker: WorkerProcess, cell: SweepCell): void {
    worker.state = "running";
    worker.cell = cell;
    const attempt = (this.#attempts.get(cell.address) ?? 0) + 1;
    this.#attempts.set(cell.address, attempt);
    this.#emit({ type: "started", ...this.#named(cell), worker: worker.number, attempt });
    worker.tell({ type: "run", spec: cell.spec });
  }

  #heed(worker: WorkerProcess, message: FromWorker): void {
    const { cell } = worker;
    switch (message.type) {
      case "ready":
        this.#stillborn = 0;
        if (worker.state === "starting") worker.state = "idle";
        this.#checkKinds(message.kinds);
        break;
      case "unable":
        this.#end(fromErrorText(message.error));
        break;
      case "progress":
        if (cell) {
          this.#emit({
            type: "progress",
            ...this.#named(cell),
            worker: worker.number,
            progress: message.progress,
          });
        }
        return;
      case "end":
      case "failed":
        if (!cell) return;
        worker.cell = undefined;
        if (worker.state === "running") worker.state = "idle";
        if (message.type === "failed") this.#fail(cell, message.error);
        else if (message.end.state === "finished") {
          this.#note(cell, message.end.fresh ? "here" : "elsewhere", message.end.seconds);
        } else if (message.end.state === "busy") {
          // Not an attempt: nothing was tried.
          this.#attempts.set(cell.address, (this.#attempts.get(cell.address) ?? 1) - 1);
          this.#elsewhere.set(cell.address, cell);
          this.#emit({ type: "waiting", ...this.#named(cell), by: message.end.by });
        } else {
          this.#emit({ type: "released", ...this.#named(cell) });
          // Only a worker that was told to stop gives a cell back; told by somebody else, the cell is still to be done.
          if (!this.#stopping) this.#schedule.putBack(cell.address);
        }
        break;
      default:
        message satisfies never;
    }
    this.#pump();
  }

  /** A worker process is gone; if it had a cell, that cell's attempt crashed. */
  async #bury(worker: WorkerProcess, end: WorkerEnd): Promise<void> {
    const before = worker.state;
    const { cell } = worker;
    this.#slots[worker.number] = undefined;
    if (before === "starting" && ++this.#stillborn >= 2 && !this.#stopping) {
      const words = end.tail.trim();
      this.#end(
        new ScopeError(
          "runtime",
          `worker processes can't be started: ${ending(end)}${words && `, saying: ${firstError(words)}`}`,
        ),
      );
    }
    if (cell) {
      this.#pending++;
      try {
        // It may have finished the cell and died before it could say so.
        if (await this.#store.has(cell.address)) this.#note(cell, "here", 0);
        else if (this.#stopping) this.#emit({ type: "released", ...this.#named(cell) });
        else await this.#crashed(cell, end);
      } catch (error) {
        this.#end(
          error instanceof ScopeError
            ? error
            : new ScopeError("bug", `internal: ${String(error)}`, { cause: error }),
        );
      } finally {
        this.#pending--;
      }
    }
    this.#pump();
  }

  async #crashed(cell: SweepCell, end: WorkerEnd): Promise<void> {
    const error: ErrorText = {
      fault: "runtime",
      message: `its worker process ${ending(end)}`,
      hint:
        end.signal === "SIGKILL" || end.tail.includes("heap out of memory")
          ? "often the system's answer to too little memory: use fewer --jobs"
          : undefined,
    };
    await this.#store.recordFailure(cell.spec, { ...error, fault: "crash", detail: end.tail });
    this.#fail(cell, error);
  }

  #fail(cell: SweepCell, error: ErrorText): void {
    if (isStoreWide(error.code)) {
      this.#end(fromErrorText(error));
      return;
    }
    const again = mayPass(error) && (this.#attempts.get(cell.address) ?? 1) <= (this.#options.retries ?? 1);
    if (again) {
      this.#emit({ type: "retried", ...this.#named(cell), error });
      this.#schedule.putBack(cell.address);
      return;
    }
    this.#failed.push({ address: cell.address, label: cell.label, error });
    this.#emit({ type: "failed", ...this.#named(cell), error });
    for (const lost of this.#schedule.fail(cell.address)) {
      this.#blocked.push({ address: lost.address, label: lost.label });
      this.#emit({ type: "blocked", ...this.#named(lost), because: cell.address });
    }
  }

  #note(cell: SweepCell, where: "here" | "elsewhere", seconds: number): void {
    if (where === "here") this.#finishedHere++;
    else this.#finishedElsewhere++;
    this.#schedule.finish(cell.address);
    this.#emit({ type: "finished", ...this.#named(cell), where, seconds });
  }

  /** Looks after the cells that other processes work on: finished, or given up? */
  async #poll(): Promise<void> {
    if (this.#polling || this.#elsewhere.size === 0) return;
    this.#polling = true;
    try {
      for (const [address, cell] of this.#elsewhere) {
        if (await this.#store.has(address)) {
          this.#elsewhere.delete(address);
          this.#note(cell, "elsewhere", 0);
        } else if (!(await this.#store.holder(address))) {
          this.#elsewhere.delete(address);
          this.#schedule.putBack(address);
        }
      }
    } catch (error) {
      this.#end(
        error instanceof ScopeError
          ? error
          : new ScopeError("bug", `internal: ${String(error)}`, { cause: error }),
      );
    } finally {
      this.#polling = false;
    }
    this.#pump();
  }

  /** Refuses workers whose code is of another version than the plan's. */
  #checkKinds(versions: Readonly<Record<string, number>>): void {
    for (const { spec } of this.#graph.cells.values()) {
      if (versions[spec.kind] === spec.version) continue;
      const has =
        versions[spec.kind] === undefined
          ? `no cell kind "${spec.kind}"`
          : `version ${versions[spec.kind]} of it`;
      this.#end(
        new ScopeError(
          "unsupported",
          `cell kind "${spec.kind}" has version ${spec.version} here, but the worker has ${has}`,
        ),
      );
      return;
    }
  }

  /** Ends the run because of something that would hit every cell. */
  #end(error: ScopeError & { readonly fault: Fault }): void {
    this.#fatal ??= error;
    this.#stop(false);
  }

  #stop(onRequest: boolean): void {
    if (onRequest) this.#cancelled = true;
    if (this.#stopping) return;
    this.#stopping = true;
    this.#emit({ type: "stopping", at: Date.now(), how: "politely" });
    this.#dismiss();
    this.#pump();
  }

  /** Tells all workers to stop, and sees to it that they do. */
  #dismiss(): void {
    const grace = this.#options.graceMs ?? 20_000;
    for (const worker of this.#slots) {
      if (!worker || worker.state === "stopping") continue;
      worker.state = "stopping";
      worker.tell({ type: "stop" });
      this.#timers.add(setTimeout(() => worker.kill("SIGTERM"), grace));
      this.#timers.add(setTimeout(() => worker.kill("SIGKILL"), grace + 2_000));
    }
  }

  #killAll(): void {
    this.#emit({ type: "stopping", at: Date.now(), how: "at once" });
    this.#stop(true);
    for (const worker of this.#slots) worker?.kill("SIGKILL");
  }

  #named({ address, label }: SweepCell): { at: number; address: Address; label: string } {
    return { at: Date.now(), address, label };
  }

  #emit(event: SweepEvent): void {
    this.#options.onEvent?.(event);
  }
}

function ending({ code, signal }: WorkerEnd): string {
  if (signal) return `was killed by ${signal}`;
  return code === null ? "could not be started" : `ended with exit code ${code}`;
}

/** The line of a process's last words that says most: the first that names an error. */
function firstError(words: string): string {
  const lines = words.split("\n").map((line) => line.trim());
  return lines.find((line) => /error/i.test(line)) ?? lines.at(-1) ?? "";
}
