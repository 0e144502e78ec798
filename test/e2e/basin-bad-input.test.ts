import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { basinNetworks, type BasinNetworks } from "../kit/basin-networks.ts";
import { cli } from "../kit/cli.ts";
import { temporaryFolder } from "../kit/temporary.ts";

let networks: BasinNetworks;
beforeAll(async () => {
  networks = await basinNetworks();
}, 120_000);
afterAll(() => rmSync(networks.dir, { recursive: true, force: true }));

const at = (name: string): string => networks.at(name);

describe("bad input: one sentence, what to do, exit 2, nothing written", () => {
  interface Case {
    readonly argv: readonly string[];
    readonly says: RegExp;
  }
  const cases: Readonly<Record<string, Case>> = {
    "one model": {
      argv: ["barrier", "A"],
      says: /stands between two networks, and one was named\n {2}name at least two/,
    },
    "no such file": {
      argv: ["barrier", "A", "DIR/a/mode.onnx"],
      says: /is neither a file nor the address of a run .*\n {2}nearest in .*model\.onnx/,
    },
    "a name of nothing": {
      argv: ["barrier", "A", "zebra"],
      says: /"zebra" is neither a file nor the address of a run/,
    },
    "an unknown run": {
      argv: ["barrier", "A", "0123456789"],
      says: /no cell of store .* has an address beginning with 0123456789/,
    },
    "other widths": {
      argv: ["barrier", "A", "DIR/narrow/model.onnx"],
      says: /\[16, 3, 3, 3\].*\[8, 3, 3, 3\]/,
    },
    "weights that are no numbers": {
      argv: ["barrier", "A", "DIR/broken.onnx"],
      says: /holds NaN at position 7/,
    },
    "other labels": {
      argv: ["barrier", "A", "B", "--data", "synthetic", "--classes", "shapes"],
      says: /tells 8 classes apart, synthetic has 4\n {2}choose as many with --classes/,
    },
    "too few classes, of too few images": {
      argv: ["barrier", "A", "B", "--classes", "disc,square"],
      says: /tells 8 classes apart, synthetic has 2/,
    },
    "labels in another order": {
      argv: ["barrier", "A", "B", "--data", "synthetic", "--classes", "CLASSES"],
      says: /calls label 0 "disc", synthetic calls it .*: the same classes in another order\n {2}choose the network's order: --classes disc,/,
    },
    "an unknown data set": {
      argv: ["barrier", "A", "B", "--data", "cifar11"],
      says: /--data: no data set is called "cifar11"/,
    },
    "no images": { argv: ["barrier", "A", "B", "--data", "folder:DIR/empty"], says: /empty/ },
    "nothing to look at": {
      argv: ["barrier", "A", "B", "--train-images", "0", "--test-images", "0"],
      says: /both 0: there is nothing to look at/,
    },
    "a model that does not say its data": {
      argv: ["barrier", "DIR/silent.onnx", "B"],
      says: /on which images\? .*\n {2}name a data set with --data/,
    },
    "weights without a graph": {
      argv: ["barrier", "DIR/a/weights.safetensors", "A"],
      says: /holds weights only.*\n {2}give the network with --graph/,
    },
    "a range without its ends": {
      argv: ["barrier", "A", "B", "--range", "0.2:0.8:5"],
      says: /--range goes from 0\.2 to 0\.8: a barrier is .* undefined without them\n/,
    },
    "a range that is none": {
      argv: ["barrier", "A", "B", "--range", "0:1"],
      says: /--range "0:1": expected three numbers/,
    },
    "an unknown alignment": {
      argv: ["barrier", "A", "B", "--align", "magic"],
      says: /--align expected none, weights, activations or ste, got "magic"/,
    },
    "a threshold that is no share": {
      argv: ["barrier", "A", "B", "--threshold", "200%"],
      says: /--threshold expected a share such as 2% or 0\.02, got "200%"/,
    },
    "REPAIR without its statistics": {
      argv: ["barrier", "N0", "N1", "--repair", "--renormalize", "never"],
      says: /REPAIR is the re-estimation/,
    },
    "a curve without statistics": {
      argv: ["barrier", "N0", "N1", "--curve", "bezier", "--renormalize", "never"],
      says: /leave out --renormalize never/,
    },
    "a plane of two": { argv: ["plane", "A", "B"], says: /two networks span a line, not a plane\n/ },
    "a plane of four": { argv: ["plane", "A", "B", "A", "B"], says: /4 were named\n {2}with --hull/ },
    "a plane of one network three times": {
      argv: ["plane", "A", "A", "B"],
      says: /span no plane: the first and the second have the same weights/,
    },
    "a grid around one": { argv: ["plane", "A", "--grid", "5"], says: /around one, give --range/ },
    "a range through three": {
      argv: ["plane", "A", "B", "DIR/p.onnx", "--range", "0:1:3"],
      says: /--range is for the plane around one network/,
    },
    "the hull of one": {
      argv: ["plane", "A", "--hull", "5"],
      says: /the convex hull of one network is that network/,
    },
    "a run that kept nothing": {
      argv: ["soup", "A", "--method", "swa"],
      says: /averages weights kept on the way of a run, .*model\.onnx has none\n {2}.* trained with keep/,
    },
    "a file of no kind we write": {
      argv: ["align", "A", "B", "--out", "DIR/x.pt"],
      says: /expected a name that ends in \.onnx or \.safetensors/,
    },
    "an unknown method": {
      argv: ["align", "A", "B", "--method", "x"],
      says: /--method expected weights, activations or ste/,
    },
  };

  test.each(Object.entries(cases))("%s", async (_, { argv, says }) => {
    mkdirSync(at("empty"), { recursive: true });
    const { classes } = JSON.parse((await cli("data", "show", "synthetic", "--json", "--quiet")).out) as {
      classes: string[];
    };
    const short: Record<string, string> = {
      A: at("a/model.onnx"),
      B: at("b/model.onnx"),
      N0: networks.runs.norms[0],
      N1: networks.runs.norms[1],
      CLASSES: classes.toReversed().join(","),
    };
    const before = readdirSync(networks.dir);
    const words = argv.map((word) => short[word] ?? word.replace("DIR", networks.dir));
    const { status, out, err } = await cli(...words, "--store", networks.store, "--quiet");
    expect(err).toMatch(says);
    expect(err.trimEnd().split("\n").length, err).toBeLessThanOrEqual(2);
    expect(out).toBe("");
    expect(status).toBe(2);
    expect(readdirSync(networks.dir)).toEqual(before);
  });

  test("another's page is not replaced", async () => {
    const out = join(temporaryFolder(), "out");
    const argv = ["--store", networks.store, "--quiet", "--range", "0:1:3", "--out", out];
    expect((await cli("barrier", at("a/model.onnx"), at("p.onnx"), ...argv)).status).toBe(0);
    const other = await cli("barrier", at("a/model.onnx"), at("b/model.onnx"), ...argv);
    expect(other.status).toBe(2);
    expect(other.err).toContain("or allow it with --overwrite");
  });

  test("names that mean nothing make no store", async () => {
    const other = join(temporaryFolder(), "store");
    const { status, err } = await cli("barrier", "zebra", "giraffe", "--store", other, "--quiet");
    expect(status).toBe(2);
    expect(err).toContain('"zebra" is neither a file');
    expect(existsSync(other)).toBe(false);
  });
});
