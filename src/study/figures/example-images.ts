import { csvTable } from "../../figure/csv.ts";
import { frame, widthOf } from "../../figure/draw.ts";
import { escapeMarkup } from "../../figure/escape.ts";
import type { AbsentFigure, Canvas, Figure } from "../../figure/figure.ts";
import { inkOf } from "../../figure/ink.ts";
import { pngUrl } from "../../figure/png.ts";
import { type FigureSource, paper } from "../figure-source.ts";
import { orderShuffles, shuffleLabel } from "../format.ts";
import type { Examples, StudyResults } from "../results.ts";

/** The same test images under every shuffle. */
export function exampleImages({ results, examples }: FigureSource): Figure | AbsentFigure {
  const id = "example-images";
  const title = "What the networks were shown";
  if (examples === undefined || examples.labels.length === 0)
    return { id, title, absent: "no example images were handed to the report" };
  const { width, height } = results.image;
  const caption = [
    `The same test images under every shuffle, as the network gets them (${width}×${height} pixels, before normalisation).`,
    `A permutation is fixed for a whole run, the same for training and test images; here it is that of seed ${examples.seed}.`,
    "“pixels” moves every single number, across channels too.",
    `Corresponds to the block-shuffled samples of ${paper}.`,
  ].join(" ");
  const urls = orderShuffles(results.shuffles).flatMap((shuffle) => {
    const row = examples.rows.find((one) => one.shuffle === shuffle);
    return row === undefined
      ? []
      : [{ label: shuffleLabel(shuffle), urls: urlsOf(results, examples, row.images) }];
  });
  return {
    id,
    title,
    caption,
    csv: csvTable(
      ["shuffle", "image", "class", "png"],
      urls.flatMap((row) => row.urls.map((url, i) => [row.label, i, examples.labels[i]!, url])),
    ),
    svg: (canvas) => draw(canvas, results, examples.labels, urls, { title, description: caption }),
  };
}

function urlsOf({ image }: StudyResults, examples: Examples, images: Uint8Array): string[] {
  const size = image.channels * image.height * image.width;
  return examples.labels.map((_, i) => pngUrl(images.subarray(i * size, (i + 1) * size), image));
}

/** A row a shuffle, a column an image; on a narrow canvas only the first four images, large enough to be seen. */
function draw(
  canvas: Canvas,
  { image }: StudyResults,
  labels: readonly string[],
  rows: readonly { readonly label: string; readonly urls: readonly string[] }[],
  around: { readonly title: string; readonly description: string },
): string {
  const ink = inkOf(canvas);
  const wide = canvas.width === "wide";
  const columns = Math.min(labels.length, wide ? 8 : 4);
  const [left, gap, top] = [60, 8, 24];
  const across = Math.min(96, (widthOf(canvas) - left - 8) / columns - gap);
  const down = (across * image.height) / image.width;
  const x = (column: number) => (left + column * (across + gap)).toFixed(1);
  const heads = labels.slice(0, columns).map((label, i) => {
    // About 6.5 pixels a character: longer names would run into their neighbours.
    const most = Math.max(3, Math.floor(across / 6.5));
    const short = label.length > most ? `${label.slice(0, most - 1)}…` : label;
    return `<text x="${(Number(x(i)) + across / 2).toFixed(1)}" y="14" font-size="11" fill="${ink.muted}">${escapeMarkup(short)}</text>`;
  });
  const body = rows.map((row, r) => {
    const y = top + r * (down + gap);
    const images = row.urls
      .slice(0, columns)
      .map(
        (url, i) =>
          `<image x="${x(i)}" y="${y.toFixed(1)}" width="${across.toFixed(1)}" height="${down.toFixed(1)}" href="${url}" style="image-rendering:pixelated"/>`,
      );
    return `<text x="${left - 10}" y="${(y + down / 2).toFixed(1)}" dy="0.32em" text-anchor="end" font-weight="600">${escapeMarkup(row.label)}</text>${images.join("")}`;
  });
  return frame(
    canvas,
    around,
    { height: 0, inner: "" },
    { height: Math.ceil(top + rows.length * (down + gap)), inner: [...heads, ...body].join("") },
  );
}
