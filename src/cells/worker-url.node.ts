import { moduleBeside } from "../sweep/interrupt.node.ts";

/** The entry module of worker processes that know every kind of cell. */
export const workerUrl: URL = moduleBeside(import.meta.url, "worker.node");
