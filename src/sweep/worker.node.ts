import { ScopeError } from "../base/error.ts";
import { systemCode } from "../store/disk.node.ts";
import { openStore } from "../store/store.node.ts";
import type { Store } from "../store/store.node.ts";
import type { CellKinds, CellProgress } from "./kind.ts";
import type { ErrorText, FromWorker, ToWorker } from "./message.ts";
import { runCell } from "./run-cell.node.ts";

/** How often a worker reports progress at most, ms: enough for the eye, next to nothing for the pipe. */
const progressEveryMs = 200;
/** How long an orphaned worker may take to stop by itself, ms. */
const orphanGraceMs = 30_000;

/**
 * Makes this process a worker of the executor that forked it. The entry module of a worker consists of a call to this:
 * `serveWorker(kinds)`. Stops when told to, and when the executor is gone.
 * @throws {ScopeError} usage, when nobody forked this process
 */
export function serveWorker(kinds: CellKinds): void {
  if (!process.send) {
    throw new ScopeError(
      "usage",
      "this module is a worker process: it is started by the executor, not by hand",
    );
  }
  // Ctrl-C in a terminal reaches every process of the command. The executor alone decides what it means.
  process.on("SIGINT", () => undefined);
  const worker = new Worker(kinds);
  process.on("message", (message: ToWorker) => void worker.obey(message));
  process.on("disconnect", () => worker.stop(orphanGraceMs));
}

class Worker {
  readonly #kinds: CellKinds;
  readonly #stopping = new AbortController();
  #store: Store | undefined;
  #device = "cpu";
  #atWork = false;
  #lastProgress = 0;

  constructor(kinds: CellKinds) {
    this.#kinds = kinds;
  }

  async obey(message: ToWorker): Promise<void> {
    switch (message.type) {
      case "open":
        return await this.#open(message);
      case "run": {
        this.#atWork = true;
        const answer = await this.#run(message.spec);
        this.#atWork = false;
        tell(answer, () => {
          if (this.#stopping.signal.aborted) process.exit(0);
        });
        return;
      }
      case "stop":
        return this.stop();
      default:
        message satisfies never;
    }
  }

  /** Ends the process: now when idle, else when the cell has stopped, at the latest after `graceMs`. */
  stop(graceMs?: number): void {
    this.#stopping.abort(new ScopeError("cancelled", "stopped on request"));
    if (!this.#atWork) process.exit(0);
    if (graceMs !== undefined) setTimeout(() => process.exit(1), graceMs).unref();
  }

  async #open({ store, heartbeatMs, staleAfterMs, device }: ToWorker & { type: "open" }): Promise<void> {
    try {
      this.#device = device;
      this.#store = await openStore(store, { heartbeatMs, staleAfterMs });
      const versions = Object.values(this.#kinds).map(({ kind, version }) => [kind, version] as const);
      tell({ type: "ready", kinds: Object.fromEntries(versions) });
    } catch (error) {
      tell({ type: "unable", error: errorText(error) });
    }
  }

  async #run(spec: (ToWorker & { type: "run" })["spec"]): Promise<FromWorker> {
    try {
      if (!this.#store) throw new ScopeError("bug", "internal: a worker got a cell before a store");
      const end = await runCell(spec, {
        store: this.#store,
        kinds: this.#kinds,
        device: this.#device,
        signal: this.#stopping.signal,
        onProgress: (progress) => this.#report(progress),
      });
      return { type: "end", end };
    } catch (error) {
      return { type: "failed", error: errorText(error) };
    }
  }

  #report(progress: CellProgress): void {
    const now = performance.now();
    if (now - this.#lastProgress < progressEveryMs) return;
    this.#lastProgress = now;
    tell({ type: "progress", progress });
  }
}

/** Sends a message, and then goes on; also when nobody is there to read it. */
function tell(message: FromWorker, then: () => void = () => undefined): void {
  if (process.connected && process.send) process.send(message, undefined, undefined, then);
  else then();
}

function errorText(error: unknown): ErrorText {
  const code = systemCode(error);
  if (error instanceof ScopeError)
    return { fault: error.fault, message: error.message, hint: error.hint, code };
  return {
    fault: "bug",
    message: `internal: ${error instanceof Error ? error.message : String(error)}`,
    code,
  };
}
