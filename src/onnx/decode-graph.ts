import { ScopeError } from "../base/error.ts";
import {
  type Attribute,
  constant,
  type Dim,
  type Graph,
  type Initializer,
  type Node,
  type ValueInfo,
} from "../graph/graph.ts";
import { float32, int64s, scalar, type Tensor } from "../tensor/tensor.ts";
import { arrange, type FreeNames, nodeSubject } from "./arrange.ts";
import { decodeTensor, dtypeOfCode } from "./decode-tensor.ts";
import type { ExternalFiles } from "./external.ts";
import * as schema from "./schema.ts";
import { Message, type Span, type Wire } from "./wire.ts";

/** What is known about the file while its graphs are read. */
export interface DecodeContext {
  readonly wire: Wire;
  readonly files: ExternalFiles;
  readonly opsets: Readonly<Record<string, number>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly free: FreeNames;
}

/** An attribute as read: a tensor's numbers may still be in the file. */
type RawAttribute =
  | Exclude<Attribute, { type: "tensor" }>
  | { readonly type: "tensor"; readonly value: Initializer };

// Control flow inside control flow; real models stay below five.
const nestingLimit = 32;

/**
 * Reads a GraphProto. Constant nodes become initializers; initializers that are also listed as inputs (as old exporters
 * do) are dropped from the inputs; nodes are put into topological order.
 * @param depth 0 for the model's own graph, one more inside each attribute
 * @throws {ScopeError} format or unsupported, naming file and node
 */
export function decodeGraph(context: DecodeContext, span: Span, depth: number): Graph {
  const { wire } = context;
  const { where } = wire;
  if (depth > nestingLimit)
    throw new ScopeError(
      "unsupported",
      `${where}: graphs are nested more than ${nestingLimit} deep, which is unsupported`,
    );
  let name = "";
  const inputs: ValueInfo[] = [];
  const outputs: ValueInfo[] = [];
  const infos: ValueInfo[] = [];
  const nodes: Node[] = [];
  const initializers = new Map<string, Initializer>();
  const define = (initializer: Initializer, subject: string): void => {
    if (initializer.name === "") throw new ScopeError("format", `${where}: ${subject} has no name`);
    if (initializers.has(initializer.name))
      throw new ScopeError("format", `${where}: two initializers are called "${initializer.name}"`);
    initializers.set(initializer.name, initializer);
  };
  let nodeCount = 0;
  const m = new Message(wire, span);
  while (m.next()) {
    switch (m.field) {
      case schema.Graph.name:
        name = m.text();
        break;
      case schema.Graph.node: {
        const made = decodeNode(context, m.bytes(), nodeCount++, depth);
        if ("load" in made) define(made, "the output of a Constant node");
        else nodes.push(made);
        break;
      }
      case schema.Graph.initializer:
        define(decodeTensor(wire, m.bytes(), context.files, "initializer"), "an initializer");
        break;
      case schema.Graph.sparseInitializer:
        throw new ScopeError(
          "unsupported",
          `${where}: the graph has sparse initializers, which are unsupported`,
          { hint: "export the model with dense weights" },
        );
      case schema.Graph.input:
        inputs.push(known(decodeValueInfo(wire, m.bytes(), "input"), where, "input", m));
        break;
      case schema.Graph.output:
        outputs.push(known(decodeValueInfo(wire, m.bytes(), "output"), where, "output", m));
        break;
      case schema.Graph.valueInfo: {
        const info = decodeValueInfo(wire, m.bytes(), "value");
        if (info !== undefined) infos.push(info);
        break;
      }
    }
  }
  const free = inputs.filter((input) => !initializers.has(input.name));
  if (depth === 0) refuseUnranked(free, where);
  const defined = new Set(initializers.keys());
  for (const input of free) {
    if (defined.has(input.name))
      throw new ScopeError("format", `${where}: two inputs are called "${input.name}"`);
    defined.add(input.name);
  }
  const arranged = arrange(
    nodes,
    defined,
    outputs.map((output) => output.name),
    context.free,
    where,
  );
  const made = new Set(arranged.nodes.flatMap((node) => node.outputs));
  const values = new Map(infos.filter((info) => made.has(info.name)).map((info) => [info.name, info]));
  const { opsets, metadata } = context;
  const graph: Graph = {
    name,
    inputs: free,
    outputs,
    initializers,
    nodes: arranged.nodes,
    values,
    opsets,
    metadata: depth === 0 ? metadata : {},
  };
  context.free.set(graph, arranged.free);
  return graph;
}

function refuseUnranked(inputs: readonly ValueInfo[], where: string): void {
  const vague = inputs.find((input) => input.unranked === true);
  if (vague === undefined) return;
  throw new ScopeError("unsupported", `${where}: input "${vague.name}" has no shape, which is unsupported`, {
    hint: "export the model with the shapes of its inputs (single sizes may be left open)",
  });
}

