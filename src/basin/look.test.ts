import { expect, test } from "vitest";
import { measuredOn } from "./look.node.ts";

test("statistics are said to be estimated on the images that count: those of whole batches", () => {
  expect(measuredOn(50_000)).toEqual({ images: 2048, batch: 256 });
  expect(measuredOn(1000)).toEqual({ images: 768, batch: 256 });
  expect(measuredOn(100)).toEqual({ images: 100, batch: 100 });
  expect(measuredOn(0)).toEqual({ images: 1, batch: 1 });
});
