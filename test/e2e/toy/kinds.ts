import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Json } from "../../../src/base/canonical.ts";
import { ScopeError } from "../../../src/base/error.ts";
import type { Fault } from "../../../src/base/error.ts";
import { isRunning, thisProcess } from "../../../src/store/process.node.ts";
import { addressOf } from "../../../src/store/spec.ts";
import type { CellContext, CellKind, CellKinds } from "../../../src/sweep/kind.ts";

// Toy cells. What they do is written to a journal outside the store (environment: TOY_JOURNAL, a folder), so that tests
// can tell how often, and by whom, each cell was run.

type Params = Readonly<Record<string, number | string>>;

function note(context: CellContext, what: string): void {
  const folder = process.env["TOY_JOURNAL"];
  if (folder) appendFileSync(join(folder, "journal"), `${what} ${addressOf(context.spec)} ${process.pid}\n`);
}

/** Runs a cell under watch: is it finished already, or is another process at it? */
function watched(run: (context: CellContext, params: Params) => Promise<Json>): CellKind["run"] {
  return async (context) => {
    const address = addressOf(context.spec);
    const cell = join(context.dir, "..", "..", "..", "cells", address.slice(0, 2), address, "done.json");
    note(context, existsSync(cell) ? "again" : "start");
    const folder = process.env["TOY_JOURNAL"];
    const mark = folder && join(folder, `running-${address}`);
    if (mark && existsSync(mark)) {
      const [pid, started] = readFileSync(mark, "utf8").split(" ");
      if (pid && started && isRunning({ pid: Number(pid), started })) note(context, "overlap");
    }
    if (mark) writeFileSync(mark, `${process.pid} ${thisProcess().started}`);
    try {
      return await run(context, context.params as Params);
    } finally {
      if (mark) rmSync(mark, { force: true });
      note(context, "end");
    }
  };
}

function inputSum(context: CellContext): number {
  let sum = 0;
  for (const name of Object.keys(context.spec.inputs)) {
    sum += (context.input(name).result() as { readonly value: number }).value;
  }
  return sum % 1_000_003;
}

/** The sum of its inputs' values and `add`. */
const sum: CellKind = {
  kind: "sum",
  version: 1,
  estimate: () => ({ seconds: 0.01 }),
  run: watched(async (context, { add }) => ({ value: inputSum(context) + Number(add) })),
};

/** A slow chain of numbers, `steps` long, with a metric and a checkpoint every few steps. */
const chain: CellKind = {
  kind: "chain",
  version: 1,
  estimate: (params) => ({ steps: Number((params as Params)["steps"]), bytes: 60e6 }),
  run: watched(async (context, { steps, ms, seed }) => {
    const total = Number(steps);
    const checkpoint = join(context.dir, ".checkpoint.json");
    let state = { step: 0, value: (Number(seed) + inputSum(context)) % 1_000_003, lines: 0 };
    if (existsSync(checkpoint)) {
      state = JSON.parse(readFileSync(checkpoint, "utf8")) as typeof state;
      context.metrics.truncateTo(state.lines);
    }
    const save = async (): Promise<void> => {
      state.lines = context.metrics.lines;
      await context.write(".checkpoint.json", JSON.stringify(state));
    };
    while (state.step < total) {
      if (context.signal.aborted) {
        await save();
        throw context.signal.reason;
      }
      await wait(Number(ms));
      state.value = (state.value * 7919 + 104_729) % 1_000_003;
      state.step++;
      context.progress({ done: state.step, total, unit: "steps" });
      if (state.step % 3 === 0) context.metrics.append({ step: state.step, value: state.value });
      if (state.step % 5 === 0) await save();
    }
    await context.write("values.bin", new Uint8Array(1000).fill(state.value % 256));
    return { value: state.value };
  }),
};

/** Kills its own process the first `times` times it is tried, then gives `value`. */
const crash: CellKind = {
  kind: "crash",
  version: 1,
  run: watched(async (context, { times, value, how }) => {
    const file = join(context.dir, ".tries");
    const tries = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
    writeFileSync(file, String(tries + 1));
    if (tries < Number(times)) {
      process.stderr.write("toy: about to crash\n");
      await wait(20);
      if (how === "exit") process.exit(7);
      process.kill(process.pid, "SIGKILL");
      await wait(10_000);
    }
    return { value: Number(value) };
  }),
};

/** Fails with the fault `fault`; with an error of no kind of ours when that is "raw". */
const fail: CellKind = {
  kind: "fail",
  version: 1,
  run: watched(async (_context, { fault }) => {
    await wait(1);
    if (fault === "raw") throw new TypeError("nobody thought of this");
    throw new ScopeError(fault as Fault, "the toy does not work", { hint: "play with another" });
  }),
};

/** Writes `bytes` bytes, into its folder or to the device `to`. */
const write: CellKind = {
  kind: "write",
  version: 1,
  run: watched(async (context, { bytes, to }) => {
    const content = new Uint8Array(Number(bytes)).fill(7);
    if (typeof to === "string") await writeFile(to, content);
    else await context.write("big.bin", content);
    return { value: Number(bytes) };
  }),
};

/** Never looks at the signal: works on for `ms` in silence. */
const deaf: CellKind = {
  kind: "deaf",
  version: 1,
  run: watched(async (_context, { ms }) => {
    await wait(Number(ms));
    return { value: 1 };
  }),
};

export const toyKinds: CellKinds = { sum, chain, crash, fail, write, deaf };
