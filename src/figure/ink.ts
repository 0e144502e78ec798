import type { Canvas } from "./figure.ts";

/** The colours of a figure: CSS values. */
export interface Ink {
  readonly text: string;
  /** Labels that should stand back. */
  readonly muted: string;
  /** Grid lines and frames. */
  readonly faint: string;
  readonly background: string;
  /** Colours that stay apart for the colour-blind. Always used together with a shape or a line style. */
  readonly blue: string;
  readonly vermillion: string;
  readonly green: string;
  readonly purple: string;
}

/** Okabe and Ito's palette (jfly.uni-koeln.de/color, 2008), purple darkened to stand out on white. */
const paper: Ink = {
  text: "#1b1e23",
  muted: "#5c6370",
  faint: "#d9dce1",
  background: "#ffffff",
  blue: "#0072b2",
  vermillion: "#d55e00",
  green: "#007d5b",
  purple: "#a8488a",
};

/** The same hues, lighter, for a dark page. */
const dark: Ink = {
  text: "#e6e8eb",
  muted: "#a3abb8",
  faint: "#3a404a",
  background: "#14171c",
  blue: "#5cb8f0",
  vermillion: "#ff8c42",
  green: "#35c79b",
  purple: "#e39acb",
};

const names = Object.keys(paper) as (keyof Ink)[];

/** The inks of a canvas: fixed ones for a file, CSS variables for the page. */
export function inkOf(canvas: Canvas): Ink {
  if (canvas.ink === "paper") return paper;
  return Object.fromEntries(names.map((name) => [name, `var(--${name})`])) as unknown as Ink;
}

/** The CSS declarations that give the page's variables their values, for a light or a dark page. */
export function inkVariables(scheme: "light" | "dark"): string {
  const ink = scheme === "light" ? paper : dark;
  return names.map((name) => `--${name}:${ink[name]}`).join(";");
}
