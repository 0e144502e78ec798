import type { Command } from "commander";
import { ScopeError } from "../base/error.ts";

/** Options every command takes. */
export interface GlobalOptions {
  readonly store: string;
  readonly jobs: number;
  readonly seed?: number | undefined;
  readonly device: string;
  readonly json: boolean;
  readonly dryRun: boolean;
  readonly quiet: boolean;
  readonly debug: boolean;
}

/** What a command is given besides its own arguments. */
export interface CommandContext {
  readonly options: GlobalOptions;
  /** Writes a line for people, to standard error, unless --quiet. */
  readonly say: (line: string) => void;
  /** Writes the answer to standard output: text, or with --json the document. */
  readonly answer: (text: string, document: unknown) => void;
  /** The command as it was typed, for the report. */
  readonly typed: string;
}

/** A command of the program: one file in `commands/`, one line in its index. */
export interface CommandDefinition {
  /** Heading of the help it stands under. */
  readonly theme: "Studies" | "Single runs" | "Data and stored runs";
  /** Adds the command and its options to the program; calls `run` with what was parsed. */
  add(program: Command, run: Runner): void;
}

/** Parses a whole number option. @throws {ScopeError} usage */
export function wholeNumber(name: string, least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < least) {
      throw new ScopeError("usage", `${name} expected a whole number from ${least}, got "${text}"`);
    }
    return value;
  };
}

/** Adds the global options to a command, grouped in its help. */
export function withGlobals(command: Command): Command {
  return command
    .optionsGroup("Everywhere:")
    .option("--store <folder>", "where finished cells are kept", "store")
    .option("--jobs <n>", "worker processes (each uses one core); default: one a core", wholeNumber("--jobs", 1))
    .option("--seed <n>", "first seed: replaces the seeds of the configuration by n, n+1, …", wholeNumber("--seed", 0))
    .option("--device <name>", "where networks run: cpu, webgpu or cuda", "cpu")
    .option("--json", "print one JSON document on standard output", false)
    .option("--dry-run", "say what would be done, how long it takes and what is done already", false)
    .option("--quiet", "no progress", false)
    .option("--debug", "on an error, show where in the program it happened", false);
}


/** Runs a command's work with the context its options make. */
export type Runner = (options: GlobalOptions, work: (context: CommandContext) => Promise<void>) => Promise<void>;
