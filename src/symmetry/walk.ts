import { ScopeError } from "../base/error.ts";
import type { Dim, Graph, Node, ValueInfo } from "../graph/graph.ts";
import { inferNode } from "../graph/infer.ts";
import { type Known, knownInitializer, numericShape } from "../graph/known.ts";
import { modules } from "../graph/modules.ts";
import { label } from "../graph/shapes/rule.ts";
import { consumers, reachable } from "../graph/topology.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { fix, fixedAxis, freeAxis, resolve } from "./atoms.ts";
import { collapse, isStack, isTakenApart, sizesOf, type Stack } from "./stack.ts";
import * as onnx from "./axes/index.ts";
import * as microsoft from "./axes/microsoft.ts";
import type { Axes, AxisContext, AxisRule, Relation } from "./axes/rule.ts";

/** Axis rules by domain, then by operator. */
export const axisRules: Readonly<Record<string, Readonly<Record<string, AxisRule>>>> = {
  "": onnx,
  "com.microsoft": microsoft,
};

/** A node with what its rule said about its operands. */
export interface Related {
  readonly node: Node;
  /** "moves": axis by axis; "regroups": axes joined and parted; "unknown": the rule said nothing. */
  readonly relation: Relation | "moves" | "regroups" | "unknown";
}

/** What the walk through a graph found. */
export interface Walk {
  /** Axes of every value whose shape is known, parameters included, constants not. */
  readonly axes: ReadonlyMap<string, Axes>;
  /** Values whose slices along one axis have axes of their own; they are not in `axes`. */
  readonly stacks: ReadonlyMap<string, Stack>;
  /** The initializers that may be permuted, in order of first use. */
  readonly parameters: readonly string[];
  /** Values that depend neither on data nor on parameters: they do not change along axes that are free. */
  readonly inert: ReadonlySet<string>;
  /** Values that depend on the graph's inputs. */
  readonly data: ReadonlySet<string>;
  readonly nodes: readonly Related[];
}

/**
 * Symbolic sizes are given numbers for the walk. What holds for these holds for others: the rules look at how axes are
 * made of each other, and 7 and 11 meet nothing by chance that networks are made of.
 */
function sizeFor(axis: number, rank: number): number {
  if (axis === 0) return 7;
  // An image whose sides survive five halvings; sides that differ, so that they are never taken for each other.
  if (rank >= 4 && axis >= 2) return axis === 2 ? 64 : 96;
  return 11;
}

/**
 * Walks through the nodes in order and applies each operator's axis rule. Operators without a rule, and values whose shape
 * cannot be known, fix whatever they touch.
 * @param keep outputs whose elements must keep their places
 * @throws {ScopeError} shape or format, when the graph contradicts itself
 */
export function walk(graph: Graph, keep: ReadonlySet<string>): Walk {
  return new Walker(graph).walk(keep);
}

class Walker {
  readonly #graph: Graph;
  readonly #axes = new Map<string, Axes>();
  readonly #constants = new Map<string, () => Axes>();
  readonly #stacks = new Map<string, Stack>();
  readonly #readers: ReadonlyMap<string, readonly Node[]>;
  readonly #known = new Map<string, Known>();
  readonly #inert = new Set<string>();
  readonly #stated = new Map<string, readonly Dim[]>();
  readonly #nodes: Related[] = [];
  readonly #parameters: readonly string[];
  readonly #sizes = new Map<string, number>();

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#readers = consumers(graph.nodes);
    this.#parameters = parametersOf(graph);
    for (const { shape } of graph.inputs) {
      shape.forEach((dim, axis) => {
        if (typeof dim === "string" && !this.#sizes.has(dim))
          this.#sizes.set(dim, sizeFor(axis, shape.length));
      });
    }
    const infos = [...graph.values.values(), ...graph.outputs];
    for (const info of infos) {
      if (info.unranked === undefined) this.#stated.set(info.name, this.#bound(info).shape);
    }
  }

