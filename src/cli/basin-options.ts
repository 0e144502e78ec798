import type { Command } from "commander";
import { ScopeError } from "../base/error.ts";
import { parseRange, rangePoints } from "../landscape/range.ts";
import { oneOf, wholeNumber } from "./globals.ts";

/** Options of the commands that look at networks between given ones. */
export interface LookOptions {
  readonly data?: string;
  readonly classes?: string;
  readonly graph?: string;
  readonly renormalize: "auto" | "never";
  readonly trainImages: number;
  readonly testImages: number;
}

const mostImages = 10_000_000;

/** Adds the options of `LookOptions`, with the numbers of images that are looked at unless told. */
export function withLookOptions(command: Command, images: { train: number; test: number }): Command {
  return command
    .option("--data <name>", "images: a data set, or folder:PATH; default: what a stored run was trained on")
    .option("--classes <names>", "classes, separated by commas, or the name of a group")
    .option("--graph <file>", "ONNX file of the network, for weights given as .safetensors")
    .option(
      "--renormalize <when>",
      "auto: estimate batch-norm statistics anew at every point; never: combine them like weights",
      oneOf("--renormalize", ["auto", "never"]),
      "auto",
    )
    .option(
      "--train-images <n>",
      "training images looked at, at most",
      wholeNumber("--train-images", 0, mostImages),
      images.train,
    )
    .option(
      "--test-images <n>",
      "test images looked at, at most",
      wholeNumber("--test-images", 0, mostImages),
      images.test,
    );
}

/** The images an option chooses. */
export function chosenData({ data, classes }: Pick<LookOptions, "data" | "classes">): {
  set?: string;
  classes?: string | readonly string[];
} {
  return {
    ...(data === undefined ? {} : { set: data }),
    ...(classes === undefined ? {} : { classes: classes.includes(",") ? classes.split(",") : classes }),
  };
}

/** Parses a share: "2%", "2 %" or "0.02". @throws {ScopeError} usage */
export function share(name: string): (text: string) => number {
  return (text) => {
    const found = /^(\d+(?:\.\d+)?|\.\d+)\s*(%?)$/.exec(text.trim());
    const value = found === null ? Number.NaN : Number(found[1]) / (found[2] === "%" ? 100 : 1);
    if (value > 0 && value < 1) return value;
    throw new ScopeError("usage", `${name} expected a share such as 2% or 0.02, got "${text}"`);
  };
}

/** Parses "-0.5:1.5:41" as positions. @throws {ScopeError} usage */
export function positions(name: string): (text: string) => readonly number[] {
  return (text) => rangePoints(parseRange(text, name));
}
