import {
  type Document,
  isMap,
  isNode,
  isPair,
  LineCounter,
  type Node as YamlNode,
  parseDocument,
  visit,
  type YAMLParseError,
} from "yaml";
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
    throw new ScopeError("usage", `${where}${at(lines, problem.pos[0])}: ${describeSyntax(problem)}`, {
      hint: "the file must be YAML",
    });
  }
  const value = plainValue(document, (offset) => `${where}${at(lines, offset)}`);
  const checked = schema.safeParse(value ?? {});
  if (checked.success) return checked.data;
  const issue = deepest(checked.error.issues[0]!);
  const more = checked.error.issues.length - 1;
  const path = issue.code === "unrecognized_keys" ? [...issue.path, issue.keys[0]!] : issue.path;
  const offset = offsetOf(document.contents, path);
  throw new ScopeError(
    "usage",
    `${where}${offset === undefined ? "" : at(lines, offset)}: ${describeIssue(issue, value)}${more > 0 ? ` (and ${more} more)` : ""}`,
    { hint: hintFor(issue, schema, value) },
  );
}

/** What the YAML library says of a syntax error, in the words of someone who writes a file rather than a program. */
function describeSyntax({ code, message }: YAMLParseError): string {
  if (code === "MULTIPLE_DOCS") return 'a second document begins with "---", but one is expected';
  // The parser takes a function call a level.
  if (message.startsWith("Maximum call stack")) return "fields or lists are nested too deeply";
  return message;
}

/**
 * The document as plain data, aliases replaced by what they stand for.
 * @throws {ScopeError} usage, for an alias without an anchor, or aliases of aliases that grow without end
 */
function plainValue(document: Document.Parsed, place: (offset: number) => string): unknown {
  try {
    // "Billion laughs": aliases multiply what they stand for. The library stops at this many.
    return document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    let first: number | undefined;
    let unknown: { name: string; offset: number } | undefined;
    visit(document, {
      Alias(_, alias) {
        const offset = alias.range?.[0] ?? 0;
        first ??= offset;
        if (unknown === undefined && alias.resolve(document) === undefined)
          unknown = { name: alias.source, offset };
      },
    });
    const message = unknown
      ? `${place(unknown.offset)}: nothing before "*${unknown.name}" is marked "&${unknown.name}"`
      : `${place(first ?? 0)}: the aliases ("*name") of this file stand for too much, or are nested too deeply`;
    throw new ScopeError("usage", message, { hint: "write the values out", cause });
  }
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
  return `${field}: ${expectationOf(issue)}, got ${shown(found)}`;
}

/** What was expected, in a few words. */
function expectationOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_union" && issue.message === "Invalid input") {
    const branches = issue.errors.flatMap((branch) => branch[0] ?? []).map(expectationOf);
    const words = [...new Set(branches.map((branch) => branch.replace(/^expected /, "")))];
    return `expected ${words.join(" or ")}`;
  }
  return issue.message
    .replace(/^[A-Z][^:.]*[:.] (?=expected)/i, "")
    .replace(/^Expected /, "expected ")
    .replace(/^expected one of /, "expected ")
    .replace(/, received .*$/, "")
    .replaceAll(/["']([\w-]+)["']\s?\|\s?/g, "$1, ")
    .replace(/, ["']([\w-]+)["']/, " or $1");
}

/** A value as it may stand in a sentence. JSON knows neither NaN nor infinity. */
function shown(value: unknown): string {
  return typeof value === "number" ? String(value) : JSON.stringify(value).slice(0, 60);
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

function hintFor(issue: z.core.$ZodIssue, schema: z.ZodType, root: unknown): string | undefined {
  if (issue.code !== "unrecognized_keys") return undefined;
  const known = keysAt(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }), issue.path, root);
  return known.length > 0 ? `nearest: ${nearest(issue.keys[0]!, known).join(", ")}` : undefined;
}

type JsonSchema = Readonly<Record<string, unknown>>;

/** Field names a JSON Schema allows at a path; of a union, those of the branches that `value` may belong to. */
function keysAt(schema: JsonSchema, path: readonly PropertyKey[], value: unknown): string[] {
  let nodes = branchesFor(schema, value);
  let at = value;
  for (const key of path) {
    at = (at as Record<PropertyKey, unknown> | undefined)?.[key];
    nodes = nodes.flatMap((node) => {
      const next = typeof key === "number" ? node["items"] : propertiesOf(node)[String(key)];
      return next ? branchesFor(next as JsonSchema, at) : [];
    });
  }
  return [...new Set(nodes.flatMap((node) => Object.keys(propertiesOf(node))))];
}

function propertiesOf(node: JsonSchema): Readonly<Record<string, JsonSchema>> {
  return (node["properties"] as Record<string, JsonSchema> | undefined) ?? {};
}

/** A schema, or the branches of a union whose fixed fields (`arch: cnn`) are those of the value. */
function branchesFor(node: JsonSchema, value: unknown): JsonSchema[] {
  const inner = (node["anyOf"] ?? node["oneOf"]) as JsonSchema[] | undefined;
  if (inner !== undefined) return inner.flatMap((branch) => branchesFor(branch, value));
  const fits = Object.entries(propertiesOf(node)).every(
    ([name, property]) =>
      property["const"] === undefined ||
      property["const"] === (value as Record<string, unknown> | null)?.[name],
  );
  return fits ? [node] : [];
}

function at(lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `:${line}:${col}`;
}

/** Where in the text the field (or the list's entry) at a path begins; the nearest parent's place when it is absent. */
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
