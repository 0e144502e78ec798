import { z } from "zod";
import { canonical } from "../base/canonical.ts";
import { ScopeError } from "../base/error.ts";

const member = z.strictObject({
  /** As the user named it. */
  name: z.string(),
  /** Address of the stored run or import it is (the SHA-256 of a file is in that). */
  cell: z.string().optional(),
  /** SHA-256 of the file, for a network that is no cell. */
  sha256: z.string().optional(),
  /** Share in the average, where it is the same in all tensors; 0 for what was tried and left out. */
  coefficient: z.number().optional(),
  /** Score of the network alone on the held-out split. */
  heldOut: z.number().optional(),
});

const recipe = z.strictObject({
  schema: z.literal(1),
  /** "uniform", "greedy", "learned", "swa", "ema", "wise", … */
  method: z.string(),
  members: z.array(member),
  /** Settings of the method that its name does not tell: accept, decay, α, learning rate, epochs, seed. */
  settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  /** Learned: shares of the members, by module ("" for all). */
  mixing: z.array(z.strictObject({ module: z.string(), shares: z.array(z.number()) })).optional(),
  /** Learned: factor on the logits, already in the last layer's weights. */
  logitScale: z.number().optional(),
  /** Whether the statistics of batch norm were estimated anew for the average; absent without batch norm. */
  statistics: z.enum(["averaged", "re-estimated"]).optional(),
  /** What decided: score of the result on the held-out split, and what that is. */
  heldOut: z
    .strictObject({ score: z.number(), images: z.int(), set: z.string(), seed: z.int().optional() })
    .optional(),
});

/** How an average was made: enough to make it again, and to see what it is. */
export type SoupRecipe = z.infer<typeof recipe>;

/** The key of a recipe among a checkpoint's texts. */
export const recipeKey = "transferscope.soup";

/**
 * A recipe as texts to be kept with a checkpoint: metadata_props of ONNX, __metadata__ of safetensors. Canonical, so the
 * same recipe gives the same bytes.
 * @throws {ScopeError} bug, for a number that is not finite
 */
export function describeRecipe(found: SoupRecipe): Record<string, string> {
  return { [recipeKey]: canonical(found) };
}

/**
 * The recipe a checkpoint's texts hold; undefined when they hold none.
 * @throws {ScopeError} format, naming `where` and the field that is not as it should be
 */
export function readRecipe(
  metadata: Readonly<Record<string, string>>,
  where: string,
): SoupRecipe | undefined {
  const text = metadata[recipeKey];
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ScopeError("format", `${where}: the soup's recipe in its metadata is not JSON`, { cause });
  }
  const parsed = recipe.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ScopeError(
    "format",
    `${where}: the soup's recipe in its metadata is not one: ${issue?.path.join(".") || "the whole"}: ${issue?.message}`,
  );
}
