import { type ByteSource, memorySource, recogniseFile } from "../base/bytes.ts";
import { ScopeError } from "../base/error.ts";
import type { Graph } from "../graph/graph.ts";
import type { FreeNames } from "./arrange.ts";
import { decodeGraph, normalDomain } from "./decode-graph.ts";
import type { ExternalFiles } from "./external.ts";
import * as schema from "./schema.ts";
import { Message, type Span, Wire } from "./wire.ts";

/**
 * Reads an ONNX model (operator sets 13 to 22) from memory. Initializers share that memory where alignment allows: do not
 * write to it.
 *
 * Deviation: doc strings, producer, quantisation annotations and the metadata of graphs and nodes are not kept.
 * @param where the file's name, for messages
 * @param external gives `length` bytes from `offset` on of a file beside the model; without it such models are refused
 * @throws {ScopeError} format for a damaged or lying file, unsupported for what we do not read, naming file and place
 */
export function decodeModel(
  bytes: Uint8Array,
  where: string,
  external?: (location: string, offset: number, length: number) => Uint8Array,
): Graph {
  return decodeModelFrom(memorySource(bytes), where, (location, subject) => {
    if (external === undefined) {
      throw new ScopeError(
        "usage",
        `${subject}: its numbers are in another file, "${location}", which is not at hand`,
        {
          hint: "open the model as a file, with that file beside it",
        },
      );
    }
    return { size: Number.POSITIVE_INFINITY, read: (offset, length) => external(location, offset, length) };
  });
}

/**
 * Reads an ONNX model from a source of bytes. Large numbers stay where they are until an initializer's `load` is called.
 * @throws {ScopeError} format for a damaged or lying file, unsupported for what we do not read, naming file and place
 */
export function decodeModelFrom(source: ByteSource, where: string, files: ExternalFiles): Graph {
  if (source.size === 0) throw new ScopeError("format", `${where}: not an ONNX model: the file is empty`);
  const known = recogniseFile(source.read(0, Math.min(source.size, 128)));
  if (known !== undefined)
    throw new ScopeError("format", `${where}: not an ONNX model but ${known.kind}`, { hint: known.hint });

  const wire = new Wire(source, where);
  const { graph, opsets, metadata } = scanModel(wire, { start: 0, end: source.size });
  const free: FreeNames = new Map();
  const decoded = decodeGraph({ wire, files, opsets, metadata, free }, graph, 0);
  for (const [name, user] of free.get(decoded) ?? []) {
    throw new ScopeError("format", `${where}: ${user} needs "${name}", which nothing makes`);
  }
  return decoded;
}

function scanModel(wire: Wire, span: Span): Pick<Graph, "opsets" | "metadata"> & { graph: Span } {
  const { where } = wire;
  let graph: Span | undefined;
  let hasVersion = false;
  const opsets = new Map<string, number>();
  const metadata = new Map<string, string>();
  const m = new Message(wire, span);
  while (m.next()) {
    switch (m.field) {
      case schema.Model.irVersion:
        hasVersion = m.int() > 0;
        break;
      case schema.Model.graph:
        if (graph !== undefined) throw new ScopeError("format", `${where}: the model has two graphs`);
        graph = m.bytes();
        break;
      case schema.Model.opsetImport: {
        const { domain, version } = decodeOpset(m.message());
        if (opsets.has(domain))
          throw new ScopeError(
            "format",
            `${where}: the operator set of domain "${domain}" is imported twice`,
          );
        opsets.set(domain, version);
        break;
      }
      case schema.Model.metadataProps: {
        const { key, value } = decodeEntry(m.message());
        if (metadata.has(key))
          throw new ScopeError("format", `${where}: the metadata has the key "${key}" twice`);
        metadata.set(key, value);
        break;
      }
      case schema.Model.functions:
        throw new ScopeError(
          "unsupported",
          `${where}: the model defines functions of its own, which is unsupported`,
          {
            hint: "export it with functions inlined (onnx.inliner.inline_local_functions)",
          },
        );
      case schema.Model.trainingInfo:
        throw new ScopeError(
          "unsupported",
          `${where}: the model brings training graphs of its own, which is unsupported`,
          {
            hint: "export it for inference",
          },
        );
    }
  }
  if (graph === undefined || !hasVersion) {
    throw new ScopeError(
      "format",
      `${where}: not an ONNX model: it has no ${graph === undefined ? "graph" : "IR version"}`,
    );
  }
  checkOpset(opsets.get(""), where);
  return { graph, opsets: Object.fromEntries(opsets), metadata: Object.fromEntries(metadata) };
}

function decodeOpset(m: Message): { domain: string; version: number } {
  let domain = "";
  let version = 0;
  while (m.next()) {
    if (m.field === schema.OperatorSet.domain) domain = normalDomain(m.text());
    else if (m.field === schema.OperatorSet.version) version = m.int();
  }
  return { domain, version };
}

function decodeEntry(m: Message): { key: string; value: string } {
  let key = "";
  let value = "";
  while (m.next()) {
    if (m.field === schema.Entry.key) key = m.text();
    else if (m.field === schema.Entry.value) value = m.text();
  }
  return { key, value };
}

function checkOpset(version: number | undefined, where: string): void {
  const [oldest, newest] = schema.opsetRange;
  if (version !== undefined && version >= oldest && version <= newest) return;
  if (version === undefined)
    throw new ScopeError(
      "format",
      `${where}: the model does not say which version of ONNX's operators it uses`,
    );
  throw new ScopeError(
    "unsupported",
    `${where}: the model uses version ${version} of ONNX's operators, versions ${oldest} to ${newest} are supported`,
    {
      hint: "convert it with onnx.version_converter, or export it for another version",
    },
  );
}
