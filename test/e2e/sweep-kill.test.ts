import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { expect, test } from "vitest";
import { stream } from "../../src/base/random.ts";
import { isRunning } from "../../src/store/process.node.ts";
import { openStore } from "../../src/store/store.node.ts";
import { temporaryFolder } from "../kit/temporary.ts";
import { fingerprint, readJournal, startToy } from "./toy/observe.ts";

/** How many pairs of runs are killed; more with KILLS in the environment. */
const kills = Number(process.env["KILLS"] ?? 10);
/** Workers, roots and milliseconds per step of the toy study: 13 cells. */
const study = [2, 3, 20] as const;
const cells = 13;

async function finished(path: string): Promise<string[]> {
  const store = await openStore(path);
  const addresses: string[] = [];
  for await (const address of store.list()) addresses.push(address);
  return addresses;
}

let calm: Promise<Record<string, string>> | undefined;

/** The files of the study, run without disturbance. */
function calmRun(): Promise<Record<string, string>> {
  calm ??= (async () => {
    const store = join(temporaryFolder(), "store");
    const { code, outcome } = await startToy(temporaryFolder(), [store, ...study]).ended;
    expect(code).toBe(0);
    expect(outcome?.finished).toBe(cells);
    return fingerprint(store);
  })();
  return calm;
}

/** Waits until a condition holds, for ten seconds at most. */
async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error("waited ten seconds in vain");
    await wait(20);
  }
}

test("killed again and again at random moments and resumed, a sweep ends with the same bytes, nothing done twice", async () => {
  const random = stream(5, "shuffle");
  const store = join(temporaryFolder(), "store");
  const journal = temporaryFolder();

  let killed = 0;
  for (let i = 0; i < kills; i++) {
    const command = startToy(journal, [store, ...study]);
    // Some in starting, most at work: a run begins its first cell after about 0.4 s.
    await wait(100 + random.below(700));
    command.killGroup("SIGKILL");
    const { outcome } = await command.ended;
    if (!outcome) killed++;
    const before = await finished(store);
    const length = readJournal(journal).length;
    const after = startToy(journal, [store, ...study]);
    await wait(random.below(500));
    after.killGroup("SIGKILL");
    await after.ended;
    const again = readJournal(journal).slice(length);
    expect(again.filter(({ what, address }) => what === "start" && before.includes(address))).toEqual([]);
  }
  const { code, outcome } = await startToy(journal, [store, ...study]).ended;
  expect(code).toBe(0);
  expect(outcome?.failed).toEqual([]);
  expect(killed).toBeGreaterThan(0);
  expect(fingerprint(store)).toEqual(await calmRun());
  expect(readdirSync(join(store, "work"))).toEqual([]);
  expect(readJournal(journal).filter(({ what }) => what === "again" || what === "overlap")).toEqual([]);
}, 240_000);

test("the same command again computes nothing", async () => {
  const store = join(temporaryFolder(), "store");
  const journal = temporaryFolder();
  await startToy(journal, [store, ...study]).ended;
  const length = readJournal(journal).length;
  const { outcome } = await startToy(journal, [store, ...study]).ended;
  expect(outcome).toMatchObject({ total: cells, done: cells, finished: 0 });
  expect(readJournal(journal)).toHaveLength(length);
});

test("workers whose executor was killed stop by themselves and give their cells back", async () => {
  const store = join(temporaryFolder(), "store");
  const journal = temporaryFolder();
  const command = startToy(journal, [store, ...study]);
  await command.seen((event) => event.type === "progress");
  process.kill(command.child.pid!, "SIGKILL");
  await command.ended;
  await until(() => readJournal(journal).every(({ pid }) => !isRunning({ pid, started: null })));
  const entries = readJournal(journal);
  expect(entries.filter(({ what }) => what === "end")).toHaveLength(
    entries.filter(({ what }) => what === "start").length,
  );
  const open = await openStore(store);
  const unfinished = await open.unfinished();
  expect(unfinished.length).toBeGreaterThan(0);
  for (const address of unfinished) {
    expect(readdirSync(join(store, "work", address)).some((name) => name.startsWith("free-"))).toBe(true);
  }
  await startToy(journal, [store, ...study]).ended;
  expect(fingerprint(store)).toEqual(await calmRun());
});

test("workers killed one by one cost only their cell's attempt", async () => {
  const store = join(temporaryFolder(), "store");
  const journal = temporaryFolder();
  const command = startToy(journal, [store, ...study]);
  const struck = new Set<string>();
  for (let i = 0; i < 3; i++) {
    const event = await command.seen((one) => one.type === "progress" && !struck.has(one.address));
    if (event.type !== "progress") break;
    struck.add(event.address);
    const begun = readJournal(journal).findLast(
      ({ what, address }) => what === "start" && address === event.address,
    );
    try {
      process.kill(begun!.pid, "SIGKILL");
    } catch {
      // It had just ended its cell and its process; the next is struck.
    }
  }
  const { outcome } = await command.ended;
  expect(outcome?.failed).toEqual([]);
  expect(command.events.some(({ type }) => type === "retried")).toBe(true);
  expect(fingerprint(store)).toEqual(await calmRun());
  const failures = await (await openStore(store)).failures([...struck][0]!);
  expect(failures[0]).toMatchObject({ fault: "crash", message: "its worker process was killed by SIGKILL" });
});

test("Ctrl-C stops at a checkpoint, and the same command goes on there", async () => {
  const store = join(temporaryFolder(), "store");
  const journal = temporaryFolder();
  const command = startToy(journal, [store, ...study]);
  await command.seen((event) => event.type === "progress");
  // As a terminal does it: to the command and its workers alike.
  command.killGroup("SIGINT");
  const { code, outcome } = await command.ended;
  expect(code).toBe(0);
  expect(outcome).toMatchObject({ cancelled: true, failed: [], blocked: [] });
  expect(command.events.some(({ type }) => type === "released")).toBe(true);
  const second = startToy(journal, [store, ...study]);
  expect((await second.ended).outcome).toMatchObject({ cancelled: false, failed: [] });
  const released = command.events.find((event) => event.type === "released");
  const resumed = second.events.find(
    (event) => event.type === "progress" && event.address === released?.address,
  );
  // Its first step was done in the first run; a checkpoint holds at least that.
  expect(resumed?.type === "progress" && resumed.progress.done).toBeGreaterThan(1);
  expect(fingerprint(store)).toEqual(await calmRun());
});

test("two executors on one store share the work", async () => {
  const store = join(temporaryFolder(), "store");
  const journal = temporaryFolder();
  const [a, b] = await Promise.all([1, 2].map(async () => await startToy(journal, [store, ...study]).ended));
  expect([a?.code, b?.code]).toEqual([0, 0]);
  expect((a?.outcome?.finished ?? 0) + (b?.outcome?.finished ?? 0)).toBe(cells);
  for (const { outcome } of [a!, b!])
    expect(outcome!.done + outcome!.finished + outcome!.elsewhere).toBe(cells);
  const entries = readJournal(journal);
  expect(entries.filter(({ what }) => what === "start")).toHaveLength(cells);
  expect(entries.filter(({ what }) => what === "again" || what === "overlap")).toEqual([]);
  expect(fingerprint(store)).toEqual(await calmRun());
});
