import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { stream } from "../../../src/base/random.ts";
import { Busy, takeLease } from "../../../src/store/lease.node.ts";
import { isRunning, thisProcess } from "../../../src/store/process.node.ts";

// Takes a lease again and again for a while: racer.ts FOLDER SEED. Ends by killing itself, lease in hand.
const [folder = "", seed = "0"] = process.argv.slice(2);
const random = stream(Number(seed), "shuffle");
const witness = join(folder, "witness");
const until = Date.now() + 400;
for (;;) {
  const lease = await takeLease(join(folder, "work"), 60_000);
  if (lease instanceof Busy) {
    await wait(random.below(3));
    continue;
  }
  process.stdout.write("taken\n");
  try {
    writeFileSync(witness, `${process.pid} ${thisProcess().started}`, { flag: "wx" });
  } catch {
    const [pid = "0", started = ""] = readFileSync(witness, "utf8").split(" ");
    if (isRunning({ pid: Number(pid), started })) process.stdout.write("overlap\n");
    writeFileSync(witness, `${process.pid} ${thisProcess().started}`);
  }
  await wait(random.below(4));
  if (Date.now() > until) process.kill(process.pid, "SIGKILL");
  rmSync(witness);
  await lease.release();
}
