import { ScopeError } from "../base/error.ts";

/** What Ctrl-C asks for. */
export interface Interrupt extends Disposable {
  /** Aborted at the first: stop politely. */
  readonly signal: AbortSignal;
  /** Aborted at the second: stop at once. */
  readonly kill: AbortSignal;
}

/**
 * Turns Ctrl-C, a polite `kill` and a closed terminal into abort signals, until disposed of. While it is in force they
 * don't end the process.
 */
export function onInterrupt(): Interrupt {
  const polite = new AbortController();
  const forced = new AbortController();
  const heed = (): void => {
    if (polite.signal.aborted) forced.abort(new ScopeError("cancelled", "killed on request"));
    else polite.abort(new ScopeError("cancelled", "stopped on request"));
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, heed);
  return {
    signal: polite.signal,
    kill: forced.signal,
    [Symbol.dispose]: () => {
      for (const signal of signals) process.off(signal, heed);
    },
  };
}

/**
 * URL of a module beside another: `moduleBeside(import.meta.url, "worker.node")` is worker.node.ts when run from source
 * and worker.node.js in the built package.
 */
export function moduleBeside(url: string, name: string): URL {
  return new URL(`./${name}${url.endsWith(".ts") ? ".ts" : ".js"}`, url);
}
