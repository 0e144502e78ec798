import { ScopeError } from "../base/error.ts";
import { fold } from "../graph/fold.ts";
import type { Attribute, Dim, Graph, Node } from "../graph/graph.ts";
import { modules } from "../graph/modules.ts";
import { numbers, sizeOf, type Tensor } from "../tensor/tensor.ts";

/** What of a network is compared. */
export interface Comparable {
  readonly graph: Graph;
  readonly names: readonly string[];
  readonly classes: number;
  readonly title: string;
}

/** Differing tensors that a message lists. */
const listed = 5;

/**
 * Makes sure that weights of these networks can be added: the same tensors, and the same computation on them.
 * @throws {ScopeError} shape or data, listing the first differing tensors side by side with the likely reason
 */
export function sameArchitecture(networks: readonly Comparable[]): void {
  const [first, ...others] = networks;
  if (first === undefined) return;
  for (const other of others) {
    compareTensors(first, other);
    compareGraphs(first, other);
  }
}

interface Row {
  readonly left: string;
  readonly right: string;
}

const shapeOf = ({ graph }: Comparable, name: string): readonly number[] | undefined =>
  graph.initializers.get(name)?.shape;
const show = (shape: readonly Dim[]): string => `[${shape.map((dim) => dim ?? "?").join(", ")}]`;

/** "stem.conv.weight [16, 3, 3, 3] against nothing". */
function sideBySide(rows: readonly Row[]): string {
  const shown = rows.slice(0, listed).map(({ left, right }) => `${left} against ${right}`);
  const more = rows.length - shown.length;
  return `${shown.join("; ")}${more > 0 ? `; and ${more} more` : ""}`;
}

function refuse(a: Comparable, b: Comparable, reason: string, rows: readonly Row[], hint: string): never {
  throw new ScopeError(
    "shape",
    `${a.title} and ${b.title} are not the same network: ${reason} (${sideBySide(rows)})`,
    { hint },
  );
}

function compareTensors(a: Comparable, b: Comparable): void {
  const inA = new Set(a.names);
  const inB = new Set(b.names);
  const onlyA = a.names.filter((name) => !inB.has(name));
  const onlyB = b.names.filter((name) => !inA.has(name));
  if (onlyA.length > 0 || onlyB.length > 0) otherNames(a, b, onlyA, onlyB);

  const unlike = a.names.filter((name) => shapeOf(a, name)!.join() !== shapeOf(b, name)!.join());
  const rows = unlike.map((name) => ({
    left: `${name} ${show(shapeOf(a, name)!)}`,
    right: show(shapeOf(b, name)!),
  }));
  if (unlike.length > 0) otherShapes(a, b, unlike, rows);

  const place = a.names.findIndex((name, i) => name !== b.names[i]);
  if (place >= 0) {
    refuse(
      a,
      b,
      "the same tensors are used in another order",
      [{ left: a.names[place]!, right: b.names[place]! }],
      "compare networks of one architecture, exported by the same tool",
    );
  }
}

function otherNames(a: Comparable, b: Comparable, onlyA: readonly string[], onlyB: readonly string[]): never {
  const shapes = (network: Comparable): string =>
    network.names.map((name) => show(shapeOf(network, name)!)).join();
  const named = (network: Comparable, name: string | undefined): string =>
    name === undefined ? "nothing" : `${name} ${show(shapeOf(network, name)!)}`;
  if (shapes(a) === shapes(b)) {
    const rows = a.names.flatMap((name, i) =>
      name === b.names[i] ? [] : [{ left: named(a, name), right: named(b, b.names[i]) }],
    );
    refuse(
      a,
      b,
      "their tensors have the same shapes but other names: were they exported by different tools?",
      rows,
      "export both with the same tool and version",
    );
  }
  const rows = Array.from({ length: Math.max(onlyA.length, onlyB.length) }, (_, i) => ({
    left: named(a, onlyA[i]),
    right: named(b, onlyB[i]),
  }));
  const reason =
    onlyA.length > 0 && onlyB.length > 0
      ? "their tensors have other names"
      : `${onlyA.length > 0 ? "the first" : "the second"} has tensors the other lacks`;
  refuse(a, b, reason, rows, "only networks of one architecture have a path between them");
}

/** What to do about heads of different tasks. */
const otherHead = "compare networks of one task";

