import * as z from "zod";
import { ScopeError } from "../base/error.ts";
import { inHashOrder, isTestName, splitOf, withoutDuplicates, type Sample } from "./collect.ts";
import { fileOf, planesOnWhite, resizeImage } from "./pixels.ts";
import type { Dataset, DecodeTools, SetDefinition } from "./types.ts";

/** Side of the prepared images, pixels; the packages' have twice as much. */
export const emojiSide = 32;
const fileSide = 64;
const testShare = 0.2;
const atOnce = 8;

/** The nine categories of Unicode's emoji list (without "Component": five skin tones), as class names. */
const categories: Readonly<Record<string, string>> = {
  "Smileys & Emotion": "smileys",
  "People & Body": "people",
  "Animals & Nature": "animals",
  "Food & Drink": "food",
  "Travel & Places": "places",
  Activities: "activities",
  Objects: "objects",
  Symbols: "symbols",
  Flags: "flags",
};

/** Class names of the emoji sets. */
export const emojiClasses: readonly string[] = Object.values(categories);

const entriesSchema = z.array(
  z.object({ unified: z.string(), image: z.string().regex(/^[\w-]+\.png$/), category: z.string() }),
);

/**
 * What is drawn, without the drawn person's sex: the man, the woman and the person who run are one concept, so that
 * near-twins do not straddle training and test split.
 */
function conceptOf(unified: string): string {
  return unified.replaceAll(/1F468|1F469/g, "1F9D1").replaceAll(/-200D-264[02](-FE0F)?/g, "");
}

/** Path of a drawing inside its package. */
function pathOf(vendor: string, image: string): string {
  return `img/${vendor}/${fileSide}/${image}`;
}

/** Whether a file of an emoji package is needed: the list, and the single drawings (the rest are sheets of them). */
export function wantsEmoji(vendor: string, path: string): boolean {
  return path === "emoji.json" || (path.startsWith(pathOf(vendor, "")) && path.endsWith(".png"));
}

/**
 * Decodes a package of one vendor's emoji: one image a concept (no skin tones), laid on white, halved to 32 × 32.
 * A fifth of the concepts, chosen by hash, is the test split, the same in every vendor's set: a network trained on one
 * style and tested on another never saw the concept.
 * @throws {ScopeError} format or data, when the package is not as expected
 */
export async function decodeEmoji(
  set: SetDefinition,
  vendor: string,
  files: ReadonlyMap<string, Uint8Array>,
  tools: DecodeTools,
): Promise<Dataset> {
  const entries = readEntries(fileOf(files, "emoji.json", set.name), set.name).filter(({ category }) =>
    Object.hasOwn(categories, category),
  );
  const all: (Sample & { readonly name: string; readonly test: boolean })[] = [];
  for (let start = 0; start < entries.length; start += atOnce) {
    const group = entries.slice(start, start + atOnce);
    const images = await Promise.all(
      group.map(({ image }) => {
        const path = pathOf(vendor, image);
        return drawing(fileOf(files, path, set.name), path, set.name, tools);
      }),
    );
    for (const [i, { unified, category }] of group.entries()) {
      all.push({
        image: images[i]!,
        label: emojiClasses.indexOf(categories[category]!),
        name: unified,
        test: isTestName(conceptOf(unified), testShare, tools.sha256),
      });
    }
    tools.progress(all.length, entries.length, "images");
  }
  const kept = withoutDuplicates(all, tools.sha256);
  const part = (test: boolean): Sample[] =>
    inHashOrder(
      kept.filter((sample) => sample.test === test),
      tools.sha256,
    );
  const size = 3 * emojiSide * emojiSide;
  return {
    name: set.name,
    classes: emojiClasses,
    channels: 3,
    height: emojiSide,
    width: emojiSide,
    train: splitOf(part(false), size),
    test: splitOf(part(true), size),
    warnings: [`${all.length - kept.length} drawings equal to another were left out`],
  };
}

function readEntries(bytes: Uint8Array, set: string): z.infer<typeof entriesSchema> {
  try {
    return entriesSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (cause) {
    throw new ScopeError("format", `data set ${set}: emoji.json is not a list of emoji`, { cause });
  }
}

async function drawing(
  bytes: Uint8Array,
  path: string,
  set: string,
  tools: DecodeTools,
): Promise<Uint8Array> {
  const pixels = await tools.image(bytes, path, 4 * fileSide * fileSide);
  if (pixels.width !== fileSide || pixels.height !== fileSide) {
    throw new ScopeError(
      "format",
      `data set ${set}: ${path} has ${pixels.width}×${pixels.height} pixels, expected ${fileSide}×${fileSide}`,
    );
  }
  return resizeImage(planesOnWhite(pixels), fileSide, fileSide, emojiSide, emojiSide, "stretch");
}
