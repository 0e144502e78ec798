import { z } from "zod";
import type { Architecture } from "./types.ts";

/** Checks a definition while keeping its own types: the table of architectures derives the spec's type from them. */
export function architecture<S extends z.ZodType>(definition: Architecture<S>): Architecture<S> {
  return definition;
}

/** Factor on the number of channels of every layer, shared by the architectures that have a customary width. */
export const widthSchema = z
  .number()
  .positive()
  .max(64)
  .default(1)
  .describe("factor on the channels of every layer");

export const headInitSchema = z
  .enum(["random", "zero"])
  .default("random")
  .describe("start of the last layer: random, or zero so that the first predictions are uniform");

/** Channels at a width factor, at least one. */
export function scaled(channels: number, width: number): number {
  return Math.max(1, Math.round(channels * width));
}
