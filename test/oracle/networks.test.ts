import { beforeAll, describe, expect, test } from "vitest";
import { withWeights } from "../../src/autodiff/flat.ts";
import { openRuntime } from "../../src/runtime/ort.node.ts";
import type { Runtime } from "../../src/runtime/session.ts";
import { sizeOf, type Tensor } from "../../src/tensor/tensor.ts";
import { readRecorded, recordedNames } from "../kit/networks.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime("cpu");
});

/** ‖a − b‖ / ‖b‖ over all elements. */
function relativeError(a: Tensor, b: Tensor): number {
  let difference = 0;
  let size = 0;
  for (let i = 0; i < sizeOf(b.shape); i++) {
    difference += (Number(a.data[i]) - Number(b.data[i])) ** 2;
    size += Number(b.data[i]) ** 2;
  }
  return Math.sqrt(difference / size);
}

describe.each(recordedNames("network"))("%s", (name) => {
  test("has PyTorch's parameters, by name and shape", async () => {
    const { model, group } = await readRecorded(name);
    const ours = model.parameters.map((info) => `${info.name} [${info.shape.join()}]`).toSorted();
    const theirs = [...group("param")].map(([key, value]) => `${key} [${value.shape.join()}]`).toSorted();
    expect(ours).toEqual(theirs);
    const trainable = model.parameters.filter((info) => info.role === "trainable").map((info) => info.name);
    expect(trainable.toSorted()).toEqual([...group("grad").keys()].toSorted());
  });

  test("gives PyTorch's logits through ONNX Runtime", async () => {
    const { model, group, tensor } = await readRecorded(name);
    const session = await runtime.session(withWeights(model.graph, group("param")));
    const { logits } = await session.run({ x: tensor("images") });
    await session.release();
    expect(logits!.shape).toEqual(tensor("eval.logits").shape);
    // Float32 against float64: some tens of layers, each rounding to 6e-8.
    expect(relativeError(logits!, tensor("eval.logits"))).toBeLessThan(3e-6);
  });
});

describe.each(recordedNames("trajectory"))("%s", (name) => {
  test("records every parameter before and after each step", async () => {
    const { model, group } = await readRecorded(name);
    const names = model.parameters.map((info) => info.name).toSorted();
    for (const moment of ["param", "step1", "step2", "step3", "step4", "step5"]) {
      expect([...group(moment).keys()].toSorted()).toEqual(names);
    }
  });
});
