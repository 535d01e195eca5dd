/** What the map shows of a colouring: which points are strong, and which names are written where. */
import { colours, type Entry, type Painted } from "./colours";
import type { About, Colouring, Offered } from "./data";
import type { LikenessMap } from "./map";

const FEW = 3;

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

/** Which points lie inside a loop, by the even-odd rule: 1 or 0 each. */
export function within(xy: Float32Array, loop: number[]): Uint8Array {
  const found = new Uint8Array(xy.length / 2);
  const corners = loop.length / 2;
  const box = [Infinity, Infinity, -Infinity, -Infinity] as [number, number, number, number];
  for (let k = 0; k < corners; k++) {
    const [x, y] = [loop[2 * k] as number, loop[2 * k + 1] as number];
    if (x < box[0]) box[0] = x;
    if (y < box[1]) box[1] = y;
    if (x > box[2]) box[2] = x;
    if (y > box[3]) box[3] = y;
  }
  for (let i = 0; i < found.length; i++) {
    const [x, y] = [xy[2 * i] as number, xy[2 * i + 1] as number];
    if (x < box[0] || y < box[1] || x > box[2] || y > box[3]) continue;
    let odd = 0;
    for (let k = 0, j = corners - 1; k < corners; j = k++) {
      const [ay, by] = [loop[2 * k + 1] as number, loop[2 * j + 1] as number];
      if (ay > y === by > y) continue;
      const [ax, bx] = [loop[2 * k] as number, loop[2 * j] as number];
      if (x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd ^= 1;
    }
    found[i] = odd;
  }
  return found;
}
