import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Json } from "../base/canonical.ts";
import { ScopeError } from "../base/error.ts";
import { addressOf, checkSpec, specText } from "./spec.ts";
import type { CellSpec } from "./spec.ts";

const spec: CellSpec = {
  kind: "train",
  version: 2,
  params: { rate: 0.1, steps: 10 },
  inputs: { base: "ab".repeat(32) },
};

/** The message `checkSpec` refuses a value with. */
function refusal(value: unknown, kinds?: Record<string, { version: number }>): string {
  try {
    checkSpec(value, kinds, "x.json");
  } catch (error) {
    if (error instanceof ScopeError)
      return `${error.fault}: ${error.message}${error.hint ? ` [${error.hint}]` : ""}`;
  }
  return "accepted";
}

test("the address is the hash of spec.json, whatever the order of fields", () => {
  const turned = { inputs: spec.inputs, params: { steps: 10, rate: 0.1 }, version: 2, kind: "train" };
  expect(addressOf(turned)).toBe(addressOf(spec));
  expect(addressOf(spec)).toBe(createHash("sha256").update(specText(spec)).digest("hex"));
});

test("every part of a spec changes its address", () => {
  const others: CellSpec[] = [
    { ...spec, kind: "eval" },
    { ...spec, version: 3 },
    { ...spec, params: { rate: 0.1, steps: 11 } },
    { ...spec, inputs: { base: "cd".repeat(32) } },
    { ...spec, inputs: { start: "ab".repeat(32) } },
  ];
  expect(new Set([spec, ...others].map(addressOf)).size).toBe(6);
});

test("a spec survives being written and read", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const one: CellSpec = { kind: "toy", version: 1, params: value as Json, inputs: {} };
      expect(addressOf(checkSpec(JSON.parse(specText(one))))).toBe(addressOf(one));
    }),
  );
});

test("what is no spec is refused, and it is said why", () => {
  expect(refusal([])).toBe("format: x.json: expected an object");
  expect(refusal({ ...spec, seed: 1 })).toBe(
    'format: x.json: unknown field "seed"; a spec has kind, version, params and inputs',
  );
  expect(refusal({ ...spec, kind: "../train" })).toContain('"kind" expected a name');
  expect(refusal({ ...spec, version: 1.5 })).toContain('"version" expected a whole number from 1, got 1.5');
  expect(refusal({ kind: "train", version: 1, inputs: {} })).toContain('"params" is missing');
  expect(refusal({ ...spec, inputs: { base: "../../etc/passwd" } })).toContain(
    'input "base" expected an address',
  );
});

test("a kind or version this program lacks is refused", () => {
  expect(refusal(spec, { train: { version: 2 } })).toBe("accepted");
  expect(refusal(spec, { trial: { version: 2 }, evaluate: { version: 1 } })).toBe(
    'unsupported: x.json: this program has no cell kind "train" [nearest of those it has: trial, evaluate]',
  );
  expect(refusal(spec, { train: { version: 3 } })).toContain(
    'cell kind "train" has version 3 in this program, the spec asks for version 2',
  );
  expect(refusal({ ...spec, kind: "constructor" }, { train: { version: 2 } })).toContain(
    'no cell kind "constructor"',
  );
});
