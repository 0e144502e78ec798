import protobuf from "protobufjs/minimal.js";
import { bytesUnder } from "../base/bytes.ts";
import { ScopeError } from "../base/error.ts";
import type { Attribute, Dim, Graph, Initializer, Node, ValueInfo } from "../graph/graph.ts";
import { dataTypes } from "../graph/data-types.ts";
import { bytesOf, sizeOf } from "../tensor/tensor.ts";
import * as schema from "./schema.ts";

type Writer = protobuf.Writer;

/** Wire types of protobuf. */
const varint = 0;
const delimited = 2;
const fixed32 = 5;

export interface EncodeOptions {
  /** Whether to write the known types and shapes of inner values (value_info) too. Default: no. */
  readonly innerValues?: boolean;
}

/** Where an initializer's numbers lie outside the model file. */
export interface ExternalPlace {
  /** Path relative to the model's folder, with forward slashes. */
  readonly location: string;
  readonly offset: number;
}

/** An encoded model whose large tensors are loaded one at a time, as they are written. */
export interface EncodedModel {
  /** Bytes in all. May exceed what protobuf can hold: compare with `messageLimit`. */
  readonly size: number;
  pieces(): Generator<Uint8Array>;
}

/**
 * A graph as the bytes of an ONNX model: IR version as the operator set asks, every operator domain in use imported, all
 * numbers in raw_data. Equal graphs give equal bytes.
 * @throws {ScopeError} unsupported, for an operator set outside 13 to 22 or a model of 2 GiB and more
 */
export function encodeModel(graph: Graph, options: EncodeOptions = {}): Uint8Array {
  const model = encodePieces(graph, options);
  if (model.size > schema.messageLimit) {
    throw new ScopeError(
      "unsupported",
      `model "${graph.name}" would have ${model.size} bytes, a single ONNX file can have ${schema.messageLimit}`,
      {
        hint: "write it with external data",
      },
    );
  }
  const out = new Uint8Array(model.size);
  let offset = 0;
  for (const piece of model.pieces()) {
    out.set(piece, offset);
    offset += piece.byteLength;
  }
  return out;
}

/**
 * Like `encodeModel`, in pieces. Initializers named in `external` are written as references to other files.
 * @throws {ScopeError} unsupported, for an operator set outside 13 to 22
 */
export function encodePieces(
  graph: Graph,
  options: EncodeOptions & { external?: ReadonlyMap<string, ExternalPlace> } = {},
): EncodedModel {
  const opset = graph.opsets[""];
  const irVersion = opset === undefined ? undefined : schema.irVersions[opset];
  if (irVersion === undefined) {
    const [oldest, newest] = schema.opsetRange;
    throw new ScopeError(
      "unsupported",
      `model "${graph.name}" uses operator set ${opset ?? "(none)"}, versions ${oldest} to ${newest} can be written`,
    );
  }
  const before = new protobuf.Writer();
  for (const node of graph.nodes) message(before, schema.Graph.node, (w) => writeNode(w, node));
  text(before, schema.Graph.name, graph.name);

  const tensors = [...graph.initializers.values()].map((initializer) =>
    tensorPieces(initializer, options.external?.get(initializer.name)),
  );

  const after = new protobuf.Writer();
  writeValues(after, graph, options);

  const head = before.finish();
  const tail = after.finish();
  const graphSize = tensors.reduce(
    (total, { head: { byteLength }, payload }) => total + byteLength + payload,
    head.byteLength + tail.byteLength,
  );

  const model = new protobuf.Writer();
  model.uint32(tag(schema.Model.irVersion, varint)).int64(irVersion);
  text(model, schema.Model.producerName, "transferscope");
  // The length of the graph is written as an int64 varint, so that oversize models get a size too.
  model.uint32(tag(schema.Model.graph, delimited)).uint64(graphSize);
  const first = model.finish();
  const last = modelTail(graph);

  return {
    size: first.byteLength + graphSize + last.byteLength,
    *pieces() {
      yield first;
      yield head;
      for (const { head: start, payload, initializer } of tensors) {
        yield start;
        if (payload > 0) yield payloadOf(initializer);
      }
      yield tail;
      yield last;
    },
  };
}

