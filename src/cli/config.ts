import { LineCounter, parseDocument, isMap, isNode, isPair, type Node as YamlNode } from "yaml";
import { z } from "zod";
import { nearest, ScopeError } from "../base/error.ts";

/**
 * Reads a YAML configuration against a schema.
 * @param where the file's name, for messages
 * @throws {ScopeError} usage, with file, line and column of the first thing that is wrong (and how many more there are)
 */
export function parseConfig<S extends z.ZodType>(schema: S, text: string, where: string): z.output<S> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const problem = document.errors[0];
  if (problem !== undefined) {
    throw new ScopeError("usage", `${where}${at(lines, problem.pos[0])}: ${problem.message}`, {
      hint: "the file must be YAML",
    });
  }
  // Aliases may fan out without end ("billion laughs"): the library stops at this many.
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  const checked = schema.safeParse(value ?? {});
  if (checked.success) return checked.data;
  const issue = deepest(checked.error.issues[0]!);
  const more = checked.error.issues.length - 1;
  const path = issue.code === "unrecognized_keys" ? [...issue.path, issue.keys[0]!] : issue.path;
  const offset = offsetOf(document.contents, path);
  throw new ScopeError(
    "usage",
    `${where}${offset === undefined ? "" : at(lines, offset)}: ${describeIssue(issue, value)}${more > 0 ? ` (and ${more} more)` : ""}`,
    { hint: hintFor(issue, schema) },
  );
}

/** One sentence for a schema issue: the field's path, what was expected, what was found. */
function describeIssue(issue: z.core.$ZodIssue, root: unknown): string {
  if (issue.code === "unrecognized_keys") {
    const name = [...issue.path, issue.keys[0]!].join(".");
    return `there is no field "${name}"`;
  }
  if (issue.path.length === 0) return `expected fields like "name: value", found ${kindOf(root)}`;
  const field = issue.path.join(".");
  const found = issue.path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    root,
  );
  if (found === undefined) return `${field} is missing`;
  if (issue.code === "custom") return `${field}: ${issue.message}`;
  const expectation = issue.message
    .replace(/^[A-Z][^:.]*[:.] (?=expected)/i, "")
    .replace(/^Expected /, "expected ")
    .replace(/^expected one of /, "expected ")
    .replace(/, received .*$/, "")
    .replaceAll(/["']([\w-]+)["']\s?\|\s?/g, "$1, ")
    .replace(/, ["']([\w-]+)["']/, " or $1");
  return `${field}: ${expectation}, got ${JSON.stringify(found).slice(0, 60)}`;
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  return Array.isArray(value) ? "a list" : typeof value === "string" ? "text" : `a ${typeof value}`;
}

/** The most specific issue inside a union's branches: the branch that got furthest is the one that was meant. */
function deepest(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return issue;
  const inner = issue.errors
    .map((branch) => branch[0])
    .filter((found) => found !== undefined)
    .toSorted((a, b) => b.path.length - a.path.length)[0];
  if (inner === undefined || inner.path.length === 0) return issue;
  return deepest({ ...inner, path: [...issue.path, ...inner.path] });
}

function hintFor(issue: z.core.$ZodIssue, schema: z.ZodType): string | undefined {
  if (issue.code !== "unrecognized_keys") return undefined;
  const known = keysAt(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }), issue.path);
  return known.length > 0 ? `nearest: ${nearest(issue.keys[0]!, known).join(", ")}` : undefined;
}

/** Field names a JSON Schema allows at a path (through unions: of every branch). */
function keysAt(schema: unknown, path: readonly PropertyKey[]): string[] {
  const branches = (node: Record<string, unknown>): Record<string, unknown>[] => {
    const inner = (node["anyOf"] ?? node["oneOf"]) as Record<string, unknown>[] | undefined;
    return inner ? inner.flatMap(branches) : [node];
  };
  let nodes = branches(schema as Record<string, unknown>);
  for (const key of path) {
    nodes = nodes.flatMap((node) => {
      const next =
        typeof key === "number"
          ? node["items"]
          : (node["properties"] as Record<string, unknown> | undefined)?.[String(key)];
      return next ? branches(next as Record<string, unknown>) : [];
    });
  }
  return [...new Set(nodes.flatMap((node) => Object.keys((node["properties"] as object | undefined) ?? {})))];
}

function at(lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `:${line}:${col}`;
}

/** Where in the text the value (or, for an unknown field, the key) at a path begins; the nearest parent when absent. */
function offsetOf(root: unknown, path: readonly PropertyKey[]): number | undefined {
  let node: unknown = root;
  let found = isNode(root) ? root.range?.[0] : undefined;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => isPair(item) && String((item.key as { value?: unknown }).value) === String(key),
      );
      if (pair === undefined) return found;
      found = (pair.key as YamlNode).range?.[0] ?? found;
      node = pair.value;
    } else {
      const child = (node as { items?: unknown[] } | null)?.items?.[Number(key)];
      if (!isNode(child)) return found;
      found = child.range?.[0] ?? found;
      node = child;
    }
  }
  return found;
}
