import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** A process that can be told apart from a later one with the same number. */
export interface ProcessName {
  readonly pid: number;
  /** When it started, in the system's own ticks since boot; null where the system doesn't say. */
  readonly started: string | null;
  /** Host name, boot and process-number space: process numbers mean the same thing only where these agree. */
  readonly machine: string;
}

let own: ProcessName | undefined;

/** This process. */
export function thisProcess(): ProcessName {
  own ??= {
    pid: process.pid,
    started: statusOf(process.pid)?.started ?? null,
    machine: [
      hostname(),
      attempt(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()) ?? "",
      attempt(() => readlinkSync("/proc/self/ns/pid")) ?? "",
    ].join(" "),
  };
  return own;
}

/** Is a process of this machine still running? One that has died but was not yet collected by its parent isn't. */
export function isRunning({ pid, started }: Pick<ProcessName, "pid" | "started">): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it exists, but belongs to somebody else.
    if (!(error instanceof Error && "code" in error && error.code === "EPERM")) return false;
  }
  const status = statusOf(pid);
  if (!status) return true;
  if (status.state === "Z" || status.state === "X") return false;
  return started === null || status.started === started;
}

/** State letter and start time from Linux's /proc/PID/stat (fields 3 and 22); undefined elsewhere. */
function statusOf(pid: number): { state: string; started: string } | undefined {
  const text = attempt(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  if (text === undefined) return undefined;
  // The second field, the program's name, may hold spaces and brackets; it ends at the last bracket.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, started] = [fields[0], fields[19]];
  return state === undefined || started === undefined ? undefined : { state, started };
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
