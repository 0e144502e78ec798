import { bind } from "../graph/bind.ts";
import { Builder } from "../graph/builder.ts";
import { prefix } from "../graph/cut.ts";
import { withWeights } from "../autodiff/flat.ts";
import { ScopeError } from "../base/error.ts";
import type { Graph } from "../graph/graph.ts";
import type { Runtime, Session } from "../runtime/session.ts";
import type { ImageSource } from "../train/evaluate.ts";
import { float32, sizeOf, type Tensor } from "../tensor/tensor.ts";
import type { Watched } from "./watch.ts";

/** What is known of the units of two networks on the same images: sums over samples of units less a fixed shift. */
export interface Moments {
  /** Units, n. */
  readonly size: number;
  /** Samples: images, times positions for units of a convolution. */
  count: number;
  /** Σ a·b, [n, n], A's units down. */
  readonly cross: Float64Array;
  /** Σ a, Σ b, Σ a², Σ b², each [n]. */
  readonly sumA: Float64Array;
  readonly sumB: Float64Array;
  readonly squaresA: Float64Array;
  readonly squaresB: Float64Array;
}

/** Runs both networks on `rows` images at once, and sums the products of their units. */
interface Pass {
  readonly session: Session;
  readonly rows: number;
  readonly input: string;
  readonly inputShape: readonly number[];
  readonly outputs: readonly {
    readonly cross: string;
    readonly sums: readonly [string, string, string, string];
    readonly count: number;
  }[];
}

/**
 * Second moments of the watched units of `graph` under weights `a` and `b`, in one pass over `images`. Units are shifted
 * by their means over the first batch, so that nothing cancels when variances are taken from the sums. Memory: n² numbers
 * for each value watched; activations never leave ONNX Runtime. A graph of a fixed batch leaves out images that do not
 * fill one.
 * @throws {ScopeError} data, when there are fewer images than the graph must be given at once
 */
export async function gatherMoments(
  runtime: Runtime,
  graph: Graph,
  a: ReadonlyMap<string, Tensor>,
  b: ReadonlyMap<string, Tensor>,
  watched: readonly Watched[],
  images: ImageSource,
  options: { readonly batch: number; readonly shift: boolean },
  signal?: AbortSignal,
): Promise<Moments[]> {
  const symbol = graph.inputs[0]!.shape[0]!;
  const rows = typeof symbol === "number" ? symbol : Math.min(options.batch, images.count);
  if (images.count < rows || images.count === 0) {
    throw new ScopeError(
      "data",
      `matching "${graph.name}" by its activations needs at least ${Math.max(rows, 1)} images, got ${images.count}`,
    );
  }
  const moments = watched.map(({ size }): Moments => {
    const zeros = (): Float64Array => new Float64Array(size);
    return {
      size,
      count: 0,
      cross: new Float64Array(size * size),
      sumA: zeros(),
      sumB: zeros(),
      squaresA: zeros(),
      squaresB: zeros(),
    };
  });
  const shifts = watched.map(({ size }) => [new Float32Array(size), new Float32Array(size)] as const);
  const step = async (pass: Pass, from: number, add: boolean): Promise<void> => {
    signal?.throwIfAborted();
    const x = new Float32Array(sizeOf(pass.inputShape));
    images.fill(x, from, pass.rows);
    const feeds = Object.fromEntries(
      shifts.flatMap(([left, right], k) => [
        [`shift.a.${k}`, float32([left.length], left)],
        [`shift.b.${k}`, float32([right.length], right)],
      ]),
    );
    const results = await pass.session.run({ [pass.input]: float32(pass.inputShape, x), ...feeds });
    pass.outputs.forEach(({ cross, sums, count }, k) => {
      const values = sums.map((name) => results[name]!.data as Float32Array);
      if (!add) {
        for (const [side, shift] of shifts[k]!.entries())
          for (let i = 0; i < shift.length; i++) shift[i] = values[side]![i]! / count;
        return;
      }
      const into = moments[k]!;
      into.count += count;
      const product = results[cross]!.data as Float32Array;
      for (let i = 0; i < product.length; i++) into.cross[i]! += product[i]!;
      [into.sumA, into.sumB, into.squaresA, into.squaresB].forEach((sum, part) => {
        for (let i = 0; i < sum.length; i++) sum[i]! += values[part]![i]!;
      });
    });
  };
  const rest = typeof symbol === "number" ? 0 : images.count % rows;
  const whole = await openPass(runtime, graph, a, b, watched, rows);
  try {
    if (options.shift) await step(whole, 0, false);
    for (let from = 0; from + rows <= images.count; from += rows) await step(whole, from, true);
  } finally {
    await whole.session.release();
  }
  if (rest > 0) {
    const last = await openPass(runtime, graph, a, b, watched, rest);
    try {
      await step(last, images.count - rest, true);
    } finally {
      await last.session.release();
    }
  }
  return moments;
}

async function openPass(
  runtime: Runtime,
  graph: Graph,
  a: ReadonlyMap<string, Tensor>,
  b: ReadonlyMap<string, Tensor>,
  watched: readonly Watched[],
  rows: number,
): Promise<Pass> {
  const symbol = graph.inputs[0]!.shape[0];
  const bound = typeof symbol === "string" ? bind(graph, { [symbol]: rows }) : graph;
  const network = prefix(bound, [...new Set(watched.map(({ value }) => value))]);
  const g = new Builder(network.opsets[""] ?? 17);
  const input = network.inputs[0]!;
  g.input(input.name, input.dtype, input.shape);
  const sides = (
    [
      ["a", a],
      ["b", b],
    ] as const
  ).map(([side, weights]) => {
    const used = new Map([...weights].filter(([name]) => network.initializers.has(name)));
    const one = withWeights(network, used);
    const now = (name: string): string => (name === input.name || name === "" ? name : `${side}.${name}`);
    for (const initializer of one.initializers.values())
      g.parameter({ ...initializer, name: now(initializer.name), load: () => initializer.load() });
    for (const node of one.nodes)
      g.add({
        ...node,
        name: `${side}.${node.name}`,
        inputs: node.inputs.map(now),
        outputs: node.outputs.map(now),
      });
    return now;
  });
  const outputs = watched.map((one, k) => {
    const [left, right] = sides.map((now, side) => {
      const units = one.build(g, now(one.value));
      const shift = g.input(`shift.${"ab"[side]}.${k}`, "float32", [one.size]);
      return g.sub(units, shift);
    });
    const count = g.shape(left!)[0]!;
    const cross = g.op("Gemm", [left!, right!], { transA: 1 });
    const sums = [
      g.reduceSum(left!, [0], false),
      g.reduceSum(right!, [0], false),
      g.reduceSum(g.mul(left!, left!), [0], false),
      g.reduceSum(g.mul(right!, right!), [0], false),
    ] as const;
    g.output(cross, ...sums);
    return { cross, sums, count };
  });
  const session = await runtime.session(g.finish(`${graph.name}, two networks`));
  return { session, rows, input: input.name, inputShape: g.shape(input.name), outputs };
}
