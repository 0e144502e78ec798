import { decodeEmoji, emojiClasses, emojiSide, wantsEmoji } from "../emoji.ts";
import type { SetDefinition } from "../types.ts";

/** Emoji in Twitter's style; `emoji-google` draws the same concepts in another. */
export const emojiTwitter: SetDefinition = {
  name: "emoji-twitter",
  title: "1,873 emoji of nine categories in Twitter's style, 32×32 colour",
  licence: "package MIT; images CC BY 4.0 (Twitter, Twemoji): name the author where you show them",
  source: {
    kind: "npm",
    package: "emoji-datasource-twitter",
    version: "16.0.0",
    integrity:
      "sha512-7F+uCuHH+7Qnrc15P5tnbvKkg9E6tlzi4MnT2uW1RlN4pLYTza6cP/dstIfSDMtpjFLWuZewWg8jBbuL2eyELQ==",
    bytes: 61_683_754,
  },
  classes: emojiClasses,
  groups: {
    things: ["food", "places", "activities", "objects"],
    living: ["smileys", "people", "animals"],
    signs: ["symbols", "flags"],
  },
  channels: 3,
  height: emojiSide,
  width: emojiSide,
  counts: { train: 1506, test: 367 },
  version: 1,
  fingerprint: "483b010acb37abd2bca68a6262c887e1fe79e80a3cb38402ad951862f1abbe2e",
  wants: (path) => wantsEmoji("twitter", path),
  maxFileBytes: 4_000_000,
  maxBytes: 40_000_000,
  decode: (files, tools) => decodeEmoji(emojiTwitter, "twitter", files, tools),
};
