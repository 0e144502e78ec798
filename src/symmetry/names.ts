import type { Graph } from "../graph/graph.ts";
import { ancestors, producers } from "../graph/topology.ts";
import { type Atom, resolve } from "./atoms.ts";
import type { Walk } from "./walk.ts";

/**
 * A name for each space: the parameter that makes the first inner value carrying it, "conv1.weight output"; with the
 * positions or the factor where it is only a part of that, "qkv.weight output 0–63, 4 of 4 × 16". Unique.
 */
export function nameSpaces(graph: Graph, found: Walk, atoms: readonly Atom[]): string[] {
  const open = new Set(atoms);
  const names = new Map<Atom, string>();
  const isParameter = new Set(found.parameters);
  const made = producers(graph.nodes);
  for (const value of graph.nodes.flatMap((node) => node.outputs)) {
    if (open.size === 0 || !found.data.has(value)) continue;
    const here = atomsOf(found, value).filter((atom) => open.has(atom));
    if (here.length === 0) continue;
    const node = made.get(value)!;
    // The parameters of this node, also through nodes that only rearrange them.
    const side = node.inputs.filter((name) => name !== "" && !found.data.has(name));
    const near = [...side, ...ancestors(graph.nodes, side).flatMap((one) => one.inputs)];
    const parameters = near.filter((name) => isParameter.has(name));
    for (const atom of here) {
      const parameter = parameters.find((name) => atomsOf(found, name).includes(atom));
      if (parameter === undefined) continue;
      names.set(atom, `${parameter} output${placeOf(found, parameter, atom)}`);
      open.delete(atom);
    }
  }
  for (const atom of open) {
    const parameter = found.parameters.find((name) => atomsOf(found, name).includes(atom))!;
    names.set(atom, `${parameter}${placeOf(found, parameter, atom)}`);
  }
  const taken = new Map<string, number>();
  return atoms.map((atom) => {
    const name = names.get(atom)!;
    const count = (taken.get(name) ?? 0) + 1;
    taken.set(name, count);
    return count === 1 ? name : `${name} (${count})`;
  });
}

function atomsOf(found: Walk, name: string): Atom[] {
  return (found.axes.get(name) ?? []).flatMap((axis) => resolve(axis).flat());
}

/** Where in a parameter's axis an atom stands: nothing when it is the whole axis. */
function placeOf(found: Walk, parameter: string, atom: Atom): string {
  for (const axis of found.axes.get(parameter)!) {
    const segments = resolve(axis);
    let start = 0;
    for (const segment of segments) {
      const size = segment.reduce((total, one) => total * one.size, 1);
      if (segment.includes(atom)) {
        const range = segments.length > 1 ? ` ${start}–${start + size - 1}` : "";
        const sizes = segment.map((one) => one.size).join(" × ");
        const factor = segment.length > 1 ? ` (factor ${segment.indexOf(atom) + 1} of ${sizes})` : "";
        return `${range}${factor}`;
      }
      start += size;
    }
  }
  return "";
}
