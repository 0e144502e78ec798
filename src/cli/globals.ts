import type { Command } from "commander";
import { ScopeError } from "../base/error.ts";
import type { Streams } from "./streams.ts";

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
  readonly streams: Streams;
  /** Writes a line for people, to standard error, unless --quiet. */
  readonly say: (line: string) => void;
  /** Writes the answer to standard output, once: text, or with --json the document. */
  readonly answer: (text: string, document: unknown) => void;
  /** The command as it can be typed again, for the report. */
  readonly typed: string;
}

/** A command of the program: one file in `commands/`, one line in its index. */
export interface CommandDefinition {
  /** Heading of the help it stands under. */
  readonly theme:
    | "Studies"
    | "Single runs"
    | "Basins"
    | "Modules"
    | "Data and stored runs"
    | "For editors and scripts";
  /** Adds the command and its options to the program; calls `run` with what was parsed. */
  add(program: Command, run: Runner): void;
}

/** Runs a command's work with the context its options make. */
export type Runner = (
  options: GlobalOptions,
  work: (context: CommandContext) => Promise<void>,
) => Promise<void>;

const devices = ["cpu", "webgpu", "cuda"];

/** Parses a whole number option. @throws {ScopeError} usage */
export function wholeNumber(name: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) {
      throw new ScopeError(
        "usage",
        `${name} expected a whole number from ${least} to ${most}, got "${text}"`,
      );
    }
    return value;
  };
}

/** Parses an option that is one of a few words. @throws {ScopeError} usage */
export function oneOf(name: string, words: readonly string[]): (text: string) => string {
  return (text) => {
    if (words.includes(text)) return text;
    throw new ScopeError(
      "usage",
      `${name} expected ${words.slice(0, -1).join(", ")} or ${words.at(-1)}, got "${text}"`,
    );
  };
}

/** The options all commands share, and whether they take a value. */
export const globalOptions: ReadonlyMap<string, "value" | "flag"> = new Map([
  ["--store", "value"],
  ["--jobs", "value"],
  ["--seed", "value"],
  ["--device", "value"],
  ["--json", "flag"],
  ["--dry-run", "flag"],
  ["--quiet", "flag"],
  ["--debug", "flag"],
]);

/** Adds the options all commands share, as a group of their own in the help. */
export function withGlobals(command: Command): Command {
  return command
    .optionsGroup("Everywhere:")
    .option("--store <folder>", "where finished cells are kept", "store")
    .option(
      "--jobs <n>",
      "worker processes, one core each (default: as many as cores)",
      wholeNumber("--jobs", 1, 1024),
    )
    .option("--seed <n>", "first seed, instead of the configuration's", wholeNumber("--seed", 0, 2 ** 31 - 1))
    .option("--device <name>", "where networks run: cpu, webgpu or cuda", oneOf("--device", devices), "cpu")
    .option("--json", "print one JSON document on standard output, also about an error")
    .option("--dry-run", "say what would be done and how long it takes, and do nothing")
    .option("--quiet", "no progress")
    .option("--debug", "on an error, show where in the program it happened")
    .helpOption("-h, --help", "this text");
}
