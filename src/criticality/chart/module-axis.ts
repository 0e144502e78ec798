import { cutMiddle } from "../../basin/chart/names.ts";

/** What a module axis needs of a network. */
interface Layered {
  readonly modules: readonly { readonly name: string; readonly depth: number }[];
}

/** Names of all networks' modules from input to output; those of other architectures are put in at their relative depth. */
export function moduleNames(networks: readonly Layered[]): string[] {
  const depths = new Map<string, number>();
  for (const { modules } of networks) {
    const most = Math.max(1, ...modules.map(({ depth }) => depth));
    for (const { name, depth } of modules) {
      if (!depths.has(name)) depths.set(name, depth / most);
    }
  }
  return [...depths].toSorted((a, b) => a[1] - b[1]).map(([name]) => name);
}

/**
 * Names short enough for a drawing. Where one is longer than `most` characters, folders that many share give way first, in
 * all of them ("features.12.conv" becomes "…12.conv"), then endings that many share, then the middle of what is still too
 * long. Names that would become the same get their place in front.
 */
export function moduleLabels(names: readonly string[], most: number): string[] {
  const long = (all: readonly string[]) => all.some((name) => name.length > most);
  let labels = [...names];
  if (long(labels))
    labels = withoutShared(
      labels,
      (parts) => parts[0]!,
      (parts) => `…${parts.slice(1).join("")}`,
    );
  if (long(labels))
    labels = withoutShared(
      labels,
      (parts) => parts.at(-1)!,
      (parts) => `${parts.slice(0, -1).join("").replace(/[./]$/, "")}…`,
    );
  labels = labels.map((label) => cutMiddle(label, most));
  return labels.map((label, i) =>
    labels.indexOf(label) === i && labels.lastIndexOf(label) === i
      ? label
      : `${i + 1}: ${cutMiddle(label, Math.max(3, most - 3))}`,
  );
}

/** Leaves out a part of names, between dots or slashes, that more than one and a quarter of them have. */
function withoutShared(
  names: readonly string[],
  partOf: (parts: readonly string[]) => string,
  without: (parts: readonly string[]) => string,
): string[] {
  const split = names.map((name) => name.split(/(?<=[./])/));
  const counts = new Map<string, number>();
  for (const parts of split) {
    if (parts.length > 1) counts.set(partOf(parts), (counts.get(partOf(parts)) ?? 0) + 1);
  }
  return split.map((parts, i) => {
    const count = parts.length > 1 ? (counts.get(partOf(parts)) ?? 0) : 0;
    return count > 1 && count > names.length / 4 ? without(parts) : names[i]!;
  });
}
