import { existsSync } from "node:fs";
import { join } from "node:path";
import { ScopeError } from "../base/error.ts";
import { readSafetensors } from "../safetensors/read.node.ts";
import { encodeSafetensors } from "../safetensors/encode.ts";
import type { CellContext } from "../sweep/kind.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";
import type { Trainer, TrainState } from "../train/trainer.ts";

/** A leading dot keeps it out of the finished cell. */
const fileName = ".checkpoint.safetensors";

/** The state a training cell ends with, when others shall go on from it. */
export const stateFile = "state.safetensors";

/** A training state as a file holds it. */
export interface SavedState {
  readonly state: TrainState;
  /** Metric lines that belong to it; 0 in a finished cell's state. */
  readonly lines: number;
  /** The starting values of the trained parameters, where the recipe pulls towards them. */
  readonly anchor: ReadonlyMap<string, Tensor> | undefined;
}

/** Prefix of the anchor's tensors. */
const anchored = "anchor.";

/** A training state as a safetensors file: one vector for all parameters, one for each optimiser slot, and statistics. */
export function encodeState(
  state: TrainState,
  anchor: ReadonlyMap<string, Tensor> = new Map(),
  lines = 0,
): Uint8Array {
  const flat = (data: Float32Array): Tensor => float32([data.length], data);
  const tensors = new Map<string, Tensor>([
    ["theta", flat(state.theta)],
    ["statistics", flat(state.statistics)],
    ...state.slots.map((slot, i): [string, Tensor] => [`slot${i}`, flat(slot)]),
    ...[...anchor].map(([name, value]): [string, Tensor] => [`${anchored}${name}`, value]),
  ]);
  const { step, lossSum, lossCount } = state;
  return encodeSafetensors(tensors, { state: JSON.stringify({ step, lossSum, lossCount, lines }) });
}

/** Reads what `encodeState` wrote. @throws {ScopeError} format, when the file is another one */
export async function readState(file: string): Promise<SavedState> {
  const { tensors, metadata } = await readSafetensors(file);
  const flat = (name: string): Float32Array =>
    (tensors.get(name)?.load().data as Float32Array | undefined)?.slice() ?? new Float32Array(0);
  const slots: Float32Array[] = [];
  while (tensors.has(`slot${slots.length}`)) slots.push(flat(`slot${slots.length}`));
  const { step, lossSum, lossCount, lines } = JSON.parse(metadata["state"] ?? "{}") as Partial<
    Record<"step" | "lossSum" | "lossCount" | "lines", number>
  >;
  if (step === undefined || lossSum === undefined || lossCount === undefined || lines === undefined)
    throw new ScopeError("format", `${file}: not a training state`);
  const anchor = [...tensors.values()].filter(({ name }) => name.startsWith(anchored));
  return {
    state: { step, theta: flat("theta"), slots, statistics: flat("statistics"), lossSum, lossCount },
    lines,
    anchor:
      anchor.length === 0
        ? undefined
        : new Map(anchor.map((one) => [one.name.slice(anchored.length), one.load()])),
  };
}

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
    await this.#context.write(fileName, encodeState(state, undefined, lines));
  }

  /** The saved state, or undefined when there is none (or one of another network, which is then ignored). */
  async read(): Promise<{ state: TrainState; lines: number } | undefined> {
    const file = join(this.#context.dir, fileName);
    if (!existsSync(file)) return undefined;
    const { state, lines } = await readState(file);
    const fits =
      state.theta.length === this.#sizes.theta && state.statistics.length === this.#sizes.statistics;
    return fits ? { state, lines } : undefined;
  }
}
