import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { basinNetworks, type BasinNetworks } from "../kit/basin-networks.ts";
import { cli } from "../kit/cli.ts";

let networks: BasinNetworks;
beforeAll(async () => {
  networks = await basinNetworks();
  writeFileSync(networks.at("taken.yaml"), "freeze: []\n");
}, 120_000);
afterAll(() => rmSync(networks.dir, { recursive: true, force: true }));

describe("bad input: one sentence, what to do, exit 2, nothing written", () => {
  const of = (...argv: string[]): string[] => ["criticality", "--final", ...argv];
  const cases: Readonly<Record<string, readonly [argv: readonly string[], says: RegExp]>> = {
    "no network": [["criticality"], /--final/],
    "a file without its beginning": [
      of("A"),
      /model\.onnx does not say with which weights it began.*\n {2}name them with --init: a file or run, zero .*, or random/,
    ],
    "a file that shall have its own beginning": [of("A", "--init", "own"), /only a stored run does/],
    "another architecture as the beginning": [
      of("A", "--init", "DIR/narrow/model.onnx"),
      /are not the same network: .*\[16, 3, 3, 3\]/,
    ],
    "a beginning that holds NaN": [of("A", "--init", "DIR/broken.onnx"), /holds NaN at position 7/],
    "a beginning that is nothing": [of("A", "--init", "zebra"), /"zebra" is neither a file nor/],
    "as many beginnings as there are not networks": [
      of("RUN", "--init", "zero", "random"),
      /2 initial networks were named with --init for 1 final one\n {2}name one for all/,
    ],
    "a network named twice": [of("RUN", "RUN"), /are the same network with the same initial weights/],
    "a granularity that is none": [of("RUN", "--modules", "layers"), /expected layer, block, stage or/],
    "a pattern that is none": [of("RUN", "--modules", "/(/"), /is not a regular expression/],
    "a pattern that matches nothing": [
      of("RUN", "--modules", "/zebra/"),
      /--modules \/zebra\/ matches the name of no layer\n {2}.*some of: conv1/,
    ],
    "no allowed error": [of("RUN", "--epsilon", "0"), /--epsilon expected a share .*, got "0"/],
    "more error than there is": [of("RUN", "--epsilon", "100%"), /--epsilon expected a share/],
    "an error twice": [of("RUN", "--epsilon", "1%,0.01"), /names a value twice/],
    "a relative error that is none": [
      of("RUN", "--epsilon-relative", "much"),
      /--epsilon-relative expected a share of the final/,
    ],
    "one point of a path": [of("RUN", "--alphas", "1"), /--alphas expected a whole number from 2/],
    "noise that falls": [of("RUN", "--sigmas", "4:1:3"), /noise ratios expected .*from < to/],
    "noise that is none": [of("RUN", "--sigmas", "loud"), /noise ratios expected from:to:count/],
    "a budget without a unit": [of("RUN", "--budget", "10"), /--budget expected a time such as 10m/],
    "two times": [of("RUN", "--budget", "10m,1h"), /--budget expected/],
    "nothing to look at": [
      of("RUN", "--train-images", "0", "--test-images", "0"),
      /both 0: there is nothing to look at/,
    ],
    "images a network does not take": [of("RUN", "--data", "synthetic", "--classes", "shapes"), /has 4/],
    "a file that does not say its data": [of("DIR/silent.onnx", "--init", "zero"), /on which images\?/],
    "training again what is a file": [
      of("A", "--init", "zero", "--try-freeze", "2"),
      /--try-freeze trains again .*\n {2}name a run of the store/,
    ],
    "a list that would be lost": [
      of("RUN", "--freeze-list", "DIR/taken.yaml"),
      /taken\.yaml exists already\n {2}.*--overwrite/,
    ],
    "everything frozen": [of("RUN", "--freeze-below", "1"), /--freeze-below expected a share/],
    "moments of a file": [["rewind", "A"], /is not a stored training run/],
    "moments of a run that kept none": [
      ["rewind", "RUN"],
      /kept no weights along the way.*\n {2}train it again with keep/,
    ],
  };

  test.each(Object.entries(cases))("%s", async (_, [argv, says]) => {
    const short: Record<string, string> = { A: networks.at("a/model.onnx"), RUN: networks.runs.a };
    const before = readdirSync(networks.dir);
    const words = argv.map((word) => short[word] ?? word.replace("DIR", networks.dir));
    const { status, out, err } = await cli(...words, "--store", networks.store, "--quiet");
    expect(err).toMatch(says);
    expect(err.trimEnd().split("\n").length, err).toBeLessThanOrEqual(2);
    expect(out).toBe("");
    expect(status).toBe(2);
    expect(readdirSync(networks.dir)).toEqual(before);
  });

  test("a moment to keep past the end of training is told", async () => {
    writeFileSync(
      networks.at("late.yaml"),
      "model: { arch: mlp, hidden: [4] }\ndata: { set: synthetic, trainSize: 64 }\nrecipe: { steps: 4, batch: 32, learningRate: 0.01, optimizer: adamw }\nkeep: [0, 1, 50]\n",
    );
    const { status, out } = await cli(
      "train",
      networks.at("late.yaml"),
      "--store",
      networks.at("late"),
      "--quiet",
    );
    expect(status).toBe(0);
    expect(out).toMatch(/keep: 50 lies past the end, after 2 epochs: the end was kept instead/);
  });

  test("a list that is none is not followed", async () => {
    writeFileSync(networks.at("list.yaml"), "frozen: [conv1]\n");
    const { status, err } = await cli(
      "train",
      networks.at("a.yaml"),
      "--freeze-list",
      networks.at("list.yaml"),
      "--store",
      networks.store,
      "--quiet",
    );
    expect(status).toBe(2);
    expect(err).toMatch(/list\.yaml/);
  });
});
