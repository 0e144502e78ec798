import { z } from "zod";
import { architecture, headInitSchema } from "./architecture.ts";
import { flatten, head, heIn, linear, relu } from "./layers.ts";

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
      .enum(["he", "uniform"])
      .optional()
      .describe(
        "start of the hidden layers: he (unless given), or U(±1/√inputs), what PyTorch's Linear draws",
      ),
    headInit: headInitSchema,
  }),
  build(net, spec, x) {
    let y = flatten(net, x);
    spec.hidden.forEach((units, i) => {
      const name = `fc${i + 1}`;
      const init = spec.init === "uniform" ? ({ kind: "uniform-fan-in" } as const) : heIn;
      y = net.tap(name, relu(net, linear(net, name, y, units, { init })));
    });
    return head(net, y, spec.headInit);
  },
});
