import { ScopeError } from "../base/error.ts";
import type { Builder } from "../graph/builder.ts";
import type { Node } from "../graph/graph.ts";
import { nodesBetween, requireDifferentiable } from "./paths.ts";
import { ruleOf } from "./table.ts";

/**
 * Operators whose output has the broadcast shape of its inputs and whose rules work number by number. Their rules take
 * a `dy` that is smaller than the output and would only broadcast to it, as the gradient of a mean or a sum is: writing
 * the same number many times costs more than all the arithmetic.
 */
const elementwise: ReadonlySet<string> = new Set([
  "Abs",
  "Add",
  "Cast",
  "CastLike",
  "Celu",
  "Clip",
  "Cos",
  "Div",
  "Elu",
  "Erf",
  "Exp",
  "Expand",
  "Gelu",
  "HardSigmoid",
  "HardSwish",
  "Identity",
  "LeakyRelu",
  "Log",
  "Max",
  "Mean",
  "Min",
  "Mish",
  "Mul",
  "Neg",
  "PRelu",
  "Pow",
  "Reciprocal",
  "Relu",
  "Selu",
  "Sigmoid",
  "Sin",
  "Softplus",
  "Softsign",
  "Sqrt",
  "Sub",
  "Sum",
  "Tanh",
  "ThresholdedRelu",
  "Where",
]);

export interface DifferentiateOptions {
  /** What to do about a value that does not influence the loss: refuse (the default), or give it zeros. */
  readonly unreached?: "refuse" | "zeros";
}

/**
 * Appends the gradient of a scalar loss to the graph that computes it (reverse mode, one sweep from the loss back).
 *
 * `nodes` are the forward nodes, already in the builder and in topological order; every size must be a number. Only
 * nodes on a path from `wrt` to `loss` are visited. The map holds for each name of `wrt` the value of ∂loss/∂name, in
 * the shape and type of that value.
 *
 * Source: Griewank and Walther, Evaluating Derivatives, 2008, chapter 3.
 * @throws {ScopeError} unsupported, before anything is added, naming every operator on the way that has no rule;
 *   shape, when the loss is not a scalar; usage, when a value does not influence the loss and that is not allowed
 */
export function differentiate(
  g: Builder,
  nodes: readonly Node[],
  loss: string,
  wrt: readonly string[],
  options: DifferentiateOptions = {},
): Map<string, string> {
  if (g.rank(loss) !== 0) {
    throw new ScopeError(
      "shape",
      `the loss "${loss}" must be a scalar, but has shape [${g.shape(loss).join(", ")}]`,
    );
  }
  for (const name of wrt) g.shape(name);
  requireDifferentiable(nodes, wrt, loss);
  const path = nodesBetween(nodes, wrt, [loss]);
  const gradients = new Gradients(g);
  gradients.add(loss, g.scalar(1, g.dtype(loss)));
  for (const node of path.nodes.toReversed()) backward(g, node, gradients, path.varying);

  const unreached = wrt.filter((name) => gradients.total(name) === undefined);
  if (unreached.length > 0 && options.unreached !== "zeros") {
    const shown = unreached
      .slice(0, 5)
      .map((name) => `"${name}"`)
      .join(", ");
    throw new ScopeError(
      "usage",
      `the loss does not depend on ${shown}${unreached.length > 5 ? ` and ${unreached.length - 5} more` : ""}`,
      {
        hint: "leave unused parameters out of the list of trained ones",
      },
    );
  }
  return new Map(
    wrt.map((name) => [name, gradients.full(name) ?? spread(g, g.scalar(0, g.dtype(name)), g.shape(name))]),
  );
}

