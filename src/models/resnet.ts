import { z } from "zod";
import { architecture, headInitSchema, scaled, widthSchema } from "./architecture.ts";
import { conv, globalAverage, head, heOut, relu } from "./layers.ts";
import { groupsSchema, norm } from "./norm.ts";
import type { Network } from "./network.ts";
import type { InitSpec } from "./types.ts";

const schema = z.strictObject({
  arch: z.literal("resnet").describe("residual network for small images"),
  depth: z
    .int()
    .min(8)
    .max(56)
    .default(20)
    .refine((depth) => (depth - 2) % 6 === 0, {
      error: "depth must be 6n + 2: 8, 14, 20, 26, 32, 38, 44, 50 or 56",
    })
    .describe("layers with weights, 6n + 2"),
  width: widthSchema,
  norm: z
    .enum(["fixup", "batch", "layer", "group"])
    .default("fixup")
    .describe(
      "fixup: no normalisation, careful start and scalar biases; or the normalisation after each convolution",
    ),
  groups: groupsSchema,
  shortcut: z
    .enum(["pad", "conv"])
    .default("pad")
    .describe("past a change of size: every second pixel with zero channels added, or a 1×1 convolution"),
  headInit: headInitSchema,
});
type ResnetSpec = z.output<typeof schema>;

/** A scalar of Fixup: no weight decay, a tenth of the learning rate. */
const fixupScalar = { decay: false, lrScale: 0.1 } as const;

/**
 * Residual network of the CIFAR family: a 3×3 stem and three stages of n = (depth − 2)/6 blocks with 16, 32, 64 (times
 * `width`) channels, stages two and three starting at stride 2; global average; one linear layer.
 * Source: He et al. 2016, arXiv:1512.03385, section 4.2 (shortcuts A, or B with `shortcut: conv`).
 *
 * Without normalisation ("fixup"): Zhang, Dauphin and Ma 2019, arXiv:1901.09321. In each of the L blocks the first
 * convolution starts at He's standard deviation times L^(−1/(2m−2)), with m = 2 convolutions a block, the last at zero;
 * a scalar bias stands before each convolution, each ReLU and the head, a scalar multiplier after the last convolution.
 * Deviation: the head starts at random unless `headInit: zero`, as in Neyshabur et al. 2020, arXiv:2008.11687.
 */
export const resnet = architecture({
  doc: "residual network for small images, with Fixup or a normalisation",
  schema,
  build(net, spec, x) {
    const blocks = (spec.depth - 2) / 6;
    const add = spec.norm === "fixup" ? fixupBlock(blocks * 3) : normBlock;
    let y = stem(net, spec, x);
    for (let stage = 1; stage <= 3; stage++) {
      for (let i = 1; i <= blocks; i++) {
        const name = `stage${stage}.block${i}`;
        const stride = stage > 1 && i === 1 ? 2 : 1;
        y = net.tap(name, add(net, name, y, scaled(16 * 2 ** (stage - 1), spec.width), stride, spec));
      }
    }
    y = globalAverage(net, y);
    // The bias before the head is the body's: it survives a change of task.
    return head(net, spec.norm === "fixup" ? bias(net, "features.bias", y) : y, spec.headInit);
  },
});

function stem(net: Network, spec: ResnetSpec, x: string): string {
  const y = conv(net, "stem.conv", x, scaled(16, spec.width), 3, { bias: false, init: heOut });
  const shifted =
    spec.norm === "fixup" ? bias(net, "stem.bias", y) : norm(net, "stem.norm", y, spec.norm, spec);
  return net.tap("stem", relu(net, shifted));
}

type AddBlock = (
  net: Network,
  name: string,
  x: string,
  channels: number,
  stride: number,
  spec: ResnetSpec,
) => string;

const normBlock: AddBlock = (net, name, x, channels, stride, spec) => {
  const kind = spec.norm === "fixup" ? "none" : spec.norm;
  let y = conv(net, `${name}.conv1`, x, channels, 3, { bias: false, stride, init: heOut });
  y = relu(net, norm(net, `${name}.norm1`, y, kind, spec));
  y = conv(net, `${name}.conv2`, y, channels, 3, { bias: false, init: heOut });
  y = norm(net, `${name}.norm2`, y, kind, spec);
  let past = shortcut(net, name, x, channels, stride, spec);
  if (past !== x && spec.shortcut === "conv") past = norm(net, `${name}.shortcut_norm`, past, kind, spec);
  return relu(net, net.g.plus(y, past));
};

function fixupBlock(total: number): AddBlock {
  const first: InitSpec = { kind: "he-normal", fan: "out", gain: total ** -0.5 };
  return (net, name, x, channels, stride, spec) => {
    const shifted = bias(net, `${name}.bias1a`, x);
    let y = conv(net, `${name}.conv1`, shifted, channels, 3, { bias: false, stride, init: first });
    y = relu(net, bias(net, `${name}.bias1b`, y));
    y = conv(net, `${name}.conv2`, bias(net, `${name}.bias2a`, y), channels, 3, {
      bias: false,
      init: { kind: "zeros" },
    });
    y = net.g.mul(y, net.parameter(`${name}.scale`, [1], { kind: "ones" }, fixupScalar));
    y = bias(net, `${name}.bias2b`, y);
    // As in the authors' code, the shortcut sees the shifted input only where it changes the size.
    const changes = stride !== 1 || channels !== net.channels(x);
    return relu(net, net.g.plus(y, changes ? shortcut(net, name, shifted, channels, stride, spec) : x));
  };
}

/** x + b with one number b for all. */
function bias(net: Network, name: string, x: string): string {
  return net.g.plus(x, net.parameter(name, [1], { kind: "zeros" }, fixupScalar));
}

/** x itself where its size fits; else every second pixel with zero channels behind, or a 1×1 convolution. */
function shortcut(
  net: Network,
  name: string,
  x: string,
  channels: number,
  stride: number,
  spec: ResnetSpec,
): string {
  const { g } = net;
  const now = net.channels(x);
  if (stride === 1 && now === channels) return x;
  if (spec.shortcut === "conv")
    return conv(net, `${name}.shortcut`, x, channels, 1, { bias: false, stride, init: heOut });
  const [h, w] = net.image(x);
  const some = stride === 1 ? x : g.slice(x, [0, 0], [h, w], [2, 3], [stride, stride]);
  return now === channels ? some : g.op("Pad", [some, g.ints([0, 0, 0, 0, 0, channels - now, 0, 0])]);
}
