import { describe, expect, test } from "vitest";
import { buildModel, modelSpecSchema } from "../models/model.ts";
import type { Graph } from "../graph/graph.ts";
import { modules } from "../graph/modules.ts";
import { chooseModules } from "./chosen-modules.ts";

const graphOf = (spec: unknown): Graph =>
  buildModel(modelSpecSchema.parse(spec), { channels: 3, height: 16, width: 16, classes: 4 }).graph;
const resnet = graphOf({ arch: "resnet", depth: 8 });

describe("modules as asked for", () => {
  test.each(["layer", "block", "stage"])(
    "%s: those of the graph, in order, all parameters once",
    (granularity) => {
      const { modules: chosen, notes } = chooseModules(resnet, granularity);
      expect(notes).toEqual([]);
      expect(chosen.map(({ depth }) => depth)).toEqual(chosen.map((_, i) => i));
      const names = chosen.flatMap(({ parameters }) => parameters);
      expect(names.toSorted()).toEqual(
        modules(resnet, "layer")
          .flatMap(({ parameters }) => parameters)
          .toSorted(),
      );
      expect(chosen.map(({ isHead }) => isHead)).toEqual(chosen.map((_, i) => i === chosen.length - 1));
    },
  );

  test.each(["layer", "block", "stage", "/stage[12]/", "/conv|norm/"])(
    "%s: what train is told to freeze means exactly the module's parameters",
    (asked) => {
      const layers = modules(resnet, "layer");
      for (const { freeze, parameters } of chooseModules(resnet, asked).modules) {
        // As `trainableRoles` reads it.
        const frozen = layers.flatMap((layer) =>
          layer.parameters.filter((one) =>
            freeze.some((pattern) =>
              [one, layer.name].some((text) => text === pattern || text.startsWith(`${pattern}.`)),
            ),
          ),
        );
        expect(frozen.toSorted()).toEqual([...parameters].toSorted());
      }
    },
  );

  test("a bias before the head belongs to the block before it", () => {
    const names = (asked: string) => chooseModules(resnet, asked).modules.map(({ name }) => name);
    expect(names("block")).toEqual(["stem", "stage1.block1", "stage2.block1", "stage3.block1", "head"]);
    expect(names("stage")).toEqual(["stem", "stage1", "stage2", "stage3", "head"]);
    expect(names("layer")).toContain("features");
    expect(chooseModules(resnet, "block").modules[3]!.parameters).toContain("features.bias");
  });

  test("a pattern: the same matched text is one module, the rest is left out and said", () => {
    const { modules: chosen, notes, granularity } = chooseModules(resnet, "/^stage[0-9]/");
    expect(chosen.map(({ name }) => name)).toEqual(["stage1", "stage2", "stage3"]);
    expect(granularity).toBe("/^stage[0-9]/");
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(
      /^\d+ of \d+ layers match nothing of --modules \/\^stage\[0-9\]\/ and were left final: /,
    );
    const coarse = modules(resnet, "stage").filter(({ name }) => name.startsWith("stage"));
    const sorted = (some: readonly { readonly parameters: readonly string[] }[]) =>
      some.map(({ parameters }) => parameters.toSorted());
    expect(sorted(chosen)).toEqual(sorted(coarse));
  });

  test("a module without trainable parameters is left out and said", () => {
    // Normalisations whose scale and shift are constants the builder made: only their statistics are theirs.
    const graph = graphOf({ arch: "cnn", widths: [4, 4], norm: "batch" });
    const renamed = (name: string): string =>
      name === "norm1.weight" ? "const_901" : name === "norm1.bias" ? "const_902" : name;
    const bare: Graph = {
      ...graph,
      nodes: graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map(renamed) })),
      initializers: new Map(
        [...graph.initializers].map(([name, one]) => [
          renamed(name),
          { ...one, name: renamed(name), load: () => one.load() },
        ]),
      ),
    };
    const { modules: chosen, notes } = chooseModules(bare, "layer");
    expect(chosen.map(({ name }) => name)).toEqual(["conv1", "conv2", "norm2", "head"]);
    expect(notes).toEqual(["Left out, as it has no trainable parameters: norm1."]);
    expect(() => chooseModules(bare, "/norm1/")).toThrow(
      "none of the modules asked for has a trainable parameter: norm1",
    );
  });

  test.each([
    ["layers", /expected layer, block, stage or .*got "layers"/],
    ["/[/", /is not a regular expression/],
    ["/zebra/", /matches the name of no layer/],
  ])("%s is refused in one sentence", (asked, says) => {
    expect(() => chooseModules(resnet, asked)).toThrow(says);
  });
});
