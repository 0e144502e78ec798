import type { DType } from "../../tensor/tensor.ts";
import { float32, int64s, scalar } from "../../tensor/tensor.ts";
import { type Dim, type Node } from "../graph.ts";
import { type Known, readContents } from "../known.ts";
import { type Inputs, mismatch, need, openShape, sameType, undecided } from "./rule.ts";

/** Shape: the sizes of x as int64, or those from `start` to `end`. */
export function shapeOf(node: Node, inputs: Inputs): Known[] {
  return [{ dtype: "int64", shape: [shapeRange(node, need(node, inputs, 0).shape).length] }];
}

/** The sizes a Shape node reports, as they are known. */
export function shapeRange(node: Node, shape: readonly Dim[]): readonly Dim[] {
  const { start, end } = node.attributes;
  return shape.slice(start?.type === "int" ? start.value : 0, end?.type === "int" ? end.value : shape.length);
}

/** Size: the number of elements, an int64 scalar. */
export function size(node: Node, inputs: Inputs): Known[] {
  need(node, inputs, 0);
  return [{ dtype: "int64", shape: [] }];
}

/** ConstantOfShape: filled with one number, float32 zero unless told. */
export function constantOfShape(node: Node, inputs: Inputs): Known[] {
  const target = need(node, inputs, 0);
  const listed = readContents(target);
  const count = target.shape[0];
  if (listed === undefined && typeof count !== "number")
    undecided(node, "the shape is computed while running");
  const { value } = node.attributes;
  const dtype: DType = value?.type === "tensor" ? value.value.dtype : "float32";
  return [{ dtype, shape: listed ?? openShape(node, Number(count)) }];
}

/** Constant: the number or numbers the node carries. */
export function constantNode(node: Node): Known[] {
  const [name = "", attribute] = Object.entries(node.attributes)[0] ?? [];
  switch (attribute?.type) {
    case "tensor":
      return [known(attribute.value)];
    case "int":
      return [known(scalar(attribute.value, "int64"))];
    case "float":
      return [known(scalar(attribute.value))];
    case "ints":
      return [known(int64s(attribute.value))];
    case "floats":
      return [known(float32([attribute.value.length], attribute.value))];
    case "string":
    case "strings":
    case "graph":
    case undefined:
      return undecided(
        node,
        attribute === undefined
          ? "carries no value"
          : `attribute "${name}" of type ${attribute.type} is not supported`,
      );
  }
}

function known(constant: NonNullable<Known["constant"]>): Known {
  return { dtype: constant.dtype, shape: constant.shape, constant };
}

/** Range: from start in steps of delta to before limit. */
export function range(node: Node, inputs: Inputs): Known[] {
  const scalars = [0, 1, 2].map((i) => need(node, inputs, i));
  sameType(node, scalars);
  const [start, limit, delta] = scalars.map((input) => readContents(input)?.[0]);
  if (delta === 0) mismatch(node, "delta must not be 0");
  const numeric = typeof start === "number" && typeof limit === "number" && typeof delta === "number";
  // Range(0, n, 1) has n entries even when n is a symbol.
  const open = start === 0 && delta === 1 ? (limit ?? null) : null;
  return [
    { dtype: scalars[0]!.dtype, shape: [numeric ? Math.max(0, Math.ceil((limit - start) / delta)) : open] },
  ];
}
