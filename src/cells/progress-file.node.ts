import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../base/canonical.ts";
import { encodeSafetensors } from "../safetensors/encode.ts";
import { readSafetensors } from "../safetensors/read.node.ts";
import type { CellContext } from "../sweep/kind.ts";
import { float32 } from "../tensor/tensor.ts";

/** Seconds between two writes: a kill costs at most this much work. */
const every = 5;

/** What a cell needs to go on from: plain data and vectors. */
export interface Progress<T extends Json> {
  readonly state: T;
  readonly vectors: Readonly<Record<string, Float32Array>>;
}

/**
 * The resume point of a cell that moves vectors step by step. Its name begins with a dot, which keeps it out of the
 * finished cell; it is written whole or not at all.
 */
export class ProgressFile<T extends Json> {
  readonly #context: Pick<CellContext, "dir" | "write">;
  readonly #name: string;
  #written = performance.now();

  constructor(context: Pick<CellContext, "dir" | "write">, name = ".progress.safetensors") {
    this.#context = context;
    this.#name = name;
  }

  async write({ state, vectors }: Progress<T>): Promise<void> {
    const tensors = Object.entries(vectors).map(
      ([name, data]) => [name, float32([data.length], data)] as const,
    );
    await this.#context.write(this.#name, encodeSafetensors(tensors, { state: JSON.stringify(state) }));
    this.#written = performance.now();
  }

  /** Writes when the last time was some seconds ago. `now` is only called then. */
  async writeSometimes(now: () => Progress<T>): Promise<void> {
    if (performance.now() - this.#written > every * 1000) await this.write(now());
  }

  /** What was written last, by this attempt or one before it. */
  async read(): Promise<Progress<T> | undefined> {
    const path = join(this.#context.dir, this.#name);
    if (!existsSync(path)) return undefined;
    const { tensors, metadata } = await readSafetensors(path);
    return {
      state: JSON.parse(metadata["state"] ?? "null") as T,
      vectors: Object.fromEntries(
        [...tensors].map(([name, one]) => [name, (one.load().data as Float32Array).slice()]),
      ),
    };
  }
}
