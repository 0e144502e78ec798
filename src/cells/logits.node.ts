import { ScopeError } from "../base/error.ts";
import { readSafetensors } from "../safetensors/read.node.ts";
import { writeSafetensors } from "../safetensors/write.node.ts";
import type { Cell } from "../store/cell.node.ts";
import { shortAddress } from "../store/spec.ts";
import { float32, type Tensor, tensor } from "../tensor/tensor.ts";

/** What a network says of some images, and what they are. */
export interface Judged {
  /** [N, K]. */
  readonly logits: Float32Array;
  /** [N]. */
  readonly labels: Int32Array;
}

/** What a network says of the held-out and the test images. */
export interface JudgedSplits {
  readonly heldOut: Judged;
  readonly test: Judged;
}

export const logitsFile = "logits.safetensors";

/** Writes logits and labels of both splits beside a cell's other files. @throws {ScopeError} io */
export async function writeLogits(
  dir: string,
  { heldOut, test }: JudgedSplits,
  classes: number,
): Promise<void> {
  const tensors = new Map<string, Tensor>();
  for (const [name, { logits, labels }] of Object.entries({ heldOut, test })) {
    tensors.set(name, float32([labels.length, classes], logits));
    tensors.set(`${name}.labels`, tensor("int32", [labels.length], labels));
  }
  await writeSafetensors(`${dir}/${logitsFile}`, tensors, {}, { overwrite: true });
}

/**
 * Logits that a cell of kind logits or average kept.
 * @throws {ScopeError} data, when the cell has none; format
 */
export async function readLogits(cell: Cell): Promise<JudgedSplits & { readonly classes: number }> {
  const { tensors } = await readSafetensors(cell.file(logitsFile));
  const read = (name: string): Judged & { classes: number } => {
    const logits = tensors.get(name);
    const labels = tensors.get(`${name}.labels`);
    if (logits === undefined || labels === undefined) {
      throw new ScopeError("format", `cell ${shortAddress(cell.address)}: its ${logitsFile} lacks "${name}"`);
    }
    return {
      logits: logits.load().data as Float32Array,
      labels: labels.load().data as Int32Array,
      classes: logits.shape[1]!,
    };
  };
  const [heldOut, test] = [read("heldOut"), read("test")];
  return { heldOut, test, classes: test.classes };
}
