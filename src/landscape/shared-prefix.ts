import { cutPoints } from "../graph/cut.ts";
import type { Graph } from "../graph/graph.ts";
import { inferGraph } from "../graph/infer.ts";
import { ancestors } from "../graph/topology.ts";
import type { FlatLayout } from "../autodiff/flat.ts";

/** A value a network can be cut at, and what is needed to compute it. */
interface Cut {
  readonly value: string;
  /** Initializers that the part before the cut reads. */
  readonly reads: ReadonlySet<string>;
}

/** Operators whose work is worth not doing again; a prefix without one saves nothing. */
const heavy = new Set(["Conv", "ConvTranspose", "Gemm", "MatMul"]);

/**
 * Finds where a network (fixed sizes) can be cut so that everything before depends only on parameters that have not
 * changed. Frozen layers and tuned heads have such a prefix; it needs to run once for all points.
 */
export function sharedPrefixes(network: Graph): (changed: ReadonlySet<string>) => string | undefined {
  let cuts: Cut[] | undefined;
  return (changed) => {
    cuts ??= usableCuts(network);
    let last: string | undefined;
    // What a cut reads, later cuts read too.
    for (const { value, reads } of cuts) {
      for (const name of changed) if (reads.has(name)) return last;
      last = value;
    }
    return last;
  };
}

function usableCuts(network: Graph): Cut[] {
  const known = inferGraph(network);
  return cutPoints(network).flatMap((value) => {
    const info = known.get(value);
    if (info?.dtype !== "float32" || !info.shape.every((dim) => typeof dim === "number")) return [];
    const before = ancestors(network.nodes, [value]);
    if (!before.some((node) => heavy.has(node.op))) return [];
    return [{ value, reads: new Set(before.flatMap((node) => node.inputs)) }];
  });
}

/** Names of the parameters that are not the same number for number in all `vectors`. */
export function changedParameters(layout: FlatLayout, vectors: readonly Float32Array[]): Set<string> {
  const [first, ...others] = vectors;
  if (first === undefined) return new Set();
  return new Set(
    layout.names.filter((_, i) =>
      others.some((other) => differs(first, other, layout.offsets[i]!, layout.offsets[i + 1]!)),
    ),
  );
}

function differs(a: Float32Array, b: Float32Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (a[i] !== b[i]) return true;
  return false;
}
