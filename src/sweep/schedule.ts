import type { Address } from "../store/spec.ts";
import type { SweepCell, SweepGraph } from "./graph.ts";

/**
 * Which cell is next. A cell is offered once its inputs are finished; of several, the one with the longest remaining path
 * comes first (the one given first, among equals), so that no long chain is left for the end.
 *
 * Source: list scheduling by longest path, Graham 1969, "Bounds on multiprocessing timing anomalies": the time taken is
 * less than twice the best possible.
 */
export class Schedule {
  readonly #graph: SweepGraph;
  /** Cells in order of urgency; the heap below holds places in this list. */
  readonly #order: readonly SweepCell[];
  readonly #rank: ReadonlyMap<Address, number>;
  readonly #missing = new Map<Address, number>();
  readonly #ended: Set<Address>;
  readonly #heap: number[] = [];

  /** @param done cells that are finished, inside the sweep or outside */
  constructor(graph: SweepGraph, done: ReadonlySet<Address>) {
    this.#graph = graph;
    this.#ended = new Set(done);
    this.#order = [...graph.cells.values()].toSorted((a, b) => b.path - a.path || a.index - b.index);
    this.#rank = new Map(this.#order.map((cell, rank) => [cell.address, rank]));
    this.#order.forEach(({ address, inputs }) => {
      if (done.has(address)) return;
      const missing = inputs.filter((input) => !done.has(input)).length;
      this.#missing.set(address, missing);
      if (missing === 0) this.putBack(address);
    });
  }

  /** Number of cells that could be taken now. */
  get ready(): number {
    return this.#heap.length;
  }

  /** Takes the most urgent cell, or none if all wait for others. */
  take(): SweepCell | undefined {
    const heap = this.#heap;
    const rank = heap[0];
    const last = heap.pop();
    if (rank === undefined || last === undefined) return undefined;
    if (heap.length > 0) {
      let at = 0;
      for (let child = 1; child < heap.length; child = 2 * at + 1) {
        if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
        if (last <= heap[child]!) break;
        heap[at] = heap[child]!;
        at = child;
      }
      heap[at] = last;
    }
    return this.#order[rank];
  }

  /** Offers a taken cell again. */
  putBack(address: Address): void {
    const rank = this.#rank.get(address);
    if (rank === undefined) return;
    const heap = this.#heap;
    let at = heap.length;
    heap.push(rank);
    for (let parent = (at - 1) >> 1; at > 0 && heap[parent]! > rank; parent = (at - 1) >> 1) {
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = rank;
  }

  /** Notes that a taken cell is finished; cells that waited for it alone are offered from now on. */
  finish(address: Address): void {
    if (this.#ended.has(address)) return;
    this.#ended.add(address);
    for (const dependant of this.#graph.dependants.get(address) ?? []) {
      const missing = this.#missing.get(dependant);
      if (missing === undefined || this.#ended.has(dependant)) continue;
      this.#missing.set(dependant, missing - 1);
      if (missing === 1) this.putBack(dependant);
    }
  }

  /**
   * Notes that a taken cell failed for good.
   * @returns the cells that can't be computed because of it, directly or not, that were not known to be lost before
   */
  fail(address: Address): SweepCell[] {
    this.#ended.add(address);
    const blocked: SweepCell[] = [];
    const next = [address];
    for (let at = next.pop(); at !== undefined; at = next.pop()) {
      for (const dependant of this.#graph.dependants.get(at) ?? []) {
        const cell = this.#graph.cells.get(dependant);
        if (!cell || this.#ended.has(dependant)) continue;
        this.#ended.add(dependant);
        blocked.push(cell);
        next.push(dependant);
      }
    }
    return blocked.toSorted((a, b) => a.index - b.index);
  }
}
