import type { Json } from "../base/canonical.ts";
import { ScopeError } from "../base/error.ts";
import type { DataSpec } from "../data/types.ts";
import { readSafetensors } from "../safetensors/read.node.ts";
import type { Cell } from "../store/cell.node.ts";
import { type Address, addressOf, type CellSpec, shortAddress } from "../store/spec.ts";
import {
  type BySplit,
  type ChangedScore,
  correctFile,
  replaceCell as kind,
  type ReplacementSource,
  type ReplaceResult,
  type ReplaceScore,
  secondsPerReplacement,
} from "./kinds/replace.node.ts";

export type { ChangedScore, ReplacementSource, ReplaceScore } from "./kinds/replace.node.ts";

/** Some weights of a network replaced, all others final. */
export interface Replacement {
  readonly label: string;
  /** Names of tensors; may be several modules' together. */
  readonly parameters: readonly string[];
  readonly statistics: readonly string[];
  readonly source: ReplacementSource;
}

export interface ReplacePlan {
  /** Cells that hold the final network and, where a source needs it, the initial one. */
  readonly final: Address;
  readonly initial?: Address | undefined;
  /** In an order that keeps replacements of the same tensors together: they share the part of the network before. */
  readonly replacements: readonly Replacement[];
  readonly data: DataSpec;
  /** Images of each split to look at, spread evenly over it; 0 for none of it. */
  readonly images: { readonly train: number; readonly test: number };
  readonly statistics: "kept" | "of the images";
  /** Images at a time: 64 unless told, 128 for statistics of the images. */
  readonly block?: number | undefined;
  /** Of the network, for one image (`multiplyAddsOf`): makes chunks and estimates fit it. */
  readonly multiplyAdds?: number | undefined;
  /** What to call the cells before a person. */
  readonly label?: string | undefined;
}

/** A cell that looks at some of the replacements. */
export interface ReplaceChunk {
  readonly spec: CellSpec;
  readonly address: Address;
  readonly label: string;
  /** Index of its first replacement among all, and how many it has. */
  readonly from: number;
  readonly count: number;
}

/** A kill costs at most about so many seconds of work. */
const longest = 20;

/**
 * Cells that look at these replacements, in their order: neighbours in chunks of at most about 20 s of estimated work,
 * replacements of the same tensors together where that is possible. Where the cuts are depends on nothing else: the same
 * replacements are the same cells.
 */
export function replaceCells({
  final,
  initial,
  replacements,
  images,
  label = "replacements",
  ...rest
}: ReplacePlan): ReplaceChunk[] {
  const params = {
    ...rest,
    block: rest.block ?? (rest.statistics === "kept" ? 64 : 128),
    splits: {
      train: images.train > 0 ? { images: images.train } : undefined,
      test: images.test > 0 ? { images: images.test } : undefined,
    },
  };
  const most = Math.max(1, Math.floor(longest / secondsPerReplacement(params)) - 1);
  const cuts = chunksOf(replacements, most);
  return cuts.map(({ from, count }, i) => {
    const some = replacements
      .slice(from, from + count)
      .map(({ label: called, parameters, statistics, source }) => ({
        label: called,
        parameters,
        statistics,
        source,
      }));
    const initialNeeded = some.some(
      ({ source }) => source.kind === "between" || (source.kind === "input" && source.input === "initial"),
    );
    const spec: CellSpec = {
      kind: kind.kind,
      version: kind.version,
      // Plain data by construction; the round trip drops fields that are undefined.
      params: JSON.parse(JSON.stringify({ ...params, replacements: some })) as Json,
      inputs: { final, ...(initial !== undefined && initialNeeded ? { initial } : {}) },
    };
    const part = cuts.length === 1 ? "" : `, part ${i + 1} of ${cuts.length}`;
    return { spec, address: addressOf(spec), label: `${label}${part}`, from, count };
  });
}

/** Runs of at most `most`; a new one begins rather than in the middle of replacements of the same tensors. */
function chunksOf(
  replacements: readonly Replacement[],
  most: number,
): { readonly from: number; readonly count: number }[] {
  const chunks: { from: number; count: number }[] = [];
  const key = ({ parameters, statistics }: Replacement): string =>
    [...parameters, "", ...statistics].join("\n");
  for (let from = 0; from < replacements.length;) {
    let until = from + 1;
    while (until < replacements.length && key(replacements[until]!) === key(replacements[from]!)) until++;
    const last = chunks.at(-1);
    if (last !== undefined && last.count + until - from <= most) last.count += until - from;
    else
      for (let at = from; at < until; at += most)
        chunks.push({ from: at, count: Math.min(most, until - at) });
    from = until;
  }
  return chunks;
}

/** What is known of a network on one split, image by image. */
export type WithCorrect<T> = T & {
  /** 1 where the prediction is right; images in the cell's fixed random order. */
  readonly correct: Uint8Array;
};

export interface ReplaceSeen {
  readonly final: BySplit<WithCorrect<ReplaceScore>>;
  readonly replacements: readonly (Replacement & {
    readonly scores: BySplit<WithCorrect<ChangedScore>>;
  })[];
  readonly statistics: ReplaceResult["statistics"];
}

/**
 * What a replace cell found, with the correctness of every image.
 * @throws {ScopeError} usage, when the cell is of another kind; format, when its files do not fit
 */
export async function readReplace(cell: Cell): Promise<ReplaceSeen> {
  if (cell.spec.kind !== kind.kind) {
    throw new ScopeError(
      "usage",
      `cell ${shortAddress(cell.address)} is of kind "${cell.spec.kind}", not "${kind.kind}"`,
    );
  }
  const result = cell.result() as unknown as ReplaceResult;
  const { replacements } = cell.spec.params as unknown as { readonly replacements: readonly Replacement[] };
  const { tensors } = await readSafetensors(cell.file(correctFile));
  const correct = new Map<string, Uint8Array>();
  for (const split of ["train", "test"] as const) {
    const score = result.final[split];
    if (score === undefined) continue;
    for (const [name, rows] of [
      [`${split}.final`, 1],
      [split, replacements.length],
    ] as const) {
      const values = tensors.get(name)?.load().data as Uint8Array | undefined;
      if (values?.length !== rows * score.images) {
        throw new ScopeError(
          "format",
          `${cell.file(correctFile)}: expected ${rows * score.images} numbers called "${name}", found ${values?.length ?? "none"}`,
          { hint: "remove the cell; the command makes it again" },
        );
      }
      correct.set(name, values);
    }
  }
  const rowOf = (split: string, row: number, images: number): Uint8Array =>
    correct.get(split)!.subarray(row * images, (row + 1) * images);
  return {
    final: bySplit(result.final, (split, score) => ({
      ...score,
      correct: rowOf(`${split}.final`, 0, score.images),
    })),
    replacements: replacements.map((one, i) => ({
      ...one,
      scores: bySplit<ChangedScore, WithCorrect<ChangedScore>>(result.replacements[i]!, (split, score) => ({
        ...score,
        correct: rowOf(split, i, score.images),
      })),
    })),
    statistics: result.statistics,
  };
}

function bySplit<A, B>(scores: BySplit<A>, of: (split: "train" | "test", score: A) => B): BySplit<B> {
  const found: BySplit<B> = {};
  for (const split of ["train", "test"] as const) {
    const score = scores[split];
    if (score !== undefined) found[split] = of(split, score);
  }
  return found;
}
