import { expect, test } from "vitest";
import { pinned } from "./subjects.node.ts";

test("cells are told of a folder's images by their contents, of a known set by its name", () => {
  const fingerprint = "ab".repeat(32);
  expect(pinned({ set: "folder:/a" }, { fingerprint })).toEqual({ set: "folder:/a", fingerprint });
  expect(pinned({ set: "mnist" }, { fingerprint })).toEqual({ set: "mnist" });
});
