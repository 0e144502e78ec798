import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { SweepCell } from "./graph.ts";
import type { FromWorker, ToWorker } from "./message.ts";

/** How much of a worker's output is kept for the case that it crashes, characters. */
const tailLength = 8_000;
/** How long to wait, ms, for the last output and messages of a process that has ended. */
const lastWordsMs = 500;

/** How a worker process ended. */
export interface WorkerEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last of what it wrote to its standard output and error. */
  readonly tail: string;
}

/** What a worker process reports to its owner. */
export interface WorkerListener {
  message(worker: WorkerProcess, message: FromWorker): void;
  /** Once, after the last message. */
  ended(worker: WorkerProcess, end: WorkerEnd): void;
}

/** One worker process, seen from the executor. */
export class WorkerProcess {
  /** Its number among the workers, from 0. A process that replaces a crashed one takes over its number. */
  readonly number: number;
  /** starting: not ready yet. idle: waiting for a cell. running: at work. stopping: told to exit. */
  state: "starting" | "idle" | "running" | "stopping" = "starting";
  /** The cell it was given and has not answered for. */
  cell: SweepCell | undefined;
  readonly #child: ChildProcess;
  #tail = "";
  #ended = false;

  constructor(number: number, entry: URL, execArgv: readonly string[], listener: WorkerListener) {
    this.number = number;
    this.#child = fork(fileURLToPath(entry), [], {
      execArgv: [...execArgv],
      // Nothing of a worker may reach the command's own standard output, which carries its answer.
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      env: { ...process.env, OMP_NUM_THREADS: "1" },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#tail = (this.#tail + text).slice(-tailLength);
      });
    }
    this.#child.on("message", (message) => listener.message(this, message as FromWorker));
    const end = (code: number | null, signal: NodeJS.Signals | null): void => {
      if (this.#ended) return;
      this.#ended = true;
      listener.ended(this, { code, signal, tail: this.#tail });
    };
    // "error" without "exit": the process could not be started at all.
    this.#child.on("error", (error) => {
      this.#tail += error.message;
      if (this.#child.pid === undefined) end(null, null);
    });
    this.#child.on("exit", (code, signal) => {
      const late = new Promise((resolve) => setTimeout(resolve, lastWordsMs));
      void Promise.race([once(this.#child, "close"), late]).then(() => end(code, signal));
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Sends a message; one that can't be delivered is dropped, since the end of the process is reported anyway. */
  tell(message: ToWorker): void {
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  /** Ends the process by a signal. */
  kill(signal: "SIGTERM" | "SIGKILL"): void {
    this.#child.kill(signal);
  }
}
