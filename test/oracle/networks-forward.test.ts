import { describe, expect, test } from "vitest";
import { withWeights } from "../../src/autodiff/flat.ts";
import { openRuntime } from "../../src/runtime/ort.node.ts";
import { readRecorded, recordedNames } from "../kit/networks.ts";
import { relativeError } from "../kit/step.ts";

describe.each(recordedNames("network"))("%s in inference against PyTorch", (name) => {
  test("has PyTorch's parameters, by name and shape", async () => {
    const { model, group } = await readRecorded(name);
    const ours = model.parameters.map((info) => `${info.name} [${info.shape.join()}]`).toSorted();
    const theirs = [...group("param")].map(([key, value]) => `${key} [${value.shape.join()}]`).toSorted();
    expect(ours).toEqual(theirs);
  });

  test("gives its logits, batch norm by running statistics", async () => {
    const { model, group, tensor } = await readRecorded(name);
    const session = await (await openRuntime()).session(withWeights(model.graph, group("param")));
    const { logits } = await session.run({ x: tensor("images") });
    await session.release();
    expect(logits!.shape).toEqual(tensor("eval.logits").shape);
    // Float32 against float64: some tens of layers, each rounding to 6e-8.
    expect(relativeError(logits!, tensor("eval.logits"))).toBeLessThan(3e-6);
  });
});
