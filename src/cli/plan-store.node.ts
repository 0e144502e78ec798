import { existsSync, readdirSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkFolder } from "./out-folder.node.ts";
import { openStore, type Store } from "../store/store.node.ts";

/** A store to plan against; dispose of it after. */
export interface PlanStore extends Disposable {
  readonly store: Store;
}

/**
 * Opens a store so that nothing is written to it. One that does not exist yet counts as empty, and is not made.
 * @param mustExist whether something is wanted from the store, so that it cannot be absent
 * @throws {ScopeError} as `openStore`
 */
export async function openToPlan(path: string, mustExist = false): Promise<PlanStore> {
  const there = existsSync(join(path, "store.json"));
  if (!there) checkFolder(path, "--store");
  if (there || mustExist || (existsSync(path) && readdirSync(path).length > 0)) {
    return { store: await openStore(path, { readOnly: true }), [Symbol.dispose]: () => undefined };
  }
  const empty = await mkdtemp(join(tmpdir(), "transferscope-plan-"));
  return {
    store: await openStore(empty),
    [Symbol.dispose]: () => rmSync(empty, { recursive: true, force: true }),
  };
}
