import { openRuntime } from "../../src/runtime/ort.node.ts";
import type { Graph } from "../../src/graph/graph.ts";
import type { Runtime } from "../../src/runtime/session.ts";
import { fromTensor, toTensor, type Value } from "./float64/value.ts";

let opened: Promise<Runtime> | undefined;

/** ONNX Runtime on one thread, opened once for a test file. */
export function runtime(): Promise<Runtime> {
  opened ??= openRuntime("cpu");
  return opened;
}

/** Runs a graph once in ONNX Runtime, in its own element types, and returns its outputs by name. */
export async function runInOrt(
  graph: Graph,
  feeds: Readonly<Record<string, Value>>,
): Promise<Map<string, Value>> {
  const session = await (await runtime()).session(graph);
  try {
    const tensors = Object.fromEntries(graph.inputs.map(({ name }) => [name, toTensor(feeds[name]!)]));
    const results = await session.run(tensors);
    return new Map(Object.entries(results).map(([name, result]) => [name, fromTensor(result)]));
  } finally {
    await session.release();
  }
}
