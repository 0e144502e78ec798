import type { Json } from "../base/canonical.ts";
import type { DataSpec } from "../data/types.ts";
import type { PointValues } from "../landscape/types.ts";
import { readSafetensors } from "../safetensors/read.node.ts";
import type { Cell } from "../store/cell.node.ts";
import { type Address, addressOf, type CellSpec } from "../store/spec.ts";
import { networkInputs } from "./inputs.node.ts";
import {
  pointsCell,
  type PointScore,
  type PointsParams,
  type PointsResult,
  secondsPerPoint,
  valuesFile,
} from "./kinds/points.node.ts";

/** How points of weight space are looked at: see `pointsParams`. */
export interface PointsLook extends Pick<PointsParams, "renormalize"> {
  readonly data: DataSpec;
  /** Images of each split to look at, spread evenly over it; 0 for none of it. */
  readonly images: { readonly train: number; readonly test: number };
  /** "none" unless told. */
  readonly repair?: PointsParams["repair"] | undefined;
  readonly directions?: PointsParams["directions"] | undefined;
  readonly stale?: boolean | undefined;
  /** Of the network, for one image (`multiplyAddsOf`): makes chunks and estimates fit it. */
  readonly multiplyAdds?: number | undefined;
  /** What to call the cells before a person. */
  readonly label?: string | undefined;
}

/** A cell that looks at some of the points. */
export interface PointChunk {
  readonly spec: CellSpec;
  readonly address: Address;
  readonly label: string;
  /** Index of its first point among all, and how many it has. */
  readonly from: number;
  readonly count: number;
}

/** A kill costs at most about so many seconds of work. */
const longest = 20;
/** Below this, starting a cell (data, graph, session) weighs more than its work. */
const shortest = 6;
/** Pieces that a path of middle size is cut into, so that several workers share it. */
const pieces = 4;

/**
 * Cells that look at points made of these networks (cells, in the order of the coefficients): chunks of neighbouring
 * points, of about equal size. Where the cuts are depends on the estimated work only, never on the number of workers: the
 * same points are the same cells.
 */
export function pointCells(
  networks: readonly Address[],
  points: readonly (readonly number[])[],
  { images, repair = "none", label = "points", ...look }: PointsLook,
): PointChunk[] {
  const params = {
    ...look,
    repair,
    splits: {
      train: images.train > 0 ? { images: images.train } : undefined,
      test: images.test > 0 ? { images: images.test } : undefined,
    },
  };
  const each = secondsPerPoint(params);
  const seconds = Math.min(longest, Math.max(shortest, (each * points.length) / pieces));
  const fitting = Math.max(1, Math.min(points.length, Math.floor(seconds / each)));
  const chunks = Math.ceil(points.length / fitting);
  const names = networkInputs(networks.length);
  return Array.from({ length: chunks }, (_, i) => {
    const from = Math.floor((i * points.length) / chunks);
    const until = Math.floor(((i + 1) * points.length) / chunks);
    const spec: CellSpec = {
      kind: pointsCell.kind,
      version: pointsCell.version,
      // Plain data by construction; the round trip drops fields that are undefined.
      params: JSON.parse(JSON.stringify({ ...params, points: points.slice(from, until) })) as Json,
      inputs: Object.fromEntries(names.map((name, n) => [name, networks[n]!])),
    };
    const part = chunks === 1 ? "" : `, part ${i + 1} of ${chunks}`;
    return { spec, address: addressOf(spec), label: `${label}${part}`, from, count: until - from };
  });
}

/** Values by split; a split that was not looked at is absent. */
export type BySplit = Partial<Record<"train" | "test", PointValues>>;

/** What was seen at one point of weight space. */
export interface PointSeen {
  readonly values: BySplit;
  /** The same before statistics were estimated anew; absent where nothing was. */
  readonly stale?: BySplit;
}

/**
 * What a points cell saw, point by point.
 * @throws {ScopeError} data or format, when the cell is of another kind
 */
export async function pointValues(cell: Cell): Promise<PointSeen[]> {
  const { points } = cell.result() as unknown as PointsResult;
  const { tensors } = await readSafetensors(cell.file(valuesFile));
  type Scores = Partial<Record<"train" | "test", PointScore>>;
  const reader = (prefix: string): ((p: number, scores: Scores) => BySplit) => {
    const loaded = (["train", "test"] as const).flatMap((split) => {
      const losses = tensors.get(`${prefix}${split}.loss`)?.load();
      const correct = tensors.get(`${prefix}${split}.correct`)?.load();
      return losses === undefined || correct === undefined
        ? []
        : [{ split, losses: losses.data as Float32Array, correct: correct.data as Uint8Array }];
    });
    return (p, scores) =>
      Object.fromEntries(
        loaded.map(({ split, losses, correct }) => {
          const images = losses.length / points.length;
          const [from, until] = [p * images, (p + 1) * images];
          const { loss, accuracy } = scores[split]!;
          const values: PointValues = {
            loss,
            accuracy,
            losses: losses.subarray(from, until),
            correct: correct.subarray(from, until),
          };
          return [split, values];
        }),
      );
  };
  const [now, before] = [reader(""), reader("stale.")];
  return points.map(({ stale, ...scores }, p) => ({
    values: now(p, scores),
    ...(stale === undefined ? {} : { stale: before(p, stale) }),
  }));
}
