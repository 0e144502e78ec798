import { expect, test } from "vitest";
import { ScopeError } from "../base/error.ts";
import { addressOf, type CellSpec } from "../store/spec.ts";
import { beginningsOf, type Final } from "./beginnings.node.ts";

const store = {
  get: () => Promise.reject(new ScopeError("io", "nothing is read")),
};

function final(name: string, seed: number): Final {
  const spec: CellSpec = { kind: "import", version: 1, params: { seed }, inputs: {} };
  return { name, cell: { spec, address: addressOf(spec) } };
}

test("a network named twice with the same initial weights would count twice: refused", async () => {
  const [a, b] = [final("a.onnx", 1), final("b.onnx", 2)];
  expect(await beginningsOf([a, b], ["zero"], store, 0)).toHaveLength(2);
  expect(await beginningsOf([a, a], ["zero", "random"], store, 0)).toHaveLength(2);
  await expect(beginningsOf([a, { ...a, name: "copy.onnx" }], ["zero"], store, 0)).rejects.toThrow(
    "a.onnx and copy.onnx are the same network with the same initial weights",
  );
});
