import { parseHTML } from "linkedom";

/** A DOM for drawing figures outside a browser. */
export function figureDocument(): unknown {
  return parseHTML("<!doctype html><html><body></body></html>").document;
}
