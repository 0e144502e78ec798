import type { Panel } from "../../figure/draw.ts";

/** Where small plots of one size stand in a figure. */
export interface PanelGrid {
  readonly columns: number;
  /** Left, top corner, whole width and height of a panel; its margins leave the same room for the plot everywhere. */
  at(index: number): PanelPlace;
  /** Width and height of the plot inside the margins, pixels. */
  readonly inner: { readonly width: number; readonly height: number };
}

/** One small plot's place. */
export interface PanelPlace {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly margins: {
    readonly marginLeft: number;
    readonly marginRight: number;
    readonly marginTop: number;
    readonly marginBottom: number;
  };
  /** Whether it is the first of its row, and the last of its column: those have labelled ticks. */
  readonly first: boolean;
  readonly lowest: boolean;
}

/**
 * Lays out small multiples: plots of the same size in rows, ticks labelled at the left and below only, so that twenty and
 * more stay readable.
 * @param ratio height of a plot over its width
 */
export function panelGrid(
  count: number,
  width: number,
  wide: boolean,
  options: {
    readonly ratio: number;
    readonly left: number;
    readonly top: number;
    /** What can be read on a wide canvas; more panels than two rows get one column more. */
    readonly most: number;
  },
): PanelGrid {
  const { ratio, left, top, most } = options;
  const columns = wide ? Math.max(2, Math.min(count, count > 2 * most ? most + 1 : most)) : 2;
  const [gap, below] = [10, 22];
  const each = Math.floor((width - left - columns * gap) / columns);
  // Few panels do not grow beyond what is comfortable to read.
  const across = Math.min(each, 300);
  const down = Math.round(across * ratio);
  const rows = Math.ceil(count / columns);
  return {
    columns,
    inner: { width: across, height: down },
    at(index) {
      const [column, row] = [index % columns, Math.floor(index / columns)];
      const first = column === 0;
      const lowest = index + columns >= count;
      // A panel above a gap in the last row keeps its ticks without pushing the rows apart.
      const marginLeft = first ? left : gap / 2;
      return {
        x: first ? 0 : left + column * (across + gap) - gap / 2,
        y: row * (top + down + (rows > 1 ? 8 : 0)),
        width: marginLeft + across + gap / 2,
        height: top + down + (lowest ? below : 4),
        margins: {
          marginLeft,
          marginRight: gap / 2,
          marginTop: top,
          marginBottom: lowest ? below : 4,
        },
        first,
        lowest,
      };
    },
  };
}

/** The lower edge of panels that have been placed. */
export function bottomOf(panels: readonly Panel[]): number {
  return Math.max(...panels.map(({ y, options }) => y + (options.height ?? 0)));
}
