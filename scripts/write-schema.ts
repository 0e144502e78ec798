// Writes the JSON Schemas of the configuration files into dist/, for editors. Part of `npm run build`.
import { writeFileSync } from "node:fs";
import { configSchemas, jsonSchemaOf } from "../src/cli/schemas.ts";

for (const name of Object.keys(configSchemas) as (keyof typeof configSchemas)[]) {
  const path = new URL(`../dist/${name}.schema.json`, import.meta.url);
  writeFileSync(path, `${JSON.stringify(jsonSchemaOf(name), null, 2)}\n`);
}
