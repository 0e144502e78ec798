import type { Address } from "../store/spec.ts";
import type { SweepGraph } from "./graph.ts";
import { Schedule } from "./schedule.ts";

/** A line of a plan: all cells of one kind. */
export interface PlannedKind {
  readonly kind: string;
  readonly total: number;
  readonly done: number;
  /** Estimated seconds of the cells not done, on one worker. */
  readonly seconds: number;
}

/** One cell of a plan. */
export interface PlannedCell {
  readonly address: Address;
  readonly label: string;
  readonly kind: string;
  readonly done: boolean;
  /** Estimated seconds. */
  readonly seconds: number;
  /** Estimated memory, bytes; 0 when unknown. */
  readonly bytes: number;
}

/** What running a sweep would do and take; nothing is run for it. */
export interface Plan {
  readonly cells: readonly PlannedCell[];
  /** In order of first mention. */
  readonly kinds: readonly PlannedKind[];
  readonly total: number;
  readonly done: number;
  readonly workers: number;
  /** Estimated seconds of computing in all (core seconds: a worker uses one thread). */
  readonly seconds: number;
  /** Estimated seconds until the end, with this many workers. */
  readonly wallSeconds: number;
  /** Estimated seconds of the longest chain of missing cells: no number of workers is faster. */
  readonly pathSeconds: number;
  /** Estimated largest memory of all workers together, bytes: that of the most demanding cells, side by side. */
  readonly bytes: number;
  /** Inputs that neither the sweep computes nor the store has: the sweep can't be run. */
  readonly lacking: readonly Address[];
}

/**
 * Plans a sweep.
 * @param done the finished cells, of the sweep and its outside inputs (`doneIn` asks a store)
 * Cost: O(n log n) in the number of cells.
 */
export function planGraph(graph: SweepGraph, done: ReadonlySet<Address>, workers: number): Plan {
  const kinds = new Map<string, { kind: string; total: number; done: number; seconds: number }>();
  const cells = [...graph.cells.values()].map((cell): PlannedCell => {
    const { address, label, seconds, bytes, spec } = cell;
    const isDone = done.has(address);
    const line = kinds.get(spec.kind) ?? { kind: spec.kind, total: 0, done: 0, seconds: 0 };
    kinds.set(spec.kind, line);
    line.total++;
    if (isDone) line.done++;
    else line.seconds += seconds;
    return { address, label, kind: spec.kind, done: isDone, seconds, bytes };
  });
  const missing = cells.filter((cell) => !cell.done);
  const demands = missing.map((cell) => cell.bytes).toSorted((a, b) => b - a);
  return {
    cells,
    kinds: [...kinds.values()],
    total: cells.length,
    done: cells.length - missing.length,
    workers,
    seconds: missing.reduce((sum, cell) => sum + cell.seconds, 0),
    wallSeconds: simulate(graph, done, workers),
    // Not the cell's own `path`, which also counts finished cells after it.
    pathSeconds: simulate(graph, done, Infinity),
    bytes: demands.slice(0, workers).reduce((sum, bytes) => sum + bytes, 0),
    lacking: graph.outside.filter((address) => !done.has(address)),
  };
}

/** Seconds the schedule takes on so many workers if all estimates hold. */
function simulate(graph: SweepGraph, done: ReadonlySet<Address>, workers: number): number {
  const schedule = new Schedule(graph, done);
  const running = new Timeline();
  let now = 0;
  for (;;) {
    while (running.size < workers) {
      const cell = schedule.take();
      if (!cell) break;
      running.add(now + cell.seconds, cell.address);
    }
    const next = running.next();
    if (!next) return now;
    now = next.at;
    schedule.finish(next.address);
  }
}

/** Cells by the time they end: a binary heap, because a sweep may have 100,000 at once when workers are unlimited. */
class Timeline {
  readonly #items: { readonly at: number; readonly address: Address }[] = [];

  get size(): number {
    return this.#items.length;
  }

  add(at: number, address: Address): void {
    const items = this.#items;
    const item = { at, address };
    let place = items.push(item) - 1;
    for (let parent = (place - 1) >> 1; place > 0 && items[parent]!.at > at; parent = (place - 1) >> 1) {
      items[place] = items[parent]!;
      place = parent;
    }
    items[place] = item;
  }

  next(): { readonly at: number; readonly address: Address } | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (!first || !last || items.length === 0) return first;
    let place = 0;
    for (let child = 1; child < items.length; child = 2 * place + 1) {
      if (child + 1 < items.length && items[child + 1]!.at < items[child]!.at) child++;
      if (last.at <= items[child]!.at) break;
      items[place] = items[child]!;
      place = child;
    }
    items[place] = last;
    return first;
  }
}
