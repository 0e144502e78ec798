import { withWeights } from "../autodiff/flat.ts";
import { ScopeError } from "../base/error.ts";
import type { Graph, Initializer } from "../graph/graph.ts";
import { withClasses } from "../graph/head.ts";
import { prune } from "../graph/topology.ts";
import { draw } from "../models/initialise.ts";
import { buildModel, initialise, type ModelSpec } from "../models/model.ts";
import type { ModelIo, ParameterInfo } from "../models/types.ts";
import { readSafetensors } from "../safetensors/read.node.ts";
import type { Cell } from "../store/cell.node.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";
import type { SavedState } from "./checkpoint.node.ts";
import { graphParameters } from "./graph-parameters.ts";
import { graphOfSize, type Network, networkOf } from "./network.node.ts";
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

/** What of a run's parameters decides the network it begins with. */
type Described = Pick<TrainParams, "model" | "seeds" | "head" | "data">;

/**
 * The network that a training run begins with. One of ours: fresh weights, with everything but the head replaced by the
 * starting cell's when there is one. A given one (arch: given): the starting cell's network, its head replaced for the
 * classes unless it is kept. With a parent's state, the weights its training began at (as far as they matter: for L2-SP)
 * and those it did not train.
 * @throws {ScopeError} usage, for sizes the architecture cannot have, or a given network that nobody gives; shape, when the
 *   starting cell's weights do not fit; data, when images or classes do not suit a given network; unsupported, when its
 *   head cannot be recognised
 */
export async function beginningOf(
  params: Described,
  io: ModelIo,
  inputs: BeginningInputs,
  parent?: SavedState,
): Promise<Beginning> {
  const { model } = params;
  const begun =
    model.arch === "given"
      ? await givenBeginning(params, io, inputs)
      : await ownBeginning({ ...params, model }, io, inputs);
  const weights = new Map([...begun.weights, ...(parent?.anchor ?? [])]);
  return { ...begun, graph: withWeights(begun.graph, weights), weights };
}

async function ownBeginning(
  { model, seeds, head }: Described & { readonly model: ModelSpec },
  io: ModelIo,
  inputs: BeginningInputs,
): Promise<Beginning> {
  const { graph, parameters } = buildModel(model, io);
  const fresh = initialise(parameters, { init: seeds.init, head: seeds.head });
  const weights = new Map(parameters.map((info) => [info.name, float32(info.shape, fresh.get(info.name)!)]));
  const source = inputs.state ?? inputs.start;
  if (source === undefined) return { graph, parameters, weights };
  const { where, tensors } = await weightsOf(source);
  for (const info of parameters) {
    if (info.head && head === "new") continue;
    const found = tensors.get(info.name);
    if (found === undefined || found.shape.join() !== info.shape.join()) {
      throw new ScopeError(
        "shape",
        `${where}: parameter "${info.name}" should be [${info.shape.join(", ")}], found ${found ? `[${found.shape.join(", ")}]` : "nothing"}`,
        { hint: "pretrained and fine-tuned networks need the same architecture and image size" },
      );
    }
    weights.set(info.name, found.load());
  }
  return { graph, parameters, weights };
}

/** The weights of a training run, or of a cell of another kind that holds a network. */
async function weightsOf(
  cell: Cell,
): Promise<{ readonly where: string; readonly tensors: ReadonlyMap<string, Initializer> }> {
  if (cell.spec.kind === "train") {
    const where = cell.file("weights.safetensors");
    return { where, tensors: (await readSafetensors(where)).tensors };
  }
  const { graph, title } = await networkOf(cell);
  return { where: title, tensors: graph.initializers };
}

async function givenBeginning(
  { data, seeds, head }: Described,
  io: ModelIo,
  inputs: BeginningInputs,
): Promise<Beginning> {
  const source = inputs.state ?? inputs.start;
  if (source === undefined) throw nobodyGives();
  return begin(await networkOf(source), { data, seeds, head }, io);
}

/** What is said of `arch: given` without a start. */
export function nobodyGives(): ScopeError {
  return new ScopeError("usage", "arch: given trains the network of start, and there is no start", {
    hint: "start: path/to/model.onnx, or the address of a stored network",
  });
}

/**
 * A given network made ready for training: for images of this size, and with a head for these classes, fresh from
 * `seeds.head`, unless it is kept.
 * @throws {ScopeError} as `beginningOf`
 */
export function begin(
  network: Pick<Network, "graph" | "classes" | "title">,
  { data, seeds, head }: Pick<Described, "data" | "seeds" | "head">,
  io: ModelIo,
): Beginning {
  if (head === "kept" && network.classes !== io.classes) {
    throw new ScopeError(
      "data",
      `${network.title} tells ${network.classes} classes apart, ${data.set} has ${io.classes}: its head cannot be kept`,
      { hint: "say head: new, or choose as many classes in the data section" },
    );
  }
  const sized = graphOfSize(network, io, data.set);
  const only = prune(sized, [sized.outputs[0]!.name]);
  const graph = head === "new" ? withClasses(only, io.classes) : only;
  const parameters = graphParameters(graph);
  const weights = new Map(
    parameters.map((info) => [
      info.name,
      info.head && head === "new"
        ? float32(info.shape, draw(info, { init: seeds.init, head: seeds.head }))
        : graph.initializers.get(info.name)!.load(),
    ]),
  );
  return { graph: withWeights(graph, weights), parameters, weights };
}
