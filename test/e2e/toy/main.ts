import { openStore } from "../../../src/store/store.node.ts";
import { moduleBeside, onInterrupt } from "../../../src/sweep/interrupt.node.ts";
import { runGraph } from "../../../src/sweep/run.node.ts";
import { toyStudy } from "./cells.ts";
import { toyKinds } from "./kinds.ts";

// The toy study as a command: main.ts STORE WORKERS ROOTS MS. Events go to standard error, the outcome to standard output.
const [path = "", workers = "2", roots = "3", ms = "5"] = process.argv.slice(2);
using interrupt = onInterrupt();
const outcome = await runGraph(toyStudy(Number(roots), Number(ms)), {
  store: await openStore(path),
  workers: Number(workers),
  workerUrl: moduleBeside(import.meta.url, "worker"),
  kinds: toyKinds,
  signal: interrupt.signal,
  kill: interrupt.kill,
  pollMs: 100,
  onEvent: (event) => process.stderr.write(`${JSON.stringify(event)}\n`),
});
process.stdout.write(`${JSON.stringify(outcome)}\n`);
