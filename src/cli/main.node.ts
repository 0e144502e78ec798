// Entry of the program.
import { runCommand } from "./program.node.ts";

// `transferscope … | head` closes the pipe early: nobody is left to read, which is no mistake.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

process.exitCode = await runCommand(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  terminal: process.stderr.isTTY,
  columns: () => process.stderr.columns ?? 100,
});
