/**
 * Every gradient rule, three ways, on random shapes, attributes and numbers:
 *
 * 1. central differences of the forward graph against the gradient graph, both in the float64 oracle;
 * 2. the gradient graph in ONNX Runtime (float32) against the oracle;
 * 3. the forward graph in ONNX Runtime against the oracle, so that the oracle is held against something, too.
 *
 * An operator is tested by its entry in gradient-cases/index.ts; a rule without an entry fails. FC_RUNS sets the number
 * of random cases per operator.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { differentiate } from "../../src/autodiff/differentiate.ts";
import { gradientRules } from "../../src/autodiff/table.ts";
import { blockNote } from "../../src/graph/blocked.ts";
import { Builder } from "../../src/graph/builder.ts";
import { constant, type Graph, type Node } from "../../src/graph/graph.ts";
import { drawFrom } from "../kit/draw.ts";
import { interpret } from "../kit/float64/interpret.ts";
import { toTensor, type Value } from "../kit/float64/value.ts";
import { runInOrt, runtime } from "../kit/ort.ts";
import * as allCases from "./gradient-cases/index.ts";
import type { GradientCase, GradientCases } from "./gradient-case.ts";

const runs = Number(process.env["FC_RUNS"] ?? 25);
const caseTable: Readonly<Record<string, GradientCases>> = allCases;

describe("the table", () => {
  test("every rule has cases, and all cases have a rule", () => {
    expect(Object.keys(caseTable).toSorted()).toEqual(Object.keys(gradientRules).toSorted());
  });
});

describe("gradients agree with central differences, and ONNX Runtime with the oracle", () => {
  test.each(Object.keys(gradientRules))("%s", async (op) => {
    const cases = caseTable[op]!;
    const { block } = await runtime();
    const property = fc.asyncProperty(fc.gen(), async (gen) => {
      const d = drawFrom(gen);
      const opset = d.pick(cases.opsets);
      const built = build(op, opset, block, cases.draw(d, opset, block), d);
      await check(built);
    });
    await fc.assert(property, { numRuns: Math.ceil(runs * (cases.effort ?? 1)), seed: 20260101 });
  });
});

interface Built {
  /** Outputs: the operator's, the loss, the gradients. */
  readonly graph: Graph;
  /** Only as far as the loss. */
  readonly forward: Graph;
  readonly feeds: Record<string, Value>;
  readonly outputs: readonly string[];
  readonly loss: string;
  readonly gradients: ReadonlyMap<string, string>;
}

/** The operator in a graph, with the loss Σ w·y for random w (which may be spread over y: its gradient is then small). */
function build(
  key: string,
  opset: number,
  block: number,
  one: GradientCase,
  d: ReturnType<typeof drawFrom>,
): Built {
  const dot = key.lastIndexOf(".");
  const g = new Builder(opset);
  g.note(blockNote, String(block));
  const feeds: Record<string, Value> = {};
  const names = one.inputs.map((input, i) => {
    if (input === undefined) return "";
    const name = `x${i}`;
    if (input.role === "constant") return g.parameter(constant(name, toTensor(input.value)));
    feeds[name] = input.value;
    return g.input(name, input.value.dtype, input.value.shape);
  });
  const named = one.outputs ?? ["y"];
  g.ops(
    key.slice(dot + 1),
    names,
    { ...one.attributes },
    { domain: key.slice(0, Math.max(dot, 0)), names: named },
  );
  const terms = (one.lossOn ?? [0]).map((index) => {
    const y = named[index]!;
    const shape = g.shape(y);
    const w = d.normal(d.bool() ? shape : d.broadcastable(shape));
    const name = `w${index}`;
    const weight = { ...w, dtype: g.dtype(y) };
    feeds[name] = weight;
    const weighted = g.mul(g.input(name, weight.dtype, weight.shape), y);
    return g.reshape(
      g.reduceSum(
        weighted,
        shape.map((_, axis) => axis),
        false,
      ),
      [],
    );
  });
  const total = terms.reduce((a, b) => g.plus(a, b));
  const loss = g.op("Cast", [total], { to: 1 });
  const wanted = names.filter((_, i) => one.inputs[i]?.role === "wrt");
  const forward = finish(g, [loss]);
  const before = g.nodes.length;
  const gradients = differentiate(g, g.nodes.slice(), loss, wanted);
  expect(idle(g.nodes.slice(before), new Set(gradients.values())), "nodes nobody needs").toEqual([]);
  const outputs = named.filter((name) => name !== "");
  return {
    graph: finish(g, [...outputs, loss, ...new Set(gradients.values())]),
    forward,
    feeds,
    outputs,
    loss,
    gradients,
  };
}