  walk(keep: ReadonlySet<string>): Walk {
    const graph = this.#graph;
    for (const input of graph.inputs) {
      const { dtype, shape } = this.#bound(input);
      this.#known.set(input.name, { dtype, shape });
      const sizes = numericShape(shape);
      if (sizes !== undefined)
        this.#axes.set(
          input.name,
          sizes.map((size) => fixedAxis(size)),
        );
    }
    const isParameter = new Set(this.#parameters);
    const fed = new Set(graph.inputs.map((input) => input.name));
    for (const initializer of graph.initializers.values()) {
      const { name, shape } = initializer;
      // Old files list initializers among the inputs: what a caller may replace stays where it is.
      if (fed.has(name)) continue;
      this.#known.set(name, knownInitializer(initializer));
      if (isParameter.has(name))
        this.#axes.set(
          name,
          shape.map((size) => freeAxis(size)),
        );
      else this.#constant(name, initializer.load());
    }
    for (const node of graph.nodes) this.#visit(node);
    for (const { name } of graph.outputs) {
      if (!keep.has(name)) continue;
      const goesOn = this.#readers.has(name);
      const why = goesOn ? { reason: `the network shows it in its output "${name}"` } : {};
      for (const axis of this.#axesOf(name) ?? []) fix(axis, why);
    }
    this.#settle();
    const data = reachable(
      graph.nodes,
      graph.inputs.map((input) => input.name),
    );
    return {
      axes: this.#axes,
      stacks: this.#stacks,
      parameters: this.#parameters,
      inert: this.#inert,
      data,
      nodes: this.#nodes,
    };
  }

