import { describe } from "../models/describe.ts";
import { buildModel, type ModelSpec } from "../models/model.ts";
import type { ModelIo } from "../models/types.ts";

/** One line about a network: architecture, options, cost. */
export function modelSentence(spec: ModelSpec, io: ModelIo): string {
  const { multiplyAdds } = describe(buildModel(spec, io));
  const options = Object.entries(spec)
    .filter(([name, value]) => name !== "arch" && !(Array.isArray(value) && value.length === 0))
    .map(([name, value]) => `${name} ${Array.isArray(value) ? value.join("-") : String(value)}`);
  return `${spec.arch} (${options.join(", ")}; ${(multiplyAdds / 1e6).toFixed(1)} M multiply-adds an image)`;
}
