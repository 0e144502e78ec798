import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ScopeError } from "../base/error.ts";
import { stream } from "../base/random.ts";
import { type GreedyOptions, greedySoup } from "./greedy.ts";

/** Networks that are numbers, and their score. */
function line(
  values: readonly number[],
  score: (value: number) => number,
  more: Partial<GreedyOptions> = {},
): GreedyOptions {
  return {
    count: values.length,
    vectors: values.map((value) => Float32Array.of(value)),
    heldOut: (i) => Promise.resolve(score(Math.fround(values[i]!))),
    score: ([value]) => Promise.resolve(score(value!)),
    ...more,
  };
}
const near3 = (value: number): number => -Math.abs(value - 3);

describe("the greedy soup", () => {
  test("on a line keeps 2.9 and 3.1, rejects 3.2 and 0 (I.8)", async () => {
    const soup = await greedySoup(
      line([2.9, 3.1, 3.2, 0], near3, { quantity: "score", write: (score, digits) => score.toFixed(digits) }),
    );
    expect(soup.members).toEqual([0, 1]);
    expect(soup.average[0]).toBeCloseTo(3, 6);
    expect(soup.steps.map(({ model, accepted }) => [model, accepted])).toEqual([
      // Equally good: as given.
      [0, true],
      [1, true],
      [2, false],
      [3, false],
    ]);
    expect(soup.steps.map(({ members }) => members)).toEqual([1, 2, 2, 2]);
    expect(soup.steps[2]!.heldOut).toBeCloseTo(-0.0667, 4);
    expect(soup.steps[3]!.heldOut).toBeCloseTo(-1, 6);
    expect(soup.steps.map(({ reason }) => reason)).toEqual([
      "the best network alone: score -0.1",
      "score rises from -0.1 to 0.0",
      "score 0.0 would fall to -0.1",
      "score 0.0 would fall to -1.0",
    ]);
    expect(soup).toMatchObject({ best: { model: 0 }, fellBack: false });
  });

  test("is never below the best network on the held-out split, in any landscape and any order", async () => {
    const values = fc.array(fc.float({ min: -4, max: 4, noNaN: true }), { minLength: 1, maxLength: 7 });
    await fc.assert(
      fc.asyncProperty(
        values,
        fc.constantFrom(">=", ">"),
        fc.nat(),
        fc.boolean(),
        async (given, accept, seed, own) => {
          const wild = (value: number): number => Math.round(10 * Math.sin(7 * value + (seed % 13)));
          const order = own ? { order: [...stream(seed, "subset").permutation(given.length)] } : {};
          const soup = await greedySoup(line(given, wild, { accept, ...order }));
          expect(soup.heldOut).toBeGreaterThanOrEqual(
            Math.max(...given.map((value) => wild(Math.fround(value)))),
          );
          expect(soup.heldOut).toBe(wild(soup.average[0]!));
          if (!own) expect(soup.fellBack).toBe(false);
          // Scores along the way never fall.
          soup.steps
            .slice(1)
            .forEach((step, i) => expect(step.soup).toBeGreaterThanOrEqual(soup.steps[i]!.soup));
          const mean = soup.members.reduce((sum, i) => sum + Math.fround(given[i]!), 0) / soup.members.length;
          expect(soup.average[0]).toBeCloseTo(mean, 5);
        },
      ),
    );
  });

  test("accepts a tie, or not", async () => {
    const flat = line([1, 2], () => 0.712);
    const tied = await greedySoup(flat);
    expect(tied.members).toEqual([0, 1]);
    expect(tied.steps[1]!.reason).toBe("held-out accuracy stays at 71.2 %, and a tie is accepted");
    const strict = await greedySoup({ ...flat, accept: ">" });
    expect(strict.members).toEqual([0]);
    expect(strict.steps[1]!.reason).toBe("held-out accuracy would stay at 71.2 %, and a tie is not accepted");
  });

  test("tells two accuracies apart in its reasons", async () => {
    const scores = [0.712, 0.71196];
    const soup = await greedySoup({
      count: 2,
      vectors: [Float32Array.of(0), Float32Array.of(1)],
      heldOut: (i) => Promise.resolve(scores[i]!),
      score: () => Promise.resolve(0.71196),
    });
    expect(soup.steps[1]!.reason).toBe("held-out accuracy 71.200 % would fall to 71.196 %");
  });

  test("leaves a soup of one as it is, and finishes averages before they are scored", async () => {
    const seen: number[] = [];
    const finish = (weights: Float32Array): Promise<Float32Array> => {
      seen.push(weights[0]!);
      return Promise.resolve(weights.map((value) => value + 100));
    };
    const soup = await greedySoup(line([3, 1, 5], (value) => value, { finish, order: [2, 0, 1] }));
    expect(seen).toEqual([4, 3]);
    expect(soup.steps.map(({ heldOut }) => heldOut)).toEqual([5, 104, 103]);
    expect(soup.average).toEqual(Float32Array.of(104));
    const alone = await greedySoup(line([3, 1], () => 0, { finish, accept: ">" }));
    expect(alone.average).toEqual(Float32Array.of(3));
  });

  test("rejects averages that diverge, and passes other failures on", async () => {
    const failing = (error: Error): GreedyOptions =>
      line([1, 2], () => 1, { score: () => Promise.reject(error) });
    const soup = await greedySoup(failing(new ScopeError("diverged", "no numbers")));
    expect(soup.steps[1]).toMatchObject({
      accepted: false,
      heldOut: null,
      reason: "the average gives outputs that are not numbers",
    });
    await expect(greedySoup(failing(new Error("out of memory")))).rejects.toThrow("out of memory");
  });

  test("goes on where it was stopped, scoring nothing twice", async () => {
    const values = [2.9, 3.1, 3.2, 2.8, 0];
    const whole = await greedySoup(line(values, near3));
    const scored: number[] = [];
    const counted = {
      score: ([value]: Float32Array) => {
        scored.push(value!);
        return Promise.resolve(near3(value!));
      },
    };
    const known = whole.steps.slice(0, 3).map(({ heldOut }) => heldOut);
    expect(await greedySoup(line(values, near3, { ...counted, known }))).toEqual(whole);
    expect(scored).toHaveLength(2);
  });

  test("refuses no networks, an order that is none, and a network without a score", async () => {
    await expect(greedySoup(line([], near3))).rejects.toThrow("there is no network to average");
    await expect(greedySoup(line([1, 2], near3, { order: [0, 0] }))).rejects.toThrow(
      "expected an order of the networks 0 to 1, each once, got 0, 0",
    );
    await expect(greedySoup(line([1, 2], () => Number.NaN))).rejects.toThrow(
      "network 1 of 2 has no held-out accuracy",
    );
  });
});