/**
 * The raw little-endian bytes of an initializer, loaded now.
 * @throws {ScopeError} bug, when `load` gives another size than the initializer promised
 */
export function payloadOf(initializer: Initializer): Uint8Array {
  const { data } = initializer.load();
  const expected = sizeOf(initializer.shape) * bytesOf(initializer.dtype);
  if (data.byteLength !== expected) {
    throw new ScopeError(
      "bug",
      `internal: initializer "${initializer.name}" should have ${expected} bytes, its data has ${data.byteLength}`,
    );
  }
  return bytesUnder(data);
}

function tag(field: number, wire: number): number {
  return (field << 3) | wire;
}

function message(w: Writer, field: number, write: (w: Writer) => void): void {
  w.uint32(tag(field, delimited)).fork();
  write(w);
  w.ldelim();
}

function text(w: Writer, field: number, value: string): void {
  w.uint32(tag(field, delimited)).string(value);
}

function entry(w: Writer, field: number, key: string, value: string): void {
  message(w, field, () => {
    text(w, schema.Entry.key, key);
    text(w, schema.Entry.value, value);
  });
}

/** 2^63 - 1 as a varint. */
const largestInt64 = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f);

/** An int64. Numbers of 2^63 and more stand for the largest int64, which has no exact number ("to the end"). */
function int64(w: Writer, value: number): void {
  if (value >= 2 ** 63) w.raw(largestInt64);
  else w.int64(value);
}

/** What follows the graph: operator sets and metadata. */
function modelTail(graph: Graph): Uint8Array {
  const w = new protobuf.Writer();
  const domains = usedDomains(graph, new Set(Object.keys(graph.opsets)));
  for (const domain of [...domains].toSorted()) {
    message(w, schema.Model.opsetImport, () => {
      text(w, schema.OperatorSet.domain, domain);
      w.uint32(tag(schema.OperatorSet.version, varint)).int64(
        Object.hasOwn(graph.opsets, domain) ? graph.opsets[domain]! : 1,
      );
    });
  }
  for (const [key, value] of Object.entries(graph.metadata)) entry(w, schema.Model.metadataProps, key, value);
  return w.finish();
}

function usedDomains(graph: Graph, found: Set<string>): Set<string> {
  for (const node of graph.nodes) {
    found.add(node.domain);
    for (const attribute of Object.values(node.attributes))
      if (attribute.type === "graph") usedDomains(attribute.value, found);
  }
  return found;
}

/** Everything of a graph, for graphs inside attributes. */
function writeGraph(w: Writer, graph: Graph): void {
  for (const node of graph.nodes) message(w, schema.Graph.node, () => writeNode(w, node));
  text(w, schema.Graph.name, graph.name);
  for (const initializer of graph.initializers.values())
    message(w, schema.Graph.initializer, () => writeTensor(w, initializer));
  writeValues(w, graph, { innerValues: true });
}

function writeValues(w: Writer, graph: Graph, options: EncodeOptions): void {
  for (const info of graph.inputs) message(w, schema.Graph.input, () => writeValueInfo(w, info));
  for (const info of graph.outputs) message(w, schema.Graph.output, () => writeValueInfo(w, info));
  if (options.innerValues !== true) return;
  const named = new Set([...graph.inputs, ...graph.outputs].map((info) => info.name));
  for (const info of graph.values.values()) {
    if (!named.has(info.name)) message(w, schema.Graph.valueInfo, () => writeValueInfo(w, info));
  }
}

function writeNode(w: Writer, node: Node): void {
  for (const input of node.inputs) text(w, schema.Node.input, input);
  for (const output of node.outputs) text(w, schema.Node.output, output);
  if (node.name !== "") text(w, schema.Node.name, node.name);
  text(w, schema.Node.opType, node.op);
  for (const [name, attribute] of Object.entries(node.attributes)) {
    message(w, schema.Node.attribute, () => writeAttribute(w, name, attribute));
  }
  if (node.domain !== "") text(w, schema.Node.domain, node.domain);
}

