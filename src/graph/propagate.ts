import { type DType, allocate, sizeOf, type Tensor } from "../tensor/tensor.ts";
import { type Dim, intAttr, intsAttr, type Node } from "./graph.ts";
import { contents, isInteger, type Known, numericShape, propagationLimit, readContents } from "./known.ts";
import { clampSlice } from "./shapes/indexing.ts";
import { shapeRange } from "./shapes/source.ts";

/** Row-major contents of a value; null (or a symbol) where a number is not known. */
type Entries = readonly Dim[];

interface Value {
  readonly entries: Entries;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** Contents of each output from contents of the inputs. `out` are the outputs as inferred, with numeric shapes. */
type ValueRule = (
  node: Node,
  x: readonly (Value | undefined)[],
  out: readonly Value[],
) => (Entries | undefined)[];

/**
 * Adds contents to the outputs of a node where they follow from its inputs' contents. What is computed here is computed
 * exactly as ONNX Runtime would (integers, and float32 operations with correctly rounded results only), so that folding
 * changes no bit.
 */
export function propagate(
  node: Node,
  inputs: readonly (Known | undefined)[],
  outputs: readonly Known[],
): Known[] {
  if (node.domain !== "") return [...outputs];
  if (node.op === "Shape") return [withEntries(outputs[0]!, shapeRange(node, inputs[0]!.shape))];
  if (node.op === "Size") {
    const shape = numericShape(inputs[0]!.shape);
    return [withEntries(outputs[0]!, [shape === undefined ? null : sizeOf(shape)])];
  }
  const rule = Object.hasOwn(valueRules, node.op) ? valueRules[node.op] : undefined;
  if (rule === undefined || outputs.some((out) => out.constant !== undefined)) return [...outputs];
  const targets = outputs.map((out) => ({
    entries: [],
    shape: numericShape(out.shape) ?? [-1],
    dtype: out.dtype,
  }));
  if (targets.some(({ shape }) => shape[0] === -1 || sizeOf(shape) > propagationLimit)) return [...outputs];
  const known = inputs.map((input) => valueOf(input, contents));
  if (known.every((value, i) => value !== undefined || inputs[i] === undefined)) {
    const results = rule(node, known, targets);
    return outputs.map((out, i) => (results[i] === undefined ? out : withEntries(out, results[i])));
  }
  // What parameters are moved into is no constant, but can be said when a rule asks for it.
  if (inputs.some((input, i) => input !== undefined && known[i] === undefined && input.load === undefined))
    return [...outputs];
  return outputs.map((out, i) => ({ ...out, load: once(() => readOutput(node, inputs, targets, rule, i)) }));
}

function once<T>(work: () => T): () => T {
  let kept: { readonly value: T } | undefined;
  return () => (kept ??= { value: work() }).value;
}

function readOutput(
  node: Node,
  inputs: readonly (Known | undefined)[],
  targets: readonly Value[],
  rule: ValueRule,
  i: number,
): Tensor | undefined {
  const x = inputs.map((input) => valueOf(input, readContents));
  if (x.some((value, k) => value === undefined && inputs[k] !== undefined)) return undefined;
  const entries = rule(node, x, targets)[i];
  const { dtype, shape } = targets[i]!;
  return entries && withEntries({ dtype, shape }, entries).constant;
}

function valueOf(
  known: Known | undefined,
  read: (known: Known | undefined) => Entries | undefined,
): Value | undefined {
  const entries = read(known);
  const shape = known && numericShape(known.shape);
  return entries === undefined || shape === undefined ? undefined : { entries, shape, dtype: known!.dtype };
}

function withEntries(known: Known, found: Entries): Known {
  const shape = numericShape(known.shape);
  if (shape === undefined) return known;
  const entries = found.map((entry) => representable(entry, known.dtype));
  const constant = toTensor(known.dtype, shape, entries);
  if (constant !== undefined) return { ...known, constant };
  const partial = isInteger(known.dtype) && shape.length <= 1 && entries.some((entry) => entry !== null);
  return partial ? { ...known, dims: entries } : known;
}

const ranges: Partial<Record<DType, readonly [number, number]>> = {
  bool: [0, 1],
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  uint64: [0, Number.MAX_SAFE_INTEGER],
};

/** The entry, or null when it is a number that the type does not hold exactly (an overflow, of which we say nothing). */
function representable(entry: Dim, dtype: DType): Dim {
  if (typeof entry !== "number" || !isInteger(dtype)) return entry;
  const range = ranges[dtype];
  if (range !== undefined)
    return Number.isInteger(entry) && entry >= range[0] && entry <= range[1] ? entry : null;
  // ±2^63 stand for the limits of int64, see `contents`.
  return Number.isSafeInteger(entry) || Math.abs(entry) === 2 ** 63 ? entry : null;
}

function toTensor(dtype: DType, shape: readonly number[], entries: Entries): Tensor | undefined {
  if (dtype === "float16" || dtype === "bfloat16") return undefined;
  const data = allocate(dtype, entries.length);
  for (const [i, entry] of entries.entries()) {
    if (typeof entry !== "number") return undefined;
    if (data instanceof BigInt64Array) data[i] = entry === 2 ** 63 ? 2n ** 63n - 1n : BigInt(entry);
    else if (data instanceof BigUint64Array) data[i] = BigInt(entry);
    else data[i] = entry;
  }
  return { dtype, shape, data };
}

// ---- rules ----

/** The same entries in another shape. */
const keep: ValueRule = (_node, [x]) => [x!.entries];

/** Row-major steps between neighbours along each axis. */
function strides(shape: readonly number[]): number[] {
  const steps = shape.map(() => 1);
  for (let i = shape.length - 2; i >= 0; i--) steps[i] = steps[i + 1]! * shape[i + 1]!;
  return steps;
}

/** Entries of `shape` by their coordinates. */
function generate(shape: readonly number[], entry: (at: readonly number[]) => Dim): Dim[] {
  const steps = strides(shape);
  return Array.from({ length: sizeOf(shape) }, (_, flat) =>
    entry(shape.map((size, i) => Math.floor(flat / steps[i]!) % size)),
  );
}

/** The entry of `value` at coordinates of a shape it broadcasts to. */
function at(value: Value, place: readonly number[]): Dim {
  const steps = strides(value.shape);
  const lead = place.length - value.shape.length;
  let flat = 0;
  value.shape.forEach((size, i) => (flat += size === 1 ? 0 : place[i + lead]! * steps[i]!));
  return value.entries[flat]!;
}

/** An elementwise operation of broadcast operands, on numbers only or with a say on symbols first. */
function zip(
  f: (a: number, b: number, dtype: DType, node: Node) => Dim,
  symbols?: (a: Dim, b: Dim) => Dim | undefined,
): ValueRule {
  return (node, x, [out]) => [
    generate(out!.shape, (place) =>
      x
        .map((value) => at(value!, place))
        .reduce((a, b) => {
          if (typeof a === "number" && typeof b === "number")
            return rounded(f(a, b, x[0]!.dtype, node), out!.dtype);
          return symbols?.(a, b) ?? null;
        }),
    ),
  ];
}

function map(f: (a: number, dtype: DType) => Dim): ValueRule {
  return (_node, [x], [out]) => [
    x!.entries.map((a) => (typeof a === "number" ? rounded(f(a, x!.dtype), out!.dtype) : null)),
  ];
}

/** The result of arithmetic as its type holds it; null where an integer leaves the range in which doubles are exact. */
function rounded(value: Dim, dtype: DType): Dim {
  if (typeof value !== "number") return value;
  if (isInteger(dtype)) return Number.isSafeInteger(value) ? value : null;
  return dtype === "float32" ? Math.fround(value) : value;
}

function divide(a: number, b: number, dtype: DType): Dim {
  if (!isInteger(dtype)) return a / b;
  return b === 0 ? null : Math.trunc(a / b) + 0;
}

/** Remainder with the divisor's sign (Python's), or the dividend's when fmod is set. */
function remainder(a: number, b: number, dtype: DType, node: Node): Dim {
  if (!isInteger(dtype) || b === 0) return null;
  const rest = a % b;
  return (intAttr(node, "fmod", 0) === 0 && rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest) + 0;
}

/** Sizes are never negative, so a symbol differs from every negative number. */
function equalSymbols(a: Dim, b: Dim): Dim | undefined {
  if (typeof a === "string" && a === b) return 1;
  const [symbol, other] = typeof a === "string" ? [a, b] : [b, a];
  return typeof symbol === "string" && typeof other === "number" && other < 0 ? 0 : undefined;
}

const select: ValueRule = (_node, [condition, yes, no], [out]) => [
  generate(out!.shape, (place) => {
    const choice = at(condition!, place);
    const [a, b] = [at(yes!, place), at(no!, place)];
    if (choice === 1) return a;
    if (choice === 0) return b;
    return a === b ? a : null;
  }),
];

const castTo: ValueRule = (_node, [x], [out]) => [
  x!.entries.map((entry) => {
    if (typeof entry !== "number")
      return isInteger(x!.dtype) && isInteger(out!.dtype) && out!.dtype !== "bool" ? entry : null;
    if (out!.dtype === "bool") return entry === 0 ? 0 : 1;
    // The limits of int64 pass between integers, everything else must be exact.
    if (isInteger(x!.dtype) && isInteger(out!.dtype)) return entry;
    return rounded(isInteger(out!.dtype) ? Math.trunc(entry) + 0 : entry, out!.dtype);
  }),
];

const join: ValueRule = (node, x, [out]) => {
  const axis = (intAttr(node, "axis", 0) + out!.shape.length) % out!.shape.length;
  return [
    generate(out!.shape, (place) => {
      let along = place[axis]!;
      const part = x.findIndex((value) => {
        if (along < value!.shape[axis]!) return true;
        along -= value!.shape[axis]!;
        return false;
      });
      return at(x[part]!, place.with(axis, along));
    }),
  ];
};

const cut: ValueRule = (node, [x], outs) => {
  const axis = (intAttr(node, "axis", 0) + x!.shape.length) % x!.shape.length;
  let start = 0;
  return outs.map((out) => {
    const from = start;
    start += out.shape[axis]!;
    return generate(out.shape, (place) => at(x!, place.with(axis, from + place[axis]!)));
  });
};

const pickAt: ValueRule = (node, [data, indices], [out]) => {
  const axis = (intAttr(node, "axis", 0) + data!.shape.length) % data!.shape.length;
  const size = data!.shape[axis]!;
  const inner = indices!.shape.length;
  return [
    generate(out!.shape, (place) => {
      const index = at(indices!, place.slice(axis, axis + inner));
      if (typeof index !== "number" || index < -size || index >= size) return null;
      return at(data!, [
        ...place.slice(0, axis),
        index < 0 ? index + size : index,
        ...place.slice(axis + inner),
      ]);
    }),
  ];
};

const sliceOf: ValueRule = (_node, [x, starts, ends, axes, steps], [out]) => {
  const firsts = x!.shape.map(() => 0);
  const strideOf = x!.shape.map(() => 1);
  for (const [i, start] of starts!.entries.entries()) {
    const listed = axes === undefined ? i : axes.entries[i];
    const step = steps === undefined ? 1 : steps.entries[i];
    const end = ends!.entries[i];
    if (
      typeof listed !== "number" ||
      typeof start !== "number" ||
      typeof end !== "number" ||
      typeof step !== "number"
    )
      return [undefined];
    const axis = listed < 0 ? listed + x!.shape.length : listed;
    firsts[axis] = clampSlice(x!.shape[axis]!, start, end, step).first;
    strideOf[axis] = step;
  }
  return [
    generate(out!.shape, (place) =>
      at(
        x!,
        place.map((p, i) => firsts[i]! + p * strideOf[i]!),
      ),
    ),
  ];
};

const turn: ValueRule = (node, [x], [out]) => {
  const rank = x!.shape.length;
  const perm = intsAttr(node, "perm", undefined) ?? x!.shape.map((_, i) => rank - 1 - i);
  return [
    generate(out!.shape, (place) => {
      const source = place.slice();
      perm.forEach((axis, i) => (source[axis] = place[i]!));
      return at(x!, source);
    }),
  ];
};

const spread: ValueRule = (_node, [x], [out]) => [generate(out!.shape, (place) => at(x!, place))];

const repeat: ValueRule = (_node, [x], [out]) => [
  generate(out!.shape, (place) =>
    at(
      x!,
      place.map((p, i) => p % x!.shape[i]!),
    ),
  ),
];

const count: ValueRule = (_node, [start, , delta], [out]) => {
  const [first, step] = [start!.entries[0], delta!.entries[0]];
  if (!isInteger(out!.dtype) || typeof first !== "number" || typeof step !== "number") return [undefined];
  return [generate(out!.shape, ([i = 0]) => first + i * step)];
};

const fill: ValueRule = (node, _x, [out]) => {
  const { value } = node.attributes;
  const number =
    value?.type === "tensor"
      ? contents({ dtype: value.value.dtype, shape: value.value.shape, constant: value.value })?.[0]
      : 0;
  return number === undefined ? [undefined] : [generate(out!.shape, () => number)];
};

/** Reductions of integers over every element (the only ones shape arithmetic uses). */
function reduceAll(f: (a: number, b: number) => number): ValueRule {
  return (_node, [x], [out]) => {
    if (sizeOf(out!.shape) !== 1 || !isInteger(x!.dtype) || x!.entries.length === 0) return [undefined];
    return [
      [
        x!.entries.reduce((a, b) =>
          typeof a === "number" && typeof b === "number" ? rounded(f(a, b), x!.dtype) : null,
        ),
      ],
    ];
  };
}

const flag = (truth: boolean): number => (truth ? 1 : 0);
const same = (a: Dim, b: Dim): Dim | undefined => (a === b ? a : undefined);

const valueRules: Readonly<Record<string, ValueRule>> = {
  Identity: keep,
  Reshape: keep,
  Squeeze: keep,
  Unsqueeze: keep,
  Flatten: keep,
  Add: zip(
    (a, b) => a + b,
    (a, b) => (a === 0 ? b : b === 0 ? a : undefined),
  ),
  Sub: zip(
    (a, b) => a - b,
    (a, b) => (b === 0 ? a : typeof a === "string" && a === b ? 0 : undefined),
  ),
  Mul: zip(
    (a, b) => a * b,
    (a, b) => (a === 1 ? b : b === 1 ? a : a === 0 || b === 0 ? 0 : undefined),
  ),
  Div: zip(divide, (a, b) => (b === 1 ? a : undefined)),
  Mod: zip(remainder),
  Min: zip((a, b) => Math.min(a, b), same),
  Max: zip((a, b) => Math.max(a, b), same),
  Equal: zip((a, b) => flag(a === b), equalSymbols),
  Greater: zip((a, b) => flag(a > b)),
  GreaterOrEqual: zip((a, b) => flag(a >= b)),
  Less: zip((a, b) => flag(a < b)),
  LessOrEqual: zip((a, b) => flag(a <= b)),
  And: zip((a, b) => flag(a === 1 && b === 1)),
  Or: zip((a, b) => flag(a === 1 || b === 1)),
  Xor: zip((a, b) => flag(a !== b)),
  Not: map((a) => 1 - a),
  Neg: map((a) => -a),
  Abs: map((a) => Math.abs(a)),
  Sign: map((a) => Math.sign(a)),
  Floor: map((a) => Math.floor(a)),
  Ceil: map((a) => Math.ceil(a)),
  Sqrt: map((a, dtype) => (isInteger(dtype) ? null : Math.sqrt(a))),
  Where: select,
  Cast: castTo,
  Concat: join,
  Split: cut,
  Gather: pickAt,
  Slice: sliceOf,
  Transpose: turn,
  Expand: spread,
  Tile: repeat,
  Range: count,
  ConstantOfShape: fill,
  ReduceProd: reduceAll((a, b) => a * b),
  ReduceSum: reduceAll((a, b) => a + b),
  ReduceMax: reduceAll((a, b) => Math.max(a, b)),
  ReduceMin: reduceAll((a, b) => Math.min(a, b)),
};
