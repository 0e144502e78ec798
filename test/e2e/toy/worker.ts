import { serveWorker } from "../../../src/sweep/worker.node.ts";
import { toyKinds } from "./kinds.ts";

serveWorker(toyKinds);
