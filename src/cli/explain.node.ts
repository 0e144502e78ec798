import { CommanderError } from "commander";
import { ScopeError } from "../base/error.ts";
import { fileError } from "../base/file.node.ts";

/** Any thrown value as the one error class: what the parser of options finds is usage, what files refuse is io. */
export function explain(error: unknown): ScopeError {
  if (error instanceof ScopeError) return error;
  if (error instanceof CommanderError) return ofParser(error);
  if (
    error instanceof Error &&
    "code" in error &&
    typeof error.code === "string" &&
    /^E[A-Z]+$/.test(error.code)
  ) {
    const path = "path" in error && typeof error.path === "string" ? error.path : "a file";
    const reads = "syscall" in error && (error.syscall === "read" || error.syscall === "scandir");
    return fileError(path, reads ? "read" : "write", error);
  }
  const text = error instanceof Error ? error.message : String(error);
  return new ScopeError("bug", `internal: ${text}`, {
    hint: "this is a mistake in transferscope; --debug shows where",
    cause: error,
  });
}

/** The option parser's findings in the words of the rest of the program. */
function ofParser(error: CommanderError): ScopeError {
  const [sentence = "", ...more] = error.message.split("\n");
  const found = sentence
    .replace(/^error: /, "")
    .replace(/^unknown command '(.*)'$/, 'there is no command "$1"')
    .replace(/^unknown option '(.*)'$/, 'there is no option "$1"')
    .replace(/^missing required argument '(.*)'$/, "<$1> is missing")
    .replace(/^option '(.*)' argument missing$/, "$1 needs a value")
    .replace(/^too many arguments for '(.*)'\. (Expected .*)\.$/, "$1 was given too many arguments: $2");
  const near = /\(Did you mean (?:one of )?(.*)\?\)/.exec(more.join(" "))?.[1];
  return new ScopeError("usage", found, {
    hint: near === undefined ? "see transferscope --help, and --help after a command" : `nearest: ${near}`,
  });
}
