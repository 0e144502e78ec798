import { z } from "zod";
import { pick, ScopeError } from "../base/error.ts";
import * as architectures from "./index.ts";
import { Network } from "./network.ts";
import type { Architecture, Model, ModelIo } from "./types.ts";

export { initialise } from "./initialise.ts";

type Table = typeof architectures;
type SchemaOf<K extends keyof Table> = Table[K]["schema"];

/** Every architecture by the name a spec calls it. */
export const architectureTable: Table = architectures;

/** A network's description as a user writes it: `arch` and the options of that architecture, checked, defaults filled in. */
export const modelSpecSchema = z
  .discriminatedUnion(
    "arch",
    Object.values(architectures).map((one) => one.schema) as [
      SchemaOf<keyof Table>,
      ...SchemaOf<keyof Table>[],
    ],
  )
  .describe("the network");

export type ModelSpec = z.output<typeof modelSpecSchema>;

/** What an input pixel may at most be multiplied into: images beyond this are a mistake, not an experiment. */
const largestSide = 4096;

/**
 * Builds the network of `spec` for images and classes of the given sizes. The same arguments give the same graph.
 * @throws {ScopeError} usage, when the sizes do not suit the architecture (patches that do not divide the image, say)
 */
export function buildModel(spec: ModelSpec, io: ModelIo): Model {
  checkIo(io);
  // The union's discriminator chose the schema, so spec is of the type this architecture's `build` takes.
  const chosen: Architecture<z.ZodType> = pick(architectures, spec.arch, "architecture");
  const net = new Network(io);
  const x = net.g.input("x", "float32", ["N", io.channels, io.height, io.width]);
  net.g.output(chosen.build(net, spec, x));
  net.g.note("transferscope.model", JSON.stringify(spec));
  return { spec, io, graph: net.g.finish(spec.arch), parameters: net.parameters, taps: net.taps };
}

function checkIo(io: ModelIo): void {
  for (const [name, value] of Object.entries(io) as [keyof ModelIo, number][]) {
    if (Number.isInteger(value) && value >= 1 && value <= (name === "classes" ? 1_000_000 : largestSide))
      continue;
    throw new ScopeError("usage", `a model's ${name} must be a whole number of at least 1, got ${value}`);
  }
}
