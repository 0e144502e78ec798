import { float } from "../graph/builder.ts";
import type { Network } from "./network.ts";
import { headModule } from "./network.ts";
import type { InitSpec } from "./types.ts";

/** He's normal initialisation over inputs: keeps the size of activations through ReLU layers without normalisation. */
export const heIn: InitSpec = { kind: "he-normal", fan: "in" };

/** He's normal initialisation over outputs: keeps the size of gradients; what residual networks customarily start from. */
export const heOut: InitSpec = { kind: "he-normal", fan: "out" };

export interface ConvOptions {
  readonly stride?: number;
  readonly bias: boolean;
  readonly init?: InitSpec;
}

/**
 * Square convolution with the padding that keeps the image's size at stride 1, module `name`.
 * x: [N, I, H, W]; weight: [O, I, k, k]; result: [N, O, ⌈H/s⌉, ⌈W/s⌉] for odd k.
 */
export function conv(
  net: Network,
  name: string,
  x: string,
  out: number,
  kernel: number,
  options: ConvOptions,
): string {
  const pad = (kernel - 1) >> 1;
  const stride = options.stride ?? 1;
  const inputs = [
    x,
    net.parameter(`${name}.weight`, [out, net.channels(x), kernel, kernel], options.init ?? heIn),
  ];
  if (options.bias) inputs.push(net.parameter(`${name}.bias`, [out], { kind: "zeros" }));
  return net.g.op(
    "Conv",
    inputs,
    { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad] },
    { names: [name] },
  );
}

export interface LinearOptions {
  readonly init?: InitSpec;
  /** Zeros unless told. */
  readonly biasInit?: InitSpec;
  readonly output?: string;
}

/** Fully connected layer y = x Wᵀ + b, module `name`. x: [N, I]; weight: [O, I]; bias: [O]; y: [N, O]. */
export function linear(
  net: Network,
  name: string,
  x: string,
  out: number,
  options: LinearOptions = {},
): string {
  const weight = net.parameter(`${name}.weight`, [out, net.channels(x)], options.init ?? heIn);
  const bias = net.parameter(`${name}.bias`, [out], options.biasInit ?? { kind: "zeros" });
  return net.g.op(
    "Gemm",
    [x, weight, bias],
    { transB: 1, alpha: float(1), beta: float(1) },
    { names: [options.output ?? name] },
  );
}

/** How a head starts. */
export type HeadInit = "random" | "zero";

/**
 * The last layer, [N, F] → logits [N, K]. Random weights are U(±1/√F), as PyTorch's Linear draws them, with the bias
 * at zero; "zero" makes all first predictions uniform.
 * Deviation: PyTorch draws the bias from the same interval.
 */
export function head(net: Network, x: string, init: HeadInit): string {
  net.tap("features", x);
  return linear(net, headModule, x, net.io.classes, {
    init: init === "zero" ? { kind: "zeros" } : { kind: "uniform-fan-in" },
    output: "logits",
  });
}

export function relu(net: Network, x: string): string {
  return net.g.op("Relu", [x]);
}

/** Mean over the image: [N, C, H, W] → [N, C]. */
export function globalAverage(net: Network, x: string): string {
  return net.g.op("Flatten", [net.g.op("GlobalAveragePool", [x])], { axis: 1 });
}

/** [N, C, H, W] → [N, C·H·W], channels first. */
export function flatten(net: Network, x: string): string {
  return net.g.op("Flatten", [x], { axis: 1 });
}

/** Pooling over 2×2 windows that do not overlap; an odd last row or column is left out, as PyTorch does. */
export function pool2(net: Network, x: string, kind: "max" | "average"): string {
  return net.g.op(kind === "max" ? "MaxPool" : "AveragePool", [x], { kernel_shape: [2, 2], strides: [2, 2] });
}
