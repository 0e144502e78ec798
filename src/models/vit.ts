import { z } from "zod";
import { ScopeError } from "../base/error.ts";
import { architecture, headInitSchema } from "./architecture.ts";
import { head } from "./layers.ts";
import type { Network } from "./network.ts";
import { layerNorm } from "./norm.ts";
import type { InitSpec } from "./types.ts";

const schema = z.strictObject({
  arch: z.literal("vit").describe("small vision transformer"),
  patch: z
    .int()
    .positive()
    .max(64)
    .default(4)
    .describe("side of a square patch in pixels; must divide the image"),
  dim: z.int().positive().max(4096).default(64).describe("width of the tokens; a multiple of heads"),
  depth: z.int().positive().max(48).default(4).describe("transformer blocks"),
  heads: z.int().positive().max(64).default(4).describe("attention heads"),
  mlpRatio: z
    .number()
    .positive()
    .max(16)
    .default(2)
    .describe("hidden units of each block's MLP, as a multiple of dim"),
  pool: z
    .enum(["mean", "cls"])
    .default("mean")
    .describe("from tokens to a vector: their mean, or a class token"),
  headInit: headInitSchema,
});
type VitSpec = z.output<typeof schema>;

const glorot: InitSpec = { kind: "glorot-uniform" };

/** Query, key and value are one matrix [3D, D]; each third starts as Glorot would start it alone. */
const glorotOfThree: InitSpec = { kind: "glorot-uniform", gain: Math.SQRT2 };

const positionInit: InitSpec = { kind: "truncated-normal", std: 0.02 };

/**
 * Vision transformer: patches embedded by a strided convolution, learned positions, pre-norm blocks of multi-head
 * attention and a GELU MLP, a last layer norm, pooling, one linear layer. Tokens: [N, T, D] with T = HW/patch² (+1 for
 * the class token).
 * Source: Dosovitskiy et al. 2021, arXiv:2010.11929; mean pooling as in Beyer et al. 2022, arXiv:2205.01580.
 */
export const vit = architecture({
  doc: "small vision transformer",
  schema,
  build(net, spec, x) {
    check(net, spec);
    let y = embed(net, spec, x);
    for (let i = 1; i <= spec.depth; i++) {
      const name = `block${i}`;
      y = net.g.plus(
        y,
        attention(net, `${name}.attention`, layerNorm(net, `${name}.norm1`, y, spec.dim), spec),
      );
      y = net.tap(
        name,
        net.g.plus(y, mlp(net, `${name}.mlp`, layerNorm(net, `${name}.norm2`, y, spec.dim), spec)),
      );
    }
    y = layerNorm(net, "norm", y, spec.dim);
    return head(
      net,
      spec.pool === "mean" ? net.g.reduceMean(y, [1], false) : firstToken(net, y, spec.dim),
      spec.headInit,
    );
  },
});

function check(net: Network, spec: VitSpec): void {
  const { height, width } = net.io;
  if (height % spec.patch !== 0 || width % spec.patch !== 0) {
    throw new ScopeError(
      "usage",
      `vit: patches of ${spec.patch} pixels do not divide an image of ${height}×${width}`,
      {
        hint: "set model patch to a divisor of the image's sides",
      },
    );
  }
  if (spec.dim % spec.heads !== 0) {
    throw new ScopeError("usage", `vit: ${spec.heads} heads do not divide a width of ${spec.dim}`, {
      hint: "set model heads or dim",
    });
  }
}

