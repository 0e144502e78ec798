import { inHashOrder, splitOf, testNames, withoutDuplicates, type Sample } from "../collect.ts";
import { planesOnWhite, resizeImage, squareContent } from "../pixels.ts";
import type { DecodeTools, SetDefinition } from "../types.ts";

const side = 32;
const root = "usr/share/openclipart/png/";
// 20 MP, 80 MB in memory. A dozen drawings are larger, up to 169 MP, which small machines could not hold: left out.
const maxPixels = 20e6;
const testShare = 0.2;
const atOnce = 4;
// Ink that may lie outside the cut, as a share of all: stray dots far off the drawing are common in this collection.
const speck = 0.002;

/** Which folders show what. A trailing "/" takes what is below as well; others take the files of that folder only. */
const folders: Readonly<Record<string, readonly string[]>> = {
  animal: ["animals/"],
  food: ["food/"],
  vehicle: ["transportation", "transportation/vehicles/", "transportation/boating/"],
  clothing: ["people/clothing/"],
  music: ["recreation/music/"],
  plant: ["plants/"],
  building: ["buildings", "buildings/homes/"],
  tool: ["tools", "tools/weapons/"],
  hardware: ["computer/hardware/", "electronics/"],
  flag: ["signs_and_symbols/flags/"],
  card: ["recreation/games/cards/"],
  face: ["people/smilies/"],
};
const classes = Object.keys(folders);

/** Files that do not show what their folder says: road signs, knots and diagrams among vehicles, and two frames that say "linked image not found". */
const misplaced: ReadonlySet<string> = new Set(
  [
    "Motorway_on ampelfrau_matthew_gates_01 ampelmaennchen_matthew_g_01 anchor anchor_juliane_krug_01 bambi",
    "beach_trip_ganson bus_lane bus_opposite buses_and_bikes cattle crossroads crosswind curve_ahead cycle_lane",
    "cycle_route cycles drawbridge end_daul grain_elevator_ganson grounded horse kaboom lighthouse_01",
    "lighthouse_matthew_gates_ little_tan_suitcase_jona_ lorry_length no_cycles no_entry old_folks parking_romus_01",
    "pass_either quay_sign_01 roundabout street_sign_gerald_g._01 trams_only tunnel turn_ahead two_way_ahead",
    "two_way_crosses zigzag boating_rules1 boating_rules2 boating_rules3 boating_rules4 boating_rules5 boating_rules6",
    "boating_rules7 boating_rules8 boating_rules_ knot_bowline knot_cleat_hitch knot_clove_hitch knot_figure_eight",
    "knot_sqaure knot_two_half_hitch sailing_points sailing_tacks",
  ]
    .flatMap((line) => line.split(" "))
    .map((name) => `transportation/${name}.png`)
    .concat("animals/birds/penguin/tux_didier_fabert_01.png", "animals/birds/duck_yellow_ii_kurt_cagl_.png"),
);

/** Whether a file is on the list of misplaced ones; those below transportation/ are listed without their folder. */
function isMisplaced(path: string): boolean {
  const name = path.slice(root.length);
  return misplaced.has(name.replace(/^transportation\/.*\//, "transportation/"));
}

/** Label of a file by its folder, −1 for none. */
function labelOf(path: string): number {
  if (!path.startsWith(root) || !path.endsWith(".png") || isMisplaced(path)) return -1;
  const folder = path.slice(root.length, path.lastIndexOf("/"));
  return classes.findIndex((name) =>
    folders[name]!.some((own) => (own.endsWith("/") ? `${folder}/`.startsWith(own) : folder === own)),
  );
}

/** Clip art of twelve kinds. Drawings are cut out, centred on a white square, and brought to 32 × 32 pixels. */
export const openclipart12: SetDefinition = {
  name: "openclipart-12",
  title: "1,895 pieces of clip art of twelve kinds, cleaned, 32×32 colour",
  licence: "public domain (Open Clip Art Library, release 0.18)",
  source: {
    kind: "deb",
    package: "openclipart-png",
    version: "1:0.18+dfsg-19",
    sha256: "f07f1545a2970c2cf3fa339bc2405da1a95cf2b1827bfa05bf73eb1c20291c02",
    bytes: 130_910_028,
  },
  classes,
  groups: {
    things: ["vehicle", "clothing", "music", "building", "tool", "hardware"],
    living: ["animal", "plant", "food", "face"],
  },
  channels: 3,
  height: side,
  width: side,
  counts: { train: 1521, test: 374 },
  version: 1,
  fingerprint: "9095ae5f541ba0f58e1b18c73989ee94239b5e101091861811900e3a283272c9",
  wants: (path) => labelOf(path) >= 0,
  maxFileBytes: 8_000_000,
  maxBytes: 120_000_000,
  async decode(files, tools) {
    // By path, so that which of two equal drawings is kept does not depend on the archive's order.
    const paths = [...files.keys()].toSorted((a, b) => (a < b ? -1 : 1));
    const left = { blank: 0, large: 0 };
    const all: (Sample & { readonly name: string })[] = [];
    for (let start = 0; start < paths.length; start += atOnce) {
      const group = paths.slice(start, start + atOnce);
      const images = await Promise.all(group.map((path) => drawing(files.get(path)!, path, tools)));
      for (const [i, image] of images.entries()) {
        const path = group[i]!;
        if (image === "blank" || image === "large") left[image]++;
        else all.push({ image, label: labelOf(path), name: path.slice(root.length) });
      }
      tools.progress(start + group.length, paths.length, "images");
    }
    const kept = withoutDuplicates(all, tools.sha256);
    const size = 3 * side * side;
    const tested = classes.map((_, label) => {
      const names = kept.filter((sample) => sample.label === label).map(({ name }) => name);
      return testNames(names, testShare, tools.sha256);
    });
    const part = (test: boolean): Sample[] =>
      inHashOrder(
        kept.filter(({ name, label }) => tested[label]!.has(name) === test),
        tools.sha256,
      );
    return {
      name: "openclipart-12",
      classes,
      channels: 3,
      height: side,
      width: side,
      train: splitOf(part(false), size),
      test: splitOf(part(true), size),
      warnings: [
        `${left.large} drawings of more than ${maxPixels / 1e6} million pixels were left out`,
        `${left.blank} blank drawings were left out`,
        `${all.length - kept.length} drawings equal to another were left out`,
      ],
    };
  },
};

/** Number of pixels a PNG's header announces; 0 when the file is too short to have one. */
function pngPixels(bytes: Uint8Array): number {
  if (bytes.length < 24) return 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return view.getUint32(16) * view.getUint32(20);
}

/** One drawing as [3, 32, 32], or why there is none. */
async function drawing(
  bytes: Uint8Array,
  path: string,
  tools: DecodeTools,
): Promise<Uint8Array | "blank" | "large"> {
  if (pngPixels(bytes) > maxPixels) return "large";
  const pixels = await tools.image(bytes, path, maxPixels);
  const cut = squareContent(planesOnWhite(pixels), pixels.height, pixels.width, speck);
  return cut === undefined ? "blank" : resizeImage(cut.planes, cut.side, cut.side, side, side, "stretch");
}
