import protobuf from "protobufjs/minimal.js";
import { type Attribute, type Graph, type Node, type ValueInfo } from "../graph/graph.ts";
import type { DType, Tensor } from "../tensor/tensor.ts";
const types: Record<DType, number> = { float32: 1, uint8: 2, int8: 3, uint16: 4, int16: 5, int32: 6, int64: 7, bool: 9, float16: 10, float64: 11, uint32: 12, uint64: 13, bfloat16: 16 };
type W = protobuf.Writer;
const sub = (w: W, id: number, f: (w: W) => void) => { w.uint32((id << 3) | 2).fork(); f(w); w.ldelim(); };
const str = (w: W, id: number, s: string) => w.uint32((id << 3) | 2).string(s);
const int = (w: W, id: number, v: number) => w.uint32(id << 3).int64(v);
function tensor(w: W, name: string, t: Tensor) {
  for (const d of t.shape) int(w, 1, d);
  int(w, 2, types[t.dtype]);
  str(w, 8, name);
  w.uint32((9 << 3) | 2).bytes(new Uint8Array(t.data.buffer as ArrayBuffer, t.data.byteOffset, t.data.byteLength));
}
function info(w: W, v: ValueInfo) {
  str(w, 1, v.name);
  sub(w, 2, (w) => sub(w, 1, (w) => { int(w, 1, types[v.dtype]); sub(w, 2, (w) => { for (const d of v.shape) sub(w, 1, (w) => { if (typeof d === "number") int(w, 1, d); else if (d) str(w, 2, d); }); }); }));
}
const kinds = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7, strings: 8 };
function attr(w: W, name: string, a: Attribute) {
  str(w, 1, name);
  if (a.type === "int") int(w, 3, a.value);
  else if (a.type === "float") w.uint32((2 << 3) | 5).float(a.value);
  else if (a.type === "string") str(w, 4, a.value);
  else if (a.type === "ints") for (const v of a.value) int(w, 8, v);
  else if (a.type === "floats") for (const v of a.value) w.uint32((7 << 3) | 5).float(v);
  else if (a.type === "tensor") sub(w, 5, (w) => tensor(w, "", a.value));
  int(w, 20, kinds[a.type]);
}
function node(w: W, n: Node) {
  for (const i of n.inputs) str(w, 1, i);
  for (const o of n.outputs) str(w, 2, o);
  str(w, 3, n.name); str(w, 4, n.op);
  for (const [k, a] of Object.entries(n.attributes)) sub(w, 5, (w) => attr(w, k, a));
  str(w, 7, n.domain);
}
export function encodeModel(g: Graph): Uint8Array {
  const w = protobuf.Writer.create();
  int(w, 1, 8);
  sub(w, 7, (w) => {
    for (const n of g.nodes) sub(w, 1, (w) => node(w, n));
    str(w, 2, g.name);
    for (const i of g.initializers.values()) sub(w, 5, (w) => tensor(w, i.name, i.load()));
    for (const i of g.inputs) sub(w, 11, (w) => info(w, i));
    for (const o of g.outputs) sub(w, 12, (w) => info(w, o));
  });
  for (const [d, v] of Object.entries(g.opsets)) sub(w, 8, (w) => { str(w, 1, d); int(w, 2, v); });
  return w.finish();
}
