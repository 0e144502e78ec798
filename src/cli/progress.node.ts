import type { DataProgress } from "../data/types.ts";
import type { SweepEvent } from "../sweep/event.ts";
import { terminalView } from "../sweep/terminal.ts";
import type { Streams } from "./streams.ts";

/** Shows long work on standard error: drawn over in a terminal, plain lines when piped, nothing with --quiet. */
export interface ProgressView extends Disposable {
  readonly onEvent: (event: SweepEvent) => void;
  readonly onData: (progress: DataProgress) => void;
}

/** Opens the view. Dispose of it to leave the last state standing. */
export function progressView(quiet: boolean, { err, terminal, columns }: Streams): ProgressView {
  if (quiet) return { onEvent: () => undefined, onData: () => undefined, [Symbol.dispose]: () => undefined };
  const view = terminalView({ write: err, interactive: terminal, columns });
  let timer: NodeJS.Timeout | undefined;
  const data = dataLines(terminal, err);
  return {
    onEvent(event) {
      if (timer === undefined) {
        data.close();
        timer = setInterval(view.tick, 500);
        timer.unref();
      }
      view.onEvent(event);
    },
    onData: (progress) => data.show(progress),
    [Symbol.dispose]() {
      data.close();
      if (timer === undefined) return;
      clearInterval(timer);
      timer = undefined;
      view.close();
    },
  };
}

/** Fetching and decoding: one line a stage, drawn over in a terminal, else added at its ends and every five seconds. */
function dataLines(
  interactive: boolean,
  write: (text: string) => void,
): { show(progress: DataProgress): void; close(): void } {
  let shown = "";
  let last = 0;
  let open = false;
  return {
    show({ what, done, total, unit }) {
      const now = Date.now();
      if (what === shown && now - last < (interactive ? 200 : 5000) && done !== total) return;
      const share =
        total !== undefined && total > 0 ? ` ${Math.min(100, Math.floor((100 * done) / total))} %` : "";
      const amount = unit === "bytes" ? `${(done / 1e6).toFixed(0)} MB` : `${done} ${unit}`;
      const text = `${what}: ${amount}${share}`;
      if (interactive) write(`${what === shown || !open ? "\r" : "\n"}\u001B[K${text}`);
      else write(`${text}\n`);
      open = interactive;
      shown = what;
      last = now;
    },
    close() {
      if (open) write("\n");
      open = false;
      shown = "";
    },
  };
}
