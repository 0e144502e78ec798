import type { Address } from "../store/spec.ts";
import type { SweepEvent } from "./event.ts";
import type { CellProgress } from "./kind.ts";

interface Running {
  readonly label: string;
  readonly kind: string;
  readonly since: number;
  /** Progress when this attempt first reported any: a resumed cell doesn't begin at 0. */
  readonly first: { readonly at: number; readonly done: number } | undefined;
  /** Its latest report. */
  readonly now: (CellProgress & { readonly at: number }) | undefined;
}

interface Todo {
  readonly kind: string;
  /** Estimated seconds. */
  readonly seconds: number;
}

/** Below this share of a cell its speed is not yet telling: the first steps include loading and warming up. */
const tellingShare = 0.05;

/** Follows a sweep by its events and puts it into words. Depends on nothing but the events and the times it is given. */
export class Progress {
  #total = 0;
  #before = 0;
  #finished = 0;
  #elsewhere = 0;
  #failed = 0;
  #blocked = 0;
  #workers = 1;
  #begun: number | undefined;
  #stopping: "politely" | "at once" | undefined;
  readonly #todo = new Map<Address, Todo>();
  readonly #todoSeconds = new Map<string, number>();
  /** Per kind, of the cells finished here: seconds they took and seconds they were estimated at. */
  readonly #measured = new Map<string, { seconds: number; estimated: number }>();
  readonly #running = new Map<number, Running & { readonly address: Address }>();
  readonly #waiting = new Set<Address>();

