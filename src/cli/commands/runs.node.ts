import { ScopeError } from "../../base/error.ts";
import { openStore } from "../../store/store.node.ts";
import { shortAddress } from "../../store/spec.ts";
import type { TrainResult } from "../../cells/train-facts.ts";
import { type CommandDefinition, type GlobalOptions, withGlobals } from "../globals.ts";
import { percent, table } from "../text.ts";

/** `runs list|show`: what is in the store. */
export const runs: CommandDefinition = {
  theme: "Data and stored runs",
  add(program, run) {
    const command = program
      .command("runs")
      .helpCommand(false)
      .description("finished cells in the store: list them, show one");

    withGlobals(
      command.command("list").description("every finished cell, then what failed or was begun"),
    ).action((options: GlobalOptions) =>
      run(options, async ({ answer }) => {
        const store = await openStore(options.store, { readOnly: true });
        const cells: { address: string; kind: string; accuracy?: number; data?: string; seconds?: number }[] =
          [];
        for await (const address of store.list()) {
          const cell = await store.get(address);
          const result = cell.result() as Partial<TrainResult> | null;
          const params = cell.spec.params as { data?: { set?: string } } | null;
          cells.push({
            address,
            kind: cell.spec.kind,
            ...(typeof result?.accuracy === "number" ? { accuracy: result.accuracy } : {}),
            ...(params?.data?.set === undefined ? {} : { data: params.data.set }),
            ...(typeof cell.cost()?.["seconds"] === "number"
              ? { seconds: Number(cell.cost()!["seconds"]) }
              : {}),
          });
        }
        const failed = await store.failed();
        const unfinished = await store.unfinished();
        const rows = cells.map((cell) => [
          shortAddress(cell.address),
          cell.kind,
          cell.data ?? "",
          cell.accuracy === undefined ? "" : percent(cell.accuracy),
          cell.seconds === undefined ? "" : `${cell.seconds.toFixed(1)} s`,
        ]);
        const others = [
          ...failed.map((address) => `failed: ${shortAddress(address)}`),
          ...unfinished
            .filter((address) => !failed.includes(address))
            .map((address) => `begun: ${shortAddress(address)}`),
        ];
        const text =
          rows.length === 0
            ? `store ${store.path} holds no finished cells`
            : table(["run", "kind", "data", "accuracy", "took"], rows);
        answer([text, ...others].join("\n"), { cells, failed, unfinished });
      }),
    );

    withGlobals(
      command
        .command("show <run>")
        .description(
          "spec, result, files and failures of one cell (the first digits of its address are enough)",
        ),
    ).action((name: string, options: GlobalOptions) =>
      run(options, async ({ answer }) => {
        const store = await openStore(options.store, { readOnly: true });
        const address = await store.find(name);
        const failures = await store.failures(address);
        if (!(await store.has(address))) {
          if (failures.length === 0)
            throw new ScopeError("data", `cell ${shortAddress(address)} is not finished`);
          const lines = failures.map(
            ({ when, message, hint }) => `  ${when}: ${message}${hint === undefined ? "" : ` (${hint})`}`,
          );
          answer([`${address} failed`, ...lines].join("\n"), { address, failures });
          return;
        }
        const cell = await store.get(address);
        const problems = await cell.verify();
        const document = {
          address,
          dir: cell.dir,
          spec: cell.spec,
          result: cell.result(),
          files: cell.files,
          cost: cell.cost(),
          failures,
          problems,
        };
        const files = Object.entries(cell.files).map(([file, { size }]) => `  ${file} (${size} bytes)`);
        answer(
          [
            `address: ${address}`,
            `folder: ${cell.dir}`,
            `spec: ${JSON.stringify(cell.spec, null, 2)}`,
            `result: ${JSON.stringify(cell.result(), null, 2)}`,
            `files:`,
            ...files,
            problems.length === 0 ? "every byte is as it was published" : problems.join("\n"),
          ].join("\n"),
          document,
        );
      }),
    );
  },
};
