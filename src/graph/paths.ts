/**
 * The names of parameters as paths. Exporters write them as `layer1.0.conv1.weight`, `/stage1/conv1/kernel:0`, or mangle
 * them (`onnx::Conv_193`) and leave the path in the name of the node instead (`/layer1/layer1.0/conv1/Conv`).
 */

/** Names that exporters and builders make up; they say nothing about where a parameter belongs. */
const madeUp =
  /^(onnx::\w+|\d+|(const|val|tensor|param|initializer|var|v|x|w|b|t|weight|bias)_?\d*|const_fold_opt__\d+|.*_output_\d+)$/i;

/** What a lone name may end in besides the module's own name: `fc1_weight` belongs to `fc1`. */
const role =
  /^(.+)[_-](weight|weights|bias|biases|kernel|gamma|beta|scale|shift|w|b|running_mean|running_var|moving_mean|moving_variance|mean|var)$/i;

/** Wrappers that put their own name before every parameter's. */
const wrappers = new Set(["module", "_orig_mod"]);

/** The module a parameter belongs to by its own name, as a path; undefined when the name is made up. */
export function parameterPath(name: string): string[] | undefined {
  const plain = name.replace(/:\d+$/, "").replace(/\/ReadVariableOp$/, "");
  if (madeUp.test(plain)) return undefined;
  const parts = plain.split(/[./]/).filter((part) => part !== "");
  while (parts.length > 2 && wrappers.has(parts[0]!)) parts.shift();
  if (parts.length > 1) return parts.slice(0, -1);
  return [role.exec(plain)?.[1] ?? plain];
}

/**
 * The module a node was exported from, as a path: `/layer1/layer1.0/conv1/Conv` gives layer1, 0, conv1. undefined when
 * the node's name has no path. (PyTorch repeats the outer name before an index: `layer1/layer1.0`.)
 */
export function nodePath(name: string): string[] | undefined {
  const scopes = name.split("/").filter((part) => part !== "");
  scopes.pop();
  const path: string[] = [];
  let before = "";
  for (const scope of scopes) {
    if (before !== "" && scope.startsWith(`${before}.`))
      path.push(...scope.slice(before.length + 1).split("."));
    else path.push(...scope.split("."));
    before = scope;
  }
  return path.length === 0 ? undefined : path;
}

const isIndex = (part: string | undefined): boolean => part !== undefined && /^\d+$/.test(part);
const isNumbered = (part: string | undefined): boolean =>
  part !== undefined && /^[A-Za-z]\w*?_?\d+$/.test(part);
const blockWord = /^(block|unit|cell|bottleneck|res|resblock|layer|encoder_?layer|decoder_?layer)_?\d+$/i;
const blockList = /^(blocks|layers|units|cells|bottlenecks)$/i;
const stageWord = /^stages?_?\d*$/i;

/** Ends (exclusive) of the stage and the block within a layer's path; undefined where the path names none. */
export interface Levels {
  readonly stage: number | undefined;
  readonly block: number | undefined;
}

/**
 * Where a layer's path speaks of stages and blocks. The first numbered container is one of the two: the block when it
 * stands alone (`features.3`, `encoder.layer.11`, `block4`), the stage when another follows directly (`layer1.0`,
 * `stages.2.blocks.1`, `stage2.block1`) or when it is called stage.
 */
export function levels(path: readonly string[]): Levels {
  const container = path.slice(0, -1);
  const first = container.findIndex((part) => isIndex(part) || isNumbered(part));
  if (first < 0)
    return { stage: isIndex(path.at(-1)) && path.length > 1 ? path.length - 1 : undefined, block: undefined };
  const next = container[first + 1];
  const inner = isIndex(next) || (next !== undefined && blockWord.test(next)) ? first + 1 : undefined;
  const listed =
    next !== undefined && blockList.test(next) && isIndex(container[first + 2]) ? first + 2 : undefined;
  const second = inner ?? listed;
  if (second !== undefined) return { stage: first + 1, block: second + 1 };
  const owner = isIndex(container[first]) ? container[first - 1] : container[first];
  if (owner !== undefined && stageWord.test(owner)) return { stage: first + 1, block: undefined };
  // `features.3`, `blocks.0`, `encoder.layer.11`: the list is the stage. `block4` alone has none above it.
  return { stage: first > 0 ? first : undefined, block: first + 1 };
}
