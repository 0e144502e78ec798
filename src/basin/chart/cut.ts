/** A point of a line. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * The pieces of a polyline that lie between two heights, with the crossing points added, so that a line leaves a frame
 * where it crosses the frame's edge. A `null` breaks the line. Pieces of a single point are kept.
 */
export function piecesWithin(points: readonly (Point | null)[], low: number, high: number): Point[][] {
  const pieces: Point[][] = [];
  let piece: Point[] = [];
  const close = () => {
    if (piece.length > 0) pieces.push(piece);
    piece = [];
  };
  let last: Point | null = null;
  for (const point of points) {
    if (point === null) {
      close();
      last = null;
      continue;
    }
    if (last !== null) {
      for (const crossing of crossings(last, point, low, high)) {
        piece.push(crossing);
        if (piece.length > 1 && !inside(point, low, high)) close();
      }
    }
    if (inside(point, low, high)) piece.push(point);
    else close();
    last = point;
  }
  close();
  return pieces;
}

function inside({ y }: Point, low: number, high: number): boolean {
  return y >= low && y <= high;
}

/** Where the segment from a to b crosses the two heights, from a on. */
function crossings(a: Point, b: Point, low: number, high: number): Point[] {
  return [low, high]
    .filter((edge) => (a.y < edge && b.y > edge) || (a.y > edge && b.y < edge))
    .map((y) => ({ x: a.x + ((b.x - a.x) * (y - a.y)) / (b.y - a.y), y }))
    .toSorted((p, q) => Math.abs(p.x - a.x) - Math.abs(q.x - a.x));
}
