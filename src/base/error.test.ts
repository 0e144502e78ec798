import fc from "fast-check";
import { expect, test } from "vitest";
import { editDistance, exitCode, nearest, pick, ScopeError } from "./error.ts";

test("an error carries its fault, hint and cause", () => {
  const cause = new Error("inner");
  const error = new ScopeError("data", "the message", { hint: "the hint", cause });
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({
    name: "ScopeError",
    fault: "data",
    message: "the message",
    hint: "the hint",
    cause,
  });
  expect("cause" in new ScopeError("bug", "no cause")).toBe(false);
});

test("what the user can mend exits with 2, what failed at run time with 1, a stop with 130", () => {
  expect((["usage", "format", "shape", "unsupported", "data"] as const).map(exitCode)).toEqual([
    2, 2, 2, 2, 2,
  ]);
  expect((["io", "runtime", "diverged", "bug"] as const).map(exitCode)).toEqual([1, 1, 1, 1]);
  expect(exitCode("cancelled")).toBe(130);
});

test("the edit distance is a metric, and counts insertions, deletions and replacements", () => {
  expect(editDistance("kitten", "sitting")).toBe(3);
  expect(editDistance("", "abc")).toBe(3);
  const word = fc.string({ maxLength: 8 });
  fc.assert(
    fc.property(word, word, word, (a, b, c) => {
      expect(editDistance(a, b)).toBe(editDistance(b, a));
      expect(editDistance(a, b) === 0).toBe(a === b);
      expect(editDistance(a, c)).toBeLessThanOrEqual(editDistance(a, b) + editDistance(b, c));
    }),
  );
});

test("a name that is not in a table is answered with those that are", () => {
  const table = { cifar10: 1, mnist: 2 };
  expect(pick(table, "mnist", "data set")).toBe(2);
  for (const name of ["minst", "toString", "__proto__", "constructor"]) {
    expect(() => pick(table, name, "data set")).toThrow(`no data set is called "${name}"`);
  }
  const many = Object.fromEntries(Array.from({ length: 13 }, (_, i) => [`entry${i}`, i]));
  const hintOf = (lookUp: () => unknown): string | undefined => {
    try {
      lookUp();
    } catch (error) {
      return (error as ScopeError).hint;
    }
    return undefined;
  };
  expect(hintOf(() => pick(table, "minst", "data set"))).toBe("known: cifar10, mnist");
  expect(hintOf(() => pick(many, "entri12", "entry"))).toBe("known: entry12, entry1, entry2");
  expect(nearest("b", ["abc", "b", "bc", "xyz"])).toEqual(["b", "bc", "abc"]);
});
