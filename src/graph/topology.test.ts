import fc from "fast-check";
import { expect, test } from "vitest";
import type { Graph, Node } from "./graph.ts";
import { ancestors, consumers, producers, prune, reachable, topologicalOrder } from "./topology.ts";

const node = (name: string, inputs: string[], outputs: string[] = [name]): Node => ({
  op: "Sum",
  domain: "",
  name: `make ${name}`,
  inputs,
  outputs,
  attributes: {},
});

// x → a → b → d;  x → c → d;  e hangs off b and leads nowhere.
const nodes = [
  node("a", ["x"]),
  node("b", ["a", "w"]),
  node("c", ["x"]),
  node("d", ["b", "c", "b"]),
  node("e", ["b", ""]),
];
const names = (list: readonly Node[]): string => list.map((one) => one.outputs[0]).join("");

const graph: Graph = {
  name: "g",
  inputs: [{ name: "x", dtype: "float32", shape: [1] }],
  outputs: ["d", "e"].map((name) => ({ name, dtype: "float32", shape: [1] })),
  initializers: new Map(
    ["w", "unused"].map((name) => [
      name,
      {
        name,
        dtype: "float32",
        shape: [0],
        load: () => ({ dtype: "float32", shape: [0], data: new Float32Array() }),
      },
    ]),
  ),
  nodes,
  values: new Map(["a", "e"].map((name) => [name, { name, dtype: "float32", shape: [1] }])),
  opsets: { "": 17 },
  metadata: {},
};

test("who makes and who reads a value", () => {
  expect(producers(nodes).get("d")).toBe(nodes[3]);
  expect(producers(nodes).has("x")).toBe(false);
  expect(names(consumers(nodes).get("b")!)).toBe("de");
  expect(consumers(nodes).has("")).toBe(false);
});

test("what a value is computed from, and what depends on one", () => {
  expect(names(ancestors(nodes, ["d"]))).toBe("abcd");
  expect(names(ancestors(nodes, ["d"], new Set(["b"])))).toBe("cd");
  expect([...reachable(nodes, ["a"])].toSorted().join("")).toBe("abde");
});

test("pruning leaves what the kept outputs need, and all inputs", () => {
  const kept = prune(graph, ["d"]);
  expect(names(kept.nodes)).toBe("abcd");
  expect([...kept.initializers.keys()]).toEqual(["w"]);
  expect([...kept.values.keys()]).toEqual(["a"]);
  expect(kept.inputs).toEqual(graph.inputs);
  expect(prune(graph).nodes).toEqual(nodes);
  expect(() => prune(graph, ["q"])).toThrow('graph "g" has no output called "q"');
});

test("a shuffled graph comes back in an order that works, an ordered one as it was", () => {
  expect(topologicalOrder(nodes)).toEqual(nodes);
  fc.assert(
    fc.property(fc.shuffledSubarray(nodes, { minLength: nodes.length }), (shuffled) => {
      const made = new Set(["x", "w", ""]);
      for (const one of topologicalOrder(shuffled)) {
        expect(one.inputs.every((input) => made.has(input))).toBe(true);
        for (const output of one.outputs) made.add(output);
      }
      expect(made.size).toBe(8);
    }),
  );
});

test("a circle is refused", () => {
  expect(() => topologicalOrder([node("p", ["q"]), node("q", ["p"])])).toThrow(
    'node "make p" (Sum) depends on its own output',
  );
});
