import { AsyncLocalStorage } from "node:async_hooks";
import { existsSync, rmSync } from "node:fs";
import type * as promises from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { temporaryFolder } from "../../test/kit/temporary.ts";
import { stream } from "../base/random.ts";
import { Busy, takeLease } from "./lease.node.ts";

// Several actors run the real code of leases on a real folder, but every file operation waits for its turn, and turns are
// given in a random order that a seed decides. So orders come up that real processes reach once in a million tries. Each
// actor counts as a process of its own, and may die at any turn, without another word.

const world = vi.hoisted(() => ({
  /** Waits for a turn; called before every file operation of an actor. */
  turn: (): Promise<void> => Promise.resolve(),
  actor: (): number | undefined => undefined,
  dead: new Set<number>(),
  /** All files opened: those of the dead must be closed by somebody. */
  handles: new Set<{ close(): Promise<void> }>(),
}));

vi.mock("node:fs/promises", async (importOriginal) => {
  const real = await importOriginal<typeof promises>();
  const inTurn =
    <A extends unknown[], R>(work: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      await world.turn();
      return await work(...args);
    };
  return {
    ...real,
    link: inTurn(real.link),
    mkdir: inTurn(real.mkdir as (path: string, options: object) => Promise<unknown>),
    open: inTurn(async (...args: Parameters<typeof real.open>) => {
      const handle = await real.open(...args);
      world.handles.add(handle);
      return handle;
    }),
    readdir: inTurn(real.readdir as (path: string) => Promise<string[]>),
    readFile: inTurn(real.readFile as (path: string, encoding: "utf8") => Promise<string>),
    rename: inTurn(real.rename),
    rm: inTurn(real.rm),
    stat: inTurn(real.stat as (path: string) => Promise<unknown>),
    unlink: inTurn(real.unlink),
  };
});

vi.mock("./process.node.ts", () => ({
  thisProcess: () => ({ pid: 1000 + (world.actor() ?? 0), started: "1", machine: "m" }),
  isRunning: ({ pid }: { readonly pid: number }) => !world.dead.has(pid - 1000),
}));

interface Story {
  /** How often somebody held the lease. */
  readonly taken: number;
  /** Two at once? */
  readonly together: boolean;
}

/** Lets `actors` actors take and give back a lease of one folder, in the order the seed decides. */
async function play(folder: string, seed: number, actors: number, deathsIn1000: number): Promise<Story> {
  const random = stream(seed, "shuffle");
  const identity = new AsyncLocalStorage<number>();
  const waiting: { readonly actor: number; readonly go: () => void }[] = [];
  world.dead.clear();
  world.actor = () => identity.getStore();
  world.turn = () => {
    const actor = identity.getStore();
    if (actor === undefined) return Promise.resolve();
    return new Promise((go) => waiting.push({ actor, go }));
  };

  let holder: number | undefined;
  let taken = 0;
  let together = false;
  let finished = false;
  let ended = 0;
  const act = async (actor: number): Promise<void> => {
    for (let round = 0; round < 4; round++) {
      const lease = await takeLease(folder, 60_000);
      if (lease instanceof Busy) continue;
      // As the store does: a cell found finished is not computed again, and its work folder is removed.
      await world.turn();
      if (finished) {
        await lease.close();
        rmSync(folder, { recursive: true, force: true });
        continue;
      }
      if (holder !== undefined && !world.dead.has(holder)) together = true;
      holder = actor;
      taken++;
      await lease.beat();
      await world.turn();
      // Given up first: release is one operation, and who takes the lease right after it does so rightly.
      if (holder === actor) holder = undefined;
      if (random.below(10) === 0) {
        finished = true;
        await world.turn();
        await lease.close();
        rmSync(folder, { recursive: true, force: true });
      } else await lease.release();
    }
    ended++;
  };
  const runs = Array.from({ length: actors }, (_, actor) => identity.run(actor, () => act(actor)));
  const failure = Promise.race(runs.map((run) => run.then(() => new Promise<never>(() => undefined))));
  const drive = (async () => {
    while (ended + world.dead.size < actors) {
      // Real file operations take real time: wait until every living actor has come to its next turn.
      while (waiting.length + ended + world.dead.size < actors) await new Promise(setImmediate);
      // In order of actors, not of arrival, which depends on the disk: so a seed tells the same story every time.
      waiting.sort((a, b) => a.actor - b.actor);
      const [next] = waiting.splice(random.below(waiting.length), 1);
      if (!next) continue;
      if (random.below(1000) < deathsIn1000 && world.dead.size < actors - 1) world.dead.add(next.actor);
      else next.go();
      await new Promise(setImmediate);
    }
  })();
  await Promise.race([drive, failure]);
  world.turn = () => Promise.resolve();
  for (const handle of world.handles) await handle.close().catch(() => undefined);
  world.handles.clear();
  return { taken, together };
}

test("in any order of file operations, with deaths at any point, a lease has one holder", async () => {
  const folder = temporaryFolder();
  let taken = 0;
  let number = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.integer(),
      fc.integer({ min: 2, max: 4 }),
      fc.constantFrom(0, 10, 40),
      async (seed, actors, deaths) => {
        const work = join(folder, String(number++));
        const story = await play(work, seed, actors, deaths);
        taken += story.taken;
        expect(story.together).toBe(false);
      },
    ),
    { numRuns: Number(process.env["FC_RUNS"] ?? 150) },
  );
  expect(taken).toBeGreaterThan(300);
  expect(existsSync(folder)).toBe(true);
});
