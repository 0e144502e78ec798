import { z } from "zod";
import { architecture, headInitSchema } from "./architecture.ts";
import { conv, flatten, globalAverage, head, linear, pool2, relu } from "./layers.ts";
import { groupsSchema, norm } from "./norm.ts";
import type { Network } from "./network.ts";

/**
 * Small convolutional network: 3×3 convolutions with ReLU, halving the image before every width but the first,
 * then pooling and fully connected layers. He initialisation.
 */
export const cnn = architecture({
  doc: "small convolutional network",
  schema: z.strictObject({
    arch: z.literal("cnn").describe("small convolutional network"),
    widths: z
      .array(z.int().positive().max(4096))
      .min(1)
      .max(32)
      .default([16, 32, 64])
      .describe("channels at each resolution (multiples of 16 run fastest)"),
    convs: z.int().positive().max(16).default(1).describe("convolutions at each resolution"),
    downsample: z
      .enum(["stride", "max", "average"])
      .default("stride")
      .describe("how the image is halved: convolution of stride 2, or 2×2 pooling"),
    pool: z
      .enum(["average", "flatten"])
      .default("flatten")
      .describe("from image to vector: global mean, or every pixel"),
    hidden: z
      .array(z.int().positive().max(65_536))
      .max(16)
      .default([])
      .describe("units of fully connected layers before the last"),
    norm: z
      .enum(["none", "batch", "layer", "group"])
      .default("none")
      .describe("normalisation after each convolution"),
    groups: groupsSchema,
    headInit: headInitSchema,
  }),
  build(net, spec, x) {
    let y = x;
    let count = 0;
    spec.widths.forEach((width, stage) => {
      for (let i = 0; i < spec.convs; i++) {
        const halve = stage > 0 && i === 0;
        if (halve && spec.downsample !== "stride" && halvable(net, y)) y = pool2(net, y, spec.downsample);
        count++;
        const bias = spec.norm === "none";
        y = conv(net, `conv${count}`, y, width, 3, {
          bias,
          stride: halve && spec.downsample === "stride" ? 2 : 1,
        });
        y = net.tap(`conv${count}`, relu(net, norm(net, `norm${count}`, y, spec.norm, spec)));
      }
    });
    y = spec.pool === "average" ? globalAverage(net, y) : flatten(net, y);
    spec.hidden.forEach((units, i) => {
      const name = `fc${i + 1}`;
      y = net.tap(name, relu(net, linear(net, name, y, units)));
    });
    return head(net, y, spec.headInit);
  },
});

/** Whether both sides are at least two pixels; a smaller image is passed on as it is. */
export function halvable(net: Network, x: string): boolean {
  return net.image(x).every((side) => side >= 2);
}