  /**
   * Resolves every axis once. An axis that became a product of a space and a sum fixes the space when it is resolved, so
   * before this nothing that looks free may be believed.
   */
  #settle(): void {
    const letters = this.#nodes.flatMap(({ relation }) =>
      typeof relation === "string" ? [] : [...relation.inputs, ...relation.outputs, ...relation.mixed],
    );
    const stacked = [...this.#stacks.values()].flatMap((stack) => stack.slices);
    for (const axes of [...this.#axes.values(), ...stacked, ...letters])
      axes?.forEach((axis) => resolve(axis));
  }

  #bound(info: ValueInfo): ValueInfo {
    const number = (dim: Dim): Dim => (typeof dim === "string" ? (this.#sizes.get(dim) ?? null) : dim);
    return { ...info, shape: info.shape.map(number) };
  }

  /**
   * A constant that is no parameter is never permuted, so its axes are free only where all its slices are equal. They are
   * made anew wherever it is read: one constant read in two places does not tie these to each other.
   */
  #constant(name: string, value: Tensor): void {
    this.#inert.add(name);
    const uniform = value.shape.map((_, axis) => isUniform(value, axis));
    this.#constants.set(name, () =>
      value.shape.map((size, axis) =>
        uniform[axis]!
          ? freeAxis(size)
          : fixedAxis(size, { reason: `the constant "${name}" differs along it` }),
      ),
    );
  }

  /** The axes of a value to a node that does not know of stacks; a stack's slices are made one. */
  #axesOf(name: string): Axes | undefined {
    const stack = this.#stacks.get(name);
    if (stack !== undefined) {
      this.#stacks.delete(name);
      this.#axes.set(name, collapse(stack, `"${name}" stacks slices whose parts do not fit each other`));
    }
    return this.#axes.get(name) ?? this.#constants.get(name)?.();
  }

  #visit(node: Node): void {
    const inputs = node.inputs.map((name) => (name === "" ? undefined : this.#known.get(name)));
    const outputs = this.#infer(node, inputs);
    node.outputs.forEach((name, i) => {
      const known = outputs?.[i];
      if (name !== "" && known !== undefined) this.#known.set(name, known);
    });
    const made = node.outputs.filter((name) => name !== "");
    if (made.every((name) => this.#known.get(name)?.constant !== undefined)) {
      for (const name of made) this.#constant(name, this.#known.get(name)!.constant!);
      return;
    }
    const read = [...node.inputs.filter((name) => name !== ""), ...captured(node)];
    if (read.every((name) => this.#inert.has(name))) for (const name of made) this.#inert.add(name);
    try {
      this.#apply(node, inputs);
    } catch (error) {
      if (!(error instanceof ScopeError) || error.fault !== "unsupported") throw error;
      const why = { reason: error.message };
      for (const name of read) for (const axis of this.#axesOf(name) ?? []) fix(axis, why);
      for (const name of made) {
        const shape = this.#numeric(name);
        this.#stacks.delete(name);
        if (shape === undefined) this.#axes.delete(name);
        else
          this.#axes.set(
            name,
            shape.map((size) => fixedAxis(size, why)),
          );
      }
    }
  }

  #numeric(name: string): number[] | undefined {
    const known = this.#known.get(name);
    return known && numericShape(known.shape);
  }

  /** What inference, or else the file, says of the outputs; undefined where a shape stays unknown. */
  #infer(node: Node, inputs: readonly (Known | undefined)[]): (Known | undefined)[] | undefined {
    const stated = (): (Known | undefined)[] =>
      node.outputs.map((name) => {
        const shape = this.#stated.get(name);
        return shape && { dtype: "float32", shape };
      });
    if (node.inputs.some((name, i) => name !== "" && inputs[i] === undefined)) return stated();
    try {
      const found = inferNode(node, inputs, this.#graph.opsets[""] ?? 17);
      // The file may know sizes that inference does not.
      return found.map((known, i) => {
        if (numericShape(known.shape) !== undefined) return known;
        const shape = this.#stated.get(node.outputs[i] ?? "");
        return shape === undefined || numericShape(shape) === undefined ? known : { ...known, shape };
      });
    } catch (error) {
      if (!(error instanceof ScopeError) || error.fault !== "unsupported") throw error;
      return stated();
    }
  }

  #apply(node: Node, known: readonly (Known | undefined)[]): void {
    const rule = ruleOf(node);
    const refuse = (reason: string): never => {
      throw new ScopeError("unsupported", `${label(node)} ${reason}`);
    };
    if (rule === undefined) refuse("is an operator whose symmetries are not known");
    for (const name of [...node.inputs, ...node.outputs]) {
      if (name === "") continue;
      const shape = this.#numeric(name);
      if (shape === undefined) refuse(`meets "${name}", whose shape is not known`);
      if (shape!.includes(0)) refuse(`meets "${name}", which is empty`);
    }
    let relation: Related["relation"] = "unknown";
    const read = new Map<number, Axes>();
    const context: AxisContext = {
      node,
      opset: this.#graph.opsets[""] ?? 17,
      label: label(node),
      known,
      axes: (i) => {
        const kept = read.get(i);
        if (kept !== undefined) return kept;
        const axes = this.#axesOf(node.inputs[i] ?? "") ?? refuse(`has no input ${i}`);
        // Letters are told apart by identity: one axis met twice must not look like one index.
        const own = axes.map((axis) => [...axis]);
        read.set(i, own);
        return own;
      },
      stack: (i) => this.#stacks.get(node.inputs[i] ?? ""),
      isTakenApart: (i, axis) => isTakenApart(this.#readers, this.#known, node.outputs[i] ?? "", axis),
      has: (i) => (node.inputs[i] ?? "") !== "",
      shape: (i) => this.#numeric(node.outputs[i] ?? "") ?? refuse(`has no output ${i}`),
      relate: (stated) => (relation = stated),
      moves: () => (relation = "moves"),
      regroups: () => (relation = "regroups"),
      refuse,
    };
    const outputs = rule!(context);
    node.outputs.forEach((name, i) => {
      if (name === "") return;
      const made = outputs[i] ?? refuse(`has an output ${i} its rule says nothing about`);
      const sizes = sizesOf(made);
      const shape = this.#numeric(name)!;
      if (sizes.join() !== shape.join())
        refuse(`makes [${shape.join(", ")}], where its rule says [${sizes.join(", ")}]`);
      if (isStack(made)) this.#stacks.set(name, made);
      else this.#axes.set(name, made);
    });
    this.#nodes.push({ node, relation });
  }
}

function ruleOf(node: Node): AxisRule | undefined {
  const table = Object.hasOwn(axisRules, node.domain) ? axisRules[node.domain] : undefined;
  return table !== undefined && Object.hasOwn(table, node.op) ? table[node.op] : undefined;
}

/** Parameters and statistics in order of first use. Other element types than float32 are never permuted. */
function parametersOf(graph: Graph): string[] {
  try {
    const names = modules(graph, "layer").flatMap((module) => [...module.parameters, ...module.statistics]);
    return names.filter((name) => graph.initializers.get(name)!.dtype === "float32");
  } catch (error) {
    // A graph without parameters has no symmetries; that is an answer, not a mistake.
    if (error instanceof ScopeError && error.fault === "unsupported") return [];
    throw error;
  }
}

/** Values of the graph around it that a node's subgraphs (If, Loop) read. */
function captured(node: Node): string[] {
  return Object.values(node.attributes).flatMap((attribute) => {
    if (attribute.type !== "graph") return [];
    const inner = attribute.value;
    return [
      ...inner.nodes.flatMap((one) => [...one.inputs, ...captured(one)]),
      ...inner.outputs.map((output) => output.name),
    ];
  });
}

/** Whether all slices of a tensor along an axis are equal. */
function isUniform(value: Tensor, axis: number): boolean {
  const { data, shape } = value;
  const inner = shape.slice(axis + 1).reduce((size, one) => size * one, 1);
  const row = inner * shape[axis]!;
  for (let start = 0; start < data.length; start += row) {
    for (let i = inner; i < row; i++) if (data[start + i] !== data[start + i - inner]) return false;
  }
  return true;
}
