import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { readSafetensors } from "../safetensors/read.node.ts";
import { writeSafetensors } from "../safetensors/write.node.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";
import type { Trainer, TrainState } from "../train/trainer.ts";

/**
 * The resume point of a running training cell: parameters, optimiser state, statistics and how many metric lines belong
 * to it. Written whole or not at all (the writer renames a finished file into place).
 */
export class CheckpointFile {
  readonly #file: string;
  readonly #sizes: { theta: number; statistics: number };

  constructor(dir: string, trainer: Trainer) {
    this.#file = join(dir, "checkpoint.safetensors");
    this.#sizes = { theta: trainer.layout.size, statistics: trainer.statistics.size };
  }

  async write(state: TrainState, lines: number): Promise<void> {
    const flat = (data: Float32Array): Tensor => float32([data.length], data);
    const tensors = new Map<string, Tensor>([
      ["theta", flat(state.theta)],
      ["statistics", flat(state.statistics)],
      ...state.slots.map((slot, i): [string, Tensor] => [`slot${i}`, flat(slot)]),
    ]);
    const { step, lossSum, lossCount } = state;
    await writeSafetensors(this.#file, tensors, { state: JSON.stringify({ step, lossSum, lossCount, lines }) }, { overwrite: true });
  }

  /** The saved state, or undefined when there is none (or one of another network, which is then ignored). */
  async read(): Promise<{ state: TrainState; lines: number } | undefined> {
    if (!existsSync(this.#file)) return undefined;
    const { tensors, metadata } = await readSafetensors(this.#file);
    const flat = (name: string): Float32Array => (tensors.get(name)?.load().data as Float32Array | undefined)?.slice() ?? new Float32Array(0);
    const theta = flat("theta");
    const statistics = flat("statistics");
    if (theta.length !== this.#sizes.theta || statistics.length !== this.#sizes.statistics) return undefined;
    const slots: Float32Array[] = [];
    while (tensors.has(`slot${slots.length}`)) slots.push(flat(`slot${slots.length}`));
    const { step, lossSum, lossCount, lines } = JSON.parse(metadata["state"] ?? "{}") as Record<"step" | "lossSum" | "lossCount" | "lines", number>;
    return { state: { step, theta, slots, statistics, lossSum, lossCount }, lines };
  }

  async remove(): Promise<void> {
    await rm(this.#file, { force: true });
  }
}
