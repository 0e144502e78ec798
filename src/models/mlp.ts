import { z } from "zod";
import { architecture, headInitSchema } from "./architecture.ts";
import { flatten, head, heIn, linear, type LinearOptions, relu } from "./layers.ts";

/** Fully connected network on flattened images: ReLU after each hidden layer, He initialisation unless told. */
export const mlp = architecture({
  doc: "fully connected layers with ReLU",
  schema: z.strictObject({
    arch: z.literal("mlp").describe("fully connected network"),
    hidden: z
      .array(z.int().positive().max(65_536))
      .max(64)
      .default([128])
      .describe("units of each hidden layer"),
    // No default: a network that names none keeps the address it had before there was a choice.
    init: z
      .enum(["he", "pytorch"])
      .optional()
      .describe(
        "start of the hidden layers: he (unless given), or pytorch, weights and biases in ±1/√inputs",
      ),
    headInit: headInitSchema,
  }),
  build(net, spec, x) {
    let y = flatten(net, x);
    spec.hidden.forEach((units, i) => {
      const name = `fc${i + 1}`;
      y = net.tap(name, relu(net, linear(net, name, y, units, starts(spec.init, net.channels(y)))));
    });
    return head(net, y, spec.headInit);
  },
});

/** How a hidden layer of `inputs` inputs starts. PyTorch's Linear draws weights and biases from U(±1/√inputs). */
function starts(init: "he" | "pytorch" | undefined, inputs: number): LinearOptions {
  if (init !== "pytorch") return { init: heIn };
  return { init: { kind: "uniform-fan-in" }, biasInit: { kind: "uniform", bound: 1 / Math.sqrt(inputs) } };
}
