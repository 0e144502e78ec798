import { escapeMarkup } from "../figure/escape.ts";

/** Markup that is safe to stand in a page. Only `markup` and `raw` make it. */
export interface Html {
  readonly text: string;
}

/** What may be put into a template: text and numbers are escaped, markup is kept, lists are joined. */
export type Slot = string | number | Html | readonly Html[];

/** A template whose slots are escaped unless they are markup already: text from a user cannot become markup. */
export function markup(parts: TemplateStringsArray, ...slots: readonly Slot[]): Html {
  return { text: parts.map((part, i) => part + (i < slots.length ? markupOf(slots[i]!) : "")).join("") };
}

/** Takes text as markup. Only for text of our own making: figures, style, script. */
export function raw(text: string): Html {
  return { text };
}

/** Keeps a number and what belongs to it on one line: no line break in "61 ± 2 %", "13 points", "400 steps". */
export function unbroken(text: string): string {
  return text.replace(/ ± /g, "\u00a0±\u00a0").replace(/(?<=\d) (?=%|points|steps)/g, "\u00a0");
}

function markupOf(slot: Slot): string {
  if (typeof slot === "string") return escapeMarkup(slot);
  if (typeof slot === "number") return String(slot);
  return "text" in slot ? slot.text : slot.map((one) => one.text).join("");
}
