import { describe, expect, test } from "vitest";
import { ScopeError } from "../base/error.ts";
import { Builder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import { float32, int64s } from "../tensor/tensor.ts";
import { openRuntime } from "./ort.node.ts";
import type { Device } from "./session.ts";

/** y = 2x and z = Σx for x: [2]. */
function twoOutputs(): Graph {
  const g = new Builder();
  const x = g.input("x", "float32", [2]);
  g.output(
    g.op("Mul", [x, g.scalar(2)], {}, { names: ["y"] }),
    g.op("ReduceSum", [x, g.ints([0])], { keepdims: 0 }, { names: ["z"] }),
  );
  return g.finish("two outputs");
}

describe("a session", () => {
  test("says what goes in and out, and runs", async () => {
    const session = await (await openRuntime()).session(twoOutputs());
    expect(session.inputs).toEqual(["x"]);
    expect(session.outputs).toEqual(["y", "z"]);
    const { y, z } = await session.run({ x: float32([2], [1, -3]) });
    expect(y).toEqual(float32([2], [2, -6]));
    expect(z).toEqual(float32([], [-2]));
    await session.release();
  });

  test("bound to tensors, reads and writes their memory at every run", async () => {
    const session = await (await openRuntime()).session(twoOutputs());
    const x = new Float32Array(2);
    const y = new Float32Array(2);
    const z = new Float32Array(1);
    const bound = session.bind({ x: float32([2], x) }, { y: float32([2], y), z: float32([], z) });
    for (const first of [1, 5, -2]) {
      x.set([first, 1]);
      await bound.run();
      expect([...y, ...z]).toEqual([2 * first, 2, first + 1]);
    }
    await session.release();
  });

  test("turns ONNX Runtime's complaints into one sentence with the graph's name", async () => {
    const runtime = await openRuntime();
    const session = await runtime.session(twoOutputs());
    await expect(session.run({ x: float32([3], [1, 2, 3]) })).rejects.toMatchObject({
      name: "ScopeError",
      fault: "runtime",
      message: expect.stringMatching(/^ONNX Runtime failed while running "two outputs": [^\n]+$/),
    });
    await session.release();
    const graph = twoOutputs();
    const broken = { ...graph, nodes: graph.nodes.map((node) => ({ ...node, op: "NoSuchOperator" })) };
    await expect(runtime.session(broken)).rejects.toMatchObject({
      fault: "runtime",
      message: expect.stringMatching(
        /^ONNX Runtime refused the graph "two outputs": [^\n]*NoSuchOperator[^\n]*$/,
      ),
    });
  });

  test("keeps a Pad by zeros before a MaxPool apart from it: a maximum of negative numbers and padding is 0", async () => {
    const g = new Builder();
    const padded = g.op("Pad", [
      g.input("x", "float32", [1, 1, 2, 3]),
      g.constant(int64s([0, 0, 0, 0, 0, 0, 0, 1])),
    ]);
    g.output(g.op("MaxPool", [padded], { kernel_shape: [2, 2], strides: [2, 2] }, { names: ["y"] }));
    const session = await (await openRuntime()).session(g.finish("padded pooling"));
    const { y } = await session.run({ x: float32([1, 1, 2, 3], [-1, -2, -3, -4, -5, -6]) });
    expect(y).toEqual(float32([1, 1, 1, 2], [-1, 0]));
    await session.release();
  });
});

describe("a runtime", () => {
  test("knows its version and the width of its blocked layout", async () => {
    const { versions, block, device } = await openRuntime();
    expect(device).toBe("cpu");
    expect(versions["onnxruntime"]).toMatch(/^\d+\.\d+\.\d+/);
    expect([1, 4, 8, 16]).toContain(block);
  });

  test("refuses a device that the build does not know", async () => {
    await expect(openRuntime("toaster" as Device)).rejects.toMatchObject({
      fault: "usage",
      message: 'this installation of ONNX Runtime knows no device "toaster"',
      hint: expect.stringMatching(/^it knows: .*cpu/),
    });
  });

  test.each(["cuda", "webgpu"] as const)("opens on %s only where the machine has it", async (device) => {
    // Builds list devices whose libraries or drivers are absent: then the refusal comes here, not at the first model.
    const opened = await openRuntime(device).catch((error: unknown) => error);
    if (opened instanceof ScopeError) {
      expect(opened.fault).toBe("usage");
      expect(opened.message).toMatch(/^this (machine|installation) [^\n]+$/);
    } else {
      expect(opened).toMatchObject({ device, block: 1 });
    }
  });
});
