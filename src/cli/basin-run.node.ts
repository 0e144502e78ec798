import type { BasinPlan } from "../basin/subjects.node.ts";
import type { NamedModel } from "../basin/subjects.node.ts";
import type { RunCost } from "../basin/results.ts";
import type { BasinEnv } from "../basin/sweep.node.ts";
import { defaultCache } from "../data/load.node.ts";
import type { Store } from "../store/store.node.ts";
import { onInterrupt } from "../sweep/interrupt.node.ts";
import type { CommandContext } from "./globals.ts";
import { openForPlan, openForWork } from "./models.node.ts";
import { checkReportFolder, markReportFolder } from "./out-folder.node.ts";
import { type ProgressView, progressView } from "./progress.node.ts";
import { about } from "./time.ts";

/** What a page about networks consists of. */
const reportFiles = ["report.html", "results.json", "figures"];

/** A command that looks at networks and has a page for what it finds. */
export interface BasinCommand<R extends object> {
  /** What its page is of: a folder is not overwritten with the page of something else. */
  readonly what: string;
  /** Models as typed. */
  readonly names: readonly string[];
  readonly graph?: string | undefined;
  /** Folder of the page. */
  readonly out?: string | undefined;
  readonly overwrite?: boolean | undefined;
  plan(models: readonly NamedModel[], env: BasinEnv): Promise<BasinPlan>;
  run(models: readonly NamedModel[], env: BasinEnv): Promise<{ readonly results: R; readonly cost: RunCost }>;
  /** Writes the page into a folder. @returns the page's path */
  write(folder: string, results: R, cost: RunCost): Promise<string>;
  /** The results for a terminal. */
  text(results: R): string;
}

/**
 * Runs such a command: a plan with --dry-run, else the work, its page, and the answer.
 * @throws {ScopeError} as `openForWork`, `checkReportFolder` and the command's own work and writing
 */
export async function runBasinCommand<R extends object>(
  context: CommandContext,
  command: BasinCommand<R>,
): Promise<void> {
  const { options, streams, answer } = context;
  const { names, graph, out } = command;
  if (out !== undefined) checkReportFolder(out, command.what, reportFiles, command.overwrite === true);
  using interrupt = onInterrupt();
  if (options.dryRun) {
    using view = progressView(options.quiet, streams);
    using opened = await openForPlan(options.store, names, { graph, signal: interrupt.signal });
    const plan = await command.plan(opened.models, envOf(context, opened.store, view, interrupt));
    answer(planText(plan), plan);
    return;
  }
  const { results, cost } = await (async () => {
    using view = progressView(options.quiet, streams);
    using opened = await openForWork(options.store, names, { graph, signal: interrupt.signal });
    return await command.run(opened.models, envOf(context, opened.store, view, interrupt));
  })();
  if (out === undefined) {
    answer(command.text(results), results);
    return;
  }
  await markReportFolder(out, command.what);
  const report = await command.write(out, results, cost);
  answer(`${command.text(results)}\n\nreport: ${report}`, { ...results, report });
}

/** What work over cells needs, from a command's context. */
export function envOf(
  { options, typed }: CommandContext,
  store: Store,
  view: ProgressView,
  interrupt: { readonly signal: AbortSignal; readonly kill: AbortSignal },
): BasinEnv {
  return {
    store,
    jobs: options.jobs,
    device: options.device,
    data: { cache: defaultCache(), onProgress: view.onData, signal: interrupt.signal },
    onEvent: view.onEvent,
    signal: interrupt.signal,
    kill: interrupt.kill,
    command: typed,
  };
}

/** A plan in words, for --dry-run. */
export function planText({ plan, fetch }: BasinPlan): string {
  if (fetch !== undefined) {
    return `first of all ${fetch.name} (${(fetch.downloadBytes / 1e6).toFixed(0)} MB) would be fetched\nfor an estimate, fetch the images: transferscope data prepare ${fetch.name}`;
  }
  if (plan === undefined) return "nothing to do";
  const { total, done, kinds, workers, wallSeconds } = plan;
  if (done === total) return total === 1 ? "its cell is in the store" : `all ${total} cells are in the store`;
  const parts = kinds
    .filter((kind) => kind.done < kind.total)
    .map((kind) => `${kind.total - kind.done} of kind ${kind.kind}`)
    .join(", ");
  return `${total - done} of ${total} cells to compute (${parts}); ${about(wallSeconds)} with ${workers} ${workers === 1 ? "worker" : "workers"}`;
}
