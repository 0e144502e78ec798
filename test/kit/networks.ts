import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { buildModel, type ModelSpec, modelSpecSchema } from "../../src/models/model.ts";
import type { Model, ModelIo } from "../../src/models/types.ts";
import { readSafetensors } from "../../src/safetensors/read.node.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

const folder = fileURLToPath(new URL("../oracle/networks/", import.meta.url));

/** A recorded network or optimiser run; the layout is described in test/oracle/networks/README.md. */
export interface RecordedNetwork {
  readonly name: string;
  readonly kind: "network" | "trajectory";
  readonly spec: ModelSpec;
  readonly io: ModelIo;
  readonly recipe: Readonly<Record<string, unknown>>;
  readonly model: Model;
  /** One tensor, read when asked for. */
  readonly tensor: (name: string) => Tensor;
  /** All tensors called `prefix.NAME`, by NAME. */
  readonly group: (prefix: string) => Map<string, Tensor>;
}

/** Names of the recorded networks of a kind, in alphabetical order. */
export function recordedNames(kind: "network" | "trajectory"): string[] {
  const names = readdirSync(folder).filter((file) => file.endsWith(".safetensors"));
  return names
    .map((file) => file.slice(0, -".safetensors".length))
    .filter((name) => name.startsWith("steps-") === (kind === "trajectory"))
    .toSorted();
}

export async function readRecorded(name: string): Promise<RecordedNetwork> {
  const { tensors, metadata } = await readSafetensors(`${folder}${name}.safetensors`);
  const spec = modelSpecSchema.parse(JSON.parse(metadata["spec"]!));
  const io = JSON.parse(metadata["io"]!) as ModelIo;
  return {
    name,
    kind: metadata["kind"] as "network" | "trajectory",
    spec,
    io,
    recipe: JSON.parse(metadata["recipe"] ?? "{}") as Record<string, unknown>,
    model: buildModel(spec, io),
    tensor: (key) => tensors.get(key)!.load(),
    group: (prefix) =>
      new Map(
        [...tensors]
          .filter(([key]) => key.startsWith(`${prefix}.`))
          .map(([key, lazy]) => [key.slice(prefix.length + 1), lazy.load()]),
      ),
  };
}
