import type { Known } from "../known.ts";
import { type Dim, intAttr, intsAttr, type Node } from "../graph.ts";

/** com.microsoft.nchwc.Conv: x [N, I, H, W], w [O, I, kh, kw] → [N, O, H', W'] (all in blocked bytes). */
export function blockedConvShape(node: Node, inputs: readonly (Known | undefined)[]): Known[] {
  const x = inputs[0]!;
  const kernel = inputs[1]!.shape;
  const strides = intsAttr(node, "strides", [1, 1]);
  const dilations = intsAttr(node, "dilations", [1, 1]);
  const pads = intsAttr(node, "pads", [0, 0, 0, 0]);
  const image = [0, 1].map((axis): Dim => {
    const size = x.shape[axis + 2];
    const taps = kernel[axis + 2];
    if (typeof size !== "number" || typeof taps !== "number") return null;
    return (
      Math.floor(
        (size + pads[axis]! + pads[axis + 2]! - dilations[axis]! * (taps - 1) - 1) / strides[axis]!,
      ) + 1
    );
  });
  return [{ dtype: x.dtype, shape: [x.shape[0] ?? null, kernel[0] ?? null, ...image] }];
}

/** com.microsoft.nchwc.ReorderInput: plain → blocked bytes, same shape. */
export function reorderInputShape(_node: Node, inputs: readonly (Known | undefined)[]): Known[] {
  return [{ dtype: inputs[0]!.dtype, shape: inputs[0]!.shape }];
}

/** com.microsoft.nchwc.ReorderOutput: blocked → plain bytes, `channels` of them kept. */
export function reorderOutputShape(node: Node, inputs: readonly (Known | undefined)[]): Known[] {
  const [n = null, c = null, ...image] = inputs[0]!.shape;
  return [
    {
      dtype: inputs[0]!.dtype,
      shape: [n, intAttr(node, "channels", typeof c === "number" ? c : 0), ...image],
    },
  ];
}
