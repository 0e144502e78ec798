import { ScopeError } from "../base/error.ts";
import type { Graph } from "../graph/graph.ts";
import { type Granularity, modules } from "../graph/modules.ts";

/** A part of a network that is moved as one. */
export interface ChosenModule {
  readonly name: string;
  /** Place among the modules, 0 at the input. */
  readonly depth: number;
  readonly isHead: boolean;
  readonly parameters: readonly string[];
  readonly statistics: readonly string[];
  /** Numbers in its parameters. */
  readonly size: number;
  /** How `train` is told to freeze exactly this: names of modules or parameters. */
  readonly freeze: readonly string[];
}

/** The modules of a network as they were asked for. */
export interface ChosenModules {
  /** From input to output. */
  readonly modules: readonly ChosenModule[];
  /** What was asked for: "layer", "block", "stage" or the regular expression. */
  readonly granularity: string;
  /** What a reader should know: what was left out, and why. */
  readonly notes: readonly string[];
}

type Part = Pick<ChosenModule, "name" | "isHead" | "parameters" | "statistics" | "size">;

const granularities: readonly string[] = ["layer", "block", "stage"] satisfies Granularity[];
/** Names that a message lists. */
const listed = 12;

/**
 * The modules of a network: at one of the granularities of `modules`, or by a regular expression over the layers' names
 * (between slashes or not): layers in whose names it matches the same text are one module, called by that text; the
 * others are left out. Modules without trainable parameters are left out and named.
 * @throws {ScopeError} usage, for a pattern that is none or matches no layer; unsupported, when nothing can be moved
 */
export function chooseModules(graph: Graph, asked: string): ChosenModules {
  const layers = modules(graph, "layer");
  const pattern = granularities.includes(asked) ? undefined : patternOf(asked);
  const notes: string[] = [];
  let parts: Part[] =
    pattern === undefined ? withoutWeightsJoined(graph, modules(graph, asked as Granularity), asked) : [];
  if (pattern !== undefined) {
    const groups = new Map<string, Part>();
    const left: string[] = [];
    for (const layer of layers) {
      const text = pattern.exec(layer.name)?.[0];
      if (text === undefined || text === "") {
        left.push(layer.name);
        continue;
      }
      const before = groups.get(text);
      groups.set(text, {
        name: text,
        isHead: layer.isHead || before?.isHead === true,
        parameters: [...(before?.parameters ?? []), ...layer.parameters],
        statistics: [...(before?.statistics ?? []), ...layer.statistics],
        size: (before?.size ?? 0) + layer.size,
      });
    }
    if (groups.size === 0) {
      throw new ScopeError("usage", `--modules ${asked} matches the name of no layer`, {
        hint: `choose layer, block or stage, or match some of: ${some(layers.map(({ name }) => name))}`,
      });
    }
    parts = [...groups.values()];
    if (left.length > 0)
      notes.push(
        `${left.length} of ${layers.length} layers match nothing of --modules ${asked} and were left final: ${some(left)}.`,
      );
  }
  const empty = parts.filter(({ parameters }) => parameters.length === 0);
  if (empty.length > 0)
    notes.push(
      `Left out, as ${empty.length === 1 ? "it has" : "they have"} no trainable parameters: ${some(empty.map(({ name }) => name))}.`,
    );
  const moved = parts.filter(({ parameters }) => parameters.length > 0);
  if (moved.length === 0) {
    throw new ScopeError(
      "unsupported",
      `none of the modules asked for has a trainable parameter: ${some(empty.map(({ name }) => name))}`,
      { hint: "choose others with --modules" },
    );
  }
  const chosen = moved.map(({ name, isHead, parameters, statistics, size }, depth) => ({
    name,
    depth,
    isHead,
    parameters,
    statistics,
    size,
    freeze: freezeNames(layers, name, parameters),
  }));
  return { modules: chosen, granularity: asked, notes };
}

/**
 * Blocks and stages of a person's kind: what stands by itself without a weight of rank 2 or more (a bias before the head, a
 * last normalisation) belongs to what comes before it. A single number would count as much as a stage in every order.
 */
function withoutWeightsJoined(graph: Graph, parts: readonly Part[], asked: string): Part[] {
  if (asked === "layer") return [...parts];
  const joined: Part[] = [];
  for (const part of parts) {
    const before = joined.at(-1);
    const weighty = part.parameters.some((name) => graph.initializers.get(name)!.shape.length >= 2);
    if (weighty || part.isHead || before === undefined) {
      joined.push(part);
      continue;
    }
    joined[joined.length - 1] = {
      ...before,
      parameters: [...before.parameters, ...part.parameters],
      statistics: [...before.statistics, ...part.statistics],
      size: before.size + part.size,
    };
  }
  return joined;
}

function patternOf(asked: string): RegExp {
  const slashed = /^\/(.*)\/([iu]*)$/s.exec(asked);
  const [, body = asked, flags = ""] = slashed ?? [];
  // A bare word is more likely a granularity mistyped than a pattern.
  if (slashed === null && /^[a-z]+$/i.test(asked)) {
    throw new ScopeError(
      "usage",
      `--modules expected layer, block, stage or /a regular expression/, got "${asked}"`,
      {
        hint: `write a pattern between slashes: --modules "/${asked}/"`,
      },
    );
  }
  try {
    return new RegExp(body, flags);
  } catch (cause) {
    throw new ScopeError(
      "usage",
      `--modules ${asked} is not a regular expression: ${(cause as Error).message}`,
      {
        hint: 'for example --modules "/stage[0-9]+/"',
        cause,
      },
    );
  }
}

/**
 * What `train` calls these parameters: the module's own name where that means exactly them, else its layers' names, else
 * the parameters'. Its freeze takes a name for everything that is called so or begins with it and a dot.
 */
function freezeNames(
  layers: readonly { readonly name: string; readonly parameters: readonly string[] }[],
  name: string,
  parameters: readonly string[],
): string[] {
  const wanted = new Set(parameters);
  const meant = (pattern: string): string[] =>
    layers.flatMap((layer) =>
      layer.parameters.filter((one) =>
        [one, layer.name].some((text) => text === pattern || text.startsWith(`${pattern}.`)),
      ),
    );
  const exact = (pattern: string): boolean => {
    const found = meant(pattern);
    return found.length > 0 && found.every((one) => wanted.has(one));
  };
  if (exact(name) && meant(name).length === wanted.size) return [name];
  return layers.flatMap((layer) => {
    const own = layer.parameters.filter((one) => wanted.has(one));
    if (own.length === 0) return [];
    return own.length === layer.parameters.length && exact(layer.name) ? [layer.name] : own;
  });
}

function some(names: readonly string[]): string {
  const more = names.length - listed;
  return `${names.slice(0, listed).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
