import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NamedModel } from "../basin/subjects.node.ts";
import { isFile } from "../cells/foreign.node.ts";
import { openModels, type OpenOptions } from "../cells/import.node.ts";
import { shortAddress } from "../store/spec.ts";
import { openStore, type Store } from "../store/store.node.ts";
import { openToPlan } from "./plan-store.node.ts";

/** Networks named on the command line, and the store to work in. Dispose of it after. */
export interface OpenedModels extends Disposable {
  readonly store: Store;
  readonly models: readonly NamedModel[];
}

type ModelOptions = Pick<OpenOptions, "graph" | "signal">;

/**
 * Finds networks named on the command line: files become cells of the store, other names are looked up in it. A store that
 * does not exist is made only once all names are known to mean something.
 * @throws {ScopeError} as `openModels` and `openStore`
 */
export async function openForWork(
  path: string,
  names: readonly string[],
  options: ModelOptions = {},
): Promise<OpenedModels> {
  if (!existsSync(join(path, "store.json"))) {
    using planned = await openToPlan(path);
    await openModels(planned.store, names, { ...options, plan: true });
  }
  const store = await openStore(path);
  const opened = await openModels(store, names, options);
  const models = await Promise.all(opened.map(async (one, i) => named(one, store, names, i)));
  return { store, models: distinct(models), [Symbol.dispose]: () => undefined };
}

/** The same, with nothing written to the store: files are taken into one of their own, which goes when disposed of. */
export async function openForPlan(
  path: string,
  names: readonly string[],
  options: ModelOptions = {},
): Promise<OpenedModels> {
  const planned = await openToPlan(path);
  const aside = mkdtempSync(join(tmpdir(), "transferscope-plan-"));
  const close = (): void => {
    planned[Symbol.dispose]();
    rmSync(aside, { recursive: true, force: true });
  };
  try {
    const scratch = await openStore(aside);
    // Titles depend on all files together.
    const opened = await openModels(planned.store, names, { ...options, plan: true });
    const models: NamedModel[] = [];
    for (const [i, one] of opened.entries()) {
      if (isFile(names[i]!)) await openModels(scratch, [names[i]!], options);
      models.push(await named(one, isFile(names[i]!) ? scratch : planned.store, names, i));
    }
    return { store: planned.store, models: distinct(models), [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw error;
  }
}

async function named(
  { address, title }: { readonly address: string; readonly title: string },
  store: Store,
  names: readonly string[],
  index: number,
): Promise<NamedModel> {
  const typed = names[index]!;
  // A run's title is a sentence; its address is what people type.
  return { cell: await store.get(address), name: isFile(typed) ? title : shortAddress(address), typed };
}

/** A model that is named twice gets a number, so that sentences can tell. */
function distinct(models: readonly NamedModel[]): NamedModel[] {
  return models.map((model, i) => {
    const before = models.slice(0, i).filter(({ name }) => name === model.name).length;
    return before === 0 ? model : { ...model, name: `${model.name} (${before + 1})` };
  });
}
