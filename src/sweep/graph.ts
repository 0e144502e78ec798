import { checkSpec, addressOf, shortAddress } from "../store/spec.ts";
import type { Address, CellSpec } from "../store/spec.ts";
import type { KindFacts } from "./kind.ts";

/**
 * Measured seconds per unit of estimated work, by kind (work: a kind's estimated seconds, else its steps, else 1).
 * A kind without a rate counts 1.
 */
export type Rates = Readonly<Record<string, number>>;

/** A cell of a sweep, with what planning needs. */
export interface SweepCell {
  readonly address: Address;
  readonly spec: CellSpec;
  /** What to call it before a person. */
  readonly label: string;
  /** Place in the list the sweep was given: decides between equals. */
  readonly index: number;
  /** Addresses of its inputs, each once. */
  readonly inputs: readonly Address[];
  /** Estimated work, in the kind's own unit. */
  readonly work: number;
  /** Estimated seconds on one worker. */
  readonly seconds: number;
  /** Estimated largest memory, bytes; 0 when the kind doesn't say. */
  readonly bytes: number;
  /** Estimated seconds from its start to the end of the longest chain of cells that need it, itself included. */
  readonly path: number;
}

/** Cells and who needs whom. */
export interface SweepGraph {
  /** By address, in the order given; equal specs are one cell. */
  readonly cells: ReadonlyMap<Address, SweepCell>;
  /** Cells of the sweep that take this cell (or one outside the sweep) as an input. */
  readonly dependants: ReadonlyMap<Address, readonly Address[]>;
  /** Inputs that are not cells of the sweep and must be in the store, in order of first mention. */
  readonly outside: readonly Address[];
}

/** How a graph is made from specs. */
export interface GraphOptions {
  readonly kinds: KindFacts;
  readonly rates?: Rates | undefined;
  /** Names a cell for a person, "train resnet8, seed 2"; default: kind and first digits of the address. */
  readonly label?: ((spec: CellSpec) => string) | undefined;
}

/**
 * Connects cells by the addresses of their inputs. There are no cycles: an address contains its inputs' addresses.
 * @throws {ScopeError} format, unsupported: as `checkSpec`
 */
export function sweepGraph(
  specs: readonly CellSpec[],
  { kinds, rates = {}, label }: GraphOptions,
): SweepGraph {
  const found = new Map<Address, Omit<SweepCell, "path">>();
  const dependants = new Map<Address, Address[]>();
  specs.forEach((given, index) => {
    const spec = checkSpec(given, kinds, `cell ${index + 1} of the sweep`);
    const address = addressOf(spec);
    if (found.has(address)) return;
    const inputs = [...new Set(Object.values(spec.inputs))];
    const estimate = kinds[spec.kind]?.estimate?.(spec.params) ?? {};
    const work = atLeastZero(estimate.seconds ?? estimate.steps ?? 1);
    found.set(address, {
      address,
      spec,
      label: label?.(spec) ?? `${spec.kind} ${shortAddress(address)}`,
      index,
      inputs,
      work,
      seconds: work * (rates[spec.kind] ?? 1),
      bytes: atLeastZero(estimate.bytes ?? 0),
    });
    for (const input of inputs) {
      const list = dependants.get(input);
      if (list) list.push(address);
      else dependants.set(input, [address]);
    }
  });

  const paths = longestPaths(found, dependants);
  const cells = new Map(
    [...found].map(([address, cell]) => [address, { ...cell, path: paths.get(address) ?? cell.seconds }]),
  );
  return { cells, dependants, outside: [...dependants.keys()].filter((address) => !found.has(address)) };
}

/** Longest remaining path of each cell, by working backwards from the cells nobody needs. */
function longestPaths(
  cells: ReadonlyMap<Address, Omit<SweepCell, "path">>,
  dependants: ReadonlyMap<Address, readonly Address[]>,
): Map<Address, number> {
  const open = new Map([...cells.keys()].map((address) => [address, dependants.get(address)?.length ?? 0]));
  const after = new Map<Address, number>();
  const paths = new Map<Address, number>();
  const next = [...open].flatMap(([address, count]) => (count === 0 ? [address] : []));
  for (let address = next.pop(); address !== undefined; address = next.pop()) {
    const cell = cells.get(address)!;
    const path = cell.seconds + (after.get(address) ?? 0);
    paths.set(address, path);
    for (const input of cell.inputs) {
      const count = open.get(input);
      if (count === undefined) continue;
      after.set(input, Math.max(after.get(input) ?? 0, path));
      open.set(input, count - 1);
      if (count === 1) next.push(input);
    }
  }
  return paths;
}

function atLeastZero(x: number): number {
  return Number.isFinite(x) && x > 0 ? x : 0;
}