function otherShapes(a: Comparable, b: Comparable, unlike: readonly string[], rows: readonly Row[]): never {
  const head = new Set(modules(a.graph, "layer").find((layer) => layer.isHead)?.parameters);
  if (a.classes !== b.classes && unlike.every((name) => head.has(name))) {
    refuse(a, b, `a head of ${a.classes} classes against one of ${b.classes}`, rows, otherHead);
  }
  const [imageA, imageB] = [a, b].map(({ graph }) => graph.inputs[0]!.shape.slice(1));
  if (imageA!.join() !== imageB!.join()) {
    refuse(
      a,
      b,
      `one takes images of ${imageA!.join("×")}, the other of ${imageB!.join("×")}`,
      rows,
      "compare networks of one task",
    );
  }
  const sameRank = unlike.every((name) => shapeOf(a, name)!.length === shapeOf(b, name)!.length);
  refuse(
    a,
    b,
    sameRank ? "the same layers with another width" : "layers of another kind",
    rows,
    "only networks of one architecture have a path between them",
  );
}

interface Line {
  readonly node: Node;
  readonly text: string;
}

/** Every node as text, values known by where they are made and not by their names, which exporters count up. */
function linesOf({ graph, names }: Comparable): Line[] {
  const known = new Map<string, string>(graph.inputs.map((input, i) => [input.name, `input ${i}`]));
  const parameters = new Set(names);
  for (const initializer of graph.initializers.values()) {
    const { name, dtype, shape } = initializer;
    known.set(
      name,
      parameters.has(name) ? name : `constant ${dtype} ${show(shape)} ${contentOf(initializer.load())}`,
    );
  }
  return graph.nodes.map((node, i) => {
    node.outputs.forEach((output, k) => known.set(output, `node ${i}.${k}`));
    const operands = node.inputs.map((input) => known.get(input) ?? "").join(" | ");
    return { node, text: `${node.domain} ${node.op} (${operands}) ${attributesOf(node)}` };
  });
}

/** A constant's numbers; of a long one 64 bits that change with every byte (two FNV-1a hashes). */
function contentOf(constant: Tensor): string {
  if (sizeOf(constant.shape) <= 4096) return numbers(constant).join();
  const { buffer, byteOffset, byteLength } = constant.data;
  let [a, b] = [0x811c9dc5, 0x9e3779b9];
  for (const byte of new Uint8Array(buffer, byteOffset, byteLength)) {
    a = Math.imul(a ^ byte, 0x01000193);
    b = Math.imul(b ^ byte, 0x5bd1e995);
  }
  return `${byteLength} bytes ${a >>> 0} ${b >>> 0}`;
}

/** Where two graphs differ first; undefined when nowhere. */
function firstDifference(left: readonly Line[], right: readonly Line[]): number | undefined {
  const count = Math.max(left.length, right.length);
  return Array.from({ length: count }, (_, i) => i).find((i) => left[i]?.text !== right[i]?.text);
}

function compareGraphs(a: Comparable, b: Comparable): void {
  if (firstDifference(linesOf(a), linesOf(b)) === undefined) return;
  // A graph from a file has its constants folded, one of ours need not have.
  const [left, right] = [a, b].map((one) => linesOf({ ...one, graph: fold(one.graph) })) as [Line[], Line[]];
  const at = firstDifference(left, right);
  if (at === undefined) return;
  const say = (one: Line | undefined): string =>
    one === undefined ? "nothing" : `${one.node.op}${one.node.name === "" ? "" : ` "${one.node.name}"`}`;
  throw new ScopeError(
    "data",
    `${a.title} and ${b.title} have the same tensors but compute differently: operation ${at + 1} is ${say(left[at])} against ${say(right[at])}${left[at]?.node.op === right[at]?.node.op ? ", with other settings or operands" : ""}`,
    { hint: "export both from the same model code with the same tool and version" },
  );
}

function attributesOf({ attributes }: Node): string {
  const plain = (attribute: Attribute): unknown => {
    const { type, value } = attribute;
    // A file keeps floats in single precision: 1e-5 comes back as 9.9999997e-6.
    if (type === "float" || type === "floats") return [value].flat().map(Math.fround);
    if (type === "tensor") return [value.dtype, value.shape, numbers(value)];
    return type === "graph" ? value.nodes.map((inner) => [inner.op, attributesOf(inner)]) : value;
  };
  return JSON.stringify(
    Object.entries(attributes)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, attribute]) => [name, plain(attribute)]),
  );
}
