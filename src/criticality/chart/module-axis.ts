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
