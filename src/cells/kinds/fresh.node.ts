import { z } from "zod";
import { withWeights } from "../../autodiff/flat.ts";
import type { Json } from "../../base/canonical.ts";
import type { CellContext, CellKind } from "../../sweep/kind.ts";
import { tensor, type Tensor } from "../../tensor/tensor.ts";
import { freshPlan, freshWeights } from "../fresh-weights.node.ts";
import { headOf } from "../../graph/head.ts";
import { networkOf, writeNetwork } from "../network.node.ts";
import { withOtherHead } from "../other-head.node.ts";

/**
 * Parameters of a cell that makes a network anew. Its input `n0` is any network; with `body`, the input `body` is one of the
 * same architecture with a head for other classes.
 */
export const freshParams = z.strictObject({
  /**
   * zero: every trainable parameter 0, statistics kept. random: all drawn anew, statistics as before training. body: the
   * weights of the input `body`, a head for n0's classes drawn anew: what fine-tuning on other classes begins with.
   */
  how: z.enum(["zero", "random", "body"]),
  /** Of what is drawn; means nothing with zero. */
  seed: z.int().min(0),
});
export type FreshParams = z.infer<typeof freshParams>;

/** What a fresh cell gives as its result. */
export interface FreshResult {
  /** What the weights are, one sentence. */
  readonly sentence: string;
}

/** A network with the weights of an untrained one: where nothing is known of how training began. */
export const freshCell: CellKind = {
  kind: "fresh",
  version: 1,
  estimate: () => ({ seconds: 0.5 }),
  run,
};

async function run(context: CellContext): Promise<Json> {
  const { how, seed } = freshParams.parse(context.params);
  const cell = context.input("n0");
  const network = await networkOf(cell);
  const weights = how === "zero" ? zeros(network) : new Map(await freshWeights(cell, network, seed));
  if (how === "body") {
    const body = withOtherHead(await networkOf(context.input("body")), network);
    const head = headOf(network.graph);
    const drawn = new Set([head.weight, ...(head.bias === undefined ? [] : [head.bias])]);
    for (const [name, value] of body.weights) if (!drawn.has(name)) weights.set(name, value);
  }
  await writeNetwork(context.dir, network, withWeights(network.graph, weights), {});
  const result: FreshResult = {
    sentence:
      how === "zero"
        ? "Every trainable parameter is 0; running statistics are those of the network."
        : how === "body"
          ? "The head was drawn anew, all other weights are those of the network given."
          : freshPlan(cell, network).sentence,
  };
  return { ...result };
}

function zeros({
  parameters,
  weights,
}: {
  readonly parameters: readonly string[];
  readonly weights: ReadonlyMap<string, Tensor>;
}): Map<string, Tensor> {
  return new Map(
    parameters.map((name) => {
      const { shape, data } = weights.get(name)!;
      return [name, tensor("float32", shape, new Float32Array(data.length))];
    }),
  );
}
