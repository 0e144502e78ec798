import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { runCommand } from "../../src/cli/program.node.ts";

/** What a command wrote, and the status it ended with. */
export interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line in this process (its workers are processes of their own, as ever). Paths must be absolute. */
export async function cli(...argv: string[]): Promise<Ended> {
  let out = "";
  let err = "";
  const status = await runCommand(argv, {
    out: (text) => (out += text),
    err: (text) => (err += text),
    terminal: false,
    columns: () => 100,
  });
  return { status, out, err };
}

/** The program as a process, in a process group of its own. */
export interface Started {
  readonly child: ChildProcess;
  /** Resolves once the process has ended and nobody has its output open. */
  readonly ended: Promise<Ended>;
  /** Sends a signal to the process and all its workers. */
  signalGroup(signal: NodeJS.Signals): void;
  /** Resolves once standard error matches, or the process has ended. */
  said(words: RegExp): Promise<void>;
}

const source = join(import.meta.dirname, "../../src/cli/main.node.ts");

/** Starts the program as a user's shell would. */
export function startCli(argv: readonly string[], entry = source): Started {
  const child = spawn(process.execPath, [entry, ...argv], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  const ended = once(child, "close").then(([status]) => ({ status: status as number | null, out, err }));
  return {
    child,
    ended,
    signalGroup(signal) {
      try {
        process.kill(-child.pid!, signal);
      } catch {
        // Ended by itself before.
      }
    },
    async said(words) {
      const seen = Promise.withResolvers<void>();
      const look = (): void => {
        if (words.test(err)) seen.resolve();
      };
      child.stderr.on("data", look);
      look();
      await Promise.race([seen.promise, ended]);
      child.stderr.off("data", look);
    },
  };
}
