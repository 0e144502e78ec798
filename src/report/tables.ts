import { areaUnder } from "../study/summary.ts";
import { armLabel, decimal, hundredths, orderShuffles, shuffleLabel, times } from "../study/format.ts";
import type { Estimate, Run, StudyResults } from "../study/results.ts";
import { type Html, markup } from "./html.ts";

const none = markup`<span title="cannot be given">–</span>`;

function interval({ low, high }: Estimate, format: (value: number) => string): Html {
  return low === null || high === null ? markup`` : markup`<small>${format(low)} to ${format(high)}</small>`;
}

/** One line a shuffle: accuracies, gains, speed, and the shares that are left. */
export function summaryTable(results: StudyResults): Html {
  const { summary } = results;
  const share = (estimate: Estimate | null) =>
    estimate === null
      ? none
      : markup`${decimal(100 * estimate.value, 0)}${interval(estimate, (value) => decimal(100 * value, 0))}`;
  const rows = orderShuffles(results.shuffles).map((shuffle) => {
    const one = summary.shuffles.find((entry) => entry.shuffle === shuffle)!;
    const [pretrained, scratch] = (["pretrained", "scratch"] as const).map((arm) =>
      summary.arms.find((entry) => entry.arm === arm && entry.shuffle === shuffle)!,
    );
    const { speedUp } = one.milestones.find(({ fraction }) => fraction === summary.speedFraction)!;
    return markup`<tr>
      <td>${shuffleLabel(shuffle)}</td>
      <td>${hundredths(scratch!.accuracy)}</td>
      <td>${hundredths(pretrained!.accuracy)}</td>
      <td>${hundredths(one.gain, true)}</td>
      <td>${share(one.relativeGain)}</td>
      <td>${hundredths(one.areaGain, true)}</td>
      <td>${speedUp === null ? none : markup`${times(speedUp.value)}${interval(speedUp, times)}`}</td>
      <td>${share(one.gainShare)}</td>
      <td>${share(one.areaShare)}</td>
    </tr> `;
  });
  return markup`<div class="scroll">
    <table>
      <thead>
        <tr>
          <th>images</th>
          <th>from scratch (%)</th>
          <th>pretrained (%)</th>
          <th>gain (points)</th>
          <th>relative gain (%)</th>
          <th>head start (points)</th>
          <th>speed-up to ${decimal(100 * summary.speedFraction, 0)} %</th>
          <th>gain left (%)</th>
          <th>head start left (%)</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

/** One line a run. */
export function runTable(results: StudyResults): Html {
  const runs = orderShuffles(results.shuffles).flatMap((shuffle) =>
    results.runs.filter((run) => run.shuffle === shuffle),
  );
  const row = (run: Run) =>
    markup`<tr>
      <td>${shuffleLabel(run.shuffle)}</td>
      <td class="text">${armLabel(run.arm)}</td>
      <td>${run.seed}</td>
      <td>${run.learningRate}</td>
      <td>${decimal(100 * run.finalAccuracy, 1)} %</td>
      <td>${decimal(run.finalLoss, 3)}</td>
      <td>${decimal(100 * areaUnder(run), 1)} %</td>
      <td class="text"><code>${run.cell?.slice(0, 12) ?? ""}</code></td>
    </tr> `;
  return markup`<div class="scroll">
    <table>
      <thead>
        <tr>
          <th>images</th>
          <th class="text">network</th>
          <th>seed</th>
          <th>learning rate</th>
          <th>final accuracy</th>
          <th>final loss (nats)</th>
          <th>mean accuracy over training</th>
          <th class="text">cell</th>
        </tr>
      </thead>
      <tbody>
        ${runs.map(row)}
      </tbody>
    </table>
  </div>`;
}
