import type { SeriesStyle } from "../../figure/draw.ts";
import { decimal, grouped, type Ranged } from "../../figure/numbers.ts";
import type { Change, ModuleMap, ModuleResult, NetworkResult } from "../results.ts";

/** The papers the figures of this room are held against. */
export const papers = {
  criticality: "Chatterji, Neyshabur & Sedghi 2020 (arXiv 1912.00528)",
  layers: "Zhang, Bengio & Singer 2022 (arXiv 1902.01996)",
  transfer: "Neyshabur, Sedghi & Zhang 2020 (arXiv 2008.11687)",
} as const;

type Group = NetworkResult["group"];

/** How each group of networks looks in all figures. */
export const groupStyles: Readonly<Record<Group, SeriesStyle>> = {
  "fine-tuned": { key: "fine-tuned", label: "fine-tuned", color: "blue", shape: "circle" },
  "from scratch": {
    key: "from-scratch",
    label: "from scratch",
    color: "vermillion",
    shape: "square2",
    dash: "5,3",
  },
  given: { key: "given", label: "given networks", color: "green", shape: "diamond2", dash: "2,3" },
};

/** Which numbers were looked at: those of each group, fine-tuned first. */
export function groupsOf<N extends { readonly group: Group }>(
  networks: readonly N[],
): { readonly group: Group; readonly networks: readonly N[] }[] {
  return (["fine-tuned", "from scratch", "given"] as const).flatMap((group) => {
    const here = networks.filter((one) => one.group === group);
    return here.length === 0 ? [] : [{ group, networks: here }];
  });
}

/** Networks that stand for the others on a page: the first fine-tuned one and the first from scratch; else the first. */
export function shownNetworks<N extends { readonly group: Group }>(networks: readonly N[]): N[] {
  const both = (["fine-tuned", "from scratch"] as const).flatMap(
    (group) => networks.find((one) => one.group === group) ?? [],
  );
  return both.length > 0 ? both : networks.slice(0, 1);
}

/** "“a.onnx” (fine-tuned)"; a given network has its name only. */
export function networkTitle({ name, group }: Pick<NetworkResult, "name" | "group">): string {
  const short = name.replace(/^.*\//, "").replace(/\.(onnx|safetensors)$/, "");
  return group === "given" ? short : `${short} (${group})`;
}

/** The map under isotropic noise, which μ is defined by; undefined when no maps were made. */
export function mainMap({ maps }: Pick<ModuleResult, "maps">): ModuleMap | undefined {
  return maps.find(({ noise }) => noise === "isotropic") ?? maps[0];
}

/** A change seen on training images where there are any, as criticality is defined; else on test images. */
export function trainingChange(changes: readonly Change[]): Change | undefined {
  return changes.find(({ split }) => split === "train") ?? changes[0];
}

/** A change seen on test images where there are any; else on training images. */
export function testChange(changes: readonly Change[]): Change | undefined {
  return changes.find(({ split }) => split === "test") ?? changes[0];
}

/** "training" or "test": the images that maps of these networks were made on. */
export function mapImages(networks: readonly Pick<NetworkResult, "final">[]): "training" | "test" {
  return networks.some(({ final }) => final.some(({ split }) => split === "train")) ? "training" : "test";
}

const superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** A number of any size in few characters: "0", "0.031", "4.2", "532", "12,400", "3.1 × 10⁷". */
export function compact(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 99_950 || size < 0.00095) {
    const [digits, power] = value.toExponential(1).split("e") as [string, string];
    const raised = String(Math.abs(Number(power))).replace(/\d/g, (digit) => superscripts[Number(digit)]!);
    return `${digits.replace("-", "−")}\u00a0×\u00a010${Number(power) < 0 ? "⁻" : ""}${raised}`;
  }
  if (size >= 999.5) return grouped(Number(value.toPrecision(3)));
  const rounded = Number(value.toPrecision(size >= 100 ? 3 : 2));
  return String(rounded).replace("-", "−");
}

/** A number that may be infinite, with its interval: "530 (410 to 690)", "infinite". */
export function compactRange({
  value,
  low,
  high,
}: {
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
}): string {
  if (value === null) return "infinite";
  if (low === null && high === null) return compact(value);
  if (low === value && high === value) return compact(value);
  return `${compact(value)} (${compact(low ?? value)} to ${high === null ? "infinite" : compact(high)})`;
}

/** A share as points with its interval: "12.3 (9.1 to 15.5)". */
export function pointsRange({ value, low, high }: Ranged): string {
  const main = decimal(100 * value, 1);
  return low === null || high === null
    ? main
    : `${main} (${decimal(100 * low, 1)} to ${decimal(100 * high, 1)})`;
}

/** A step of a grid in as few digits as it has: "0.3", "1". */
export function alphaText(alpha: number): string {
  return String(Number(alpha.toFixed(3)));
}
