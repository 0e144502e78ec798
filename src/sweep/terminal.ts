import type { SweepEvent } from "./event.ts";
import { Progress } from "./progress.ts";

/** Where a sweep's progress is shown. The caller gives it standard error; this file knows no streams. */
export interface TerminalOptions {
  readonly write: (text: string) => void;
  /** Can lines be drawn over (a terminal), or only added (a file, a pipe)? */
  readonly interactive: boolean;
  /** Width in characters, asked for at every drawing. */
  readonly columns?: () => number;
  /** Present time, ms since 1970. */
  readonly now?: () => number;
  /** Least time between two states shown, ms. Default: 200 where lines are drawn over, else 10,000. */
  readonly everyMs?: number;
}

/** Shows a sweep's progress as it goes on. */
export interface TerminalView {
  readonly onEvent: (event: SweepEvent) => void;
  /** Shows the present state, if it is time to: to be called now and then, so that the clock moves between events. */
  readonly tick: () => void;
  /** Shows the last state and leaves it standing. */
  readonly close: () => void;
}

/**
 * A view of a sweep in text. Failures are lines of their own, which stay; the state is drawn over in a terminal, and
 * added now and then elsewhere.
 */
export function terminalView(options: TerminalOptions): TerminalView {
  const { write, interactive, columns = () => 100, now = Date.now } = options;
  const everyMs = options.everyMs ?? (interactive ? 200 : 10_000);
  const progress = new Progress();
  let drawn = 0;
  let last = -Infinity;
  let shown = "";

  const erase = (): string => {
    const text = drawn > 0 ? `\u001B[${drawn}A\u001B[J` : "";
    drawn = 0;
    return text;
  };
  const state = (at: number): void => {
    last = at;
    if (interactive) {
      // One short of the width: a full line would wrap, and drawing over would count wrongly.
      const lines = progress.lines(at, Math.max(20, columns() - 1));
      const text = erase() + lines.map((line) => `${line}\n`).join("");
      drawn = lines.length;
      write(text);
    } else {
      const line = progress.summary(at);
      if (line !== shown) write(`${line}\n`);
      shown = line;
    }
  };
  const stay = (line: string): void => {
    write(`${erase()}${line}\n`);
  };
  const tick = (): void => {
    const at = now();
    if (at - last >= everyMs) state(at);
  };

  return {
    onEvent(event) {
      progress.note(event);
      switch (event.type) {
        case "failed":
          stay(
            `failed: ${event.label}: ${event.error.message}${event.error.hint ? ` (${event.error.hint})` : ""}`,
          );
          break;
        case "retried":
          stay(`tried again: ${event.label}: ${event.error.message}`);
          break;
        case "stopping":
          last = -Infinity;
          break;
        case "planned":
        case "started":
        case "progress":
        case "finished":
        case "waiting":
        case "blocked":
        case "released":
          break;
        default:
          event satisfies never;
      }
      tick();
    },
    tick,
    close: () => state(now()),
  };
}
