import { ScopeError } from "../base/error.ts";

/** @throws {ScopeError} cancelled, when the caller has asked to stop */
export function stopIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted === true) throw new ScopeError("cancelled", `${what} was stopped`);
}