function known(info: ValueInfo | undefined, where: string, role: string, m: Message): ValueInfo {
  if (info !== undefined) return info;
  throw new ScopeError(
    "unsupported",
    `${where}: an ${role} (byte ${m.span.start}) has no type, which is unsupported`,
  );
}

/** Reads a ValueInfoProto; undefined when it gives no type. Types other than tensors are refused by name. */
function decodeValueInfo(wire: Wire, span: Span, role: string): ValueInfo | undefined {
  let name = "";
  let type: Span | undefined;
  const m = new Message(wire, span);
  while (m.next()) {
    if (m.field === schema.ValueInfo.name) name = m.text();
    else if (m.field === schema.ValueInfo.type) type = m.bytes();
  }
  const subject = `${wire.where}: ${role} "${name}"`;
  if (name === "")
    throw new ScopeError("format", `${wire.where}: a graph ${role} (byte ${span.start}) has no name`);
  if (type === undefined) return undefined;
  const t = new Message(wire, type);
  let tensorType: Span | undefined;
  while (t.next()) {
    if (t.field === schema.Type.tensor) tensorType = t.bytes();
    const foreign = Object.entries(schema.Type).find(
      ([kind, field]) => kind !== "tensor" && field === t.field,
    )?.[0];
    if (foreign !== undefined) {
      const kind = foreign === "sparseTensor" ? "sparse tensor" : foreign;
      throw new ScopeError(
        "unsupported",
        `${subject} is of a ${kind} type, which is unsupported: only tensors are read`,
      );
    }
  }
  return tensorType === undefined ? undefined : decodeTensorType(wire, tensorType, name, subject);
}

function decodeTensorType(wire: Wire, span: Span, name: string, subject: string): ValueInfo | undefined {
  let code = 0;
  let shape: Dim[] | undefined;
  const m = new Message(wire, span);
  while (m.next()) {
    if (m.field === schema.TensorType.elementType) code = m.int();
    else if (m.field === schema.TensorType.shape) shape = decodeShape(wire, m.bytes(), subject);
  }
  if (code === 0) return undefined;
  const dtype = dtypeOfCode(code, subject);
  return shape === undefined ? { name, dtype, shape: [], unranked: true } : { name, dtype, shape };
}

function decodeShape(wire: Wire, span: Span, subject: string): Dim[] {
  const shape: Dim[] = [];
  const m = new Message(wire, span);
  while (m.next()) {
    if (m.field !== schema.Shape.dim) continue;
    let dim: Dim = null;
    const d = m.message();
    while (d.next()) {
      if (d.field === schema.Dimension.value) dim = d.int();
      else if (d.field === schema.Dimension.param) dim = d.text();
    }
    if (typeof dim === "number" && dim < 0) {
      throw new ScopeError(
        "format",
        `${subject}: dimension ${shape.length} is ${dim}, a size cannot be negative`,
        {
          hint: "a size that is free must have a name instead of a number",
        },
      );
    }
    shape.push(dim === "" ? null : dim);
  }
  return shape;
}

function decodeNode(context: DecodeContext, span: Span, index: number, depth: number): Node | Initializer {
  const { wire } = context;
  const { where } = wire;
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributeSpans: Span[] = [];
  let name = "";
  let op = "";
  let domain = "";
  let overload = "";
  const m = new Message(wire, span);
  while (m.next()) {
    if (m.field === schema.Node.input) inputs.push(m.text());
    else if (m.field === schema.Node.output) outputs.push(m.text());
    else if (m.field === schema.Node.name) name = m.text();
    else if (m.field === schema.Node.opType) op = m.text();
    else if (m.field === schema.Node.domain) domain = normalDomain(m.text());
    else if (m.field === schema.Node.overload) overload = m.text();
    else if (m.field === schema.Node.attribute) attributeSpans.push(m.bytes());
  }
  if (op === "")
    throw new ScopeError(
      "format",
      `${where}: node ${index}${name === "" ? "" : ` "${name}"`} has no operator`,
    );
  const subject = nodeSubject({ name, op }, index);
  if (overload !== "")
    throw new ScopeError(
      "unsupported",
      `${where}: ${subject} calls a function of the model, which is unsupported`,
    );
  if (!Object.hasOwn(context.opsets, domain)) {
    throw new ScopeError(
      "format",
      `${where}: ${subject} is of the domain "${domain}", whose operator set the model does not import`,
    );
  }
  const attributes = new Map<string, RawAttribute>();
  const isConstant = op === "Constant" && domain === "";
  for (const attributeSpan of attributeSpans) {
    const [key, attribute] = decodeAttribute(
      context,
      attributeSpan,
      subject,
      depth,
      isConstant ? context.files : noFiles,
    );
    if (attributes.has(key))
      throw new ScopeError("format", `${where}: ${subject} has the attribute "${key}" twice`);
    attributes.set(key, attribute);
  }
  if (isConstant) return constantNode(attributes, outputs, `${where}: ${subject}`);
  const loaded = [...attributes].map(([key, attribute]): [string, Attribute] => [
    key,
    attribute.type === "tensor" ? { type: "tensor", value: attribute.value.load() } : attribute,
  ]);
  return { op, domain, name, inputs, outputs, attributes: Object.fromEntries(loaded) };
}

