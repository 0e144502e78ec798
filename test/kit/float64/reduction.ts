import { intAttr, intsAttr, type Node } from "../../../src/graph/graph.ts";
import {
  empty,
  forEachIndex,
  front,
  ints,
  type Kernel,
  need,
  offset,
  stridesOf,
  type Value,
} from "./value.ts";

function axesOf(node: Node, listed: Value | undefined, rank: number): number[] {
  const axes = ints(listed) ?? intsAttr(node, "axes", []);
  if (axes.length > 0) return axes.map((axis) => front(axis, rank));
  return intAttr(node, "noop_with_empty_axes", 0) === 1
    ? []
    : Array.from({ length: rank }, (_, axis) => axis);
}

function reduce(f: (numbers: readonly number[]) => number): Kernel {
  return ([input, listed], { node }) => {
    const x = need(input);
    const axes = axesOf(node, listed, x.shape.length);
    const kept = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
    const y = empty(x.dtype, kept);
    const groups = Array.from(y.data, (): number[] => []);
    const strides = stridesOf(kept);
    forEachIndex(x.shape, (index, flat) => {
      groups[
        offset(
          index.map((i, axis) => (axes.includes(axis) ? 0 : i)),
          strides,
        )
      ]!.push(x.data[flat]!);
    });
    groups.forEach((numbers, i) => (y.data[i] = f(numbers)));
    const dropped = kept.filter((_, axis) => !axes.includes(axis));
    return [intAttr(node, "keepdims", 1) === 1 ? y : { ...y, shape: dropped }];
  };
}

const total = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** Softmax of the numbers along an axis, or its logarithm. */
function alongAxis(f: (numbers: readonly number[]) => number[]): Kernel {
  return ([input], { node }) => {
    const x = need(input);
    const axis = front(intAttr(node, "axis", -1), x.shape.length);
    const y = empty(x.dtype, x.shape);
    const step = stridesOf(x.shape)[axis]!;
    const size = x.shape[axis]!;
    forEachIndex(x.shape, (index, flat) => {
      if (index[axis] !== 0) return;
      f(Array.from({ length: size }, (_, i) => x.data[flat + i * step]!)).forEach(
        (number, i) => (y.data[flat + i * step] = number),
      );
    });
    return [y];
  };
}

function logSumExp(numbers: readonly number[]): number {
  const top = Math.max(...numbers);
  return top + Math.log(total(numbers.map((number) => Math.exp(number - top))));
}

/** Operators that reduce axes, and running sums. */
export const reduction: Record<string, Kernel> = {
  ReduceSum: reduce(total),
  ReduceMean: reduce((numbers) => total(numbers) / numbers.length),
  ReduceMax: reduce((numbers) => Math.max(...numbers)),
  ReduceMin: reduce((numbers) => Math.min(...numbers)),
  ReduceProd: reduce((numbers) => numbers.reduce((a, b) => a * b, 1)),
  ReduceL1: reduce((numbers) => total(numbers.map(Math.abs))),
  ReduceL2: reduce((numbers) => Math.sqrt(total(numbers.map((number) => number * number)))),
  ReduceLogSum: reduce((numbers) => Math.log(total(numbers))),
  ReduceLogSumExp: reduce(logSumExp),
  ReduceSumSquare: reduce((numbers) => total(numbers.map((number) => number * number))),
  Softmax: alongAxis((numbers) => {
    const all = logSumExp(numbers);
    return numbers.map((number) => Math.exp(number - all));
  }),
  LogSoftmax: alongAxis((numbers) => {
    const all = logSumExp(numbers);
    return numbers.map((number) => number - all);
  }),
  CumSum: ([input, axisInput], { node }) => {
    const x = need(input);
    const axis = front(need(axisInput).data[0]!, x.shape.length);
    const exclusive = intAttr(node, "exclusive", 0) === 1;
    const reverse = intAttr(node, "reverse", 0) === 1;
    const y = empty(x.dtype, x.shape);
    const strides = stridesOf(x.shape);
    forEachIndex(x.shape, (index, flat) => {
      for (let i = 0; i < x.shape[axis]!; i++) {
        const here = index[axis]!;
        const counts = reverse ? i > here : i < here;
        if (counts || (i === here && !exclusive))
          y.data[flat]! += x.data[offset(index.with(axis, i), strides)]!;
      }
    });
    return [y];
  },
};