/** Nodes none of whose outputs is used. */
function idle(nodes: readonly Node[], wanted: Set<string>): string[] {
  for (const node of nodes) for (const input of node.inputs) wanted.add(input);
  return nodes.filter((node) => !node.outputs.some((output) => wanted.has(output))).map((node) => node.op);
}

/** The graph so far; the builder goes on. Constants and inputs may be outputs, too, by way of Identity. */
function finish(g: Builder, outputs: readonly string[]): Graph {
  const graph = g.finish("case");
  return {
    ...graph,
    nodes: graph.nodes.slice(),
    outputs: outputs.map((name) => ({ name, dtype: g.dtype(name), shape: g.shape(name) })),
  };
}

async function check(built: Built): Promise<void> {
  const oracle = interpret(built.graph, built.feeds);
  centralDifferences(built, oracle);
  const fetched = {
    ...built.graph,
    outputs: built.graph.outputs.filter(({ name }) => !(name in built.feeds)),
  };
  const actual = await runInOrt(fetched, built.feeds);
  for (const [name, result] of actual) {
    const expected = oracle.get(name)!;
    expect(result.shape, `shape of ${name}`).toEqual(expected.shape);
    expect(result.dtype, `type of ${name}`).toBe(expected.dtype);
    closeInNorm(result.data, expected.data, name);
  }
}

/** Step of the differences: their error is about step² · f‴ + 1e-16 · |f| / step, near 1e-10. */
const step = 1e-5;

function centralDifferences(
  { forward, feeds, loss, gradients }: Built,
  oracle: ReadonlyMap<string, Value>,
): void {
  const at = (name: string, moved: Float64Array): number =>
    interpret(forward, { ...feeds, [name]: { ...feeds[name]!, data: moved } }).get(loss)!.data[0]!;
  for (const [name, gradientName] of gradients) {
    const x = feeds[name]!;
    const gradient = oracle.get(gradientName)!;
    expect(gradient.shape, `shape of the gradient of ${name}`).toEqual(x.shape);
    // Few numbers: one by one. Many: along fixed directions that touch all of them.
    const few = x.data.length <= 24;
    const directions = few
      ? Array.from(x.data, (_, i) => x.data.map((_number, j) => Number(i === j)))
      : [1, 2, 3].map((k) => direction(x.data.length, k));
    for (const v of directions) {
      const numeric =
        (at(
          name,
          x.data.map((number, i) => number + step * v[i]!),
        ) -
          at(
            name,
            x.data.map((number, i) => number - step * v[i]!),
          )) /
        (2 * step);
      const analytic = dot(gradient.data, v);
      // The constants in the gradient graph are float32, so 6e-8 relative each: 0.2 allows for numbers near 1 that cancel.
      const scale = norm(gradient.data) * norm(v) + 1e-3 * Math.abs(oracle.get(loss)!.data[0]!) + 0.2;
      expect(
        Math.abs(analytic - numeric) / scale,
        `gradient of ${name}: ${analytic} against ${numeric}`,
      ).toBeLessThan(1e-6);
    }
  }
}

function direction(length: number, k: number): Float64Array {
  return Float64Array.from({ length }, (_, i) => Math.sin(k * 1.7 * (i + 1)) + 0.1);
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, number, i) => sum + number * b[i]!, 0);
}

function norm(a: Float64Array): number {
  return Math.sqrt(dot(a, a));
}

/** float32 has 6e-8; a few operations lose a decade or two where numbers cancel. */
function closeInNorm(actual: Float64Array, expected: Float64Array, name: string): void {
  const distance = norm(actual.map((number, i) => number - expected[i]!));
  const scale = norm(expected) + 1e-2 * Math.sqrt(expected.length);
  expect(
    expected.length === 0 ? 0 : distance / scale,
    `${name}: ONNX Runtime gives ${actual.slice(0, 8).join(", ")}, expected ${expected.slice(0, 8).join(", ")}`,
  ).toBeLessThan(1e-4);
}