  /** Takes note of an event. Cost: constant, however long the sweep. */
  note(event: SweepEvent): void {
    switch (event.type) {
      case "planned":
        // A study runs one sweep after another: what the last one finished is not part of this one's total.
        this.#finished = 0;
        this.#elsewhere = 0;
        this.#failed = 0;
        this.#blocked = 0;
        this.#todo.clear();
        this.#todoSeconds.clear();
        this.#begun = event.at;
        this.#total = event.total;
        this.#before = event.done;
        this.#workers = event.workers;
        for (const { address, kind, seconds } of event.missing) {
          this.#todo.set(address, { kind, seconds });
          this.#todoSeconds.set(kind, (this.#todoSeconds.get(kind) ?? 0) + seconds);
        }
        return;
      case "started": {
        this.#waiting.delete(event.address);
        const kind = this.#todo.get(event.address)?.kind ?? "";
        const { label, at, address } = event;
        this.#running.set(event.worker, {
          address,
          label,
          kind,
          since: at,
          first: undefined,
          now: undefined,
        });
        return;
      }
      case "progress": {
        const cell = this.#running.get(event.worker);
        if (cell?.address !== event.address) return;
        const first = cell.first ?? { at: event.at, done: event.progress.done };
        this.#running.set(event.worker, { ...cell, first, now: { ...event.progress, at: event.at } });
        return;
      }
      case "finished":
        if (event.where === "here") {
          this.#finished++;
          const todo = this.#todo.get(event.address);
          if (todo && event.seconds > 0) {
            const sum = this.#measured.get(todo.kind) ?? { seconds: 0, estimated: 0 };
            this.#measured.set(todo.kind, {
              seconds: sum.seconds + event.seconds,
              estimated: sum.estimated + todo.seconds,
            });
          }
        } else this.#elsewhere++;
        this.#leave(event.address, true);
        return;
      case "failed":
        this.#failed++;
        this.#leave(event.address, true);
        return;
      case "blocked":
        this.#blocked++;
        this.#leave(event.address, true);
        return;
      case "waiting":
        this.#leave(event.address, false);
        this.#waiting.add(event.address);
        return;
      case "retried":
      case "released":
        this.#leave(event.address, false);
        return;
      case "stopping":
        this.#stopping = event.how;
        return;
      default:
        event satisfies never;
    }
  }

  #leave(address: Address, forGood: boolean): void {
    for (const [worker, cell] of this.#running) if (cell.address === address) this.#running.delete(worker);
    this.#waiting.delete(address);
    const todo = this.#todo.get(address);
    if (!forGood || !todo) return;
    this.#todo.delete(address);
    this.#todoSeconds.set(todo.kind, (this.#todoSeconds.get(todo.kind) ?? 0) - todo.seconds);
  }

  /** Cells finished, whoever did it and whenever. */
  get done(): number {
    return this.#before + this.#finished + this.#elsewhere;
  }

  /**
   * Estimated seconds until the end: the estimates of what is left, corrected by what cells of the kind took so far.
   * Undefined as long as nothing was measured.
   */
  secondsLeft(now: number): number | undefined {
    const running = [...this.#running.values()].map((cell) => ({ ...cell, total: totalSeconds(cell) }));
    const factors = new Map([...this.#measured].map(([kind, sum]) => [kind, ratio(sum)]));
    const all = { seconds: 0, estimated: 0 };
    for (const sum of this.#measured.values()) add(all, sum);
    for (const { kind, address, total } of running) {
      const estimated = this.#todo.get(address)?.seconds;
      if (total === undefined || estimated === undefined) continue;
      add(all, { seconds: total, estimated });
      if (!factors.has(kind)) factors.set(kind, ratio({ seconds: total, estimated }));
    }
    if (all.estimated <= 0) return undefined;
    const factor = (kind: string): number => factors.get(kind) ?? ratio(all);

    let left = 0;
    for (const [kind, seconds] of this.#todoSeconds) left += Math.max(0, seconds) * factor(kind);
    let longest = 0;
    for (const cell of running) {
      const expected = (this.#todo.get(cell.address)?.seconds ?? 0) * factor(cell.kind);
      const share = cell.now && cell.total !== undefined ? cell.now.done / cell.now.total : undefined;
      const own =
        share === undefined
          ? Math.max(0, expected - (now - cell.since) / 1000)
          : Math.max(0, (cell.total ?? 0) * (1 - share));
      left += own - expected;
      longest = Math.max(longest, own);
    }
    const workers = Math.max(1, Math.min(this.#workers, this.#todo.size));
    return Math.max(longest, left / workers);
  }

  /** The state in one line. */
  summary(now: number): string {
    // The most wanted comes first: a narrow terminal cuts the end.
    const parts = [`${count(this.done)} of ${count(this.#total)} cells done`];
    if (this.#failed > 0) parts.push(`${count(this.#failed)} failed`);
    if (this.#blocked > 0) parts.push(`${count(this.#blocked)} blocked`);
    const left = this.secondsLeft(now);
    if (this.#stopping) {
      parts.push(
        this.#stopping === "politely" ? "stopping: workers write their checkpoints" : "stopping at once",
      );
    } else if (left !== undefined && this.#todo.size > 0) parts.push(`about ${duration(left)} left`);
    if (this.#begun !== undefined) parts.push(`${duration((now - this.#begun) / 1000)} gone`);
    if (this.#waiting.size > 0) parts.push(`${count(this.#waiting.size)} being computed elsewhere`);
    return parts.join(" · ");
  }

  /** The state in lines of at most `columns` characters: a summary, then one line for each cell at work. */
  lines(now: number, columns = 100): string[] {
    const workers = [...this.#running].toSorted(([a], [b]) => a - b);
    const labels = Math.max(0, ...workers.map(([, cell]) => cell.label.length));
    const width = Math.min(labels, Math.max(12, columns - 48));
    const lines = workers.map(([, cell]) => `  ${fit(cell.label, width)}  ${howFar(cell, now)}`);
    return [this.summary(now), ...lines].map((line) => line.slice(0, columns));
  }
}

function add(
  to: { seconds: number; estimated: number },
  other: { seconds: number; estimated: number },
): void {
  to.seconds += other.seconds;
  to.estimated += other.estimated;
}

function ratio({ seconds, estimated }: { readonly seconds: number; readonly estimated: number }): number {
  return estimated > 0 ? seconds / estimated : 1;
}

/** Units of progress a second, from this attempt's first report to its latest; undefined until that tells something. */
function speed({ first, now }: Running): number | undefined {
  if (!first || !now || now.at <= first.at || now.done - first.done < tellingShare * now.total)
    return undefined;
  return ((now.done - first.done) * 1000) / (now.at - first.at);
}

/** Seconds the whole cell takes at its present speed. */
function totalSeconds(cell: Running): number | undefined {
  const rate = speed(cell);
  return cell.now && rate ? cell.now.total / rate : undefined;
}

function howFar(cell: Running, at: number): string {
  const { now } = cell;
  if (!now || now.total <= 0) return `running for ${duration((at - cell.since) / 1000)}`;
  const share = Math.min(1, now.done / now.total);
  const rate = speed(cell);
  const fast =
    rate === undefined ? "" : `, ${rate >= 10 ? count(Math.round(rate)) : rate.toPrecision(2)} ${now.unit}/s`;
  return `${String(Math.floor(share * 100)).padStart(3)} % (${count(now.done)} of ${count(now.total)} ${now.unit}${fast})`;
}

function fit(text: string, width: number): string {
  return text.length <= width ? text.padEnd(width) : `${text.slice(0, width - 1)}…`;
}

/** 12345 → "12,345". */
function count(n: number): string {
  return String(Math.round(n)).replaceAll(/\B(?=(\d{3})+$)/g, ",");
}

/** A time for people: "48 s", "3 min 20 s", "2 h 05 min", "3 d 4 h". */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 600) return `${Math.floor(s / 60)} min${s % 60 ? ` ${s % 60} s` : ""}`;
  const minutes = Math.round(s / 60);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
  const hours = Math.round(s / 3600);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
