import type { DataProgress } from "../data/types.ts";
import type { SweepEvent } from "../sweep/event.ts";
import { terminalView } from "../sweep/terminal.ts";

/** Shows long work on standard error: drawn over in a terminal, plain lines when piped, nothing with --quiet. */
export interface ProgressView extends Disposable {
  readonly onEvent: (event: SweepEvent) => void;
  readonly onData: (progress: DataProgress) => void;
}

/** Opens the view. Dispose of it to leave the last state standing. */
export function progressView(quiet: boolean): ProgressView {
  if (quiet) return { onEvent: () => undefined, onData: () => undefined, [Symbol.dispose]: () => undefined };
  const stream = process.stderr;
  const view = terminalView({
    write: (text) => stream.write(text),
    interactive: stream.isTTY === true,
    columns: () => stream.columns ?? 100,
  });
  let cells = false;
  let timer: NodeJS.Timeout | undefined;
  const data = dataLines(stream.isTTY === true, (text) => stream.write(text));
  return {
    onEvent(event) {
      if (!cells) {
        cells = true;
        data.close();
        timer = setInterval(view.tick, 500);
        timer.unref();
      }
      view.onEvent(event);
    },
    onData: (progress) => data.show(progress),
    [Symbol.dispose]() {
      clearInterval(timer);
      data.close();
      if (cells) view.close();
    },
  };
}

function dataLines(interactive: boolean, write: (text: string) => void): { show(progress: DataProgress): void; close(): void } {
  let shown = "";
  let last = 0;
  let open = false;
  return {
    show({ what, done, total, unit }) {
      const now = Date.now();
      const share = total !== undefined && total > 0 ? ` ${Math.min(100, Math.floor((100 * done) / total))} %` : "";
      const amount = unit === "bytes" ? `${(done / 1e6).toFixed(0)} MB` : `${done} ${unit}`;
      if (what === shown && now - last < (interactive ? 200 : 5000) && done !== total) return;
      last = now;
      const text = `${what}: ${amount}${share}`;
      if (interactive) {
        write(`${what === shown || shown === "" ? "\r" : "\n"}\u001B[K${text}`);
        open = true;
      } else write(`${text}\n`);
      shown = what;
    },
    close() {
      if (open) write("\n");
      open = false;
      shown = "";
    },
  };
}
