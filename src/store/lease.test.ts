import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../test/kit/temporary.ts";
import { Busy, currentHolder, takeLease } from "./lease.node.ts";
import type { Lease, LeaseHolder } from "./lease.node.ts";
import { isRunning, thisProcess } from "./process.node.ts";

async function take(folder: string, staleAfterMs = 60_000): Promise<Lease> {
  const lease = await takeLease(folder, staleAfterMs);
  if (lease instanceof Busy) throw new Error(`busy: ${String(lease)}`);
  return lease;
}

/** Who is in the way of taking the lease. */
async function refusedBy(folder: string, staleAfterMs = 60_000): Promise<string> {
  const busy = await takeLease(folder, staleAfterMs);
  return busy instanceof Busy ? busy.toString() : "nobody";
}

/** Puts a lease of somebody else into a work folder, last seen alive so long ago. */
function foreign(folder: string, holder: Partial<LeaseHolder>, ageMs: number, generation = 1): void {
  mkdirSync(folder, { recursive: true });
  const whole: LeaseHolder = {
    token: "t",
    pid: 1,
    started: null,
    machine: "another machine",
    host: "node7",
    since: Date.now() - ageMs - 5000,
    place: statSync(folder).ino,
    secondsBefore: 2,
    ...holder,
  };
  const path = join(folder, `lease-${generation}`);
  writeFileSync(path, JSON.stringify(whole));
  const time = (Date.now() - ageMs) / 1000;
  utimesSync(path, time, time);
}

/** The number of a process that has ended. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await once(child, "exit");
  return child.pid!;
}

test("a lease that was given back can be taken, under the next number", async () => {
  const folder = join(temporaryFolder(), "work");
  const first = await take(folder);
  expect(await takeLease(folder, 60_000)).toBeInstanceOf(Busy);
  await first.release();
  expect(await currentHolder(folder, 60_000)).toBeUndefined();
  const second = await take(folder);
  expect([first.generation, second.generation]).toEqual([1, 2]);
  expect(await first.isHeld()).toBe(false);
  expect(await second.beat()).toBe(true);
  expect(readdirSync(folder)).toEqual(["lease-2"]);
  await second.release();
});

test("a process of this machine that has died loses its lease at once, its working time is kept", async () => {
  const folder = temporaryFolder();
  foreign(folder, { machine: thisProcess().machine, pid: await deadPid() }, 1000);
  const lease = await take(folder);
  // 2 s before it, and 5 s from its beginning to its last heartbeat.
  expect(lease.holder.secondsBefore).toBeCloseTo(7, 0);
  await lease.release();
});

test("a later process with the same number is not taken for the holder", async () => {
  const folder = temporaryFolder();
  foreign(folder, { ...thisProcess(), started: "12345" }, 0);
  await (await take(folder)).release();
});

test("a living process of this machine keeps its lease, however long it is silent", async () => {
  const folder = temporaryFolder();
  foreign(folder, thisProcess(), 3_600_000);
  expect(await takeLease(folder, 1000)).toBeInstanceOf(Busy);
});

test("a process of another machine keeps its lease while its heart beats", async () => {
  const folder = temporaryFolder();
  foreign(folder, {}, 30_000);
  expect(await refusedBy(folder)).toBe("process 1 on node7");
  expect(String(await currentHolder(folder, 60_000))).toBe("process 1 on node7");
  const lease = await take(folder, 20_000);
  expect(lease.generation).toBe(2);
  await lease.release();
});

test("a lease without content is waited for only shortly: its maker died while making it", async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "lease-4"), "");
  expect(await refusedBy(folder)).toBe("another process");
  utimesSync(join(folder, "lease-4"), Date.now() / 1000 - 11, Date.now() / 1000 - 11);
  const lease = await take(folder);
  expect(lease.generation).toBe(5);
  await lease.release();
});

test("a holder that is taken over notices, and its release does not disturb the next", async () => {
  const folder = temporaryFolder();
  const sleeper = await take(folder);
  foreign(folder, {}, 0, 2);
  expect(await sleeper.beat()).toBe(false);
  await sleeper.release();
  expect(await refusedBy(folder)).toBe("process 1 on node7");
});

test("heartbeats move the file's time and leave its content whole", async () => {
  const folder = temporaryFolder();
  const lease = await take(folder);
  const path = join(folder, "lease-1");
  const text = readFileSync(path, "utf8");
  utimesSync(path, 1000, 1000);
  await lease.beat();
  expect(Date.now() - statSync(path).mtimeMs).toBeLessThan(60_000);
  expect(readFileSync(path, "utf8")).toBe(text);
  await lease.release();
});

test("a dead process is not running, this one is, another of its number is not", async () => {
  expect(isRunning({ pid: await deadPid(), started: null })).toBe(false);
  expect(isRunning(thisProcess())).toBe(true);
  expect(isRunning({ pid: process.pid, started: "1" })).toBe(false);
});

// Six processes fight for one lease; each that gets it dies, gives it back or just goes on, in turn. A witness file,
// created exclusively and removed by its holder, shows whether two ever held it at once.
test("six processes, dying and taking over at random, never hold a lease together", async () => {
  const folder = temporaryFolder();
  const racer = join(import.meta.dirname, "../../test/e2e/toy/racer.ts");
  let taken = 0;
  const race = async (number: number): Promise<void> => {
    for (let life = 0; life < 6; life++) {
      const child = spawn(process.execPath, [racer, folder, String(number * 100 + life)], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let said = "";
      child.stdout.on("data", (bytes: Buffer) => (said += bytes.toString()));
      await once(child, "close");
      expect(said).not.toContain("overlap");
      taken += said.split("taken").length - 1;
    }
  };
  await Promise.all([0, 1, 2, 3, 4, 5].map(race));
  expect(taken).toBeGreaterThan(36);
});
