import { Builder } from "../graph/builder.ts";
import type { Runtime } from "../runtime/session.ts";
import { float32 } from "../tensor/tensor.ts";

/** One summand of a score: rows of A against rows of B over parallel columns, element = data[row × stride + column]. */
export interface Term {
  readonly a: Float32Array;
  readonly aStride: number;
  /** Offsets of A's columns, [K]. */
  readonly from: Int32Array;
  readonly b: Float32Array;
  readonly bStride: number;
  /** Offsets of B's columns, [K]. */
  readonly to: Int32Array;
  /** Offsets of columns whose values are taken off B's: for a score that is brought up to date. */
  readonly less?: Int32Array;
}

/** Matrix products in ONNX Runtime. */
export interface Products {
  /** Adds Σ over terms of A·Bᵀ to `scores` [n, n]. */
  add(scores: Float32Array, n: number, terms: readonly Term[]): Promise<void>;
  release(): Promise<void>;
}

/** Numbers gathered at a time for each side, 16 MB: much more than a product needs to be fast, little beside a network. */
const capacity = 1 << 22;

/** Below this many multiplications a loop is faster than a call of ONNX Runtime. */
const small = 1 << 13;

/** Opens one session for products of all sizes. */
export async function openProducts(runtime: Runtime): Promise<Products> {
  const g = new Builder(17);
  const left = g.input("a", "float32", ["n", "k"]);
  const right = g.input("b", "float32", ["m", "k"]);
  g.output(g.op("Gemm", [left, right], { transB: 1 }, { names: ["y"] }));
  const session = await runtime.session(g.finish("scores"));
  let a = new Float32Array(0);
  let b = new Float32Array(0);
  let y = new Float32Array(0);

  async function multiply(scores: Float32Array, n: number, k: number): Promise<void> {
    const product = y.subarray(0, n * n);
    await session
      .bind(
        { a: float32([n, k], a.subarray(0, n * k)), b: float32([n, k], b.subarray(0, n * k)) },
        { y: float32([n, n], product) },
      )
      .run();
    for (let i = 0; i < product.length; i++) scores[i]! += product[i]!;
  }

  return {
    async add(scores, n, terms) {
      const columns = terms.reduce((total, term) => total + term.from.length, 0);
      if (n * n * columns <= small) {
        for (const term of terms) addByLoop(scores, n, term);
        return;
      }
      const width = Math.min(columns, Math.max(1, Math.floor(capacity / n)));
      if (a.length < n * width) {
        a = new Float32Array(n * width);
        b = new Float32Array(n * width);
      }
      if (y.length < n * n) y = new Float32Array(n * n);
      let left = columns;
      let filled = 0;
      let chunk = Math.min(width, left);
      for (const term of terms) {
        for (let start = 0; start < term.from.length;) {
          const count = Math.min(chunk - filled, term.from.length - start);
          gather(a, b, n, chunk, filled, term, start, count);
          start += count;
          filled += count;
          if (filled < chunk) continue;
          await multiply(scores, n, chunk);
          left -= chunk;
          filled = 0;
          chunk = Math.min(width, left);
        }
      }
    },
    release: () => session.release(),
  };
}

/** Copies columns start … start+count−1 of a term into columns filled … of both [n, width] buffers. */
function gather(
  a: Float32Array,
  b: Float32Array,
  n: number,
  width: number,
  filled: number,
  term: Term,
  start: number,
  count: number,
): void {
  const { from, to, less } = term;
  for (let r = 0; r < n; r++) {
    const out = r * width + filled - start;
    const atA = r * term.aStride;
    for (let c = start; c < start + count; c++) a[out + c] = term.a[atA + from[c]!]!;
    const atB = r * term.bStride;
    if (less === undefined) {
      for (let c = start; c < start + count; c++) b[out + c] = term.b[atB + to[c]!]!;
    } else {
      for (let c = start; c < start + count; c++)
        b[out + c] = term.b[atB + to[c]!]! - term.b[atB + less[c]!]!;
    }
  }
}

function addByLoop(scores: Float32Array, n: number, term: Term): void {
  const { from, to, less } = term;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let c = 0; c < from.length; c++) {
        const value = term.b[j * term.bStride + to[c]!]!;
        const old = less === undefined ? 0 : term.b[j * term.bStride + less[c]!]!;
        sum += term.a[i * term.aStride + from[c]!]! * (value - old);
      }
      scores[i * n + j]! += sum;
    }
  }
}
