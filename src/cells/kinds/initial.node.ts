import { z } from "zod";
import { withWeights } from "../../autodiff/flat.ts";
import type { Json } from "../../base/canonical.ts";
import { ScopeError } from "../../base/error.ts";
import type { Cell } from "../../store/cell.node.ts";
import { type Address, type CellSpec, shortAddress } from "../../store/spec.ts";
import type { CellContext, CellKind } from "../../sweep/kind.ts";
import { beginningOf } from "../beginning.node.ts";
import { networkOf, writeNetwork } from "../network.node.ts";
import { trainParams } from "../train-params.ts";

/** It has no parameters: the run says everything. */
export const initialParams = z.strictObject({});

/**
 * The network as a training run began: its own random weights, or those of the cell it started from with the head drawn
 * anew or kept. Inputs: `run`, and `start` where that run had one (`initialSpec` finds them).
 */
export const initialCell: CellKind = {
  kind: "initial",
  version: 1,
  estimate: () => ({ seconds: 0.5 }),
  run,
};

/**
 * The cell that holds the network a training run began with. A run that goes on from another's state began where that
 * one did.
 * @throws {ScopeError} usage, when the cell is no training run; data, when a run it goes on from is no longer in the store
 */
export async function initialSpec(
  run: Pick<Cell, "spec" | "address">,
  store: { get(address: Address): Promise<Cell> },
): Promise<CellSpec> {
  let first = run;
  while (first.spec.kind === "train" && first.spec.inputs["state"] !== undefined)
    first = await store.get(first.spec.inputs["state"]);
  if (first.spec.kind !== "train") {
    throw new ScopeError(
      "usage",
      `cell ${shortAddress(first.address)} is of kind "${first.spec.kind}", not a training run: it has no beginning`,
      { hint: "name the initial network" },
    );
  }
  const { start } = first.spec.inputs;
  return {
    kind: initialCell.kind,
    version: initialCell.version,
    params: {},
    inputs: { run: first.address, ...(start === undefined ? {} : { start }) },
  };
}

async function run(context: CellContext): Promise<Json> {
  initialParams.parse(context.params);
  const cell = context.input("run");
  const { start, state } = cell.spec.inputs;
  if (cell.spec.kind !== "train" || state !== undefined || start !== context.spec.inputs["start"]) {
    throw new ScopeError(
      "usage",
      `cell ${shortAddress(cell.address)} is no training run, goes on from another's state, or started from another cell than the input start`,
    );
  }
  const params = trainParams.parse(cell.spec.params);
  const final = await networkOf(cell);
  const [, channels, height, width] = final.graph.inputs[0]!.shape as [string, number, number, number];
  const io = { channels, height, width, classes: final.classes };
  const inputs = { start: start === undefined ? undefined : context.input("start") };
  const { weights } = await beginningOf(params, io, inputs);
  await writeNetwork(context.dir, final, withWeights(final.graph, weights), {});
  return { head: start === undefined ? "new" : params.head, tensors: weights.size };
}
