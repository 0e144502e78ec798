import type { FlatLayout } from "../autodiff/flat.ts";
import { ScopeError } from "../base/error.ts";
import { stream } from "../base/random.ts";
import { fillNormals } from "./normals.ts";
import type { NoiseScale, Place } from "./types.ts";

/** A module between its initial and final weights, and how large the noise on it is. */
export interface ModuleScale {
  /** Root mean square of the final trainable weights. */
  readonly rms: number;
  /** ‖θ^F − θ^0‖₂ of the trainable weights. */
  readonly distance: number;
  /** Squared distance in units of the noise at ratio 1: see `SampledMap.span`. */
  readonly span: number;
  /** Trainable numbers. */
  readonly size: number;
  /** Standard deviation of the noise at ratio 1, by tensor of the layout; 0 for statistics, which get none. */
  readonly sigmas: Float64Array;
  /** Fills z with the unit noise of a draw: standard normal, 0 where there is no noise. */
  draw(z: Float32Array, draw: number): void;
  /** Writes (1 − α)·θ^0 + α·θ^F + ratio·σ_t·z into `into`. */
  place(place: Place, z: Float32Array, into: Float32Array): void;
}

export interface ScaleOptions {
  readonly noise: NoiseScale;
  /** Of the noise; every tensor and draw has a stream of its own. */
  readonly seed: number;
  /** Tensors that move with α and get no noise: running statistics. */
  readonly statistics?: ReadonlySet<string> | undefined;
}

/**
 * Scale of a module whose tensors lie in vectors by `layout`: initial and final, both [p].
 *
 * The unit of noise is the root mean square of the final weights, of the whole module (isotropic) or of each tensor
 * (per-tensor). Where that is 0 (biases that were never trained), the initial weights' is the unit; where both are 0 there
 * is no noise, and nothing has moved.
 * @throws {ScopeError} shape, when a vector has another length
 */
export function moduleScale(
  layout: FlatLayout,
  initial: Float32Array,
  final: Float32Array,
  { noise, seed, statistics = new Set() }: ScaleOptions,
): ModuleScale {
  for (const vector of [initial, final]) {
    if (vector.length !== layout.size)
      throw new ScopeError("shape", `the module has ${layout.size} weights, got ${vector.length}`);
  }
  const tensors = layout.names.map((name, i) => {
    const [from, until] = [layout.offsets[i]!, layout.offsets[i + 1]!];
    let [start, end, moved] = [0, 0, 0];
    for (let k = from; k < until; k++) {
      start += initial[k]! ** 2;
      end += final[k]! ** 2;
      moved += (final[k]! - initial[k]!) ** 2;
    }
    return { name, from, until, start, end, moved, noisy: !statistics.has(name) };
  });
  const noisy = tensors.filter((tensor) => tensor.noisy);
  const total = (of: (tensor: (typeof tensors)[number]) => number): number =>
    noisy.reduce((sum, tensor) => sum + of(tensor), 0);
  const size = total(({ from, until }) => until - from);
  const moved = total((tensor) => tensor.moved);
  const unit = (start: number, end: number, count: number): number =>
    count === 0 ? 0 : Math.sqrt((end > 0 ? end : start) / count);
  const whole = unit(
    total(({ start }) => start),
    total(({ end }) => end),
    size,
  );
  const sigmas = Float64Array.from(tensors, ({ noisy: shaken, start, end, from, until }) => {
    if (!shaken) return 0;
    return noise === "isotropic" ? whole : unit(start, end, until - from);
  });
  const span = tensors.reduce((sum, tensor, i) => {
    // Without noise nothing has moved: both ends are 0.
    return tensor.noisy && sigmas[i]! > 0 ? sum + tensor.moved / sigmas[i]! ** 2 : sum;
  }, 0);

  return {
    rms: size === 0 ? 0 : Math.sqrt(total(({ end }) => end) / size),
    distance: Math.sqrt(moved),
    span,
    size,
    sigmas,
    draw(z, draw) {
      for (const [i, { name, from, until }] of tensors.entries()) {
        const part = z.subarray(from, until);
        if (sigmas[i]! > 0) fillNormals(part, stream(seed, "noise", "module", name, draw));
        else part.fill(0);
      }
    },
    place({ alpha, ratio }, z, into) {
      for (const [i, { from, until }] of tensors.entries())
        mix(into, initial, final, z, alpha, ratio * sigmas[i]!, from, until);
    },
  };
}

/** A function of its own, and no views: the engine then makes the loop three times as fast. */
function mix(
  into: Float32Array,
  initial: Float32Array,
  final: Float32Array,
  z: Float32Array,
  alpha: number,
  sigma: number,
  from: number,
  until: number,
): void {
  const rest = 1 - alpha;
  if (sigma === 0) for (let k = from; k < until; k++) into[k] = rest * initial[k]! + alpha * final[k]!;
  else for (let k = from; k < until; k++) into[k] = rest * initial[k]! + alpha * final[k]! + sigma * z[k]!;
}