/** The domain of an operator as we write it: ONNX's own has two spellings. */
export function normalDomain(domain: string): string {
  return domain === "ai.onnx" ? "" : domain;
}

/** A Constant node as an initializer. */
function constantNode(
  attributes: ReadonlyMap<string, RawAttribute>,
  outputs: readonly string[],
  subject: string,
): Initializer {
  const [output] = outputs;
  const [entry] = attributes;
  if (output === undefined || outputs.length !== 1)
    throw new ScopeError("format", `${subject} must have one output, it has ${outputs.length}`);
  if (entry === undefined || attributes.size !== 1)
    throw new ScopeError("format", `${subject} must have one attribute, it has ${attributes.size}`);
  const [key, attribute] = entry;
  const wrap = (value: Tensor): Initializer => constant(output, value);
  if (key === "value" && attribute.type === "tensor") return { ...attribute.value, name: output };
  if (key === "value_float" && attribute.type === "float") return wrap(scalar(attribute.value));
  if (key === "value_floats" && attribute.type === "floats")
    return wrap(float32([attribute.value.length], attribute.value));
  if (key === "value_int" && attribute.type === "int")
    return wrap({ dtype: "int64", shape: [], data: int64s([attribute.value]).data });
  if (key === "value_ints" && attribute.type === "ints") return wrap(int64s(attribute.value));
  throw new ScopeError(
    "unsupported",
    `${subject} holds its constant as "${key}" (${attribute.type}), which is unsupported`,
  );
}

/**
 * Attributes are loaded with the graph, so numbers in other files are not for them: a thousand attributes could name the
 * same large range of a file.
 */
const noFiles: ExternalFiles = (_location, subject) => {
  throw new ScopeError(
    "unsupported",
    `${subject} keeps its numbers in another file, which is unsupported for attributes`,
  );
};

function decodeAttribute(
  context: DecodeContext,
  span: Span,
  subject: string,
  depth: number,
  files: ExternalFiles,
): [string, RawAttribute] {
  const { wire } = context;
  const { where } = wire;
  let name = "";
  let type = 0;
  let float = 0;
  let int = 0;
  let string: Span | undefined;
  let tensorSpan: Span | undefined;
  let graphSpan: Span | undefined;
  const floats: number[] = [];
  const ints: number[] = [];
  const strings: Span[] = [];
  const m = new Message(wire, span);
  while (m.next()) {
    if (m.field === schema.Attribute.name) name = m.text();
    else if (m.field === schema.Attribute.type) type = m.int();
    else if (m.field === schema.Attribute.f) float = m.float();
    else if (m.field === schema.Attribute.i) int = m.int();
    else if (m.field === schema.Attribute.s) string = m.bytes();
    else if (m.field === schema.Attribute.t) tensorSpan = m.bytes();
    else if (m.field === schema.Attribute.g) graphSpan = m.bytes();
    else if (m.field === schema.Attribute.floats) m.floats(floats);
    else if (m.field === schema.Attribute.ints) m.ints(ints);
    else if (m.field === schema.Attribute.strings) strings.push(m.bytes());
    else if (m.field === schema.Attribute.refAttrName) {
      throw new ScopeError(
        "unsupported",
        `${where}: ${subject} takes an attribute from a function around it, which is unsupported`,
      );
    }
  }
  if (name === "") throw new ScopeError("format", `${where}: ${subject} has an attribute without a name`);
  const what = `${subject}: attribute "${name}"`;
  // A field that is absent has its default: writers leave out zeros and empty texts.
  switch (type) {
    case schema.attributeTypes.float:
      return [name, { type: "float", value: float }];
    case schema.attributeTypes.int:
      return [name, { type: "int", value: int }];
    case schema.attributeTypes.string:
      return [name, { type: "string", value: string === undefined ? "" : wire.text(string) }];
    case schema.attributeTypes.floats:
      return [name, { type: "floats", value: floats }];
    case schema.attributeTypes.ints:
      return [name, { type: "ints", value: ints }];
    case schema.attributeTypes.strings:
      return [name, { type: "strings", value: strings.map((text) => wire.text(text)) }];
    case schema.attributeTypes.tensor:
      if (tensorSpan === undefined) break;
      return [name, { type: "tensor", value: decodeTensor(wire, tensorSpan, files, what) }];
    case schema.attributeTypes.graph:
      if (graphSpan === undefined) break;
      return [name, { type: "graph", value: decodeGraph(context, graphSpan, depth + 1) }];
  }
  const foreign = schema.foreignAttributeTypes[type];
  if (foreign !== undefined)
    throw new ScopeError("unsupported", `${where}: ${what} is a ${foreign}, which is unsupported`);
  throw new ScopeError("format", `${where}: ${what} has no ${type === 0 ? "type" : "valid value"}`);
}
