import { z } from "zod";
import { architecture, headInitSchema } from "./architecture.ts";
import { flatten, head, linear, relu } from "./layers.ts";

/** Fully connected network on flattened images: ReLU after each hidden layer, He initialisation. */
export const mlp = architecture({
  doc: "fully connected layers with ReLU",
  schema: z.strictObject({
    arch: z.literal("mlp").describe("fully connected network"),
    hidden: z
      .array(z.int().positive().max(65_536))
      .max(64)
      .default([128])
      .describe("units of each hidden layer"),
    headInit: headInitSchema,
  }),
  build(net, spec, x) {
    let y = flatten(net, x);
    spec.hidden.forEach((units, i) => {
      const name = `fc${i + 1}`;
      y = net.tap(name, relu(net, linear(net, name, y, units)));
    });
    return head(net, y, spec.headInit);
  },
});
