import { rm } from "node:fs/promises";
import { basename } from "node:path";
import { type StagedFile, stageFile, writeWhole } from "../base/file.node.ts";
import type { Graph, Initializer } from "../graph/graph.ts";
import { bytesOf, sizeOf } from "../tensor/tensor.ts";
import { type EncodeOptions, encodePieces, type ExternalPlace, payloadOf } from "./encode.ts";
import { messageLimit } from "./schema.ts";

export interface WriteModelOptions extends EncodeOptions {
  /**
   * Initializers of at least this many bytes go to a file beside the model, called like the model with ".data" added.
   * Default: none do, unless the model would exceed protobuf's 2 GiB; then those of 1 KiB and more.
   */
  readonly externalDataThreshold?: number;
  /** Whether existing files may be replaced. Default: no. */
  readonly overwrite?: boolean;
}

// Below this, a reference to another file costs about as much as the numbers.
const defaultThreshold = 1024;

// ONNX asks for multiples of the page size, so that data files can be mapped into memory.
const pageSize = 4096;

/**
 * Writes an ONNX model whole or not at all: temporary file, flush to disk, rename. Lazy initializers are loaded one at a
 * time, so a model larger than memory can be written. Types and shapes of inner values are written unless told not to.
 *
 * With external data, replacing an existing model first takes the old model file away: a crash at the worst moment leaves
 * no model, never a model with another model's numbers.
 * @throws {ScopeError} usage when a file exists and `overwrite` is not set, unsupported for an operator set outside 13 to
 * 22, io when writing fails (nothing is left behind)
 */
export async function writeModel(graph: Graph, path: string, options: WriteModelOptions = {}): Promise<void> {
  const encoding = { innerValues: options.innerValues ?? true };
  const plain = encodePieces(graph, encoding);
  let threshold = options.externalDataThreshold;
  if (threshold === undefined && plain.size > messageLimit) threshold = defaultThreshold;
  const { places, initializers } = placeOutside(
    graph,
    threshold ?? Number.POSITIVE_INFINITY,
    `${basename(path)}.data`,
  );
  if (initializers.length === 0) {
    await writeWhole(path, plain.pieces(), options);
    return;
  }
  const dataPath = `${path}.data`;
  const overwrite = options.overwrite === true;
  const staged: StagedFile[] = [];
  try {
    const data = await stageFile(dataPath, dataPieces(initializers, places), { overwrite });
    staged.push(data);
    const model = await stageFile(path, encodePieces(graph, { ...encoding, external: places }).pieces(), {
      overwrite,
    });
    staged.push(model);
    if (overwrite) await rm(path, { force: true });
    await data.commit();
    try {
      await model.commit();
    } catch (error) {
      await rm(dataPath, { force: true });
      throw error;
    }
  } finally {
    for (const file of staged) await file.discard();
  }
}

function placeOutside(
  graph: Graph,
  threshold: number,
  location: string,
): { places: Map<string, ExternalPlace>; initializers: Initializer[] } {
  const places = new Map<string, ExternalPlace>();
  const initializers: Initializer[] = [];
  let offset = 0;
  for (const initializer of graph.initializers.values()) {
    const size = sizeOf(initializer.shape) * bytesOf(initializer.dtype);
    if (size === 0 || size < threshold) continue;
    places.set(initializer.name, { location, offset });
    initializers.push(initializer);
    offset = Math.ceil((offset + size) / pageSize) * pageSize;
  }
  return { places, initializers };
}

function* dataPieces(
  initializers: readonly Initializer[],
  places: ReadonlyMap<string, ExternalPlace>,
): Generator<Uint8Array> {
  let written = 0;
  for (const initializer of initializers) {
    const { offset } = places.get(initializer.name)!;
    if (offset > written) yield new Uint8Array(offset - written);
    const payload = payloadOf(initializer);
    yield payload;
    written = offset + payload.byteLength;
  }
}
