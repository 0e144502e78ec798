import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { csvTable } from "./csv.ts";
import { wrap } from "./draw.ts";
import { escapeMarkup } from "./escape.ts";
import { base64, pngUrl } from "./png.ts";

/** Reads the CSV we write: RFC 4180 without header handling. */
function parse(csv: string): string[][] {
  const rows: string[][] = [[]];
  let field = "";
  let quoted = false;
  for (let i = 0; i < csv.length; i++) {
    const sign = csv[i]!;
    if (quoted && sign === '"' && csv[i + 1] === '"') {
      field += '"';
      i++;
    } else if (sign === '"') quoted = !quoted;
    else if (!quoted && (sign === "," || sign === "\n")) {
      rows.at(-1)!.push(field);
      field = "";
      if (sign === "\n") rows.push([]);
    } else field += sign;
  }
  return rows.slice(0, -1);
}

describe("CSV", () => {
  test("is read back as it was, whatever the texts hold", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.array(
            fc.string().map((text) => `x${text}`),
            { minLength: 2, maxLength: 2 },
          ),
        ),
        (rows) => {
          expect(parse(csvTable(["a", "b"], rows))).toEqual([["a", "b"], ...rows]);
        },
      ),
    );
  });
  test("null is empty, numbers are in full, formulas are disarmed", () => {
    expect(
      csvTable(
        ["a", "b", "c"],
        [
          [null, 0.1 + 0.2, true],
          ["=cmd|' /C calc'!A0", "-1", "+x"],
        ],
      ),
    ).toBe("a,b,c\n,0.30000000000000004,true\n'=cmd|' /C calc'!A0,'-1,'+x\n");
  });
});

test("escaped text holds no markup, and only signs XML knows", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom("<", ">", "&", "'", '"', "a", "é", "\u0000", ";", "amp") }),
      (text) => {
        expect(escapeMarkup(text)).not.toMatch(/[<>"']|&(?!amp;|lt;|gt;|quot;|#39;)/);
      },
    ),
  );
  expect(escapeMarkup("a\u0000b\u001fc\nd")).toBe("a\ufffdb\ufffdc\nd");
});

test("lines keep all words, in order, and their length unless a word is longer", () => {
  expect(wrap("one two three four", 8)).toEqual(["one two", "three", "four"]);
  expect(wrap("extraordinary", 4)).toEqual(["extraordinary"]);
});

test("base64 of any bytes is the runtime's own", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(base64(bytes)).toBe(Buffer.from(bytes).toString("base64"));
    }),
  );
  const long = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251);
  expect(base64(long)).toBe(Buffer.from(long).toString("base64"));
});

test("planar pixels become a PNG of the same pixels", async () => {
  const { default: sharp } = await import("sharp");
  // 2 × 1 pixels: (1, 2, 3) and (4, 5, 6).
  const url = pngUrl(Uint8Array.from([1, 4, 2, 5, 3, 6]), { channels: 3, height: 1, width: 2 });
  const { data, info } = await sharp(Buffer.from(url.split(",")[1]!, "base64"))
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect([info.width, info.height, info.channels]).toEqual([2, 1, 3]);
  expect([...data]).toEqual([1, 2, 3, 4, 5, 6]);
});
