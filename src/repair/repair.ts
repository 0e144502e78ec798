import { flatLayout, unflatten, flatten } from "../autodiff/flat.ts";
import { lowerForTraining } from "../autodiff/lower.ts";
import { ScopeError } from "../base/error.ts";
import { Builder } from "../graph/builder.ts";
import type { Graph, Initializer, Node } from "../graph/graph.ts";
import { modules } from "../graph/modules.ts";
import type { Runtime } from "../runtime/session.ts";
import { float32, sizeOf, type Tensor } from "../tensor/tensor.ts";
import type { ImageSource } from "../train/evaluate.ts";
import { type Averages, openAverages } from "./averages.ts";
import { forgetful, withBatch } from "./renormalize.ts";
import { describeUnits, repairable, type Units } from "./units.ts";

/** Added to variances before a root is taken, as batch norm does: units that never vary stay as they are. */
const floor = 1e-5;

/** Mean and population variance of every hidden unit's pre-activation, by `Units.weight`, [C] each. */
export type UnitStatistics = ReadonlyMap<
  string,
  { readonly mean: Float64Array; readonly variance: Float64Array }
>;

/** One network of an average: its share, and what its units do. */
export interface RepairEnd {
  /** Coefficient c_i of θ = Σ c_i θ_i. */
  readonly coefficient: number;
  readonly statistics: UnitStatistics;
}

/** Gives the units of an averaged network back the spread they have in the networks it was made from. */
export interface Repair {
  /** The network, with a bias after every repaired operation. One like any other: its weights are `names`. */
  readonly graph: Graph;
  readonly names: readonly string[];
  readonly units: readonly Units[];
  /** Whether batch-norm statistics are re-estimated as well. */
  readonly statistics: boolean;
  /** A weight vector of the original network as one of `graph`: added biases are zero. */
  extend(weights: Float32Array): Float32Array;
  /** What the units of a network (a vector of the original) do on whole batches of `images`. */
  measure(weights: Float32Array, images: ImageSource, signal?: AbortSignal): Promise<UnitStatistics>;
  /**
   * REPAIR (Jordan et al. 2022, arXiv:2211.08403): every unit of the averaged network `weights` gets mean Σ c_i μ_i and
   * standard deviation Σ c_i σ_i. One pass: after every linear operation the batch is normalised and rescaled, so that
   * deeper layers are measured with all earlier corrections in place. At an end of a path (one coefficient 1, the
   * others 0) the units stay as they are. Returns the fused weights, a vector of `graph`.
   */
  repaired(
    weights: Float32Array,
    ends: readonly RepairEnd[],
    images: ImageSource,
    signal?: AbortSignal,
  ): Promise<Float32Array>;
  /**
   * The closed form: the averaged unit is taken to be Σ c_i y_i, y_i the units of the ends on the same images, so that
   * its variance is Σ_ij c_i c_j Cov(y_i, y_j) and nothing has to be run after averaging. Exact in the first layer.
   * Batch-norm statistics are not re-estimated. `weights` is Σ c_i θ_i.
   */
  closedForm(
    weights: Float32Array,
    ends: readonly [ClosedEnd, ClosedEnd],
    images: ImageSource,
    signal?: AbortSignal,
  ): Promise<Float32Array>;
  release(): Promise<void>;
}

/** One of two networks whose units are looked at side by side. */
export interface ClosedEnd {
  readonly coefficient: number;
  readonly weights: Float32Array;
}

/**
 * Opens REPAIR for `graph` (one input [N, C, H, W]); `names` are its weights as they lie in a weight vector. In a network
 * whose linear operations are all followed by batch norm there are no units to repair: re-estimating the statistics is
 * the repair (RESET), which `repaired` does too.
 * @throws {ScopeError} usage, when there is neither a unit nor a running statistic to repair
 */
