import { intAttr } from "../../../src/graph/graph.ts";
import { convolved } from "./convolution.ts";
import { type Kernel, type KernelContext, need, type Value } from "./value.ts";

/** Numbers of a plain [N, C, H, W] in the order [N, C/b, H, W, b], or back; the shape does not say which it is. */
function reordered(x: Value, b: number, toBlocked: boolean): Value {
  const [n = 1, c = 1, h = 1, w = 1] = x.shape;
  const data = new Float64Array(x.data.length);
  for (let example = 0; example < n; example++) {
    for (let channel = 0; channel < c; channel++) {
      for (let pixel = 0; pixel < h * w; pixel++) {
        const plain = (example * c + channel) * h * w + pixel;
        const blocked = ((example * (c / b) + Math.floor(channel / b)) * h * w + pixel) * b + (channel % b);
        if (toBlocked) data[blocked] = x.data[plain]!;
        else data[plain] = x.data[blocked]!;
      }
    }
  }
  return { ...x, data };
}

/** Weights from the order [O/b, I/b, kh, kw, bi, bo] (or [O/b, I, kh, kw, bo] for plain images) to [O, I, kh, kw]. */
function plainWeights(w: Value, b: number, blockedImage: boolean): Value {
  const [o = 1, i = 1, kh = 1, kw = 1] = w.shape;
  const taps = kh * kw;
  const data = new Float64Array(w.data.length);
  for (let p = 0; p < o; p++) {
    for (let q = 0; q < i; q++) {
      for (let tap = 0; tap < taps; tap++) {
        const outer = Math.floor(p / b);
        const at = blockedImage
          ? (((outer * (i / b) + Math.floor(q / b)) * taps + tap) * b + (q % b)) * b + (p % b)
          : ((outer * i + q) * taps + tap) * b + (p % b);
        data[(p * i + q) * taps + tap] = w.data[at]!;
      }
    }
  }
  return { ...w, data };
}

function blockOf({ metadata }: KernelContext): number {
  return Number(metadata["transferscope.block"]);
}

/** ONNX Runtime's own operators on blocked layout; the width of a block stands in the graph's notes. */
export const blocked: Record<string, Kernel> = {
  "com.microsoft.nchwc.ReorderInput": ([x], context) => [reordered(need(x), blockOf(context), true)],
  "com.microsoft.nchwc.ReorderOutput": ([x], context) => {
    const channels = intAttr(context.node, "channels", need(x).shape[1]!);
    if (channels !== need(x).shape[1]) throw new Error("oracle: ReorderOutput drops channels");
    return [reordered(need(x), blockOf(context), false)];
  },
  "com.microsoft.nchwc.Conv": ([x, w, bias], context) => {
    const b = blockOf(context);
    const blockedImage = need(x).shape[1]! % b === 0;
    const image = blockedImage ? reordered(need(x), b, false) : need(x);
    const y = convolved(image, plainWeights(need(w), b, blockedImage), bias, context.node);
    return [reordered(y, b, true)];
  },
};
