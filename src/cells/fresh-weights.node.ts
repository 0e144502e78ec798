import { initialise, type ModelSpec, modelSpecSchema, buildModel } from "../models/model.ts";
import type { ParameterInfo } from "../models/types.ts";
import type { Cell } from "../store/cell.node.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";
import { graphParameters } from "./graph-parameters.ts";
import type { Network } from "./network.node.ts";
import { trainParams } from "./train-params.ts";

/** How fresh weights of a network are drawn. */
export interface FreshPlan {
  /** The network's parameters and statistics in the order of its weight vector, each with its initialiser. */
  readonly parameters: readonly ParameterInfo[];
  /** What is used, one sentence for a person. */
  readonly sentence: string;
}

/**
 * How fresh weights of a network are drawn: by its own initialisers where it is one of our architectures (a training run
 * says so, or the model's file), else by the part each tensor has in the graph (see `graphParameters`).
 */
export function freshPlan(cell: Cell, network: Network): FreshPlan {
  const own = ownParameters(cell, network);
  if (own !== undefined)
    return {
      parameters: own.parameters,
      sentence: `Fresh weights are drawn by the initialisers of our ${own.arch}, with seeds of their own.`,
    };
  const byName = new Map(graphParameters(network.graph).map((info) => [info.name, info]));
  const parameters = network.names.map((name) => byName.get(name)!);
  const unknown = parameters.filter(({ init }) => init.kind === "normal").length;
  const rest =
    unknown === 0
      ? ""
      : `; ${unknown} ${unknown === 1 ? "tensor" : "tensors"} of another kind: normal with the mean and spread found there`;
  return {
    parameters,
    sentence: `How the network was initialised is not known: fresh weights are He-normal by fan-in (the head's uniform within ±1/√fan-in), biases 0, normalisations 1 and 0${rest}.`,
  };
}

/**
 * Fresh random weights for all trainable parameters and statistics of a network, by name.
 * @param cell the cell that holds the network
 * @param seed of body and head alike; every tensor has a stream of its own, so drawing one never shifts another
 */
// A promise, because a cell's kind may have to read files to know its initialisers.
export function freshWeights(
  cell: Cell,
  network: Network,
  seed: number,
): Promise<ReadonlyMap<string, Tensor>> {
  const { parameters } = freshPlan(cell, network);
  const drawn = initialise(parameters, { init: seed, head: seed });
  return Promise.resolve(
    new Map(parameters.map(({ name, shape }) => [name, float32(shape, drawn.get(name)!)])),
  );
}

/** The parameters as our own builder describes them; undefined where the network is not one of ours, unchanged. */
function ownParameters(
  cell: Cell,
  network: Network,
): { readonly arch: string; readonly parameters: readonly ParameterInfo[] } | undefined {
  const spec = ownSpec(cell, network);
  const [, channels, height, width] = network.graph.inputs[0]!.shape;
  if (spec === undefined || typeof channels !== "number") return undefined;
  if (typeof height !== "number" || typeof width !== "number") return undefined;
  const { parameters } = buildModel(spec, { channels, height, width, classes: network.classes });
  const byName = new Map(parameters.map((info) => [info.name, info]));
  const found = network.names.map((name) => byName.get(name));
  const same =
    parameters.length === network.names.length &&
    found.every((info) => info?.shape.join() === network.weights.get(info?.name ?? "")?.shape.join());
  return same ? { arch: spec.arch, parameters: found.map((info) => info!) } : undefined;
}

function ownSpec(cell: Cell, network: Network): ModelSpec | undefined {
  if (cell.spec.kind === "train") {
    const { model } = trainParams.parse(cell.spec.params);
    if (model.arch !== "given") return model;
  }
  const note = network.graph.metadata["transferscope.model"];
  if (note === undefined) return undefined;
  try {
    return modelSpecSchema.safeParse(JSON.parse(note)).data;
  } catch {
    // A model from elsewhere may say anything there.
    return undefined;
  }
}
