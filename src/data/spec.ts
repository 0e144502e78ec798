import * as z from "zod";
import { ScopeError, pick } from "../base/error.ts";
import * as table from "./sets/index.ts";
import type { DataSpec, ImageShape, SetDefinition } from "./types.ts";

/** The registry of data sets, by name. */
export const sets: Readonly<Record<string, SetDefinition>> = table;

const folderPrefix = "folder:";

/** The path of a "folder:PATH" set, or undefined for a set of the registry. */
export function folderOf(set: string): string | undefined {
  return set.startsWith(folderPrefix) ? set.slice(folderPrefix.length) : undefined;
}

/** The definition of a set of the registry. @throws {ScopeError} usage, naming the nearest sets */
export function definitionOf(set: string): SetDefinition {
  return pick(sets, set, "data set");
}

const seed = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);
// 1024: far above what networks on one CPU core can take; keeps a slip of the finger from filling the memory.
const pixels = z.int().min(1).max(1024);
const images = z.int().min(1);

/** Schema of a `DataSpec`: the one place that says what a data section of a config file may hold. */
export const dataSpecSchema = z
  .strictObject({
    set: z
      .string()
      .refine((set) => Object.hasOwn(sets, set) || (folderOf(set) ?? "") !== "", {
        error: (issue) =>
          `no data set is called "${String(issue.input)}"; known: ${Object.keys(sets).join(", ")}, folder:PATH`,
      })
      .describe(
        `Data set: ${Object.keys(sets).join(", ")}, or folder:PATH with one directory of images per class.`,
      ),
    classes: z
      .union([z.string().min(1), z.array(z.string().min(1)).min(2)])
      .optional()
      .describe(
        "Classes to use, in the order of their labels, or the name of a group of the set. Default: all.",
      ),
    trainSize: images
      .optional()
      .describe(
        "Training images to use, as many of each class as possible. Default: all that are not held out.",
      ),
    subsetSeed: seed.optional().describe("Seed that draws trainSize and testSize. Default: 0."),
    validation: z
      .int()
      .min(0)
      .optional()
      .describe("Training images to hold out for choosing settings, in the split's proportions. Default: 0."),
    splitSeed: seed.optional().describe("Seed that draws the held-out images. Default: 0."),
    testSize: images.optional().describe("Test images to use, in the split's proportions. Default: all."),
    channels: z
      .union([z.literal(1), z.literal(3)])
      .optional()
      .describe("1 for grey (ITU-R BT.601 luma), 3 for colour. Default: as the set has it."),
    height: pixels.optional().describe("Height to bring images to, pixels. Default: as the set has it."),
    width: pixels.optional().describe("Width to bring images to, pixels. Default: as the set has it."),
    fit: z
      .enum(["crop", "stretch", "pad"])
      .optional()
      .describe(
        "How height and width are reached: crop to the proportions and resample, stretch, or pad with black. Default: crop.",
      ),
    fingerprint: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional()
      .describe("SHA-256 of a folder's images; other images are refused. Default: any."),
    shuffle: z
      .strictObject({
        block: z
          .union([z.literal("pixel"), z.int().min(1)])
          .describe(
            "Side of the blocks in pixels (must divide the image), or pixel for all values one by one.",
          ),
        seed: seed.describe("Seed of the permutation, the same for all images."),
      })
      .optional()
      .describe("Shuffles all images by one permutation of their blocks."),
  })
  .describe("Which images to use, and in what form.");

/**
 * Checks plain data as a `DataSpec`.
 * @throws {ScopeError} usage, naming the field
 */
export function checkDataSpec(value: unknown, where = "data"): DataSpec {
  const result = dataSpecSchema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  // An option names the set itself: it has no fields.
  const path = where.startsWith("--") && issue.path[0] === "set" ? [] : issue.path;
  const field = [where, ...path.map(String)].join(".");
  throw new ScopeError("usage", `${field}: ${issue.message}`, {
    hint:
      issue.code === "unrecognized_keys"
        ? `fields: ${Object.keys(dataSpecSchema.shape).join(", ")}`
        : undefined,
  });
}

/** What there is to know about a set before any image is read; a `SetDefinition` is one. */
export interface SetFacts extends ImageShape {
  readonly name: string;
  readonly classes: readonly string[];
  readonly groups: Readonly<Record<string, readonly string[]>>;
}

/**
 * The class names a spec chooses, in the order of their new labels.
 * @throws {ScopeError} usage, for a class the set does not have, or one named twice
 */
export function chosenClasses(spec: DataSpec, set: SetFacts): readonly string[] {
  const { classes } = spec;
  if (classes === undefined) return set.classes;
  if (typeof classes === "string") {
    if (set.classes.includes(classes)) {
      throw new ScopeError(
        "usage",
        `data set ${set.name}: "${classes}" is one class, and one class leaves nothing to tell apart`,
        {
          hint: "give a list of at least two classes",
        },
      );
    }
    return pick(set.groups, classes, `group of classes of ${set.name}`);
  }
  const known = new Set(set.classes);
  for (const [i, name] of classes.entries()) {
    if (!known.has(name)) {
      throw new ScopeError("usage", `data set ${set.name} has no class "${name}"`, {
        hint: `classes: ${set.classes.slice(0, 20).join(", ")}`,
      });
    }
    if (classes.indexOf(name) !== i)
      throw new ScopeError("usage", `data set ${set.name}: class "${name}" is named twice`);
  }
  return classes;
}

/** Size of the images a spec asks for, given the set's own. */
export function chosenShape(spec: DataSpec, set: ImageShape): ImageShape {
  return {
    channels: spec.channels ?? set.channels,
    height: spec.height ?? set.height,
    width: spec.width ?? set.width,
  };
}
