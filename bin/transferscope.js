#!/usr/bin/env node
// Older Node cannot even read the program, so it is asked for its version first.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major > 22 || (major === 22 && minor >= 18)) await import("../dist/cli/main.node.js");
else {
  process.stderr.write(
    `error: transferscope needs Node 22.18 or newer, this is Node ${process.versions.node}\n`,
  );
  process.exitCode = 2;
}
