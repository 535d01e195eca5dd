/** What the map shows of a colouring: which points are strong, and which names are written where. */
import type { Colouring, Layout } from "../api";
import { colours, type Entry, type Painted } from "./colours";
import type { LikenessMap } from "./map";

const RANKS = ["species", "genus", "family", "order", "class", "phylum", "kingdom"];
const FEW = 3;

export interface Named {
  name: string;
  rank: string;
  common: string | null;
}

/** The colouring to begin with: by order, else the first there is. */
export const firstColouring = (layout: Layout): Colouring | null =>
  layout.colourings.find((by) => by.key === "order") ?? layout.colourings[0] ?? null;

/** Paint the map; `only` is the code of the one name that is shown strong, null for all. */
export function paint(map: LikenessMap, by: Colouring, only: number | null): Painted {
  const painted = colours(by);
  const codes = by.codes ?? [];
  const own = painted.entries.filter((entry) => entry.code >= 0).length;
  const same = (code: number, i: number): boolean => (code === -2 ? (codes[i] ?? -1) >= own : codes[i] === code);
  const known = (i: number): boolean => (by.values ? by.values[i] !== null : (codes[i] ?? -1) >= 0);
  map.paint(painted.rgb, only === null ? known : (i) => same(only, i));
  // a rank's points lie together; a habitat's are scattered, and one label would mislead
  const written = painted.entries.filter((entry) => by.kind === "rank" && entry.code >= 0 && entry.points > FEW && (only === null || entry.code === only));
  const members = new Map(written.map((entry) => [entry.code, [] as number[]]));
  codes.forEach((code, i) => members.get(code)?.push(i));
  map.name(written.map((entry) => ({ text: entry.label, italic: isItalic(by, entry), points: members.get(entry.code) ?? [] })));
  return painted;
}

export const isItalic = (by: Colouring, entry: Entry): boolean => entry.code >= 0 && (by.key === "genus" || by.key === "species");

/** The deepest name of a point. */
export function nameOf(layout: Layout, i: number): Named | null {
  for (const key of RANKS) {
    const by = layout.colourings.find((colouring) => colouring.key === key);
    const code = by?.codes?.[i] ?? -1;
    if (by && code >= 0) return { name: by.names?.[code] ?? "", rank: key, common: by.common?.[code] ?? null };
  }
  return null;
}

/** The colouring by the rank of a taxon and the code of that taxon, null when it cannot be shown alone. */
export function alone(layout: Layout, taxon: { id: string; rank: string }): { by: Colouring; only: number | null } | null {
  const by = layout.colourings.find((colouring) => colouring.key === taxon.rank);
  const code = by?.taxa?.indexOf(taxon.id) ?? -1;
  if (!by || code < 0) return null;
  return { by, only: code };
}
