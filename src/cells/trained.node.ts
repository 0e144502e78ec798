import { withWeights } from "../autodiff/flat.ts";
import { ScopeError } from "../base/error.ts";
import { defaultCache, planData } from "../data/load.node.ts";
import type { DataEnv } from "../data/types.ts";
import type { Graph } from "../graph/graph.ts";
import { buildModel } from "../models/model.ts";
import { readModel } from "../onnx/read.node.ts";
import { readSafetensors } from "../safetensors/read.node.ts";
import type { Cell } from "../store/cell.node.ts";
import { shortAddress } from "../store/spec.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { graphParameters } from "./graph-parameters.ts";
import { trainParams, type TrainParams } from "./train-params.ts";

/** The file in which a run that trained a given network leaves it, with its trained weights. */
export const givenFile = "model.onnx";

/** A finished training run as a network. */
export interface TrainedModel {
  readonly params: TrainParams;
  /** Input [N, C, H, W]; its initializers hold the trained weights. */
  readonly graph: Graph;
  readonly weights: ReadonlyMap<string, Tensor>;
  /** Names of the weights in the order of the forward pass. */
  readonly names: readonly string[];
}

/**
 * The network a training cell made, with its final weights.
 * @throws {ScopeError} usage, when the cell is of another kind; format, when its files do not fit
 */
export async function trainedModel(
  cell: Cell,
  data: DataEnv = { cache: defaultCache() },
): Promise<TrainedModel> {
  if (cell.spec.kind !== "train") {
    throw new ScopeError(
      "usage",
      `cell ${shortAddress(cell.address)} is of kind "${cell.spec.kind}", not a training run`,
    );
  }
  const params = trainParams.parse(cell.spec.params);
  if (params.model.arch === "given") return await givenModel(cell, params);
  const { channels, height, width, classes } = await planData(params.data, data);
  const model = buildModel(params.model, { channels, height, width, classes: classes.length });
  const { tensors } = await readSafetensors(cell.file("weights.safetensors"));
  const weights = new Map([...tensors].map(([name, one]) => [name, one.load()]));
  return {
    params,
    graph: withWeights(model.graph, weights),
    weights,
    names: model.parameters.map((info) => info.name),
  };
}

/** A given network is in the cell itself: nobody can build it. */
async function givenModel(cell: Cell, params: TrainParams): Promise<TrainedModel> {
  const graph = await readModel(cell.file(givenFile));
  const names = graphParameters(graph).map((info) => info.name);
  const weights = new Map(names.map((name) => [name, graph.initializers.get(name)!.load()]));
  return { params, graph: withWeights(graph, weights), weights, names };
}
