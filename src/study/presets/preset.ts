import type { z } from "zod";
import type { studySchema } from "../config.ts";

/** A ready-made study: the configuration as a user would write it, defaults left out. */
export interface PresetInput {
  readonly doc: string;
  readonly config: z.input<typeof studySchema>;
}
