import { type FlatLayout, flatLayout, unflatten } from "../autodiff/flat.ts";
import { ScopeError } from "../base/error.ts";
import { toBlockedLayout } from "../graph/blocked.ts";
import { fold } from "../graph/fold.ts";
import { foldNormalization } from "../graph/fold-norm.ts";
import type { Graph, ValueInfo } from "../graph/graph.ts";
import { hasRunningStatistics, withBatch } from "../repair/renormalize.ts";
import type { BoundRun, Runtime, Session } from "../runtime/session.ts";
import { allocate, sizeOf, tensor, type Tensor, type TypedArray } from "../tensor/tensor.ts";
import type { ImageSource } from "../train/evaluate.ts";
import { score } from "../train/score.ts";
import { weightsAsInputs, wholeShape } from "../train/weights-as-inputs.ts";
import { normalizeByBatch } from "./batch-norm.ts";
import { halves } from "./frontier.ts";

/**
 * What batch norm normalises with. "kept": its running statistics, as in inference. "of the images": the statistics of
 * the block of images looked at, as in training: those of the final network are wrong after a module has moved.
 */
export type StatisticsOf = "kept" | "of the images";

export interface ModuleOptions {
  /** Images of a block; 64 unless told (128 for statistics of the images). */
  readonly block?: number | undefined;
  /** Images a run, at most a block; ignored for statistics of the images, where a block is one run. */
  readonly batch?: number | undefined;
  /** "kept" unless told. */
  readonly statistics?: StatisticsOf | undefined;
  /** Bytes of activations that are kept for later; 256 MB unless told. One block more is always held. */
  readonly memoryBytes?: number | undefined;
}

/** A block of images, seen up to where the module begins. */
export interface ModuleBlock {
  /** Images in it. */
  readonly count: number;
}

/** What the network says of the images of a block; arrays of at least `count` entries. */
export interface BlockScores {
  /** Cross-entropy, nats; may be Infinity or NaN. */
  readonly losses: Float32Array;
  /** 1 where the prediction was right, else 0. */
  readonly correct: Uint8Array;
}

/** A network opened at one module: everything before runs once a block, what comes after as often as wanted. */
export interface OpenModule {
  /** Where each of the module's tensors lies in its vector, [p]. */
  readonly layout: FlatLayout;
  readonly classes: number;
  /** Images of a block. */
  readonly size: number;
  /** The module's weights as the next run reads them: whoever writes here and passes it to `run` copies nothing. */
  readonly weights: Float32Array;
  /** What has been done and is held so far. */
  readonly counts: ModuleCounts;
  /**
   * The block of images `from` … `from + count`: its activations are computed, or found again where they were kept. The
   * first blocks are kept as long as there is memory; any other is valid until the next call.
   * @throws {ScopeError} usage, when count is not from 1 to `size`; for statistics of the images, when it is not `size`
   */
  block(images: ImageSource, from: number, count: number, signal?: AbortSignal): Promise<ModuleBlock>;
  /**
   * Runs the rest of the network with the module's weights `vector` [p].
   * @throws {ScopeError} shape, when the vector has another length
   */
  run(block: ModuleBlock, vector: Float32Array, into: BlockScores, signal?: AbortSignal): Promise<void>;
  release(): Promise<void>;
}

export interface ModuleCounts {
  /** Blocks whose activations were computed. */
  readonly blocks: number;
  /** Runs over a block. */
  readonly runs: number;
  /** Bytes of activations held now. */
  readonly bytes: number;
}

/** A block with its own memory and the runs bound to it. */
interface HeldBlock extends ModuleBlock {
  /** Whether the next block overwrites it. */
  readonly passing: boolean;
  readonly labels: Int32Array;
  readonly parts: readonly Part[];
}

/** One run's share of a block. */
interface Part {
  /** Images of it that count. */
  readonly rows: number;
  readonly first: number;
  readonly before: BoundRun | undefined;
  readonly after: BoundRun;
}

interface Buffers {
  readonly crossing: readonly TypedArray[];
  readonly parts: readonly Pick<Part, "before" | "after">[];
}

/**
 * The images a run takes when nobody says. Measured on ResNets of 8 and 20 layers at 32×32, one thread of a Xeon: 64 is 2 to
 * 7 % faster than 32, and 6 to 21 % faster than 16.
 */
const usualBatch = 64;

/**
 * Opens `graph` (one input [N, C, H, W], logits [N, K] first output; initializers hold the final weights) with the
 * initializers `parameters` as a vector that may be changed from run to run; all others stay constants, so that ONNX
 * Runtime folds and packs them.
 * @throws {ScopeError} usage, when a name is not a float32 initializer of the graph, or nothing depends on any of them
 */
