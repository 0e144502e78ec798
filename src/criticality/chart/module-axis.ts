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
 * Names short enough for a drawing. Of those longer than `most` characters, folders that most names share give way first
 * ("features.12.conv" becomes "…12.conv"), then endings that they share, then their middle. Names that would become the
 * same get their place in front.
 */
export function moduleLabels(names: readonly string[], most: number): string[] {
  const long = (name: string) => name.length > most;
  const parts = names.map((name) => name.split(/(?<=[./])/));
  const shared = (of: (one: readonly string[]) => string | undefined) => {
    const counts = new Map<string, number>();
    for (const one of parts) {
      const part = one.length > 1 ? of(one) : undefined;
      if (part !== undefined) counts.set(part, (counts.get(part) ?? 0) + 1);
    }
    return new Set(
      [...counts].flatMap(([part, count]) => (count > names.length / 4 && count > 1 ? [part] : [])),
    );
  };
  const [heads, tails] = [shared((one) => one[0]), shared((one) => one.at(-1))];
  const labels = names.map((name, i) => {
    if (!long(name)) return name;
    let own = parts[i]!;
    let [before, after] = ["", ""];
    if (own.length > 1 && heads.has(own[0]!)) [own, before] = [own.slice(1), "…"];
    const text = () => `${before}${own.join("").replace(/[./]$/, "")}${after}`;
    if (long(text()) && own.length > 1 && tails.has(own.at(-1)!)) [own, after] = [own.slice(0, -1), "…"];
    return cutMiddle(text(), most);
  });
  return labels.map((label, i) =>
    labels.indexOf(label) === i && labels.lastIndexOf(label) === i
      ? label
      : `${i + 1}: ${cutMiddle(label, Math.max(3, most - 3))}`,
  );
}
