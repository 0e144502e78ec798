import type { Graph, Node } from "../../../src/graph/graph.ts";
import { blocked } from "./blocked.ts";
import { convolution } from "./convolution.ts";
import { elementwise } from "./elementwise.ts";
import { indexing } from "./indexing.ts";
import { layout } from "./layout.ts";
import { matrix } from "./matrix.ts";
import { normalization } from "./normalization.ts";
import { pooling } from "./pooling.ts";
import { reduction } from "./reduction.ts";
import { fromTensor, type Kernel, type Value } from "./value.ts";

/** Every operator the oracle knows; operators outside ONNX's own domain are named "domain.Operator". */
export const kernels: Readonly<Record<string, Kernel>> = {
  ...elementwise,
  ...matrix,
  ...convolution,
  ...pooling,
  ...reduction,
  ...normalization,
  ...layout,
  ...indexing,
  ...blocked,
};

/**
 * Runs a graph in double precision with naive loops, independently of ONNX Runtime and of the gradient rules.
 * Returns every value of the graph by name.
 */
export function interpret(graph: Graph, feeds: Readonly<Record<string, Value>>): Map<string, Value> {
  const values = new Map<string, Value>(Object.entries(feeds));
  for (const initializer of graph.initializers.values())
    values.set(initializer.name, fromTensor(initializer.load()));
  for (const node of graph.nodes) {
    const outputs = kernelOf(node)(
      node.inputs.map((name) => (name === "" ? undefined : given(values, name, node))),
      { node, opset: graph.opsets[""] ?? 17, metadata: graph.metadata },
    );
    node.outputs.forEach((name, i) => {
      if (name !== "") values.set(name, outputs[i]!);
    });
  }
  return values;
}

function kernelOf(node: Node): Kernel {
  const key = node.domain === "" ? node.op : `${node.domain}.${node.op}`;
  const kernel = kernels[key];
  if (kernel === undefined) throw new Error(`oracle: no kernel for ${key}`);
  return kernel;
}

function given(values: ReadonlyMap<string, Value>, name: string, node: Node): Value {
  const found = values.get(name);
  if (found === undefined) throw new Error(`oracle: "${name}" is not there for node "${node.name}"`);
  return found;
}
