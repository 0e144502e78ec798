import { cutMiddle, shortNames, splitLabel } from "../basin/chart/names.ts";
import { rowName } from "../basin/chart/row-names.ts";
import { treatmentLabel } from "../basin/chart/treatment.ts";
import type {
  Barrier,
  BarrierDefinition,
  BarrierResults,
  GridRow,
  InstabilityResults,
  Interval,
  ModelFacts,
  PlaneResults,
  SoupResults,
  Split,
} from "../basin/results.ts";
import { decimal, grouped } from "../figure/numbers.ts";
import { type Html, markup } from "./html.ts";

const none = markup`<span title="cannot be given">–</span>`;

/** A number with its interval below it. */
function cell(interval: Interval | undefined, format: (value: number) => string): Html {
  if (interval === undefined) return none;
  const { value, low, high } = interval;
  return low === null || high === null
    ? markup`${format(value)}`
    : markup`${format(value)}<small>${format(low)} to ${format(high)}</small>`;
}

const nats = (value: number) => decimal(value, 3);
const points = (value: number) => decimal(100 * value, 1);

/** A table: headings (text columns marked), rows of cells. */
function table(
  columns: readonly { readonly name: string; readonly text?: boolean }[],
  rows: readonly (readonly Html[])[],
): Html {
  const kind = (i: number) => (columns[i]!.text === true ? markup` class="text"` : markup``);
  return markup`<div class="scroll">
    <table>
      <thead>
        <tr>
          ${columns.map(({ name }, i) => markup`<th${kind(i)}>${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map((row) => markup`<tr>${row.map((one, i) => markup`<td${kind(i)}>${one}</td>`)}</tr> `)}
      </tbody>
    </table>
  </div>`;
}

/** One line a network. */
export function modelTable(models: readonly ModelFacts[]): Html {
  const share = (value: number | undefined) => (value === undefined ? none : markup`${points(value)}`);
  return table(
    [
      { name: "network", text: true },
      { name: "parameters" },
      { name: "train accuracy (%)" },
      { name: "test accuracy (%)" },
      { name: "cell", text: true },
    ],
    models.map((one) => [
      markup`<span title="${one.name}">${cutMiddle(one.name, 48)}</span>`,
      markup`${grouped(one.parameters)}`,
      share(one.accuracy?.train),
      share(one.accuracy?.test),
      markup`<code>${one.cell.slice(0, 12)}</code>`,
    ]),
  );
}

function heightOf(
  barriers: readonly Barrier[],
  definition: BarrierDefinition,
  quantity: Barrier["quantity"],
  split: Split,
): Interval | undefined {
  return barriers.find(
    (one) => one.definition === definition && one.quantity === quantity && one.split === split,
  )?.height;
}

/** One line a pair and treatment: all barriers that verdicts and captions speak of. */
export function pairTable({ models, pairs }: BarrierResults): Html {
  const names = shortNames(
    models.map(({ name }) => name),
    20,
  );
  const says = {
    connected: "verdict: one basin",
    barrier: "verdict: a barrier",
    open: "verdict: open",
  } as const;
  return table(
    [
      { name: "networks", text: true },
      { name: "treatment", text: true },
      { name: "loss over chord, train (nats)" },
      { name: "loss over chord, test (nats)" },
      { name: "error over mean, train (points)" },
      { name: "error over mean, test (points)" },
    ],
    pairs.flatMap((pair) =>
      pair.paths.map((path, i) => [
        i === 0
          ? markup`${names[pair.a]!} – ${names[pair.b]!}<small>distance ${decimal(pair.distance, 2)}, relative ${decimal(pair.relativeDistance, 2)}${pair.kinship === undefined ? "" : `; ${pair.kinship}`}</small>`
          : markup``,
        markup`<span class="wrap">${treatmentLabel(path.treatment)}</span>${path === pair.paths.at(-1) ? markup`<small>${says[pair.verdict.says]}</small>` : markup``}`,
        cell(heightOf(path.barriers, "chord", "loss", "train"), nats),
        cell(heightOf(path.barriers, "chord", "loss", "test"), nats),
        cell(heightOf(path.barriers, "mean", "error", "train"), points),
        cell(heightOf(path.barriers, "mean", "error", "test"), points),
      ]),
    ),
  );
}

/** One line a pair that was aligned: what could be moved, and the proof that moving changed nothing; absent without any. */
export function alignmentTable({ models, pairs }: BarrierResults): Html | undefined {
  const names = shortNames(
    models.map(({ name }) => name),
    20,
  );
  const aligned = pairs.filter(({ symmetry, proof }) => symmetry !== undefined || proof !== undefined);
  if (aligned.length === 0) return undefined;
  return table(
    [
      { name: "networks", text: true },
      { name: "permutable groups" },
      { name: "units in them" },
      { name: "largest change of outputs (relative)" },
      { name: "left in place", text: true },
    ],
    aligned.map(({ a, b, symmetry, proof }) => [
      markup`${names[a]!} – ${names[b]!}`,
      symmetry === undefined ? none : markup`${symmetry.spaces}`,
      symmetry === undefined ? none : markup`${grouped(symmetry.units)}`,
      proof === undefined ? none : markup`${proof.toExponential(1)}`,
      symmetry === undefined
        ? none
        : markup`${symmetry.unproved.length === 0 ? "nothing" : symmetry.unproved.join("; ")}`,
    ]),
  );
}

/** One line a split: random points of the convex hull of the networks. */
export function hullTable({ of, points: count, accuracy }: NonNullable<PlaneResults["hull"]>): Html {
  return table(
    [
      { name: "images", text: true },
      { name: "networks" },
      { name: "random points" },
      { name: "mean accuracy (%)" },
      { name: "lowest (%)" },
      { name: "highest (%)" },
      { name: "networks themselves (%)", text: true },
    ],
    accuracy.map(({ split, mean, least, most, corners }) => [
      markup`${splitLabel[split]}`,
      markup`${of.length}`,
      markup`${grouped(count)}`,
      markup`${points(mean)}`,
      markup`${points(least)}`,
      markup`${points(most)}`,
      markup`${corners.map(points).join(", ")}`,
    ]),
  );
}

/** One line a network of a plane: where it lies. */
export function placeTable({ models }: PlaneResults): Html {
  return table(
    [{ name: "network", text: true }, { name: "x" }, { name: "y" }],
    models.map(({ name, x, y }) => [
      markup`${cutMiddle(name, 48)}`,
      markup`${decimal(x, 3)}`,
      markup`${decimal(y, 3)}`,
    ]),
  );
}

/** One line a moment: instability, barrier of the loss, distance. */
export function instabilityTable({ spawn }: InstabilityResults): Html {
  return table(
    [
      { name: "steps shared" },
      { name: "pairs" },
      { name: "instability (points)" },
      { name: "loss over chord, train (nats)" },
      { name: "distance" },
      { name: "pairs that are stable (%)" },
    ],
    spawn.map((one) => [
      markup`${grouped(one.k)}`,
      markup`${one.pairs.length}`,
      cell(one.instability, points),
      cell(one.lossBarrier, nats),
      cell(one.distance, (value) => decimal(value, 2)),
      markup`${decimal(100 * one.stable, 0)}`,
    ]),
  );
}

/** One line a kind of pair: chord barriers of loss and error on both splits. */
export function rowTable(rows: readonly GridRow[]): Html {
  const chord = (row: GridRow, split: Split, quantity: "loss" | "error") =>
    cell(
      row.chord.find((one) => one.split === split && one.quantity === quantity)?.height,
      quantity === "loss" ? nats : points,
    );
  return table(
    [
      { name: "pairs of", text: true },
      { name: "pairs" },
      { name: "loss over chord, train (nats)" },
      { name: "loss over chord, test (nats)" },
      { name: "error over chord, train (points)" },
      { name: "error over chord, test (points)" },
    ],
    rows.map((row) => [
      markup`${row.label}<small>${rowName(row).detail}</small>`,
      markup`${row.pairs.length}`,
      chord(row, "train", "loss"),
      chord(row, "test", "loss"),
      chord(row, "train", "error"),
      chord(row, "test", "error"),
    ]),
  );
}

/** One line a method: what it is made of, and its quality. */
export function methodTable({ rows }: SoupResults): Html {
  return table(
    [
      { name: "method", text: true },
      { name: "networks" },
      { name: "passes per prediction" },
      { name: "held-out accuracy (%)" },
      { name: "test accuracy (%)" },
      { name: "test loss (nats)" },
      { name: "calibration error (points)" },
    ],
    rows.map(({ method, members, heldOut, quality }) => [
      markup`${method}`,
      markup`${members}`,
      markup`${quality.passes}`,
      markup`${points(heldOut)}`,
      cell(quality.accuracy, points),
      cell(quality.loss, nats),
      markup`${points(quality.ece)}`,
    ]),
  );
}

/** One line a network that could have joined. */
export function memberTable({ members }: SoupResults): Html {
  return table(
    [
      { name: "network", text: true },
      { name: "held-out accuracy (%)" },
      { name: "test accuracy (%)" },
      { name: "test loss (nats)" },
      { name: "calibration error (points)" },
      { name: "cell", text: true },
    ],
    members.map(({ name, heldOut, quality, cell: address }) => [
      markup`<span title="${name}">${cutMiddle(name, 48)}</span>`,
      markup`${points(heldOut)}`,
      cell(quality.accuracy, points),
      cell(quality.loss, nats),
      markup`${points(quality.ece)}`,
      markup`<code>${address.slice(0, 12)}</code>`,
    ]),
  );
}

/** One line a candidate, in the order tried, with the reason of the decision. */
export function growthTable({ growth, members }: SoupResults): Html {
  return table(
    [
      { name: "candidate", text: true },
      { name: "held-out accuracy of the soup with it (%)" },
      { name: "decision", text: true },
      { name: "reason", text: true },
    ],
    growth.map((one) => [
      markup`${cutMiddle(members[one.model]!.name, 40)}`,
      markup`${points(one.heldOut)}`,
      markup`${one.accepted ? "taken" : "left out"}`,
      markup`${one.reason}`,
    ]),
  );
}
