import { decodeEmoji, emojiClasses, emojiSide, wantsEmoji } from "../emoji.ts";
import type { SetDefinition } from "../types.ts";

/** Emoji in Google's style; `emoji-twitter` draws the same concepts in another. */
export const emojiGoogle: SetDefinition = {
  name: "emoji-google",
  title: "1,892 emoji of nine categories in Google's style, 32×32 colour",
  licence: "package MIT; images Apache-2.0 (Google, Noto Emoji)",
  source: {
    kind: "npm",
    package: "emoji-datasource-google",
    version: "16.0.0",
    integrity:
      "sha512-ZRexfzs7MVoLnmzZmNsO4TKhnAJp5D++Vm6PpUpH/jEQQlemp3l88CjZ+DoZ2faM9R4QxZkOPJCoT8DlPhfQ3A==",
    bytes: 74_344_091,
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
  counts: { train: 1520, test: 372 },
  version: 1,
  fingerprint: "deaa79011ef50d92c88a30b42ba072084d7a506421526dc78405039fb83b97da",
  wants: (path) => wantsEmoji("google", path),
  maxFileBytes: 4_000_000,
  maxBytes: 40_000_000,
  decode: (files, tools) => decodeEmoji(emojiGoogle, "google", files, tools),
};
