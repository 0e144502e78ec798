import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Where graphs run. "cpu" everywhere; the others pass through to ONNX Runtime where its build has them. */
export type Device = "cpu" | "webgpu" | "cuda";

/** Buffers chosen once, used for many runs: nothing is allocated or copied between the steps of a training loop. */
export interface BoundRun {
  /** Reads the bound inputs as they are now, writes the bound outputs. */
  run(): Promise<void>;
}

/** A graph made ready to run. */
export interface Session {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /**
   * Runs once. Outputs are freshly allocated.
   * @throws {ScopeError} runtime, with ONNX Runtime's own words as the cause
   */
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>>;
  /**
   * Binds inputs and outputs to given tensors. An output must not share memory with an input: the order in which
   * ONNX Runtime reads and writes is its own affair. Every output of the graph must be bound.
   */
  bind(feeds: Readonly<Record<string, Tensor>>, outputs: Readonly<Record<string, Tensor>>): BoundRun;
  /** Frees the native memory. */
  release(): Promise<void>;
}

export interface Runtime {
  readonly device: Device;
  /** Versions that decide the bits of a result, e.g. { onnxruntime: "1.30.0" }. */
  readonly versions: Readonly<Record<string, string>>;
  /** Width of the blocked layout this machine's convolutions use, 1 when there is none. See graph/blocked.ts. */
  readonly block: number;
  /** @throws {ScopeError} unsupported or runtime, when ONNX Runtime refuses the graph */
  session(graph: Graph): Promise<Session>;
}
