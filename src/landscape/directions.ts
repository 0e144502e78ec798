import type { FlatLayout } from "../autodiff/flat.ts";
import { stream } from "../base/random.ts";
import { type Graph, intAttr } from "../graph/graph.ts";

export interface DirectionOptions {
  /**
   * What the direction leaves alone: "bias+norm" (unless told) every tensor of rank 0 or 1, that is biases, scales and
   * shifts of normalisation; "none" nothing but `fixed`.
   */
  readonly ignore?: "bias+norm" | "none";
  /** Names that never move: running statistics, which are no weights and must not become negative. */
  readonly fixed?: ReadonlySet<string>;
  /** The axis that counts a tensor's filters (output units), by name; 0 where absent. See `filterAxes`. */
  readonly axes?: ReadonlyMap<string, number>;
}

/**
 * A random direction [P] at `theta`, one of many by `index`: normal numbers, scaled filter by filter to the norm of theta's
 * own filter, d_ij ← d_ij · ‖θ_ij‖ / ‖d_ij‖. So a step of 1 changes every filter by its own length, and networks whose
 * scales differ can be compared. Use it as a basis vector: θ + x d_0 + y d_1 has coefficients [1, x, y].
 *
 * A filter is what makes one output unit: a slice of a weight of rank 2 or more along its output axis. With
 * `ignore: "none"` a tensor of rank 1 is scaled as a whole.
 * Source: Li et al. 2018, arXiv:1712.09913, section 4; `ignore` is loss-landscape's `--xignore biasbn`.
 */
export function filterNormalised(
  layout: FlatLayout,
  theta: Float32Array,
  seed: number,
  index: number,
  options: DirectionOptions = {},
): Float32Array {
  const { ignore = "bias+norm", fixed, axes } = options;
  const direction = new Float32Array(layout.size);
  layout.names.forEach((name, i) => {
    const shape = layout.shapes[i]!;
    const from = layout.offsets[i]!;
    const to = layout.offsets[i + 1]!;
    if (fixed?.has(name) || (ignore === "bias+norm" && shape.length < 2)) return;
    // A stream of its own for each tensor: freezing one does not change the others' numbers.
    const random = stream(seed, "noise", "direction", index, name);
    for (let at = from; at < to; at++) direction[at] = random.normal();
    const axis = shape.length < 2 ? undefined : (axes?.get(name) ?? 0);
    const filters = axis === undefined ? 1 : shape[axis]!;
    // Elements after the filter axis lie together: place p belongs to filter ⌊p / inner⌋ mod filters.
    const inner = axis === undefined ? to - from : shape.slice(axis + 1).reduce((size, dim) => size * dim, 1);
    const own = new Float64Array(filters);
    const drawn = new Float64Array(filters);
    for (let at = from; at < to; at++) {
      const filter = Math.floor((at - from) / inner) % filters;
      own[filter]! += theta[at]! * theta[at]!;
      drawn[filter]! += direction[at]! * direction[at]!;
    }
    for (let at = from; at < to; at++) {
      const filter = Math.floor((at - from) / inner) % filters;
      direction[at]! *= drawn[filter]! > 0 ? Math.sqrt(own[filter]! / drawn[filter]!) : 0;
    }
  });
  return direction;
}

/**
 * The axis of each weight that counts output units, where that is not the first: the second factor of MatMul and of Gemm
 * without transB, and the kernels of ConvTranspose. For `filterNormalised`.
 */
export function filterAxes(graph: Graph): Map<string, number> {
  const axes = new Map<string, number>();
  for (const node of graph.nodes) {
    const weight = graph.initializers.get(node.inputs[1] ?? "");
    if (weight === undefined) continue;
    if (node.op === "MatMul") axes.set(weight.name, weight.shape.length - 1);
    else if (node.op === "Gemm" && intAttr(node, "transB", 0) === 0) axes.set(weight.name, 1);
    else if (node.op === "ConvTranspose") axes.set(weight.name, 1);
  }
  return axes;
}
