import { defaultCache } from "../../data/load.node.ts";
import { describeSet, listSets, prepareSet } from "../../data/prepare.node.ts";
import { onInterrupt } from "../../sweep/interrupt.node.ts";
import { type CommandDefinition, type GlobalOptions, withGlobals } from "../globals.ts";
import { progressView } from "../progress.node.ts";
import { table } from "../text.ts";

/** `data list|show|prepare`: what images there are, where they come from, and fetching them ahead of time. */
export const data: CommandDefinition = {
  theme: "Data and stored runs",
  add(program, run) {
    const command = program
      .command("data")
      .helpCommand(false)
      .description("the data sets: list them, show one, fetch and decode one");

    withGlobals(
      command.command("list").description("all data sets, and whether they are in the cache"),
    ).action((options: GlobalOptions) =>
      run(options, async ({ answer }) => {
        const sets = await Promise.all(
          listSets().map((name) => describeSet(name, { cache: defaultCache() })),
        );
        answer(
          table(
            ["set", "what", "ready"],
            [
              ...sets.map((set) => [set.name, set.title, set.prepared ? "yes" : "on first use"]),
              ["folder:PATH", "your own images, one folder per class", ""],
            ],
          ),
          sets,
        );
      }),
    );

    withGlobals(
      command.command("show <set>").description("licence, source, sizes and classes of a data set"),
    ).action((name: string, options: GlobalOptions) =>
      run(options, async ({ answer }) => {
        const set = await describeSet(name, { cache: defaultCache() });
        const {
          title,
          licence,
          source,
          integrity,
          downloadBytes,
          shape,
          classes,
          groups,
          counts,
          path,
          prepared,
        } = set;
        const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
        const rows = [
          ["what", title],
          ["images", `${counts.train} for training, ${counts.test} for testing`],
          [
            "size",
            shape && `${shape.height}×${shape.width} pixels, ${shape.channels === 1 ? "grey" : "colour"}`,
          ],
          ["classes", `${classes.length}: ${classes.join(", ")}`],
          ...Object.entries(groups).map(([group, members]) => [`group "${group}"`, members.join(", ")]),
          ["licence", licence],
          ["source", [source, downloadBytes && megabytes(downloadBytes)].filter(Boolean).join(", ")],
          ["integrity", integrity],
          [
            "cache",
            path &&
              (prepared === undefined
                ? `not there yet: ${path}`
                : `${path} (${megabytes(prepared.sizeBytes)})`),
          ],
          ...(prepared?.warnings ?? []).map((warning) => ["note", warning]),
        ].filter((row): row is [string, string] => row[1] !== undefined);
        answer(table(undefined, rows), set);
      }),
    );

    withGlobals(command.command("prepare <set...>").description("fetch and decode data sets now")).action(
      (names: string[], options: GlobalOptions) =>
        run(options, async ({ answer, streams, options: globals }) => {
          using interrupt = onInterrupt();
          using view = progressView(globals.quiet, streams);
          if (globals.dryRun) {
            const sets = await Promise.all(names.map((name) => describeSet(name, { cache: defaultCache() })));
            answer(
              sets
                .map(
                  (set) =>
                    `${set.name}: ${set.prepared ? "already in the cache" : "would be fetched and decoded"}`,
                )
                .join("\n"),
              sets,
            );
            return;
          }
          const done = [];
          for (const name of names) {
            done.push(
              await prepareSet(name, {
                cache: defaultCache(),
                onProgress: view.onData,
                signal: interrupt.signal,
              }),
            );
          }
          answer(
            done
              .map((set) =>
                [`${set.name}: ${set.path} (${(set.sizeBytes / 1e6).toFixed(1)} MB)`, ...set.warnings].join(
                  "\n  ",
                ),
              )
              .join("\n"),
            done,
          );
        }),
    );
  },
};
