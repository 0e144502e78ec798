import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withWeights } from "../../src/autodiff/flat.ts";
import { readModel } from "../../src/onnx/read.node.ts";
import { writeModel } from "../../src/onnx/write.node.ts";
import { randomPermutations } from "../../src/symmetry/permutations.ts";
import { permute } from "../../src/symmetry/permute.ts";
import { symmetries } from "../../src/symmetry/symmetries.ts";
import { float32 } from "../../src/tensor/tensor.ts";
import { cli } from "./cli.ts";

/** Small networks in a folder of their own, with the store they were trained in. */
export interface BasinNetworks {
  readonly dir: string;
  readonly store: string;
  /** Path of a file of the folder. */
  readonly at: (name: string) => string;
  /** Addresses: a network, and two with batch norm from different seeds. */
  readonly runs: { readonly a: string; readonly norms: readonly [string, string] };
}

/**
 * Trains what tests of commands about basins share, some seconds: a/ and b/ from different seeds, p.onnx a permuted copy of
 * a, narrow/ of other widths, broken.onnx with a NaN, silent.onnx that does not say what it was trained on. The caller
 * removes the folder.
 */
export async function basinNetworks(): Promise<BasinNetworks> {
  const dir = mkdtempSync(join(tmpdir(), "transferscope-basins-"));
  const store = join(dir, "store");
  const at = (name: string): string => join(dir, name);
  const train = async (name: string, model: string, seed: number, steps = 200): Promise<string> => {
    const file = at(`${name}.yaml`);
    writeFileSync(
      file,
      `model: ${model}
data: { set: synthetic, trainSize: 400, testSize: 300 }
recipe: { steps: ${steps}, batch: 32, learningRate: 0.05 }
seed: ${seed}
`,
    );
    const { status, out, err } = await cli(
      "train",
      file,
      "--store",
      store,
      "--out",
      at(name),
      "--json",
      "--quiet",
    );
    if (status !== 0) throw new Error(err);
    return (JSON.parse(out) as { run: string }).run;
  };
  const cnn = "{ arch: cnn, widths: [16, 16] }";
  const normed = "{ arch: cnn, widths: [8, 8], norm: batch }";
  const a = await train("a", cnn, 0);
  await train("b", cnn, 1);
  await train("narrow", "{ arch: cnn, widths: [8, 16] }", 0, 2);
  const norms = [await train("n0", normed, 0, 60), await train("n1", normed, 1, 60)] as const;

  const graph = await readModel(at("a/model.onnx"));
  const symmetry = symmetries(graph);
  const weights = new Map([...graph.initializers].map(([name, one]) => [name, one.load()]));
  const permuted = permute(symmetry, randomPermutations(symmetry, 3), weights);
  await writeModel(withWeights(graph, permuted), at("p.onnx"));
  const [name, kernel] = [...weights].find(([key, one]) => key.endsWith("weight") && one.shape.length === 4)!;
  const numbers = (kernel.data as Float32Array).slice();
  numbers[7] = Number.NaN;
  await writeModel(
    withWeights(graph, new Map([...weights, [name, float32(kernel.shape, numbers)]])),
    at("broken.onnx"),
  );
  await writeModel({ ...graph, metadata: {} }, at("silent.onnx"));
  return { dir, store, at, runs: { a, norms } };
}
