import { z } from "zod";
import { architecture, headInitSchema, scaled, widthSchema } from "./architecture.ts";
import { halvable } from "./cnn.ts";
import { conv, globalAverage, head, pool2, relu } from "./layers.ts";
import { groupsSchema, norm } from "./norm.ts";

/** Convolutions before each of the five poolings, by depth (columns A, B, D, E of the paper's table 1). */
const stages = {
  11: [1, 1, 2, 2, 2],
  13: [2, 2, 2, 2, 2],
  16: [2, 2, 3, 3, 3],
  19: [2, 2, 4, 4, 4],
} as const;

const channels = [64, 128, 256, 512, 512] as const;

/**
 * VGG for small images: stages of 3×3 convolutions with ReLU, 2×2 max pooling after each.
 * Source: Simonyan and Zisserman 2015, arXiv:1409.1556.
 * Deviation: one fully connected layer on the global average instead of three on every pixel, as is customary at 32×32;
 * poolings that would leave less than a pixel are left out; He initialisation.
 */
export const vgg = architecture({
  doc: "VGG: plain stacks of 3×3 convolutions with max pooling",
  schema: z.strictObject({
    arch: z.literal("vgg").describe("plain stacks of 3×3 convolutions"),
    depth: z
      .union([z.literal(11), z.literal(13), z.literal(16), z.literal(19)])
      .default(11)
      .describe(
        "layers with weights, counted as in the paper (three of them fully connected there, one here)",
      ),
    width: widthSchema,
    norm: z
      .enum(["none", "batch", "layer", "group"])
      .default("batch")
      .describe("normalisation after each convolution"),
    groups: groupsSchema,
    headInit: headInitSchema,
  }),
  build(net, spec, x) {
    let y = x;
    stages[spec.depth].forEach((count, s) => {
      const stage = `stage${s + 1}`;
      for (let i = 1; i <= count; i++) {
        y = conv(net, `${stage}.conv${i}`, y, scaled(channels[s]!, spec.width), 3, {
          bias: spec.norm === "none",
        });
        y = net.tap(`${stage}.conv${i}`, relu(net, norm(net, `${stage}.norm${i}`, y, spec.norm, spec)));
      }
      if (halvable(net, y)) y = pool2(net, y, "max");
    });
    return head(net, globalAverage(net, y), spec.headInit);
  },
});