export async function openModule(
  runtime: Runtime,
  graph: Graph,
  parameters: readonly string[],
  options: ModuleOptions = {},
): Promise<OpenModule> {
  const { statistics = "kept", memoryBytes = 256e6 } = options;
  // The layout is that of the graph as given: statistics that are not read stay in the vector.
  const layout = flatLayout(graph, parameters);
  const wanted = options.block ?? (statistics === "kept" ? 64 : 128);
  const together = statistics === "of the images" && hasRunningStatistics(graph);
  const network = prepared(
    runtime,
    withBatch(graph, together ? wanted : Math.min(wanted, options.batch ?? usualBatch)),
    together,
  );
  const { crossing, before, after } = halves(
    network,
    parameters.filter((name) => network.initializers.has(name)),
  );
  const taken = parameters.filter((name) => after.initializers.has(name));
  const rest = weightsAsInputs(after, taken, `${graph.name} from ${crossing.join(", ")}`);
  const image = network.inputs[0]!;
  const imageShape = wholeShape(image);
  const [rows = 1] = imageShape;
  const [, classes = 1] = wholeShape(rest.outputs[0]!);
  if (together && rows !== wanted) {
    throw new ScopeError(
      "usage",
      `"${graph.name}" takes ${rows} images at a time, so statistics cannot be those of a block of ${wanted}`,
      { hint: `use blocks of ${rows} images` },
    );
  }

  const prefixSession: Session | undefined = before && (await runtime.session(before));
  const session = await runtime.session(rest);
  const infos: ValueInfo[] = rest.inputs.slice(0, crossing.length);
  const shapes = infos.map(wholeShape);
  const x = new Float32Array(sizeOf(imageShape));
  const z = new Float32Array(rows * classes);
  const weights = new Float32Array(layout.size);
  const views = unflatten(layout, weights);
  const fed = Object.fromEntries(taken.map((name) => [name, views.get(name)!]));
  const logits = { [rest.outputs[0]!.name]: tensor("float32", [rows, classes], z) };
  const runsOf = (count: number): number => Math.ceil(count / rows);
  const perRun = infos.reduce(
    (sum, { dtype }, i) => sum + allocate(dtype, 1).BYTES_PER_ELEMENT * sizeOf(shapes[i]!),
    0,
  );

  /** Memory for a block, and sessions bound to it. */
  function buffersFor(runs: number): Buffers {
    const all = infos.map(({ dtype }, i) => allocate(dtype, runs * sizeOf(shapes[i]!)));
    const parts = Array.from({ length: runs }, (_, run) => {
      const values = new Map<string, Tensor>(
        infos.map(({ name, dtype }, i) => {
          const size = sizeOf(shapes[i]!);
          return [name, tensor(dtype, shapes[i]!, all[i]!.subarray(run * size, (run + 1) * size))];
        }),
      );
      return {
        before: prefixSession?.bind(
          { [image.name]: tensor("float32", imageShape, x) },
          Object.fromEntries(before!.outputs.map(({ name }) => [name, values.get(name)!])),
        ),
        after: session.bind({ ...Object.fromEntries(values), ...fed }, logits),
      };
    });
    return { crossing: all, parts };
  }

  const imagesCross = crossing.indexOf(image.name);
  const kept = new Map<ImageSource, Map<string, HeldBlock>>();
  let scratch: Buffers | undefined;
  let current: HeldBlock | undefined;
  const counts = { blocks: 0, runs: 0, bytes: 0 };

  async function fill(
    buffers: Buffers,
    images: ImageSource,
    from: number,
    count: number,
    signal?: AbortSignal,
  ): Promise<HeldBlock> {
    const parts: Part[] = [];
    for (let first = 0; first < count; first += rows) {
      signal?.throwIfAborted();
      const some = Math.min(rows, count - first);
      images.fill(x, from + first, some);
      // The rows beyond the last image hold images of before: they are run and not looked at.
      const { before: share, after: run } = buffers.parts[first / rows]!;
      await share?.run();
      if (imagesCross >= 0) (buffers.crossing[imagesCross] as Float32Array).set(x, (first / rows) * x.length);
      parts.push({ rows: some, first, before: share, after: run });
    }
    counts.blocks++;
    const labels = Int32Array.from({ length: count }, (_, i) => images.labels[from + i]!);
    return { count, labels, parts, passing: buffers === scratch };
  }

  return {
    layout,
    classes,
    size: wanted,
    weights,
    counts,
    async block(images, from, count, signal) {
      if (!Number.isInteger(count) || count < 1 || count > wanted || (together && count !== wanted)) {
        throw new ScopeError(
          "usage",
          `a block of "${graph.name}" has ${together ? "" : "at most "}${wanted} images, got ${count}`,
        );
      }
      let ofSource = kept.get(images);
      if (ofSource === undefined) kept.set(images, (ofSource = new Map()));
      const key = `${from} ${count}`;
      const found = ofSource.get(key);
      if (found !== undefined) return found;
      const bytes = runsOf(count) * perRun;
      if (counts.bytes + bytes <= memoryBytes) {
        const made = await fill(buffersFor(runsOf(count)), images, from, count, signal);
        counts.bytes += bytes;
        ofSource.set(key, made);
        return made;
      }
      scratch ??= buffersFor(runsOf(wanted));
      current = undefined;
      current = await fill(scratch, images, from, count, signal);
      return current;
    },
    async run(block, vector, { losses, correct }, signal) {
      if (vector.length !== layout.size) {
        throw new ScopeError(
          "shape",
          `the module has ${layout.size} weights in "${graph.name}", got ${vector.length}`,
        );
      }
      if (vector !== weights) weights.set(vector);
      const held = block as HeldBlock;
      if (held.passing && held !== current) {
        throw new ScopeError("usage", `a block of "${graph.name}" was used after the next one was asked for`);
      }
      counts.runs++;
      for (const { rows: some, first, after: run } of held.parts) {
        signal?.throwIfAborted();
        await run.run();
        for (let row = 0; row < some; row++) {
          const scored = score(z, row * classes, classes, held.labels[first + row]!);
          losses[first + row] = scored.loss;
          correct[first + row] = scored.correct ? 1 : 0;
        }
      }
    },
    async release() {
      kept.clear();
      scratch = undefined;
      await prefixSession?.release();
      await session.release();
    },
  };
}

/** The network of numeric shapes as it runs here: first output only, norms folded or of the batch, blocked layout. */
function prepared(runtime: Runtime, graph: Graph, statisticsOfImages: boolean): Graph {
  const normalised = statisticsOfImages
    ? normalizeByBatch(graph, runtime.block)
    : foldNormalization({ ...graph, outputs: graph.outputs.slice(0, 1) });
  return fold(toBlockedLayout(fold(normalised), runtime.block, "inference"));
}