export async function openRepair(
  runtime: Runtime,
  graph: Graph,
  names: readonly string[],
  batch: number,
): Promise<Repair> {
  const { graph: grown, units } = repairable(graph);
  const found = modules(grown, "layer");
  const all = [
    ...found.flatMap((module) => module.parameters),
    ...found.flatMap((module) => module.statistics),
  ];
  const layout = flatLayout(grown, all);
  const original = flatLayout(graph, names);
  const lowered = lowerForTraining(forgetful(withBatch(grown, batch)));
  const statistics = lowered.statistics.filter(({ name }) => all.includes(name));
  if (units.length === 0 && statistics.length === 0) {
    throw new ScopeError("usage", `"${graph.name}" has no hidden units that could be repaired`, {
      hint: "it has a single layer, or its weights are shared or computed",
    });
  }
  // Every copy of the network forgets the statistics it came with.
  const old = statistics.flatMap(({ name }) => [name, port.first(name), port.second(name)]);
  const opened: Averages[] = [];
  const open = async (network: Graph, weightNames: readonly string[]): Promise<Averages> => {
    const averages = await openAverages(runtime, network, weightNames, old);
    opened.push(averages);
    return averages;
  };
  let measuring: Averages | undefined;
  let repairing: Averages | undefined;
  let comparing: Averages | undefined;

  const extend = (weights: Float32Array): Float32Array => {
    const tensors = new Map<string, Tensor>(all.map((name) => [name, grown.initializers.get(name)!.load()]));
    for (const [name, value] of unflatten(original, weights)) tensors.set(name, value);
    return flatten(layout, tensors);
  };
  /** W' = g W and b' = target + g (b − mean), with g the target deviation over the one there is. */
  const fuse = (
    vector: Float32Array,
    unit: Units,
    own: { mean: ArrayLike<number>; variance: ArrayLike<number> },
    target: Target,
  ): void => {
    const tensors = unflatten(layout, vector);
    const weight = tensors.get(unit.weight)!;
    const bias = tensors.get(unit.bias)!.data as Float32Array;
    const gain = Float64Array.from({ length: unit.count }, (_, c) => {
      return target.deviation[c]! / Math.sqrt(own.variance[c]! + floor);
    });
    const data = weight.data as Float32Array;
    const inner = sizeOf(weight.shape.slice(unit.weightAxis + 1));
    for (let i = 0; i < data.length; i++) data[i]! *= gain[Math.floor(i / inner) % unit.count]!;
    for (let c = 0; c < unit.count; c++) bias[c] = target.mean[c]! + gain[c]! * (bias[c]! - own.mean[c]!);
  };

  return {
    graph: grown,
    names: all,
    units,
    statistics: statistics.length > 0,
    extend,
    async measure(weights, images, signal) {
      if (units.length === 0) return new Map();
      measuring ??= await open(measured(lowered.graph, units), all);
      const found_ = await measuring.over(extend(weights), images, { signal });
      return new Map(
        units.map((unit) => [
          unit.weight,
          { mean: finite(found_, port.mean(unit)), variance: finite(found_, port.variance(unit)) },
        ]),
      );
    },
    async repaired(weights, ends, images, signal) {
      repairing ??= await open(
        corrected(
          lowered.graph,
          units,
          statistics.map(({ next }) => next),
        ),
        all,
      );
      const targets = new Map(units.map((unit) => [unit, targetOf(unit, ends)]));
      const more = Object.fromEntries(
        [...targets].flatMap(([unit, target]) => [
          [port.targetMean(unit), float32([unit.count], Float32Array.from(target.mean))],
          [port.targetDeviation(unit), float32([unit.count], Float32Array.from(target.deviation))],
        ]),
      );
      const vector = extend(weights);
      const seen = await repairing.over(vector, images, { more, signal });
      const renewed = vector.slice();
      for (const [unit, target] of isEnd(ends) ? [] : targets) {
        fuse(
          renewed,
          unit,
          { mean: finite(seen, port.mean(unit)), variance: finite(seen, port.variance(unit)) },
          target,
        );
      }
      const tensors = unflatten(layout, renewed);
      for (const { name, next } of statistics) {
        (tensors.get(name)!.data as Float32Array).set(finite(seen, next));
      }
      return renewed;
    },
    async closedForm(weights, [first, second], images, signal) {
      if (units.length === 0) return extend(weights);
      comparing ??= await open(
        side(lowered.graph, units, all),
        [port.first, port.second].flatMap((of) => all.map(of)),
      );
      const both = new Float32Array(2 * layout.size);
      both.set(extend(first.weights));
      both.set(extend(second.weights), layout.size);
      const seen = await comparing.over(both, images, { signal });
      const renewed = extend(weights);
      for (const unit of isEnd([first, second]) ? [] : units) {
        const of = (name: (unit: Units) => string) => ({
          a: finite(seen, port.first(name(unit))),
          b: finite(seen, port.second(name(unit))),
        });
        const mean = of(port.mean);
        const variance = of(port.variance);
        const covariance = finite(seen, port.covariance(unit));
        const [p, q] = [first.coefficient, second.coefficient];
        const target = targetOf(unit, [
          { coefficient: p, statistics: new Map([[unit.weight, { mean: mean.a, variance: variance.a }]]) },
          { coefficient: q, statistics: new Map([[unit.weight, { mean: mean.b, variance: variance.b }]]) },
        ]);
        fuse(
          renewed,
          unit,
          {
            mean: target.mean,
            // Rounding may leave a variance just below zero.
            variance: covariance.map((c, i) =>
              Math.max(0, p * p * variance.a[i]! + q * q * variance.b[i]! + 2 * p * q * c),
            ),
          },
          target,
        );
      }
      return renewed;
    },
    async release() {
      for (const averages of opened) await averages.release();
    },
  };

  function finite(values: ReadonlyMap<string, Float64Array>, name: string): Float64Array {
    const vector = values.get(name)!;
    if (vector.every(Number.isFinite)) return vector;
    throw new ScopeError("diverged", `units of "${graph.name}" are not numbers here (${name})`);
  }
}

