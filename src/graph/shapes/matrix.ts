import { type Dim, intAttr, type Node, stringAttr } from "../graph.ts";
import type { Known } from "../known.ts";
import {
  broadcastDims,
  type Inputs,
  mismatch,
  need,
  sameType,
  show,
  undecided,
  unify,
  wantRank,
} from "./rule.ts";

/** MatMul, by NumPy's rule: [batch…, n, k] × [batch…, k, m] → [batch…, n, m]; one axis means a row (left) or column (right). */
export function matMul(node: Node, inputs: Inputs): Known[] {
  const a = need(node, inputs, 0);
  const b = need(node, inputs, 1);
  return [multiply(node, a, b, a.shape, b.shape)];
}

/** com.microsoft.FusedMatMul: MatMul with the last two axes of either side exchanged on request, times alpha. */
export function fusedMatMul(node: Node, inputs: Inputs): Known[] {
  if (intAttr(node, "transBatchA", 0) !== 0 || intAttr(node, "transBatchB", 0) !== 0) {
    undecided(node, "transBatchA and transBatchB are not supported");
  }
  const a = need(node, inputs, 0);
  const b = need(node, inputs, 1);
  return [
    multiply(
      node,
      a,
      b,
      turned(a.shape, intAttr(node, "transA", 0)),
      turned(b.shape, intAttr(node, "transB", 0)),
    ),
  ];
}

function turned(shape: readonly Dim[], turn: number): readonly Dim[] {
  return turn !== 0 && shape.length > 1 ? [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!] : shape;
}

function multiply(node: Node, a: Known, b: Known, left: readonly Dim[], right: readonly Dim[]): Known {
  sameType(node, [a, b]);
  if (left.length === 0 || right.length === 0)
    mismatch(node, `a scalar has no matrix product: ${show(left)} x ${show(right)}`);
  const inner = right.length === 1 ? right[0]! : right.at(-2)!;
  unify(node, left.at(-1)!, inner, () => `inner sizes differ, ${show(left)} x ${show(right)}`);
  const batch = broadcastDims(node, [left.slice(0, -2), right.slice(0, -2)]);
  const rows = left.length > 1 ? [left.at(-2)!] : [];
  const columns = right.length > 1 ? [right.at(-1)!] : [];
  return { dtype: a.dtype, shape: [...batch, ...rows, ...columns] };
}

/** Gemm and FusedGemm: A [n, k] (or turned) × B [k, m] (or turned) + C broadcast to [n, m]. */
export function gemm(node: Node, inputs: Inputs): Known[] {
  const a = need(node, inputs, 0);
  const b = need(node, inputs, 1);
  const c = inputs[2];
  sameType(node, inputs);
  wantRank(node, a, 2, "A");
  wantRank(node, b, 2, "B");
  const left = turned(a.shape, intAttr(node, "transA", 0));
  const right = turned(b.shape, intAttr(node, "transB", 0));
  const product = multiply(node, a, b, left, right);
  if (c !== undefined) {
    const joined = broadcastDims(node, [product.shape, c.shape]);
    const grown = joined.some(
      (dim, i) => typeof dim === "number" && typeof product.shape[i] === "number" && dim !== product.shape[i],
    );
    if (joined.length > 2 || grown)
      mismatch(node, `C ${show(c.shape)} does not broadcast to ${show(product.shape)}`);
  }
  return [product];
}

/** Einsum: letters name axes; a letter missing on the right is summed; "..." stands for broadcast leading axes. */
export function einsum(node: Node, inputs: Inputs): Known[] {
  const equation = stringAttr(node, "equation", "").replaceAll(" ", "");
  const [left = "", right] = equation.split("->");
  const terms = left.split(",");
  sameType(node, inputs);
  if (terms.length !== inputs.length)
    mismatch(node, `equation "${equation}" has ${terms.length} terms for ${inputs.length} inputs`);
  const sizes = new Map<string, Dim>();
  const counts = new Map<string, number>();
  const ellipses: Dim[][] = [];
  terms.forEach((term, i) => {
    const { shape } = need(node, inputs, i);
    const letters = term.replace("...", "");
    const hidden = shape.length - letters.length;
    if (!/^[A-Za-z]*$/.test(letters) || hidden < 0 || (hidden > 0 && !term.includes("..."))) {
      mismatch(node, `term "${term}" of equation "${equation}" does not fit shape ${show(shape)}`);
    }
    const at = term.indexOf("...");
    const first = at < 0 ? letters.length : at;
    if (at >= 0) ellipses.push(shape.slice(first, first + hidden));
    letters.split("").forEach((letter, k) => {
      const size = shape[k < first ? k : k + hidden]!;
      const kept = sizes.get(letter);
      // ONNX Runtime broadcasts a size of 1 under a shared letter, as NumPy does.
      const joined =
        kept === undefined || kept === 1
          ? size
          : size === 1
            ? kept
            : unify(
                node,
                kept,
                size,
                () => `letter "${letter}" of equation "${equation}" is both ${kept} and ${size}`,
              );
      sizes.set(letter, joined);
      counts.set(letter, (counts.get(letter) ?? 0) + 1);
    });
  });
  const hidden = broadcastDims(node, ellipses);
  const implicit = () =>
    [...counts.keys()]
      .filter((letter) => counts.get(letter) === 1)
      .toSorted()
      .join("");
  const target = right ?? `${ellipses.length > 0 ? "..." : ""}${implicit()}`;
  const shape = target.split(/(\.\.\.|)/).flatMap((part): readonly Dim[] => {
    if (part === "") return [];
    if (part === "...") return hidden;
    const size = sizes.get(part);
    return size === undefined
      ? mismatch(node, `letter "${part}" of equation "${equation}" stands for no axis`)
      : [size];
  });
  return [{ dtype: need(node, inputs, 0).dtype, shape }];
}
