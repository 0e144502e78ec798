import { ScopeError } from "../base/error.ts";
import type { Factor, Permutations, Symmetry } from "../symmetry/types.ts";
import { sizeOf, type Tensor } from "../tensor/tensor.ts";

/** One digit of an element's address in a block: the address is the sum of digits times strides. */
export interface Digit {
  readonly size: number;
  /** Elements of the tensor from one value of the digit to the next. */
  readonly stride: number;
  /** The space whose positions the digit counts; absent: it stays. */
  readonly space?: number;
  /** For a space within another: the digit of this block that counts the outer one. */
  readonly outer?: number;
}

/**
 * A part of a tensor in which every axis is a plain product of factors (an axis of several segments makes several
 * blocks), as a number with digits: element = offset + Σ value of digit × stride.
 */
export interface Block {
  readonly tensor: string;
  readonly offset: number;
  readonly digits: readonly Digit[];
}

/**
 * The blocks of the tensor called `name`, of the given shape. Neighbouring digits that stay are one digit.
 * @throws {ScopeError} shape, when the tensor is not of the shape the symmetry was derived for
 */
export function blocksOf(symmetry: Symmetry, name: string, shape: readonly number[]): Block[] {
  const axes = symmetry.tensors.get(name)!;
  const within = new Map(symmetry.spaces.map((space) => [space.id, space.within]));
  const wanted = axes.map((axis) => axis.reduce((sum, segment) => sum + product(segment), 0));
  if (wanted.join() !== shape.join()) {
    throw new ScopeError(
      "shape",
      `the network's "${name}" has shape [${wanted.join(", ")}], the weights' [${shape.join(", ")}]`,
    );
  }
  interface Part {
    readonly offset: number;
    readonly digits: readonly (Digit & { readonly axis: number })[];
  }
  let parts: Part[] = [{ offset: 0, digits: [] }];
  axes.forEach((segments, axis) => {
    const step = sizeOf(shape.slice(axis + 1));
    let start = 0;
    const choices = segments.map((segment) => {
      const digits = segment.map((factor, i) => ({
        size: factor.size,
        stride: step * product(segment.slice(i + 1)),
        axis,
        ...(factor.space === undefined ? {} : { space: factor.space }),
      }));
      const choice = { offset: start * step, digits };
      start += product(segment);
      return choice;
    });
    parts = parts.flatMap((part) =>
      choices.map((choice) => ({
        offset: part.offset + choice.offset,
        digits: [...part.digits, ...choice.digits],
      })),
    );
  });
  return parts.map(({ offset, digits }) => {
    const joined = joinFixed(digits);
    return {
      tensor: name,
      offset,
      digits: joined.map(({ size, stride, space, axis }) => {
        if (space === undefined) return { size, stride };
        const host = within.get(space);
        if (host === undefined) return { size, stride, space };
        // The outer digit of the same axis, or else the one there is.
        const hosts = joined.flatMap((digit, i) => (digit.space === host ? [{ i, axis: digit.axis }] : []));
        const outer = (hosts.find((one) => one.axis === axis) ?? hosts[0])?.i;
        if (outer === undefined) {
          throw new ScopeError(
            "bug",
            `"${name}" carries space ${space} but not space ${host}, which that lies within`,
          );
        }
        return { size, stride, space, outer };
      }),
    };
  });
}

function product(factors: readonly Factor[]): number {
  return factors.reduce((total, factor) => total * factor.size, 1);
}

function joinFixed<D extends Digit>(digits: readonly D[]): D[] {
  const joined: D[] = [];
  for (const digit of digits) {
    const last = joined.at(-1);
    if (digit.size === 1 && digit.space === undefined) continue;
    const follows = last !== undefined && last.stride === digit.size * digit.stride;
    if (follows && last.space === undefined && digit.space === undefined) {
      joined[joined.length - 1] = { ...digit, size: last.size * digit.size };
    } else joined.push(digit);
  }
  return joined;
}

/** Places of a tensor's elements, as they are and as an order would take them: parallel lists of offsets. */
export interface Places {
  readonly from: Int32Array;
  readonly to: Int32Array;
}

