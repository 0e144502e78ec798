import type * as shapes from "../../../src/graph/shapes/index.ts";
import * as microsoftShapes from "../../../src/graph/shapes/microsoft.ts";
import * as nchwcShapes from "../../../src/graph/shapes/nchwc.ts";
import { blockedDomain } from "../../../src/graph/blocked.ts";
import type { ShapeCases } from "../shape-case.ts";
import * as elementwise from "./elementwise.ts";
import * as layout from "./layout.ts";
import * as network from "./network.ts";

const { microsoft: microsoftElementwise, ...onnxElementwise } = elementwise;
const { microsoft: microsoftNetwork, nchwc, ...onnxNetwork } = network;

/** Cases by domain, then by operator: one for every shape rule, or this does not compile. */
export const shapeCases: Readonly<Record<string, Readonly<Record<string, ShapeCases>>>> = {
  "": { ...onnxElementwise, ...onnxNetwork, ...layout } satisfies Record<keyof typeof shapes, ShapeCases>,
  "com.microsoft": { ...microsoftElementwise, ...microsoftNetwork },
  [blockedDomain]: nchwc,
};

/** Operators that have a rule but no case. */
export const uncovered = [
  ...Object.keys(microsoftShapes).filter((op) => shapeCases["com.microsoft"]![op] === undefined),
  ...Object.keys(nchwcShapes).filter((op) => nchwc[op] === undefined),
];
