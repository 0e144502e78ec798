import { stream } from "../../src/base/random.ts";
import { Builder, float } from "../../src/graph/builder.ts";
import { constant, type Dim, type Graph } from "../../src/graph/graph.ts";
import { float32, sizeOf } from "../../src/tensor/tensor.ts";

/** A builder whose parameters are drawn from a seeded normal distribution of deviation 0.3. */
export function parametric(opset = 17): {
  g: Builder;
  parameter: (name: string, shape: readonly number[]) => string;
} {
  const g = new Builder(opset);
  const parameter = (name: string, shape: readonly number[]): string => {
    const random = stream(7, "init", name);
    return g.parameter(
      constant(
        name,
        float32(
          shape,
          Array.from({ length: sizeOf(shape) }, () => 0.3 * random.normal()),
        ),
      ),
    );
  };
  return { g, parameter };
}

/** A small residual network: stem, two blocks (the second strided with a projection), head. x: [N, 3, 8, 8] → [N, 5]. */
export function residualNetwork(batch: Dim = "N"): Graph {
  const { g, parameter } = parametric();
  const conv = (
    name: string,
    x: string,
    from: number,
    to: number,
    kernel: number,
    stride: number,
  ): string => {
    const pad = kernel >> 1;
    const inputs = [
      x,
      parameter(`${name}.weight`, [to, from, kernel, kernel]),
      parameter(`${name}.bias`, [to]),
    ];
    return g.op("Conv", inputs, {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
    });
  };
  const norm = (name: string, x: string, channels: number): string => {
    const moments = ["running_mean", "running_var"].map((moment, i) =>
      g.parameter(constant(`${name}.${moment}`, float32([channels], new Float32Array(channels).fill(i)))),
    );
    return g.op("BatchNormalization", [
      x,
      parameter(`${name}.weight`, [channels]),
      parameter(`${name}.bias`, [channels]),
      ...moments,
    ]);
  };
  const block = (name: string, x: string, from: number, to: number, stride: number): string => {
    let y = g.op("Relu", [norm(`${name}.norm1`, conv(`${name}.conv1`, x, from, to, 3, stride), to)]);
    y = norm(`${name}.norm2`, conv(`${name}.conv2`, y, to, to, 3, 1), to);
    const past = from === to ? x : conv(`${name}.shortcut`, x, from, to, 1, stride);
    return g.op("Relu", [g.plus(y, past)]);
  };
  let y = g.input("x", "float32", [batch, 3, 8, 8]);
  y = g.op("Relu", [norm("norm1", conv("conv1", y, 3, 4, 3, 1), 4)]);
  y = block("stage1.block1", y, 4, 4, 1);
  y = block("stage2.block1", y, 4, 6, 2);
  y = g.op("Flatten", [g.op("GlobalAveragePool", [y])], { axis: 1 });
  g.output(
    g.op(
      "Gemm",
      [y, parameter("head.weight", [5, 6]), parameter("head.bias", [5])],
      { transB: 1 },
      { names: ["logits"] },
    ),
  );
  return g.finish("residual network");
}

/** A small transformer with its shapes computed in the graph, as PyTorch exports them. x: [N, T, 6] → [N, 4]. */
export function transformer(batch: Dim = "N", length: Dim = "T"): Graph {
  const { g, parameter } = parametric();
  const width = 6;
  const heads = 2;
  const linear = (name: string, x: string, from: number, to: number): string =>
    g.plus(g.matmul(x, parameter(`${name}.weight`, [from, to])), parameter(`${name}.bias`, [to]));
  const norm = (name: string, x: string): string =>
    g.op(
      "LayerNormalization",
      [x, parameter(`${name}.weight`, [width]), parameter(`${name}.bias`, [width])],
      { axis: -1, epsilon: float(1e-5) },
    );
  const sizeAt = (shape: string, axis: number): string =>
    g.op("Unsqueeze", [
      g.op(
        "Gather",
        [shape, g.constant({ dtype: "int64", shape: [], data: BigInt64Array.of(BigInt(axis)) })],
        { axis: 0 },
      ),
      g.ints([0]),
    ]);
  const attention = (name: string, x: string): string => {
    const shape = g.op("Shape", [x]);
    const split = g.op("Concat", [sizeAt(shape, 0), sizeAt(shape, 1), g.ints([heads]), g.ints([-1])], {
      axis: 0,
    });
    const [q = "", k = "", v = ""] = g.ops(
      "Split",
      [linear(`${name}.qkv`, x, width, 3 * width), g.ints([width, width, width])],
      { axis: 2 },
      { outputs: 3 },
    );
    const perHead = (part: string, perm: number[]): string =>
      g.op("Transpose", [g.op("Reshape", [part, split])], { perm });
    const scores = g.scale(g.matmul(perHead(q, [0, 2, 1, 3]), perHead(k, [0, 2, 3, 1])), 0.5);
    const mixed = g.op(
      "Transpose",
      [g.matmul(g.op("Softmax", [scores], { axis: -1 }), perHead(v, [0, 2, 1, 3]))],
      { perm: [0, 2, 1, 3] },
    );
    const joined = g.op("Reshape", [
      mixed,
      g.op("Concat", [sizeAt(shape, 0), sizeAt(shape, 1), g.ints([-1])], { axis: 0 }),
    ]);
    return linear(`${name}.out`, joined, width, width);
  };
  let y = g.plus(g.input("x", "float32", [batch, length, width]), parameter("position", [1, 1, width]));
  for (const name of ["block0", "block1"]) {
    y = g.plus(y, attention(`${name}.attention`, norm(`${name}.norm1`, y)));
    const inner = g.op("Relu", [linear(`${name}.mlp.fc1`, norm(`${name}.norm2`, y), width, 8)]);
    y = g.plus(y, linear(`${name}.mlp.fc2`, inner, 8, width));
  }
  y = g.reduceMean(norm("norm", y), [1], false);
  g.output(
    g.op(
      "Gemm",
      [y, parameter("head.weight", [4, width]), parameter("head.bias", [4])],
      { transB: 1 },
      { names: ["logits"] },
    ),
  );
  return g.finish("transformer");
}
