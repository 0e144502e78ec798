import { Builder } from "../graph/builder.ts";
import type { Dim } from "../graph/graph.ts";
import { float32 } from "../tensor/tensor.ts";
import { draw } from "./initialise.ts";
import type { InitSpec, ModelIo, ParameterInfo, Tap } from "./types.ts";

/** What a parameter may differ in from an ordinary weight. */
export interface ParameterOptions {
  readonly decay?: boolean;
  readonly lrScale?: number;
  readonly role?: "trainable" | "statistic";
}

/** Name of the head module in every architecture: the layer a new task replaces. */
export const headModule = "head";

/**
 * A model being built: a graph builder that also keeps the list of parameters and of block outputs.
 * Values are image batches [N, C, H, W] or matrices [N, C]; N stays symbolic.
 */
export class Network {
  readonly g: Builder;
  readonly io: ModelIo;
  readonly parameters: ParameterInfo[] = [];
  readonly taps: Tap[] = [];

  constructor(io: ModelIo, opset = 17) {
    this.io = io;
    this.g = new Builder(opset);
  }

  /** Adds a parameter and returns its name. Read from the graph as it is, it holds its values for seeds 0 and 0. */
  parameter(name: string, shape: readonly number[], init: InitSpec, options: ParameterOptions = {}): string {
    const module = name.slice(0, name.lastIndexOf("."));
    const info: ParameterInfo = {
      name,
      shape,
      init,
      role: options.role ?? "trainable",
      decay: options.decay ?? shape.length > 1,
      module,
      head: module === headModule,
      lrScale: options.lrScale ?? 1,
    };
    this.parameters.push(info);
    return this.g.parameter({
      name,
      dtype: "float32",
      shape,
      load: () => float32(shape, draw(info, { init: 0, head: 0 })),
    });
  }

  /** Notes that `value` is what `module` gives out. Returns the value. */
  tap(module: string, value: string): string {
    this.taps.push({ module, value });
    return value;
  }

  /** Channels of an image batch, or columns of a matrix: the size of axis 1. */
  channels(x: string): number {
    return this.#size(x, 1);
  }

  /** Height and width of an image batch, in pixels. */
  image(x: string): [number, number] {
    return [this.#size(x, 2), this.#size(x, 3)];
  }

  /** Shape of a value, N being symbolic. */
  shape(x: string): readonly Dim[] {
    return this.g.known(x).shape;
  }

  #size(x: string, axis: number): number {
    // Only the batch is symbolic in a model; shape inference keeps every other size.
    return this.g.known(x).shape[axis] as number;
  }
}