function backward(g: Builder, node: Node, gradients: Gradients, varying: ReadonlySet<string>): void {
  const broadcasts = node.domain === "" && elementwise.has(node.op);
  const dy = node.outputs.map((output) =>
    output === "" ? undefined : broadcasts ? gradients.total(output) : gradients.full(output),
  );
  if (dy.every((value) => value === undefined)) return;
  const needs = node.inputs.map((input) => varying.has(input) && g.dtype(input).includes("float"));
  if (!needs.includes(true)) return;
  const rule = ruleOf(node)!;
  const results = rule({ node, x: node.inputs, y: node.outputs, dy, needs, g });
  const extra = results.findIndex((value, i) => value !== undefined && i >= node.inputs.length);
  if (extra >= 0) {
    throw new ScopeError(
      "bug",
      `internal: the rule for ${node.op} returned ${extra + 1} gradients, but node "${node.name}" has ${node.inputs.length} inputs`,
    );
  }
  const whole = broadcasts ? g.shape(node.outputs[0]!) : undefined;
  node.inputs.forEach((input, i) => {
    const gradient = results[i];
    if (gradient === undefined || !needs[i]) return;
    if (g.dtype(gradient) !== g.dtype(input)) {
      throw new ScopeError(
        "bug",
        `internal: the rule for ${node.op} returned a ${g.dtype(gradient)} gradient for "${input}", which is ${g.dtype(input)}`,
      );
    }
    gradients.add(input, fold(g, gradient, whole, g.shape(input), node));
  });
}

/**
 * Brings a gradient to the shape of the input it belongs to, or to one that broadcasts to it: axes along which the
 * input was spread are summed over. `whole` is the shape the gradient stands for when it may be smaller than that.
 */
function fold(
  g: Builder,
  gradient: string,
  whole: readonly number[] | undefined,
  shape: readonly number[],
  node: Node,
): string {
  const own = g.shape(gradient);
  const rank = Math.max(own.length, whole?.length ?? 0, shape.length);
  const from = aligned(own, rank);
  const to = aligned(shape, rank);
  const meant = whole === undefined ? from : aligned(whole, rank);
  const sums: number[] = [];
  let copies = 1;
  for (let axis = 0; axis < rank; axis++) {
    const fits = from[axis] === to[axis] || from[axis] === 1 || to[axis] === 1;
    if (!fits) {
      throw new ScopeError(
        "bug",
        `internal: the rule for ${node.op} returned a gradient of shape [${own.join(", ")}] for an input of shape [${shape.join(", ")}] (node "${node.name}")`,
      );
    }
    if (to[axis] !== 1) continue;
    if (from[axis] !== 1) sums.push(axis - (rank - own.length));
    else copies *= meant[axis]!;
  }
  const summed = g.reduceSum(gradient, sums, true);
  const now = aligned(g.shape(summed), rank);
  return g.reshape(g.scale(summed, copies), now.slice(rank - shape.length));
}

function aligned(shape: readonly number[], rank: number): number[] {
  return [...Array.from({ length: rank - shape.length }, () => 1), ...shape];
}

function spread(g: Builder, value: string, shape: readonly number[]): string {
  const own = g.shape(value);
  const same = own.length === shape.length && own.every((size, axis) => size === shape[axis]);
  return same ? value : g.op("Expand", [value, g.ints(shape)]);
}

/** Gradients found so far: several for a value that is used several times. */
class Gradients {
  readonly #g: Builder;
  readonly #parts = new Map<string, string[]>();

  constructor(g: Builder) {
    this.#g = g;
  }

  add(name: string, gradient: string): void {
    const parts = this.#parts.get(name);
    if (parts === undefined) this.#parts.set(name, [gradient]);
    else parts.push(gradient);
  }

  /** The sum of all parts; its shape is that of the value or broadcasts to it. */
  total(name: string): string | undefined {
    const parts = this.#parts.get(name);
    if (parts === undefined) return undefined;
    if (parts.length > 1) {
      const sum = parts.length === 2 ? this.#g.op("Add", parts) : this.#g.op("Sum", parts);
      this.#parts.set(name, [sum]);
      return sum;
    }
    return parts[0];
  }

  /** The sum of all parts in the shape of the value. */
  full(name: string): string | undefined {
    const total = this.total(name);
    if (total === undefined) return undefined;
    const whole = spread(this.#g, total, this.#g.shape(name));
    this.#parts.set(name, [whole]);
    return whole;
  }
}
