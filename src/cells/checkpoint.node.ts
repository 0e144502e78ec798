import { existsSync } from "node:fs";
import { join } from "node:path";
import { readSafetensors } from "../safetensors/read.node.ts";
import { encodeSafetensors } from "../safetensors/encode.ts";
import type { CellContext } from "../sweep/kind.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";
import type { Trainer, TrainState } from "../train/trainer.ts";

/** A leading dot keeps it out of the finished cell. */
const fileName = ".checkpoint.safetensors";

/**
 * The resume point of a running training cell: parameters, optimiser state, statistics and how many metric lines belong
 * to it. Written whole or not at all (the writer renames a finished file into place).
 */
export class CheckpointFile {
  readonly #context: CellContext;
  readonly #sizes: { theta: number; statistics: number };

  constructor(context: CellContext, trainer: Trainer) {
    this.#context = context;
    this.#sizes = { theta: trainer.layout.size, statistics: trainer.statistics.size };
  }

  /** Where the file is, or would be. */
  get path(): string {
    return join(this.#context.dir, fileName);
  }

  async write(state: TrainState, lines: number): Promise<void> {
    const flat = (data: Float32Array): Tensor => float32([data.length], data);
    const tensors = new Map<string, Tensor>([
      ["theta", flat(state.theta)],
      ["statistics", flat(state.statistics)],
      ...state.slots.map((slot, i): [string, Tensor] => [`slot${i}`, flat(slot)]),
    ]);
    const { step, lossSum, lossCount } = state;
    const bytes = encodeSafetensors(tensors, { state: JSON.stringify({ step, lossSum, lossCount, lines }) });
    await this.#context.write(fileName, bytes);
  }

  /** The saved state, or undefined when there is none (or one of another network, which is then ignored). */
  async read(): Promise<{ state: TrainState; lines: number } | undefined> {
    const file = join(this.#context.dir, fileName);
    if (!existsSync(file)) return undefined;
    const { tensors, metadata } = await readSafetensors(file);
    const flat = (name: string): Float32Array =>
      (tensors.get(name)?.load().data as Float32Array | undefined)?.slice() ?? new Float32Array(0);
    const theta = flat("theta");
    const statistics = flat("statistics");
    if (theta.length !== this.#sizes.theta || statistics.length !== this.#sizes.statistics) return undefined;
    const slots: Float32Array[] = [];
    while (tensors.has(`slot${slots.length}`)) slots.push(flat(`slot${slots.length}`));
    const { step, lossSum, lossCount, lines } = JSON.parse(metadata["state"] ?? "{}") as Record<
      "step" | "lossSum" | "lossCount" | "lines",
      number
    >;
    return { state: { step, theta, slots, statistics, lossSum, lossCount }, lines };
  }
}
