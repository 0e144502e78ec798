import { expect, test } from "vitest";
import { chooseRates, type FinishedRun } from "./collect.ts";
import { studySchema } from "./config.ts";
import { tuningRuns } from "./plan.ts";
import { synthetic } from "./presets/synthetic.ts";

const config = studySchema.parse({ ...synthetic.config, learningRates: [0.1, 0.02, 0.05] });

/** Every tuning run of the study, with the accuracy `of` gives it; undefined: it diverged. */
function finished(
  of: (arm: string, rate: number, shuffle: unknown) => number | undefined,
  study = config,
): FinishedRun[] {
  return tuningRuns(study).map((planned) => {
    const accuracy = of(planned.arm, planned.learningRate, planned.shuffle);
    return {
      planned,
      cell: "",
      looks: [],
      result: {
        accuracy: accuracy ?? 0,
        loss: 1,
        images: 10,
        steps: 30,
        trainImages: 64,
        parameters: 5,
        classes: ["a", "b"],
        data: "",
        ...(accuracy === undefined ? { divergedAfter: 3 } : {}),
      },
    };
  });
}

test("each arm gets the rate with the best validation accuracy; of equals, the smaller", () => {
  const rateOf = chooseRates(
    config,
    finished((arm, rate) => (arm === "scratch" ? rate : 0.5)),
  );
  expect([rateOf("scratch", "none"), rateOf("pretrained", "none")]).toEqual([0.1, 0.02]);
});

test("tuned once, the rate serves every shuffle; tuned at each, each has its own", () => {
  const once = { ...config, tuneEach: false };
  expect(
    chooseRates(
      once,
      finished((_, rate) => rate, once),
    )("scratch", "pixel"),
  ).toBe(0.1);
  const rateOf = chooseRates(
    config,
    finished((_, rate, shuffle) => (shuffle === "pixel" ? -rate : rate)),
  );
  expect([rateOf("scratch", "none"), rateOf("scratch", "pixel")]).toEqual([0.1, 0.02]);
});

test("a rate that diverges is never chosen over one that does not, and if all do, that is said", () => {
  const rateOf = chooseRates(
    config,
    finished((_, rate) => (rate > 0.02 ? undefined : 0.3)),
  );
  expect(rateOf("scratch", 8)).toBe(0.02);
  const lost = chooseRates(
    config,
    finished(() => undefined),
  );
  expect(() => lost("scratch", 8)).toThrow(
    "every learning rate tried for scratch at shuffle 8 makes the loss diverge",
  );
});
