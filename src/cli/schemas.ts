import { z } from "zod";
import { instabilitySchema } from "../basin/instability-config.ts";
import { studySchema } from "../study/config.ts";
import { trainFileSchema } from "./train-file.ts";

/** The configuration files there are, by the command that reads them. */
export const configSchemas = {
  study: studySchema,
  train: trainFileSchema,
  instability: instabilitySchema,
} as const;

/** The JSON Schema (draft 2020-12) of a configuration file as a person writes it: fields with defaults may be absent. */
export function jsonSchemaOf(name: keyof typeof configSchemas): object {
  return {
    title: `transferscope ${name} file`,
    ...z.toJSONSchema(configSchemas[name], { io: "input", unrepresentable: "any" }),
  };
}
