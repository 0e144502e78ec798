import { pick } from "../../base/error.ts";
import { configSchemas, jsonSchemaOf } from "../schemas.ts";
import { type CommandDefinition, type GlobalOptions, withGlobals } from "../globals.ts";

/** `schema`: the JSON Schema of a configuration file, for editors. */
export const schema: CommandDefinition = {
  theme: "For editors and scripts",
  add(program, run) {
    const command = program
      .command("schema <file>")
      .description("the JSON Schema of a configuration file: study, train or instability")
      .addHelpText(
        "after",
        `
Editors with YAML support check and complete a file whose first line names its schema:
  transferscope schema study > study.schema.json
  # yaml-language-server: $schema=./study.schema.json`,
      );
    withGlobals(command).action((name: keyof typeof configSchemas, options: GlobalOptions) =>
      // eslint-disable-next-line require-await -- the runner takes asynchronous work
      run(options, async ({ answer }) => {
        pick(configSchemas, name, "configuration file");
        const document = jsonSchemaOf(name);
        answer(JSON.stringify(document, null, 2), document);
      }),
    );
  },
};
