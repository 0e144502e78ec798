import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../test/kit/temporary.ts";
import { MetricsFile } from "./metrics.node.ts";

test("killed anywhere and resumed from checkpoints, the file is that of an uninterrupted run", () => {
  const folder = temporaryFolder();
  let number = 0;
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 30 }),
      fc.integer({ min: 1, max: 7 }),
      fc.array(fc.tuple(fc.nat({ max: 12 }), fc.string({ maxLength: 9 })), { maxLength: 4 }),
      (total, every, crashes) => {
        const path = join(folder, String(number++));
        // A run of `total` lines with a checkpoint every few; each crash comes after some lines and leaves a torn one.
        let checkpoint: number | undefined;
        const run = (limit: number): void => {
          const file = new MetricsFile(path);
          if (checkpoint !== undefined) file.truncateTo(checkpoint);
          for (let done = 0; file.lines < total && done < limit; done++) {
            file.append({ line: file.lines });
            if (file.lines % every === 0) checkpoint = file.lines;
          }
          if (limit === Infinity) file.finish();
          else file.close();
        };
        for (const [lines, torn] of crashes) {
          run(lines);
          appendFileSync(path, torn.replaceAll("\n", ""));
        }
        run(Infinity);
        const expected = Array.from({ length: total }, (_, line) => `{"line":${line}}\n`).join("");
        expect(total === 0 && crashes.length === 0 ? "" : readFileSync(path, "utf8")).toBe(expected);
      },
    ),
  );
});

test("a cell that starts over does not add to the lines of the attempt before", () => {
  const path = join(temporaryFolder(), "metrics.jsonl");
  writeFileSync(path, '{"old":1}\n{"old":2}\n');
  const file = new MetricsFile(path);
  expect(file.lines).toBe(0);
  file.append({ new: 1 });
  file.finish();
  expect(readFileSync(path, "utf8")).toBe('{"new":1}\n');
});

test("old lines do not stay if the cell now records none", () => {
  const path = join(temporaryFolder(), "metrics.jsonl");
  writeFileSync(path, '{"old":1}\n');
  new MetricsFile(path).finish();
  expect(readFileSync(path, "utf8")).toBe("");
});

test("a checkpoint that expects more lines than there are is refused, and so is NaN", () => {
  const path = join(temporaryFolder(), "metrics.jsonl");
  const file = new MetricsFile(path);
  file.append({ loss: 1 });
  expect(() => file.truncateTo(2)).toThrow(`${path} has 1 lines, the checkpoint expects 2`);
  expect(() => file.append({ loss: Number.NaN })).toThrow("$.loss is NaN");
  file.append({ loss: 0.5 });
  file.finish();
  expect(readFileSync(path, "utf8")).toBe('{"loss":1}\n{"loss":0.5}\n');
});
