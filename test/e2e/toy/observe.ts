import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { Outcome } from "../../../src/sweep/outcome.ts";
import type { SweepEvent } from "../../../src/sweep/event.ts";

/** The toy study, started as a command in a process group of its own. */
export interface Command {
  readonly child: ChildProcess;
  /** Sends a signal to the command and all its workers. */
  killGroup(signal: NodeJS.Signals): void;
  /** Resolves once the command has ended and no process has its output open. */
  readonly ended: Promise<{ readonly code: number | null; readonly outcome: Outcome | undefined }>;
  readonly events: SweepEvent[];
  /** Resolves at the first event the test accepts. */
  seen(accept: (event: SweepEvent) => boolean): Promise<SweepEvent>;
}

/** Starts `main.ts` with these arguments. */
export function startToy(journal: string, args: readonly (string | number)[]): Command {
  const child = spawn(process.execPath, [join(import.meta.dirname, "main.ts"), ...args.map(String)], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, TOY_JOURNAL: journal },
  });
  let answer = "";
  let rest = "";
  const events: SweepEvent[] = [];
  const watchers = new Set<(event: SweepEvent) => void>();
  child.stdout.on("data", (bytes: Buffer) => (answer += bytes.toString()));
  child.stderr.on("data", (bytes: Buffer) => {
    const lines = (rest + bytes.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (!line.startsWith("{")) continue;
      const event = JSON.parse(line) as SweepEvent;
      events.push(event);
      for (const watcher of watchers) watcher(event);
    }
  });
  const ended = once(child, "close").then(([code]) => ({
    code: code as number | null,
    outcome: answer.endsWith("\n") ? (JSON.parse(answer) as Outcome) : undefined,
  }));
  return {
    child,
    killGroup(signal) {
      try {
        process.kill(-child.pid!, signal);
      } catch {
        // Ended by itself before.
      }
    },
    ended,
    events,
    async seen(accept) {
      const before = events.find(accept);
      if (before) return before;
      const found = Promise.withResolvers<SweepEvent>();
      const watcher = (event: SweepEvent): void => {
        if (accept(event)) found.resolve(event);
      };
      watchers.add(watcher);
      try {
        const end = ended.then(() =>
          Promise.reject(new Error(`the command ended before; its last words: ${rest}`)),
        );
        return await Promise.race([found.promise, end]);
      } finally {
        watchers.delete(watcher);
      }
    },
  };
}

/** Hash of every file of every finished cell, by path; of `cost.json` only that it is there. */
export function fingerprint(store: string): Record<string, string> {
  const root = join(store, "cells");
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .toSorted()
      .map((path) => [
        relative(root, path),
        path.endsWith("cost.json") ? "" : createHash("sha256").update(readFileSync(path)).digest("hex"),
      ]),
  );
}

/** What the toy cells wrote into their journal: one entry each time a cell began, ended, or saw what must not be. */
export function readJournal(
  folder: string,
): { readonly what: string; readonly address: string; readonly pid: number }[] {
  const path = join(folder, "journal");
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      const [what = "", address = "", pid = ""] = line.split(" ");
      return { what, address, pid: Number(pid) };
    });
}
