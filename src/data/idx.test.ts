import { describe, expect, test } from "vitest";
import { parseIdx } from "./idx.ts";

const header = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3];

describe("IDX files", () => {
  test("hold sizes and bytes", () => {
    const { sizes, data } = parseIdx(Uint8Array.of(...header, 1, 2, 3, 4, 5, 6), "a");
    expect(sizes).toEqual([2, 3]);
    expect([...data]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test.each([
    ["truncated data", [...header, 1, 2], "a: the header promises 2×3 = 6 bytes, the file holds 2"],
    [
      "too much data",
      [...header, 1, 2, 3, 4, 5, 6, 7],
      "a: the header promises 2×3 = 6 bytes, the file holds 7",
    ],
    ["a header cut short", header.slice(0, 10), "a: the file ends inside its header"],
    ["another number type", [0, 0, 13, 1, 0, 0, 0, 0], "a: not an IDX file of bytes"],
    ["gzip", [31, 139, 8, 0, 0, 0, 0, 0], "a: not an IDX file of bytes"],
    ["nothing", [], "a: not an IDX file of bytes"],
    ["sizes beyond any file", [0, 0, 8, 2, 255, 255, 255, 255, 255, 255, 255, 255], "a: the header promises"],
  ])("with %s are refused", (_, bytes, message) => {
    expect(() => parseIdx(Uint8Array.from(bytes), "a")).toThrow(message);
  });
});
