// Kills a study with `kill -9` at random moments, the program with all its workers, and runs the same command again each
// time, until it was killed often enough; then lets it finish. Its results must be, byte for byte, those of a run nobody
// disturbed, and no cell may be computed again once it was finished. Prints a table in Markdown.
//
//   node bench/kill-study.ts --preset synthetic --kills 20 --seed 1 [--jobs 2] [--longest SECONDS]
//   node bench/kill-study.ts --study bench/kill-study.yaml --longest 12
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { stream } from "../src/base/random.ts";

const { values } = parseArgs({
  options: {
    preset: { type: "string" },
    study: { type: "string" },
    kills: { type: "string", default: "20" },
    seed: { type: "string", default: "1" },
    longest: { type: "string" },
    jobs: { type: "string", default: String(availableParallelism()) },
  },
});
const kills = Number(values.kills);
const seed = Number(values.seed);
const subject = values.study === undefined ? ["--preset", values.preset ?? "synthetic"] : [values.study];
const program = join(import.meta.dirname, "../src/cli/main.node.ts");
const folder = mkdtempSync(join(tmpdir(), "kill-study-"));

interface Place {
  readonly store: string;
  readonly out: string;
}

const placeOf = (name: string): Place => ({
  store: join(folder, name, "store"),
  out: join(folder, name, "out"),
});

/** Starts the study in a process group of its own. */
function start({ store, out }: Place): ChildProcess {
  const argv = [
    program,
    "study",
    ...subject,
    "--store",
    store,
    "--out",
    out,
    "--jobs",
    values.jobs,
    "--quiet",
  ];
  return spawn(process.execPath, argv, { detached: true, stdio: ["ignore", "ignore", "inherit"] });
}

/** Lets the study finish. Returns the seconds it took. */
async function finish(place: Place): Promise<number> {
  const begun = performance.now();
  const [status] = (await once(start(place), "exit")) as [number | null];
  if (status !== 0) throw new Error(`the study ended with status ${status}`);
  return (performance.now() - begun) / 1000;
}

/** When each finished cell was finished, and the hash of its seal. */
function finished({ store }: Place): Map<string, string> {
  const cells = new Map<string, string>();
  const root = join(store, "cells");
  if (!existsSync(root)) return cells;
  for (const name of readdirSync(root, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith("done.json")) continue;
    const seal = createHash("sha256")
      .update(readFileSync(join(root, name)))
      .digest("hex");
    const cost = join(root, name.replace("done.json", "cost.json"));
    cells.set(name, `${seal} ${statSync(cost).mtimeMs} ${statSync(cost).ino}`);
  }
  return cells;
}

/** Number of unfinished cells that have a checkpoint. */
function checkpointsIn({ store }: Place): number {
  const work = join(store, "work");
  if (!existsSync(work)) return 0;
  return readdirSync(work, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".checkpoint.safetensors"),
  ).length;
}

const calm = placeOf("calm");
const whole = await finish(calm);
const total = finished(calm).size;
const expected = readFileSync(join(calm.out, "results.json"));
process.stderr.write(`undisturbed: ${total} cells in ${whole.toFixed(1)} s\n`);

const killed = placeOf("killed");
const random = stream(seed, "shuffle");
const rows: string[] = [];
// The same command again does everything but the work: what starting up takes.
const idle = await finish(calm);
// By default the kills spread over the study: on average, what the runs have after starting up, (longest - idle)² / 2 longest
// for moments drawn evenly, adds up to seven tenths of the work.
const share = (0.7 * Math.max(0.1, whole - idle)) / kills;
const longest =
  values.longest === undefined
    ? idle + share + Math.sqrt(share ** 2 + 2 * share * idle)
    : Number(values.longest);
let seen = new Map<string, string>();
let again = 0;
let whileRunning = 0;
let resumable = 0;
for (let i = 1; i <= kills; i++) {
  const child = start(killed);
  const ended = once(child, "exit");
  const moment = 0.3 + random.uniform() * (longest - 0.3);
  await Promise.race([wait(moment * 1000), ended]);
  const running = child.exitCode === null;
  if (running) {
    whileRunning++;
    process.kill(-child.pid!, "SIGKILL");
  }
  await ended;
  // Workers of the killed group are gone a moment after it.
  await wait(50);
  const now = finished(killed);
  const changed = [...seen].filter(([name, mark]) => now.get(name) !== mark).length;
  again += changed;
  const checkpoints = running ? checkpointsIn(killed) : 0;
  resumable += checkpoints;
  rows.push(
    `| ${i} | ${moment.toFixed(2)} | ${running ? "killed" : "had finished"} | ${now.size} of ${total} | ${checkpoints} | ${changed} |`,
  );
  process.stderr.write(`${rows.at(-1)}\n`);
  seen = now;
}
const rest = await finish(killed);
const last = finished(killed);
again += [...seen].filter(([name, mark]) => last.get(name) !== mark).length;
const identical = readFileSync(join(killed.out, "results.json")).equals(expected);
const left = readdirSync(join(killed.store, "work")).length;

process.stdout.write(
  `${[
    `Undisturbed: ${total} cells in ${whole.toFixed(1)} s, the same command again ${idle.toFixed(1)} s; ${values.jobs} workers; moments up to ${longest.toFixed(1)} s; seed of the moments ${seed}; ${cpus()[0]?.model ?? "unknown processor"}, Node ${process.version}.`,
    "",
    "| kill | after s | the study | cells finished | unfinished cells with a checkpoint | finished cells computed again |",
    "|---:|---:|---|---:|---:|---:|",
    ...rows,
    "",
    `Killed while running: ${whileRunning} of ${kills} times, leaving ${resumable} times an unfinished cell with a checkpoint to go on from. The last run took ${rest.toFixed(1)} s.`,
    `Cells at the end: ${last.size} of ${total}; computed again after they were finished: ${again}; work folders left behind: ${left}.`,
    `results.json (SHA-256 ${createHash("sha256").update(expected).digest("hex").slice(0, 16)}…) identical to the undisturbed run's: ${identical ? "yes" : "NO"}.`,
  ].join("\n")}\n`,
);
rmSync(folder, { recursive: true, force: true });
process.exitCode = identical && again === 0 && last.size === total && left === 0 ? 0 : 1;
