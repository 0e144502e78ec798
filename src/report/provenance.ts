import type { RunCost } from "../basin/results.ts";
import { decimal, grouped } from "../figure/numbers.ts";
import { type Html, markup } from "./html.ts";

/** A line of a provenance list: name and value. */
export type Entry = readonly [string, Html];

/**
 * What ran where, for how long, from which inputs.
 * @param entries what is special to this page
 * @param config the configuration, folded; undefined when the command line says all
 */
export function provenance(cost: RunCost, entries: readonly Entry[], config: unknown): Html {
  const versions = Object.entries(cost.versions).map(([name, version]) => `${name} ${version}`);
  const { total, computed } = cost.cells;
  const lines: Entry[] = [
    ["command", markup`<code>${cost.command}</code>`],
    ["finished", markup`${cost.finished}`],
    [
      "time",
      markup`${duration(cost.seconds)} for this run with ${grouped(cost.jobs)}
      worker${cost.jobs === 1 ? "" : "s"}; ${duration(cost.computeSeconds)} of computing in all
      (${grouped(total)} cells, ${grouped(computed)} computed now, ${grouped(total - computed)} found in the
      store)`,
    ],
    ["machine", markup`${cost.machine}`],
    ["versions", markup`${versions.join(", ")}`],
    ...entries,
  ];
  const folded =
    config === undefined
      ? markup``
      : markup`<details>
          <summary>The whole configuration</summary>
          <pre>${JSON.stringify(config, null, 2)}</pre>
        </details>`;
  return markup`<dl>
      ${lines.map(
        ([name, value]) =>
          markup`<dt>${name}</dt>
            <dd>${value}</dd>`,
      )}
    </dl>
    ${folded}`;
}

/** "43 s", "4 min 11 s", "2 h 5 min". */
function duration(seconds: number): string {
  if (seconds < 10) return `${decimal(seconds, 1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