/** A digit held at one value: `from` in the tensor as it is, `to` in the one that is put in order. */
export interface Held {
  readonly from: number;
  readonly to: number;
}

/**
 * Where the elements of a block are that differ in all digits but those of `held`: in the tensor as it is, and in a
 * tensor that `orders` would put in its order. Always in the same sequence; the block's own offset is counted.
 */
export function placesOf(block: Block, held: ReadonlyMap<number, Held>, orders: Permutations): Places {
  let base = { from: block.offset, to: block.offset };
  for (const [digit, value] of held) {
    const { stride } = block.digits[digit]!;
    base = { from: base.from + value.from * stride, to: base.to + value.to * stride };
  }
  const moving = block.digits.map((_, i) => i).filter((i) => !held.has(i));
  // Outer digits first: what is within them looks up their value.
  const isOuter = (i: number): boolean => block.digits.some((digit) => digit.outer === i);
  const sequence = [...moving.filter(isOuter), ...moving.filter((i) => !isOuter(i))];
  let places: Places = { from: Int32Array.of(base.from), to: Int32Array.of(base.to) };
  // The value of each outer digit, for every place so far.
  const values = new Map<number, Int32Array>();
  for (const i of sequence) {
    const { size, stride, space, outer } = block.digits[i]!;
    const order = space === undefined ? undefined : orders.get(space);
    const before = places.from.length;
    const from = new Int32Array(before * size);
    const to = new Int32Array(before * size);
    const hosts = outer === undefined ? undefined : values.get(outer);
    const heldHost = outer === undefined ? 0 : (held.get(outer)?.from ?? 0);
    for (let p = 0; p < before; p++) {
      const at = outer === undefined ? 0 : size * (hosts === undefined ? heldHost : hosts[p]!);
      for (let x = 0; x < size; x++) {
        from[p * size + x] = places.from[p]! + x * stride;
        to[p * size + x] = places.to[p]! + (order === undefined ? x : order[at + x]!) * stride;
      }
    }
    for (const [digit, list] of values) values.set(digit, repeat(list, size));
    if (isOuter(i))
      values.set(
        i,
        Int32Array.from({ length: before * size }, (_, k) => k % size),
      );
    places = { from, to };
  }
  return places;
}

function repeat(list: Int32Array, times: number): Int32Array {
  const all = new Int32Array(list.length * times);
  for (let i = 0; i < list.length; i++) all.fill(list[i]!, i * times, (i + 1) * times);
  return all;
}

/** ⟨A, P(B)⟩ over the elements of a block that have the `held` digits, in double precision. */
export function blockProduct(
  block: Block,
  a: Float32Array,
  b: Float32Array,
  orders: Permutations,
  held: ReadonlyMap<number, Held> = new Map(),
): number {
  // One digit is kept out of the list of places, so that this stays small: one that nothing depends on.
  const row = block.digits.findIndex(
    (digit, i) => !held.has(i) && digit.outer === undefined && !block.digits.some((d) => d.outer === i),
  );
  const { size, stride, space } = block.digits[row] ?? { size: 1, stride: 0 };
  const order = space === undefined ? undefined : orders.get(space);
  const rest = new Map(held);
  if (row >= 0) rest.set(row, { from: 0, to: 0 });
  const { from, to } = placesOf(block, rest, orders);
  let total = 0;
  for (let r = 0; r < size; r++) {
    const atA = r * stride;
    const atB = (order === undefined ? r : order[r]!) * stride;
    let sum = 0;
    for (let c = 0; c < from.length; c++) sum += a[atA + from[c]!]! * b[atB + to[c]!]!;
    total += sum;
  }
  return total;
}

/** The numbers of a float32 tensor. @throws {ScopeError} unsupported, for other types */
export function floatsOf(name: string, tensors: ReadonlyMap<string, Tensor>): Float32Array {
  const found = tensors.get(name);
  if (found === undefined)
    throw new ScopeError("shape", `the weights have no "${name}", which the network has`);
  if (!(found.data instanceof Float32Array)) {
    throw new ScopeError("unsupported", `"${name}" is ${found.dtype}; only float32 weights can be matched`);
  }
  return found.data;
}
