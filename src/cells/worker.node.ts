// Entry of a worker process: computes cells it is sent, one at a time (see sweep/worker.node.ts).
import { serveWorker } from "../sweep/worker.node.ts";
import * as kinds from "./kinds/index.ts";

serveWorker(kinds);
