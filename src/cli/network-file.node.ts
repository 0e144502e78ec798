import { existsSync } from "node:fs";
import { dirname, extname } from "node:path";
import { ScopeError } from "../base/error.ts";
import type { Network } from "../cells/network.node.ts";
import { writeModel } from "../onnx/write.node.ts";
import { writeSafetensors } from "../safetensors/write.node.ts";
import type { Address } from "../store/spec.ts";
import { checkFolder } from "./out-folder.node.ts";

/**
 * Checks that a network can be written to a file, before any long work begins.
 * @throws {ScopeError} usage, when the file is of no kind we write, or is there already; as `checkFolder`
 */
export function checkNetworkFile(out: string, overwrite?: boolean): void {
  if (![".onnx", ".safetensors"].includes(extname(out).toLowerCase())) {
    throw new ScopeError("usage", `--out ${out}: expected a name that ends in .onnx or .safetensors`);
  }
  checkFolder(dirname(out), "--out");
  if (existsSync(out) && overwrite !== true) {
    throw new ScopeError("usage", `--out ${out} exists already`, {
      hint:
        overwrite === undefined
          ? "choose another name: a network is never overwritten"
          : "choose another name, or allow it with --overwrite",
    });
  }
}

/**
 * Writes a network as ONNX, or its weights as safetensors, by the name's ending; with what is known of it (data, classes,
 * recipe) as texts in the file.
 * @param run the cell it comes from
 * @throws {ScopeError} usage, when the file exists and may not be overwritten; io
 */
export async function writeNetworkFile(
  out: string,
  { graph, weights }: Pick<Network, "graph" | "weights">,
  run: Address,
  overwrite = false,
): Promise<void> {
  if (extname(out).toLowerCase() === ".onnx") await writeModel(graph, out, { overwrite });
  else await writeSafetensors(out, weights, { ...graph.metadata, run }, { overwrite });
}