function embed(net: Network, spec: VitSpec, x: string): string {
  const { g } = net;
  const { patch, dim } = spec;
  const patches = (net.io.height / patch) * (net.io.width / patch);
  const weight = net.parameter("embed.weight", [dim, net.io.channels, patch, patch], {
    kind: "lecun-normal",
  });
  const bias = net.parameter("embed.bias", [dim], { kind: "zeros" });
  const image = g.op(
    "Conv",
    [x, weight, bias],
    { kernel_shape: [patch, patch], strides: [patch, patch] },
    { names: ["embed"] },
  );
  let tokens = g.transpose(g.op("Reshape", [image, g.ints([0, dim, patches])]), [0, 2, 1]);
  if (spec.pool === "cls") {
    // The class token goes in front. It is one for all images, so it is added to a row of zeros: sizes stay static.
    const cls = net.parameter("embed.cls", [1, 1, dim], { kind: "zeros" }, { decay: false });
    const front = g.op("Pad", [tokens, g.ints([0, 1, 0, 0, 0, 0])]);
    tokens = g.plus(front, g.op("Pad", [cls, g.ints([0, 0, 0, 0, patches, 0])]));
  }
  const count = spec.pool === "cls" ? patches + 1 : patches;
  return net.tap(
    "embed",
    g.plus(tokens, net.parameter("embed.position", [1, count, dim], positionInit, { decay: false })),
  );
}

/** Multi-head self-attention, softmax(q kᵀ/√d) v with d = D/heads. Vaswani et al. 2017, arXiv:1706.03762, equation 1. */
function attention(net: Network, name: string, x: string, { dim, heads }: VitSpec): string {
  const { g } = net;
  const tokens = net.shape(x)[1] as number;
  const size = dim / heads;
  const parts = g.ops(
    "Split",
    [tokenLinear(net, `${name}.qkv`, x, 3 * dim, glorotOfThree), g.ints([dim, dim, dim])],
    { axis: -1 },
    { outputs: 3 },
  );
  const [q = "", k = "", v = ""] = parts.map((part) =>
    g.op("Reshape", [part, g.ints([0, tokens, heads, size])]),
  );
  const keys = g.transpose(k, [0, 2, 3, 1]);
  const scores = g.op(
    "MatMul",
    [g.scale(g.transpose(q, [0, 2, 1, 3]), size ** -0.5), keys],
    {},
    { names: [`${name}.scores`] },
  );
  const shares = g.op("Softmax", [scores], { axis: -1 }, { names: [`${name}.shares`] });
  const mixed = g.op("MatMul", [shares, g.transpose(v, [0, 2, 1, 3])], {}, { names: [`${name}.mixed`] });
  return tokenLinear(
    net,
    `${name}.proj`,
    g.op("Reshape", [g.transpose(mixed, [0, 2, 1, 3]), g.ints([0, tokens, dim])]),
    dim,
    glorot,
  );
}

function mlp(net: Network, name: string, x: string, { dim, mlpRatio }: VitSpec): string {
  const inner = Math.max(1, Math.round(dim * mlpRatio));
  return tokenLinear(
    net,
    `${name}.fc2`,
    gelu(net, tokenLinear(net, `${name}.fc1`, x, inner, glorot)),
    dim,
    glorot,
  );
}

/** x Wᵀ + b over the last axis of tokens [N, T, I] → [N, T, O]; weight: [O, I], as PyTorch keeps it. */
function tokenLinear(net: Network, name: string, x: string, out: number, init: InitSpec): string {
  const { g } = net;
  const weight = net.parameter(`${name}.weight`, [out, net.shape(x)[2] as number], init);
  const bias = net.parameter(`${name}.bias`, [out], { kind: "zeros" });
  return g.op("Add", [g.matmul(x, g.transpose(weight, [1, 0])), bias], {}, { names: [name] });
}

/** x · Φ(x) with the normal distribution's Φ, by the error function. Hendrycks and Gimpel 2016, arXiv:1606.08415. */
function gelu(net: Network, x: string): string {
  const { g } = net;
  const inner = g.plus(g.op("Erf", [g.scale(x, Math.SQRT1_2)]), g.scalar(1));
  return g.mul(g.mul(x, inner), g.scalar(0.5));
}

/** [N, T, D] → [N, D]. */
function firstToken(net: Network, x: string, dim: number): string {
  const { g } = net;
  return g.op("Reshape", [g.slice(x, [0], [1], [1]), g.ints([0, dim])]);
}
