import { canonical } from "../base/canonical.ts";
import type { Json } from "../base/canonical.ts";
import { nearest, ScopeError } from "../base/error.ts";
import { sha256 } from "./sha256.ts";

/** The name of a cell: SHA-256 of its spec's canonical text, 64 lower-case hexadecimal digits. */
export type Address = string;

/**
 * All that decides a cell's result: what is done, by which version of the code that does it, with which parameters, on
 * the results of which other cells (by a name the kind gives them).
 */
export interface CellSpec {
  readonly kind: string;
  /** Goes up whenever the kind's code changes a result. */
  readonly version: number;
  readonly params: Json;
  readonly inputs: Readonly<Record<string, Address>>;
}

/** Is this text an address? It is then also safe as a file name. */
export function isAddress(text: unknown): boolean {
  return typeof text === "string" && /^[0-9a-f]{64}$/.test(text);
}

/** The first ten digits: enough for a person, and for `runs show`. */
export function shortAddress(address: Address): string {
  return address.slice(0, 10);
}

/** The canonical text of a spec; exactly the bytes of `spec.json`, so that `sha256sum spec.json` prints the address. */
export function specText({ kind, version, params, inputs }: CellSpec): string {
  return canonical({ kind, version, params, inputs });
}

/** The address of a spec: equal specs have equal addresses, whatever the order of their fields. */
export function addressOf(spec: CellSpec): Address {
  return sha256(specText(spec));
}

/**
 * Checks that a value is a cell's spec and, where `kinds` is given, that this program can compute it.
 * @param where what the message starts with, for example the file it was read from
 * @throws {ScopeError} format, for a field that is missing, unknown or of the wrong form; unsupported, for an unknown kind
 *   or another version of it
 */
export function checkSpec(
  value: unknown,
  kinds?: Readonly<Record<string, { readonly version: number }>>,
  where = "cell spec",
): CellSpec {
  const wrong = (finding: string): never => {
    throw new ScopeError("format", `${where}: ${finding}`);
  };
  if (typeof value !== "object" || value === null || Array.isArray(value)) return wrong("expected an object");
  const fields = value as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(fields)) {
    if (!["kind", "version", "params", "inputs"].includes(name)) {
      wrong(`unknown field "${name}"; a spec has kind, version, params and inputs`);
    }
  }
  const { kind, version, params, inputs } = fields as Partial<CellSpec>;
  if (typeof kind !== "string" || !/^[a-z][a-z0-9-]{0,63}$/.test(kind)) {
    return wrong(`"kind" expected a name of small letters, digits and dashes, got ${JSON.stringify(kind)}`);
  }
  if (typeof version !== "number" || !Number.isSafeInteger(version) || version < 1) {
    return wrong(`"version" expected a whole number from 1, got ${JSON.stringify(version)}`);
  }
  if (params === undefined) return wrong('"params" is missing');
  if (typeof inputs !== "object" || inputs === null || Array.isArray(inputs)) {
    return wrong('"inputs" expected an object of addresses');
  }
  for (const [name, address] of Object.entries(inputs)) {
    if (!isAddress(address)) {
      wrong(`input "${name}" expected an address of 64 hexadecimal digits, got ${JSON.stringify(address)}`);
    }
  }
  if (kinds) {
    const known = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
    if (!known) {
      throw new ScopeError("unsupported", `${where}: this program has no cell kind "${kind}"`, {
        hint: `nearest of those it has: ${nearest(kind, Object.keys(kinds)).join(", ")}`,
      });
    }
    if (known.version !== version) {
      throw new ScopeError(
        "unsupported",
        `${where}: cell kind "${kind}" has version ${known.version} in this program, the spec asks for version ${version}`,
        {
          hint: "use the release of transferscope that made the spec, or plan the study again with this one",
        },
      );
    }
  }
  return { kind, version, params, inputs };
}
