/** What the map shows of a colouring: which points are strong, and which names are written where. */
import { colours, type Entry, type Painted } from "./colours";
import type { About, Colouring, Offered } from "./data";
import type { LikenessMap } from "./map";

const FEW = 3;
/** Bands of height that a loop is cut into. From taste: of a loop as drawn by hand a band holds a few edges. */
const BANDS = 256;

/** The colouring to begin with: by order, else the first there is. */
export const firstColouring = (about: About): Offered | null => about.colourings.find((by) => by.key === "order") ?? about.colourings[0] ?? null;

/** Paint the map; `only` is the code of the one name (or step of the wash) that is shown strong, null for all; `inside` are the points of a loop. */
export function paint(map: LikenessMap, by: Colouring, only: number | null, inside: Uint8Array | null): Painted {
  const painted = colours(by);
  const same = (i: number): boolean => only === null || (only === -2 ? painted.group(i) >= painted.own : painted.group(i) === only);
  map.paint(painted, inside ? (i) => inside[i] === 1 && same(i) : only === null ? null : same);
  // a rank's points lie together; a habitat's are scattered, and one label would mislead
  const written = painted.entries.filter((entry) => by.kind === "rank" && entry.code >= 0 && entry.points > FEW && (only === null || entry.code === only));
  map.name(written.map((entry) => ({ text: entry.label, italic: isItalic(by, entry), code: entry.code })), painted.group);
  return painted;
}

export const isItalic = (by: { key: string }, entry: Entry): boolean => entry.code >= 0 && (by.key === "genus" || by.key === "species");

/** Which points lie inside a loop, by the even-odd rule: 1 or 0 each. An edge is asked only of points in the bands of height that it crosses. */
export function within(xy: Float32Array, loop: number[]): Uint8Array {
  const found = new Uint8Array(xy.length / 2);
  const corners = loop.length / 2;
  let [left, bottom, right, top] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let k = 0; k < corners; k++) {
    left = Math.min(left, loop[2 * k] as number);
    right = Math.max(right, loop[2 * k] as number);
    bottom = Math.min(bottom, loop[2 * k + 1] as number);
    top = Math.max(top, loop[2 * k + 1] as number);
  }
  const band = (y: number): number => Math.min(Math.max(Math.floor(((y - bottom) / (top - bottom || 1)) * BANDS), 0), BANDS - 1);
  /** Of each band its edges: x and y of one end, and of the other. */
  const edges: number[][] = Array.from({ length: BANDS }, () => []);
  for (let k = 0, j = corners - 1; k < corners; j = k++) {
    const [ax, ay, bx, by] = [loop[2 * k], loop[2 * k + 1], loop[2 * j], loop[2 * j + 1]] as [number, number, number, number];
    for (let at = band(Math.min(ay, by)); at <= band(Math.max(ay, by)); at++) edges[at]?.push(ax, ay, bx, by);
  }
  for (let i = 0; i < found.length; i++) {
    const x = xy[2 * i] as number;
    const y = xy[2 * i + 1] as number;
    if (x < left || y < bottom || x > right || y > top) continue;
    const own = edges[band(y)] as number[];
    let odd = 0;
    for (let k = 0; k < own.length; k += 4) {
      const ay = own[k + 1] as number;
      const by = own[k + 3] as number;
      if (ay > y === by > y) continue;
      const ax = own[k] as number;
      if (x < (((own[k + 2] as number) - ax) * (y - ay)) / (by - ay) + ax) odd ^= 1;
    }
    found[i] = odd;
  }
  return found;
}
