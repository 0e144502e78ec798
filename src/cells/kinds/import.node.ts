import { z } from "zod";
import { ScopeError } from "../../base/error.ts";
import type { CellKind } from "../../sweep/kind.ts";

const file = z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/), size: z.int().min(0) });

/** Parameters of an imported model: what is in its files. Where they were has no part in it. */
export const importParams = z.strictObject({
  /** The model's file, and for bare weights the graph's after it. */
  files: z.array(file).min(1).max(2),
  /** SHA-256 of all weights, which may lie in files of external data. */
  weights: z.string().regex(/^[0-9a-f]{64}$/),
});
export type ImportParams = z.infer<typeof importParams>;

/**
 * A model of the user's, taken into the store (see `importModel`). It cannot be computed: a worker does not know where
 * the files are.
 */
export const importCell: CellKind = {
  kind: "import",
  version: 1,
  estimate: () => ({ seconds: 0 }),
  run: () =>
    Promise.reject(
      new ScopeError("data", "an imported model is no longer in the store, and cannot be computed again", {
        hint: "run the command that names its file again",
      }),
    ),
};
