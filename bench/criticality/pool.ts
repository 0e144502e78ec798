/** Workers of bench/criticality.ts: processes of their own, as the product's are, each with one module at a time. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Granularity } from "../../src/graph/modules.ts";
import type { SampledPlace } from "../../src/sensitivity/types.ts";

/** How maps are made; the same for all modules. */
export interface MapOptions {
  readonly granularity: Granularity;
  readonly alphas: readonly number[];
  readonly ratios: readonly number[];
  readonly epsilon: number;
  readonly block: number;
  readonly maxDraws: number;
  readonly refine: number;
  readonly memoryBytes: number;
}

/** What a worker is asked: the map of a module, or how fast it is run; modules by their place in the network. */
export interface Question {
  readonly what: "map" | "rate";
  readonly module: number;
  /**
   * What is switched off for a map. prefix: the whole network is run at every place; stop: every place gets the most draws.
   */
  readonly without?: "prefix" | "stop";
}

export interface MapAnswer {
  readonly module: number;
  readonly seconds: number;
  /** Blocks run through what comes after the module: pairs of place and draw, and the final network once. */
  readonly looks: number;
  /** Blocks run through what comes before it. */
  readonly computed: number;
  readonly places: readonly (Pick<SampledPlace, "alpha" | "ratio" | "refined"> & {
    readonly excess: readonly number[];
  })[];
}

/** Seconds an image, of one thread. */
export interface RateAnswer {
  readonly module: number;
  /** What comes after the module's first use, and before. */
  readonly after: number;
  readonly before: number;
}

/** `count` workers on the network in `file`. They are ready (ONNX Runtime loaded, the file read) when this resolves. */
export async function openPool(count: number, file: string, options: MapOptions): Promise<Pool> {
  const children = Array.from({ length: count }, () =>
    fork(fileURLToPath(new URL("ours.ts", import.meta.url)), [file, JSON.stringify(options)], {
      serialization: "advanced",
    }),
  );
  await Promise.all(children.map((child) => answer(child)));
  return new Pool(children);
}

export class Pool {
  readonly #children: readonly ChildProcess[];

  constructor(children: readonly ChildProcess[]) {
    this.#children = children;
  }

  /** Asks one question after the other, in order, each of the first worker that is free. Answers in that order. */
  async ask<T>(questions: readonly Question[]): Promise<{ readonly answers: T[]; readonly seconds: number }> {
    const answers: T[] = [];
    let next = 0;
    const start = performance.now();
    await Promise.all(
      this.#children.map(async (child) => {
        while (next < questions.length) {
          const at = next++;
          const coming = answer(child);
          child.send(questions[at]!);
          answers[at] = (await coming) as T;
        }
      }),
    );
    return { answers, seconds: (performance.now() - start) / 1000 };
  }

  close(): void {
    for (const child of this.#children) child.disconnect();
  }
}

/** The next message of a worker. @throws when it ends instead */
async function answer(child: ChildProcess): Promise<unknown> {
  const stop = new AbortController();
  try {
    return await Promise.race([
      once(child, "message", { signal: stop.signal }).then(([message]) => message as unknown),
      once(child, "exit", { signal: stop.signal }).then(([code]) => {
        throw new Error(`a worker ended with status ${String(code)}`);
      }),
    ]);
  } finally {
    stop.abort();
  }
}
