import { expect, test } from "vitest";
import { describeRecipe, readRecipe, recipeKey, type SoupRecipe } from "./recipe.ts";

const recipe: SoupRecipe = {
  schema: 1,
  method: "greedy",
  members: [
    { name: "a.onnx", sha256: "00ff", coefficient: 0.5, heldOut: 0.71 },
    { name: "run-b", cell: "c0de", coefficient: 0.5, heldOut: 0.7 },
    { name: "run-c", cell: "beef", coefficient: 0, heldOut: 0.6 },
  ],
  settings: { accept: ">=" },
  statistics: "re-estimated",
  heldOut: { score: 0.72, images: 500, set: "cifar10", seed: 3 },
};

test("a recipe comes back from a checkpoint's texts as it went in, and has one text", () => {
  const texts = describeRecipe(recipe);
  expect(Object.keys(texts)).toEqual([recipeKey]);
  expect(readRecipe(texts, "soup.onnx")).toEqual(recipe);
  expect(describeRecipe({ ...recipe, settings: { ...recipe.settings } })).toEqual(texts);
});

test("a checkpoint without a recipe has none; one that is broken is told from it", () => {
  expect(readRecipe({}, "soup.onnx")).toBeUndefined();
  expect(() => readRecipe({ [recipeKey]: "{" }, "soup.onnx")).toThrow(
    "soup.onnx: the soup's recipe in its metadata is not JSON",
  );
  expect(() => readRecipe({ [recipeKey]: '{"schema":1}' }, "soup.onnx")).toThrow(
    /soup\.onnx: .* is not one: method: /,
  );
});
