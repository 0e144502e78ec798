import { Command, CommanderError } from "commander";
import { availableParallelism } from "node:os";
import { exitCode, ScopeError } from "../base/error.ts";
import * as commands from "./commands/index.ts";
import type { CommandContext, CommandDefinition, GlobalOptions } from "./globals.ts";

const themes = ["Studies", "Single runs", "Data and stored runs"] as const;

/**
 * Runs the command line. Returns the exit status: 0, 2 for what the user can mend, 130 when stopped, else 1.
 * @param argv arguments without the interpreter and the program
 */
export async function main(argv: readonly string[]): Promise<number> {
  const program = new Command("transferscope")
    .description("What was transferred? Experiments on pretrained and fine-tuned networks.")
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .showHelpAfterError(false);
  let status = 0;
  const debug = argv.includes("--debug");
  const run = async (options: GlobalOptions, work: (context: CommandContext) => Promise<void>): Promise<void> => {
    await work({
      options: { ...options, jobs: options.jobs ?? availableParallelism() },
      say: (line) => {
        if (!options.quiet) process.stderr.write(`${line}\n`);
      },
      answer: (text, document) => process.stdout.write(options.json ? `${JSON.stringify(document)}\n` : `${text}\n`),
      typed: `transferscope ${argv.join(" ")}`,
    });
  };
  for (const theme of themes) {
    program.commandsGroup(`${theme}:`);
    for (const definition of Object.values<CommandDefinition>(commands)) {
      if (definition.theme === theme) definition.add(program, run);
    }
  }
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    status = report(error, debug, argv.includes("--json"));
  }
  return status;
}

/** One sentence about an error, on standard error (with --json also as a document), and the exit status it means. */
function report(error: unknown, debug: boolean, json: boolean): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    if (error.code === "commander.help") return 2;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
  const known = asScopeError(error);
  process.stderr.write(`error: ${known.message}${known.hint === undefined ? "" : `\n  ${known.hint}`}\n`);
  if (json) process.stdout.write(`${JSON.stringify({ error: { fault: known.fault, message: known.message, hint: known.hint } })}\n`);
  if (debug) process.stderr.write(`${(error as Error).stack ?? String(error)}\n`);
  return exitCode(known.fault);
}

function asScopeError(error: unknown): ScopeError {
  if (error instanceof ScopeError) return error;
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  const text = error instanceof Error ? error.message : String(error);
  if (code === "ENOSPC") return new ScopeError("io", "the disk is full", { hint: "make room and run the same command again: finished cells are kept" });
  if (code === "EACCES" || code === "EROFS" || code === "EPERM") return new ScopeError("io", `not allowed to write: ${text}`);
  return new ScopeError("bug", `internal: ${text}`, { hint: "this is a mistake in transferscope; --debug shows where" });
}

process.exitCode = await main(process.argv.slice(2));
