import { describe, expect, test } from "vitest";
import { stream } from "../base/random.ts";
import { flatLayout } from "../autodiff/flat.ts";
import { Builder } from "../graph/builder.ts";
import { constant } from "../graph/graph.ts";
import { float32, sizeOf } from "../tensor/tensor.ts";
import { filterAxes, filterNormalised } from "./directions.ts";

/** A convolution, a scale, two dense layers (weights [out, in] and [in, out]) and a running mean. */
function graph() {
  const g = new Builder();
  const random = stream(1, "noise");
  const parameter = (name: string, shape: number[]): string =>
    g.parameter(
      constant(
        name,
        float32(
          shape,
          Float32Array.from({ length: sizeOf(shape) }, () => random.normal()),
        ),
      ),
    );
  let y = g.input("x", "float32", [2, 3, 4, 4]);
  y = g.op("Conv", [y, parameter("conv", [6, 3, 3, 3]), parameter("bias", [6])], { pads: [1, 1, 1, 1] });
  y = g.op("Flatten", [g.op("GlobalAveragePool", [y])], { axis: 1 });
  y = g.sub(y, parameter("mean", [6]));
  y = g.op("Gemm", [y, parameter("dense", [5, 6]), parameter("shift", [5])], { transB: 1 });
  g.output(g.matmul(y, parameter("head", [5, 4])));
  return g.finish("small");
}

const names = ["conv", "bias", "dense", "shift", "head", "mean"];
const network = graph();
const layout = flatLayout(network, names);
const theta = Float32Array.from(
  names.flatMap((name) => [...(network.initializers.get(name)!.load().data as Float32Array)]),
);

function filters(vector: Float32Array, name: string, axis: number): number[] {
  const i = names.indexOf(name);
  const shape = layout.shapes[i]!;
  const inner = sizeOf(shape.slice(axis + 1));
  const sums = Array.from({ length: shape[axis]! }, () => 0);
  vector
    .subarray(layout.offsets[i], layout.offsets[i + 1])
    .forEach((value, at) => (sums[Math.floor(at / inner) % shape[axis]!]! += value * value));
  return sums.map(Math.sqrt);
}

describe("filterNormalised", () => {
  const axes = filterAxes(network);
  const direction = filterNormalised(layout, theta, 7, 0, { axes });

  test("has every filter as long as the network's own, along the axis of output units", () => {
    expect([...axes]).toEqual([["head", 1]]);
    for (const [name, axis] of [
      ["conv", 0],
      ["dense", 0],
      ["head", 1],
    ] as const) {
      const own = filters(theta, name, axis);
      filters(direction, name, axis).forEach((norm, i) => expect(norm).toBeCloseTo(own[i]!, 5));
    }
  });

  test("leaves biases and norm parameters alone unless told otherwise, and statistics always", () => {
    for (const name of ["bias", "shift", "mean"]) expect(Math.max(...filters(direction, name, 0))).toBe(0);
    const all = filterNormalised(layout, theta, 7, 0, { axes, ignore: "none", fixed: new Set(["mean"]) });
    expect(Math.hypot(...filters(all, "bias", 0))).toBeCloseTo(Math.hypot(...filters(theta, "bias", 0)), 5);
    expect(Math.max(...filters(all, "mean", 0))).toBe(0);
    // The weights' numbers do not depend on what else moves.
    expect(filters(all, "conv", 0)).toEqual(filters(direction, "conv", 0));
  });

  test("is another for another index or seed, nearly at a right angle, and the same again", () => {
    expect(filterNormalised(layout, theta, 7, 0, { axes })).toEqual(direction);
    for (const other of [
      filterNormalised(layout, theta, 7, 1, { axes }),
      filterNormalised(layout, theta, 8, 0, { axes }),
    ]) {
      const dot = direction.reduce((sum, value, i) => sum + value * other[i]!, 0);
      const norms = Math.hypot(...direction) * Math.hypot(...other);
      // 212 numbers: a cosine of 0.3 is more than four standard deviations.
      expect(Math.abs(dot / norms)).toBeLessThan(0.3);
    }
  });

  test("has length 0 where the network's filter has", () => {
    const dead = theta.slice();
    dead.fill(0, 0, 27);
    const found = filters(filterNormalised(layout, dead, 7, 0), "conv", 0);
    expect(found[0]).toBe(0);
    expect(found[1]).toBeGreaterThan(0);
  });
});
