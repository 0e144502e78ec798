import { withWeights } from "../autodiff/flat.ts";
import { ScopeError } from "../base/error.ts";
import type { Graph } from "../graph/graph.ts";
import { buildModel, initialise } from "../models/model.ts";
import type { ModelIo, ParameterInfo } from "../models/types.ts";
import { readSafetensors } from "../safetensors/read.node.ts";
import type { Cell } from "../store/cell.node.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";
import type { SavedState } from "./checkpoint.node.ts";
import type { TrainParams } from "./train-params.ts";

/** The cells a training run begins from: another network's weights (`start`) or a run's whole state (`state`). */
export interface BeginningInputs {
  readonly start?: Cell | undefined;
  readonly state?: Cell | undefined;
}

/** A network as training finds it. */
export interface Beginning {
  /** Input [N, C, H, W]; its initializers hold the weights. */
  readonly graph: Graph;
  /** Parameters and statistics in the order of the forward pass. */
  readonly parameters: readonly ParameterInfo[];
  /** All of them by name. */
  readonly weights: ReadonlyMap<string, Tensor>;
}

/**
 * The network that a training run begins with: fresh weights, with everything but the head replaced by the starting
 * cell's when there is one. With a parent's state, the weights its training began at (as far as they matter: for L2-SP)
 * and those it did not train.
 * @throws {ScopeError} usage, for sizes the architecture cannot have; shape, when the starting cell's weights do not fit
 */
export async function beginningOf(
  params: Pick<TrainParams, "model" | "seeds" | "head">,
  io: ModelIo,
  inputs: BeginningInputs,
  parent?: SavedState,
): Promise<Beginning> {
  const { graph, parameters } = buildModel(params.model, io);
  const { init, head } = params.seeds;
  const fresh = initialise(parameters, { init, head });
  const weights = new Map(parameters.map((info) => [info.name, float32(info.shape, fresh.get(info.name)!)]));
  const source = inputs.state ?? inputs.start;
  if (source !== undefined) {
    const file = source.file("weights.safetensors");
    const { tensors } = await readSafetensors(file);
    for (const info of parameters) {
      if (info.head && params.head === "new") continue;
      const found = tensors.get(info.name);
      if (found === undefined || found.shape.join() !== info.shape.join()) {
        throw new ScopeError(
          "shape",
          `${file}: parameter "${info.name}" should be [${info.shape.join(", ")}], found ${found ? `[${found.shape.join(", ")}]` : "nothing"}`,
          { hint: "pretrained and fine-tuned networks need the same architecture and image size" },
        );
      }
      weights.set(info.name, found.load());
    }
  }
  for (const [name, value] of parent?.anchor ?? []) weights.set(name, value);
  return { graph: withWeights(graph, weights), parameters, weights };
}