function writeAttribute(w: Writer, name: string, attribute: Attribute): void {
  text(w, schema.Attribute.name, name);
  switch (attribute.type) {
    case "float":
      w.uint32(tag(schema.Attribute.f, fixed32)).float(attribute.value);
      break;
    case "int":
      w.uint32(tag(schema.Attribute.i, varint));
      int64(w, attribute.value);
      break;
    case "string":
      text(w, schema.Attribute.s, attribute.value);
      break;
    case "tensor":
      message(w, schema.Attribute.t, () =>
        writeTensor(w, { name: "", ...attribute.value, load: () => attribute.value }),
      );
      break;
    case "graph":
      message(w, schema.Attribute.g, () => writeGraph(w, attribute.value));
      break;
    // Attribute lists are not packed in ONNX's schema: a tag for each element.
    case "floats":
      for (const value of attribute.value) w.uint32(tag(schema.Attribute.floats, fixed32)).float(value);
      break;
    case "ints":
      for (const value of attribute.value) {
        w.uint32(tag(schema.Attribute.ints, varint));
        int64(w, value);
      }
      break;
    case "strings":
      for (const value of attribute.value) text(w, schema.Attribute.strings, value);
      break;
  }
  w.uint32(tag(schema.Attribute.type, varint)).int32(schema.attributeTypes[attribute.type]);
}

function writeTensor(w: Writer, initializer: Initializer): void {
  writeTensorHead(w, initializer);
  w.uint32(tag(schema.Tensor.rawData, delimited)).bytes(payloadOf(initializer));
}

function writeTensorHead(w: Writer, { name, dtype, shape }: Initializer): void {
  for (const dim of shape) w.uint32(tag(schema.Tensor.dims, varint)).int64(dim);
  w.uint32(tag(schema.Tensor.dataType, varint)).int32(dataTypes[dtype]);
  if (name !== "") text(w, schema.Tensor.name, name);
}

/** An initializer of the outermost graph: the bytes up to its numbers (tag and length included), and how many follow. */
function tensorPieces(
  initializer: Initializer,
  place: ExternalPlace | undefined,
): { head: Uint8Array; payload: number; initializer: Initializer } {
  const size = sizeOf(initializer.shape) * bytesOf(initializer.dtype);
  const payload = place === undefined ? size : 0;
  const inner = new protobuf.Writer();
  writeTensorHead(inner, initializer);
  if (place === undefined) {
    inner.uint32(tag(schema.Tensor.rawData, delimited)).uint64(size);
  } else {
    entry(inner, schema.Tensor.externalData, "location", place.location);
    entry(inner, schema.Tensor.externalData, "offset", String(place.offset));
    entry(inner, schema.Tensor.externalData, "length", String(size));
    inner.uint32(tag(schema.Tensor.dataLocation, varint)).int32(1);
  }
  const head = inner.finish();
  const outer = new protobuf.Writer();
  outer.uint32(tag(schema.Graph.initializer, delimited)).uint64(head.byteLength + payload);
  outer.raw(head);
  return { head: outer.finish(), payload, initializer };
}

function writeValueInfo(w: Writer, info: ValueInfo): void {
  text(w, schema.ValueInfo.name, info.name);
  message(w, schema.ValueInfo.type, () =>
    message(w, schema.Type.tensor, () => {
      w.uint32(tag(schema.TensorType.elementType, varint)).int32(dataTypes[info.dtype]);
      if (info.unranked === true) return;
      message(w, schema.TensorType.shape, () => {
        for (const dim of info.shape) message(w, schema.Shape.dim, () => writeDim(w, dim));
      });
    }),
  );
}

function writeDim(w: Writer, dim: Dim): void {
  if (typeof dim === "number") w.uint32(tag(schema.Dimension.value, varint)).int64(dim);
  else if (dim !== null) text(w, schema.Dimension.param, dim);
}
