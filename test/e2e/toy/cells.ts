import type { Json } from "../../../src/base/canonical.ts";
import { addressOf } from "../../../src/store/spec.ts";
import type { CellSpec } from "../../../src/store/spec.ts";

/** A toy cell with inputs in order. */
export function cell(kind: string, params: Json, ...inputs: readonly CellSpec[]): CellSpec {
  return {
    kind,
    version: 1,
    params,
    inputs: Object.fromEntries(inputs.map((input, i) => [`in${i}`, addressOf(input)])),
  };
}

/**
 * A toy study: roots, branches from each, one sum for each root and one over all; 4·n + 1 cells.
 * @param ms time per step of the chains
 */
export function toyStudy(n: number, ms: number): CellSpec[] {
  const roots = Array.from({ length: n }, (_, seed) => cell("chain", { steps: 20, ms, seed }));
  const branches = roots.map((root, i) =>
    [1, 2].map((j) => cell("chain", { steps: 10 + 10 * j, ms, seed: 100 * i + j }, root)),
  );
  const sums = branches.map((pair, i) => cell("sum", { add: i }, ...pair));
  // Last things first: the order must not matter.
  return [cell("sum", { add: 1000 }, ...sums), ...sums, ...branches.flat(), ...roots];
}
