import { ScopeError } from "../base/error.ts";
import type { DataSpec } from "../data/types.ts";
import type { Graph } from "../graph/graph.ts";
import { multiplyAddsOf } from "../models/describe.ts";
import { readSafetensors } from "../safetensors/read.node.ts";
import { controlled } from "../sensitivity/control.ts";
import { halves } from "../sensitivity/frontier.ts";
import type { SampledMap, SampledPlace } from "../sensitivity/types.ts";
import type { Cell } from "../store/cell.node.ts";
import { type Address, addressOf, type CellSpec, shortAddress } from "../store/spec.ts";
import type { Json } from "../base/canonical.ts";
import {
  drawsFile,
  sensitivityCell as kind,
  sensitivityParams,
  type SensitivityParams,
  type SensitivityResult,
} from "./kinds/sensitivity.node.ts";

export type { SensitivityResult } from "./kinds/sensitivity.node.ts";

/** One module, one kind of noise: see `sensitivityParams`. */
export interface SensitivityPlan extends Omit<
  SensitivityParams,
  "data" | "split" | "block" | "module" | "alphas" | "ratios" | "epsilons"
> {
  /** Cells that hold the network with its final weights, and with its initial ones. */
  readonly final: Address;
  readonly initial: Address;
  readonly data: DataSpec;
  /** "train" unless told. */
  readonly split?: "train" | "test" | undefined;
  /** Images of a draw: 64 unless told, 128 for statistics of the images. */
  readonly block?: number | undefined;
  readonly module: {
    readonly name: string;
    readonly parameters: readonly string[];
    readonly statistics: readonly string[];
  };
  readonly alphas: readonly number[];
  readonly ratios: readonly number[];
  readonly epsilons: readonly ({ readonly absolute: number } | { readonly relative: number })[];
  /** What to call the cell before a person; the module's name unless told. */
  readonly label?: string | undefined;
}

/** The cell that makes the map of a module. */
export function sensitivityCell({ final, initial, label, ...plan }: SensitivityPlan): {
  readonly spec: CellSpec;
  readonly address: Address;
  readonly label: string;
} {
  const { name, parameters, statistics } = plan.module;
  const params = {
    ...plan,
    module: { name, parameters, statistics },
    split: plan.split ?? "train",
    block: plan.block ?? (plan.statistics === "kept" ? 64 : 128),
  };
  const spec: CellSpec = {
    kind: kind.kind,
    version: kind.version,
    // Plain data by construction; the round trip drops fields that are undefined.
    params: JSON.parse(JSON.stringify(params)) as Json,
    inputs: { final, initial },
  };
  return { spec, address: addressOf(spec), label: label ?? `${name}, ${plan.noise} noise` };
}

/**
 * Multiply–adds, for one image, of the part of a network that changes with the parameters `names`: what a draw costs.
 * @throws {ScopeError} as `frontier`
 */
export function multiplyAddsAfter(graph: Graph, names: readonly string[]): number {
  return multiplyAddsOf(halves({ ...graph, outputs: graph.outputs.slice(0, 1) }, names).after);
}

/**
 * What a sensitivity cell found, with every draw of every place, the place without noise as control (`controlled`).
 * @throws {ScopeError} usage, when the cell is of another kind; format, when its files do not fit
 */
export async function readSensitivity(cell: Cell): Promise<SensitivityResult & { readonly map: SampledMap }> {
  if (cell.spec.kind !== kind.kind) {
    throw new ScopeError(
      "usage",
      `cell ${shortAddress(cell.address)} is of kind "${cell.spec.kind}", not "${kind.kind}"`,
    );
  }
  const result = cell.result() as unknown as SensitivityResult;
  const params = sensitivityParams.parse(cell.spec.params);
  const { tensors } = await readSafetensors(cell.file(drawsFile));
  const errors = tensors.get("errors")?.load().data as Int32Array | undefined;
  const losses = tensors.get("loss")?.load().data as Float32Array | undefined;
  const wanted = result.places.reduce((sum, { draws }) => sum + draws, 0);
  if (errors?.length !== wanted || losses?.length !== wanted) {
    throw new ScopeError(
      "format",
      `${cell.file(drawsFile)}: expected ${wanted} draws, found ${errors?.length ?? "none"}`,
      { hint: "remove the cell; the command makes it again" },
    );
  }
  let at = 0;
  const places = result.places.map(({ alpha, ratio, refined, draws }): SampledPlace => {
    const from = at;
    at += draws;
    return {
      alpha,
      ratio,
      refined,
      excess: Float32Array.from(errors.subarray(from, at), (count) => count / result.block),
      lossExcess: losses.slice(from, at),
    };
  });
  const { noise, span, block, images } = result;
  const { alphas, ratios } = params;
  return { ...result, map: controlled({ noise, span, block, images, alphas, ratios, places }) };
}
