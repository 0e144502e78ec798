import fc from "fast-check";
import { expect, test } from "vitest";
import { ScopeError } from "../../src/base/error.ts";
import { Builder } from "../../src/graph/builder.ts";
import type { Dim, Node } from "../../src/graph/graph.ts";
import { inferNode, type Known } from "../../src/graph/infer.ts";
import { contents } from "../../src/graph/known.ts";
import { numbers, type Tensor } from "../../src/tensor/tensor.ts";
import { drawFrom, type Draw } from "../kit/draw.ts";
import { runtime } from "../kit/ort.ts";
import { shapeCases, uncovered } from "./shape-cases/index.ts";
import type { ShapeCase } from "./shape-case.ts";

const numRuns = Number(process.env["FC_RUNS"] ?? 25);

/** Runs the case in ONNX Runtime; what inference said on the way is kept by the builder. */
async function compare(domain: string, op: string, one: ShapeCase, d: Draw): Promise<void> {
  const g = new Builder(one.opset ?? 17);
  const feeds: Record<string, Tensor> = {};
  const names = one.inputs.map((input, i) => {
    if (input === undefined) return "";
    if (input.role === "constant") return g.constant(input.tensor);
    feeds[`x${i}`] = input.tensor;
    return g.input(`x${i}`, input.tensor.dtype, input.tensor.shape);
  });
  const inferable = attempt(() =>
    g.ops(op, names, { ...one.attributes }, { domain, outputs: one.outputs ?? 1 }),
  );
  // A fed list of integers may leave even the number of axes open; then there is nothing to compare.
  if (inferable === undefined) return;
  g.output(...inferable);
  const graph = g.finish(op);
  // Sizes that inference leaves open are not stated to ONNX Runtime.
  const session = await (await runtime()).session(graph);
  const results = await session.run(feeds);
  await session.release();
  const found = inferable.map((name) => g.known(name));
  check(
    found,
    inferable.map((name) => results[name]!),
    new Map(),
  );
  withSymbols(
    g.nodes.at(-1)!,
    one,
    d,
    inferable.map((name) => results[name]!),
  );
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof ScopeError && error.fault === "unsupported") return undefined;
    throw error;
  }
}

/** The same node with sizes of fed inputs replaced by symbols, or by nothing: what is still said must be true. */
function withSymbols(node: Node, one: ShapeCase, d: Draw, results: readonly Tensor[]): void {
  const sizes = new Map<string, number>();
  const inputs = one.inputs.map((input): Known | undefined => {
    if (input === undefined) return undefined;
    const { dtype, shape } = input.tensor;
    if (input.role === "constant") return { dtype, shape, constant: input.tensor };
    const open = shape.map((size, axis): Dim => {
      const choice = d.int(0, 5);
      if (choice === 0) return null;
      if (choice > 2) return size;
      // Equal sizes may or may not share a symbol.
      const symbol = choice === 1 ? `S${size}` : `S${size}_${axis}`;
      sizes.set(symbol, size);
      return symbol;
    });
    return { dtype, shape: open };
  });
  const found = attempt(() => inferNode(node, inputs, one.opset ?? 17));
  if (found !== undefined) check(found, results, sizes);
}

function check(
  found: readonly Known[],
  results: readonly Tensor[],
  sizes: ReadonlyMap<string, number>,
): void {
  const sized = (dim: Dim, truth: number): number =>
    dim === null ? truth : typeof dim === "number" ? dim : sizes.get(dim)!;
  results.forEach((result, i) => {
    const known = found[i]!;
    expect(known.dtype).toBe(result.dtype);
    expect(known.shape.length).toBe(result.shape.length);
    expect(known.shape.map((dim, axis) => sized(dim, result.shape[axis]!))).toEqual([...result.shape]);
    const said = contents(known);
    if (said === undefined) return;
    const truth = numbers(result);
    expect(said.map((entry, k) => sized(entry, truth[k]!) + 0)).toEqual(truth.map((entry) => entry + 0));
    if (known.constant !== undefined) expect(known.constant.shape).toEqual([...result.shape]);
  });
}

/** A counterexample for people: shapes, contents of integers, attributes. */
function describeCase({ inputs, attributes, opset }: ShapeCase): string {
  const shown = inputs.map((input) => {
    if (input === undefined) return "none";
    const { dtype, shape } = input.tensor;
    return `${input.role} ${dtype}[${shape.join()}]${dtype.startsWith("int") ? `=${numbers(input.tensor).join()}` : ""}`;
  });
  return `${shown.join("; ")} ${JSON.stringify(attributes ?? {}, (_, x: unknown) => (typeof x === "bigint" ? Number(x) : x))} opset ${opset ?? 17}`;
}

test("every shape rule has a case", () => {
  expect(uncovered).toEqual([]);
});

for (const [domain, table] of Object.entries(shapeCases)) {
  for (const [op, draw] of Object.entries(table)) {
    test(`${domain === "" ? "" : `${domain}.`}${op} has the shapes and contents ONNX Runtime gives it`, async ({
      skip,
    }) => {
      const { block } = await runtime();
      skip(domain.endsWith("nchwc") && block === 1, "this build of ONNX Runtime has no blocked convolutions");
      await fc.assert(
        fc.asyncProperty(fc.gen(), async (gen) => {
          const d = drawFrom(gen);
          const one = draw(d, block);
          try {
            await compare(domain, op, one, d);
          } catch (cause) {
            throw new Error(`fails for ${describeCase(one)}`, { cause });
          }
        }),
        { numRuns },
      );
    });
  }
}
