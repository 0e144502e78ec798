import { expect, test } from "vitest";
import { duration, Progress } from "./progress.ts";
import type { SweepEvent } from "./event.ts";
import { terminalView } from "./terminal.ts";

const address = (i: number): string => String(i).padStart(64, "0");
const named = (i: number, at: number): { at: number; address: string; label: string } => ({
  at,
  address: address(i),
  label: `train net, seed ${i}`,
});

/** Ten cells of 10 estimated seconds each, two of them done; two workers. */
const planned: SweepEvent = {
  type: "planned",
  at: 0,
  total: 12,
  done: 2,
  workers: 2,
  missing: Array.from({ length: 10 }, (_, i) => ({ address: address(i), kind: "train", seconds: 10 })),
};
const started = (i: number, worker: number, at: number): SweepEvent => ({
  type: "started",
  ...named(i, at),
  worker,
  attempt: 1,
});
const progressed = (i: number, worker: number, done: number, at: number): SweepEvent => ({
  type: "progress",
  ...named(i, at),
  worker,
  progress: { done, total: 2000, unit: "steps" },
});
const failed = (i: number, at: number): SweepEvent => ({
  type: "failed",
  ...named(i, at),
  error: { fault: "diverged", message: "the loss is NaN at step 3", hint: "lower the rate" },
});

test("states are told in words", () => {
  const progress = new Progress();
  progress.note(planned);
  expect(progress.lines(1000)).toEqual(["2 of 12 cells done · 1 s gone"]);
  progress.note(started(0, 0, 1000));
  progress.note(started(1, 1, 1000));
  progress.note(progressed(0, 0, 100, 2000));
  progress.note(progressed(0, 0, 1100, 12_000));
  // 100 steps/s: 20 s a cell, 9 s left of this one, of ten cells 200 − 11 s, by two workers.
  expect(progress.secondsLeft(12_000)).toBeCloseTo((9 + (20 - 11) + 8 * 20) / 2, 6);
  expect(progress.lines(12_000)).toEqual([
    "2 of 12 cells done · about 1 min 29 s left · 12 s gone",
    "  train net, seed 0   55 % (1,100 of 2,000 steps, 100 steps/s)",
    "  train net, seed 1  running for 11 s",
  ]);
  progress.note({ type: "finished", ...named(0, 21_000), where: "here", seconds: 20 });
  progress.note({ type: "waiting", ...named(1, 21_000), by: "process 7 on node7" });
  progress.note(failed(2, 22_000));
  progress.note({ type: "blocked", ...named(3, 22_000), because: address(2) });
  // Seven cells left, at twice their estimate.
  expect(progress.secondsLeft(22_000)).toBeCloseTo((7 * 20) / 2, 6);
  expect(progress.lines(22_000, 120)).toEqual([
    "3 of 12 cells done · 1 failed · 1 blocked · about 1 min 10 s left · 22 s gone · 1 being computed elsewhere",
  ]);
  progress.note({ type: "stopping", at: 23_000, how: "politely" });
  expect(progress.summary(23_000)).toContain("stopping: workers write their checkpoints");
});

test("the last cell's rest is the time left, however many workers there are", () => {
  const progress = new Progress();
  progress.note({ ...planned, missing: planned.missing.slice(0, 1), workers: 8 } as SweepEvent);
  progress.note(started(0, 0, 0));
  progress.note(progressed(0, 0, 0, 0));
  progress.note(progressed(0, 0, 500, 5000));
  expect(progress.secondsLeft(5000)).toBeCloseTo(15, 6);
});

test("lines are no wider than the terminal", () => {
  const progress = new Progress();
  progress.note(planned);
  progress.note({
    type: "started",
    at: 0,
    address: address(0),
    label: "x".repeat(300),
    worker: 0,
    attempt: 1,
  });
  progress.note(progressed(0, 0, 300, 1000));
  for (const columns of [20, 60, 100]) {
    for (const line of progress.lines(2000, columns)) expect(line.length).toBeLessThanOrEqual(columns);
  }
  expect(progress.lines(2000, 80)[1]).toContain("…");
});

test("times are short and round", () => {
  expect([0, 59.4, 60, 200, 3000, 7500, 200_000].map(duration)).toEqual([
    "0 s",
    "59 s",
    "1 min",
    "3 min 20 s",
    "50 min",
    "2 h 05 min",
    "2 d 8 h",
  ]);
});

test("a terminal is drawn over; failures stay above", () => {
  let time = 0;
  const written: string[] = [];
  const view = terminalView({ write: (text) => written.push(text), interactive: true, now: () => time });
  view.onEvent(planned);
  time = 50;
  view.onEvent(started(0, 0, 50));
  expect(written).toEqual(["2 of 12 cells done · 0 s gone\n"]);
  time = 300;
  view.tick();
  expect(written[1]).toBe(
    "\u001B[1A\u001B[J2 of 12 cells done · 0 s gone\n  train net, seed 0  running for 0 s\n",
  );
  view.onEvent(failed(0, 300));
  expect(written[2]).toBe(
    "\u001B[2A\u001B[Jfailed: train net, seed 0: the loss is NaN at step 3 (lower the rate)\n",
  );
  view.close();
  expect(written.at(-1)).toBe("2 of 12 cells done · 1 failed · 0 s gone\n");
});

test("a pipe gets a line now and then, without control characters", () => {
  let time = 0;
  const written: string[] = [];
  const view = terminalView({ write: (text) => written.push(text), interactive: false, now: () => time });
  view.onEvent(planned);
  for (time = 100; time < 25_000; time += 100) view.onEvent(progressed(0, 0, time / 100, time));
  view.close();
  expect(written).toEqual([
    "2 of 12 cells done · 0 s gone\n",
    "2 of 12 cells done · 10 s gone\n",
    "2 of 12 cells done · 20 s gone\n",
    "2 of 12 cells done · 25 s gone\n",
  ]);
});