/** Whether an average is one of its networks, which needs no repair: at the ends of a path stand the networks themselves. */
function isEnd(ends: readonly { readonly coefficient: number }[]): boolean {
  const used = ends.filter(({ coefficient }) => coefficient !== 0);
  return used.length === 1 && used[0]!.coefficient === 1;
}

/** What a unit shall do: mean [C] and standard deviation [C]. */
interface Target {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

/**
 * Mean Σ c_i μ_i and deviation Σ c_i √(σ_i² + ε): of deviations, not of variances, with the ε that is in the divisor too,
 * so that a network is its own repair. Far outside the ends the sum may fall below zero: no spread is left then, none turned
 * over.
 */
function targetOf(unit: Units, ends: readonly RepairEnd[]): Target {
  const mean = new Float64Array(unit.count);
  const deviation = new Float64Array(unit.count);
  for (const { coefficient, statistics } of ends) {
    const own = statistics.get(unit.weight);
    if (own === undefined || own.mean.length !== unit.count) {
      throw new ScopeError("shape", `no statistics of the ${unit.count} units of "${unit.weight}" are given`);
    }
    for (let c = 0; c < unit.count; c++) {
      mean[c]! += coefficient * own.mean[c]!;
      deviation[c]! += coefficient * Math.sqrt(own.variance[c]! + floor);
    }
  }
  for (let c = 0; c < unit.count; c++) deviation[c] = Math.max(0, deviation[c]!);
  return { mean, deviation };
}

/** Names of values that are added to a graph. */
const port = {
  mean: (unit: Units): string => `repair.${unit.weight}.mean`,
  variance: (unit: Units): string => `repair.${unit.weight}.variance`,
  covariance: (unit: Units): string => `repair.${unit.weight}.covariance`,
  targetMean: (unit: Units): string => `repair.${unit.weight}.target-mean`,
  targetDeviation: (unit: Units): string => `repair.${unit.weight}.target-deviation`,
  first: (name: string): string => `first.${name}`,
  second: (name: string): string => `second.${name}`,
} as const;

/** A builder that has a graph's inputs and initializers (under other names, if told). */
function begin(graph: Graph, copies: readonly ((name: string) => string)[]): Builder {
  const g = new Builder(graph.opsets[""] ?? 17);
  g.reserve(copies.flatMap((of) => graph.nodes.flatMap((node) => node.outputs.map(of))));
  for (const input of graph.inputs) g.input(input.name, input.dtype, input.shape);
  for (const of of copies) {
    for (const initializer of graph.initializers.values()) {
      const copy: Initializer = { ...initializer, name: of(initializer.name) };
      g.parameter(copy);
    }
  }
  return g;
}

const same = (name: string): string => name;

/** Outputs: mean and variance of every unit over the batch. */
function measured(graph: Graph, units: readonly Units[]): Graph {
  const g = begin(graph, [same]);
  for (const node of graph.nodes) g.add(node);
  for (const unit of units) {
    const { mean, variance } = describeUnits(g, unit.value, unit.axis);
    g.output(
      g.op("Reshape", [mean, g.ints([unit.count])], {}, { names: [port.mean(unit)] }),
      g.op("Reshape", [variance, g.ints([unit.count])], {}, { names: [port.variance(unit)] }),
    );
  }
  return g.finish(graph.name);
}

/** Every unit is normalised by the batch and given its target; outputs as in `measured`, then `statistics`. */
function corrected(graph: Graph, units: readonly Units[], statistics: readonly string[]): Graph {
  const byValue = new Map(units.map((unit) => [unit.value, unit]));
  const g = begin(graph, [same]);
  for (const unit of units) {
    g.input(port.targetMean(unit), "float32", [unit.count]);
    g.input(port.targetDeviation(unit), "float32", [unit.count]);
  }
  for (const node of graph.nodes) {
    const unit = byValue.get(node.outputs[0] ?? "");
    if (unit === undefined) {
      g.add(node);
      continue;
    }
    const bare = `${unit.value}.bare`;
    g.add({ ...node, outputs: [bare] });
    const { mean, variance, centred, wide } = describeUnits(g, bare, unit.axis);
    const deviation = g.op("Sqrt", [g.plus(variance, g.scalar(floor))]);
    const gain = g.div(g.reshape(port.targetDeviation(unit), wide), deviation);
    g.op("Add", [g.mul(centred, gain), g.reshape(port.targetMean(unit), wide)], {}, { names: [unit.value] });
    g.output(
      g.op("Reshape", [mean, g.ints([unit.count])], {}, { names: [port.mean(unit)] }),
      g.op("Reshape", [variance, g.ints([unit.count])], {}, { names: [port.variance(unit)] }),
    );
  }
  g.output(...statistics);
  return g.finish(graph.name);
}

/** Two copies of the network side by side on the same images. Outputs: both copies' statistics and the covariance. */
function side(graph: Graph, units: readonly Units[], names: readonly string[]): Graph {
  const inputs = new Set(graph.inputs.map((input) => input.name));
  const copies = [port.first, port.second];
  const g = begin(graph, copies);
  for (const of of copies) {
    const now = (name: string): string => (name === "" || inputs.has(name) ? name : of(name));
    for (const node of graph.nodes) {
      const copy: Node = {
        ...node,
        name: of(node.name),
        inputs: node.inputs.map(now),
        outputs: node.outputs.map(now),
      };
      g.add(copy);
    }
  }
  for (const unit of units) {
    const described = copies.map((of) => {
      const one = describeUnits(g, of(unit.value), unit.axis);
      g.output(
        g.op("Reshape", [one.mean, g.ints([unit.count])], {}, { names: [of(port.mean(unit))] }),
        g.op("Reshape", [one.variance, g.ints([unit.count])], {}, { names: [of(port.variance(unit))] }),
      );
      return one;
    });
    const [a, b] = described;
    const shape = g.shape(a!.centred);
    const own = unit.axis < 0 ? unit.axis + shape.length : unit.axis;
    const over = shape.map((_, i) => i).filter((i) => i !== own);
    const product = g.reduceMean(g.mul(a!.centred, b!.centred), over, true);
    g.output(g.op("Reshape", [product, g.ints([unit.count])], {}, { names: [port.covariance(unit)] }));
  }
  if (names.some((name) => !g.has(port.first(name)))) {
    throw new ScopeError("bug", `internal: a weight of "${graph.name}" is not in its own copy`);
  }
  return g.finish(graph.name);
}
