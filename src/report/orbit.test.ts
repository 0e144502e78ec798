import { expect, test } from "vitest";
import type { PlaneResults } from "../basin/results.ts";
import { orbits } from "./orbit.ts";

test("the surface calls networks as the map does, so that they can be told apart", () => {
  const models = ["a/model.onnx", "b/model.onnx"].map((name) => ({ name }));
  const results = { models, surfaces: [{ split: "test" }] } as unknown as PlaneResults;
  const [, names] = /data-names="([^"]*)"/.exec(orbits(results).text)!;
  expect(JSON.parse(names!.replaceAll("&quot;", '"'))).toEqual(["a/model", "b/model"]);
});
