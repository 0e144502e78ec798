import { Command, CommanderError } from "commander";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { exitCode, ScopeError } from "../base/error.ts";
import * as commands from "./commands/index.ts";
import { explain } from "./explain.node.ts";
import { type CommandDefinition, globalOptions, type Runner } from "./globals.ts";
import type { Streams } from "./streams.ts";

const themes: readonly CommandDefinition["theme"][] = [
  "Studies",
  "Single runs",
  "Basins",
  "Modules",
  "Data and stored runs",
  "For editors and scripts",
];

const examples = `
Examples:
  transferscope study --preset vehicles --out out/demo     the demo: photographs, some minutes
  transferscope study my.yaml --out out/my --dry-run       what it would do, how long it takes
  transferscope barrier a.onnx b.onnx --data cifar10       do two networks lie in one basin?

Every command explains itself with --help. The same command again only does what is missing.`;

/**
 * Runs a command line.
 * @param argv arguments without the interpreter and the program
 * @returns the exit status: 0; 2 for what the user can mend; 130 when stopped; else 1
 */
export async function runCommand(argv: readonly string[], streams: Streams): Promise<number> {
  const json = argv.includes("--json");
  let help = "";
  const program = new Command("transferscope")
    .description("What was transferred? Experiments on pretrained and fine-tuned networks.")
    .usage("<command> [options]")
    .version(packageVersion(), "--version", "print the version")
    .helpOption("-h, --help", "this text")
    .helpCommand(false)
    .addHelpText("after", examples)
    .configureHelp({
      subcommandTerm: (command) => [command.name(), ...command.registeredArguments.map(argument)].join(" "),
      helpWidth: 96,
    })
    .exitOverride()
    .configureOutput({ writeOut: streams.out, writeErr: (text) => (help += text) });
  for (const theme of themes) {
    program.commandsGroup(`${theme}:`);
    for (const definition of Object.values<CommandDefinition>(commands)) {
      if (definition.theme === theme) definition.add(program, runner(argv, streams));
    }
  }
  try {
    await program.parseAsync(commandFirst(argv), { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    // A name of several commands alone: their list is the best answer.
    const bare = error instanceof CommanderError && error.code === "commander.help";
    if (bare) streams.err(help);
    const known = bare ? new ScopeError("usage", "no command was given") : explain(error);
    if (!bare) streams.err(`error: ${known.message}\n${known.hint === undefined ? "" : `  ${known.hint}\n`}`);
    if (json) {
      const { fault, message, hint } = known;
      streams.out(
        `${JSON.stringify({ error: { fault, message, ...(hint === undefined ? {} : { hint }) } })}\n`,
      );
    }
    if (argv.includes("--debug")) streams.err(`${stacks(error)}\n`);
    return exitCode(known.fault);
  }
}

/** Options every command takes may also stand before the command; the parser wants them after it. */
function commandFirst(argv: readonly string[]): string[] {
  let at = 0;
  while (at < argv.length) {
    const [name = ""] = argv[at]!.split("=");
    if (!globalOptions.has(name)) break;
    at += globalOptions.get(name) === "value" && !argv[at]!.includes("=") ? 2 : 1;
  }
  return [...argv.slice(at), ...argv.slice(0, at)];
}

function runner(argv: readonly string[], streams: Streams): Runner {
  return (options, work) =>
    work({
      options: {
        ...options,
        jobs: options.jobs ?? availableParallelism(),
        json: options.json ?? false,
        dryRun: options.dryRun ?? false,
        quiet: options.quiet ?? false,
        debug: options.debug ?? false,
      },
      streams,
      say: (line) => {
        if (!options.quiet) streams.err(`${line}\n`);
      },
      answer: (text, document) => streams.out(options.json ? `${JSON.stringify(document)}\n` : `${text}\n`),
      typed: ["transferscope", ...argv.map(quoted)].join(" "),
    });
}

function argument(one: { required: boolean; variadic: boolean; name(): string }): string {
  const text = `${one.name()}${one.variadic ? "..." : ""}`;
  return one.required ? `<${text}>` : `[${text}]`;
}

/** A word as a shell takes it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** An error's stack and those of its causes. */
function stacks(error: unknown): string {
  const parts: string[] = [];
  for (let at = error; at instanceof Error && parts.length < 5; at = at.cause)
    parts.push(at.stack ?? at.message);
  return parts.join("\ncaused by ");
}

/** The version of this package: package.json stands two folders up, in the sources as in what is published. */
function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return version;
}
