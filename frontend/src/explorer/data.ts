/** What the explorer asks of the server: the map and its colours as bytes, photos, selections, axes. */
import * as api from "../api";
import { t } from "../words";

export type Kind = "rank" | "trait" | "place" | "uncertainty" | "text" | "number";

export interface Offered {
  key: string;
  label: string;
  kind: Kind;
  unit: string;
  names: number;
  /** Of how many points it is computed, where not of all. */
  known?: number;
}

export interface TraitOffered {
  trait: string;
  unit: string;
  species: number;
}

export interface About {
  tag: string;
  points: number;
  total: number;
  colourings: Offered[];
  traits: TraitOffered[];
  inside: string[];
}

/** The points of the map in the order of their level of detail. */
export interface Points {
  n: number;
  /** x and y between -1 and 1 in turn. */
  xy: Float32Array;
  /** Where each level ends. */
  ends: number[];
  /** Cells across the grid of level 0; each further level's are half as wide. */
  across: number;
}

/** What the points are coloured by: a code of `names` each (`none`: not known), or a value (NaN: not known). */
export interface Colouring extends Omit<Offered, "names"> {
  names: string[];
  common: (string | null)[] | null;
  taxa: string[] | null;
  order: number[] | null;
  codes: Uint8Array | Uint16Array | Uint32Array | null;
  none: number;
  values: Float32Array | null;
}

export interface Told extends api.Brief {
  point: number;
}

export interface Chosen extends Told {
  probability: number | null;
  licence: string | null;
  rights_holder: string | null;
  source: string | null;
  event_date: string | null;
  country: string | null;
  latitude: number | null;
  longitude: number | null;
}

export interface Selection {
  count: number;
  of: number;
  taxa: { taxon: api.Taxon | null; count: number }[];
  taxa_count: number;
  start: number;
  photos: Chosen[];
  most_csv: number;
}

export interface Interval {
  value: number;
  low: number | null;
  high: number | null;
}

export interface AlongTrait {
  taxon: api.Taxon;
  clade: string | null;
  at: number;
  value: number;
  image: string | null;
}

export interface Axis {
  trait: string | null;
  unit: string;
  traits: TraitOffered[];
  why: string | null;
  known: number;
  left_out: string | null;
  rho: Interval | null;
  r2: Interval | null;
  control: { rho: number | null; r2: number | null; p: number } | null;
  species: AlongTrait[];
}

export interface WithinSpecies {
  taxon: api.Taxon;
  count: number;
  means: ([number, number, number] | null)[];
}

export interface Within {
  column: string;
  columns: string[];
  why: string | null;
  variants: string[];
  species: WithinSpecies[];
  photos: { ids: string[]; at: number[]; species: number[]; variant: number[] } | null;
  /** What the numbers are of; the picture shows a part of it. */
  measured: { species: number; photos: number } | null;
  rho: Interval | null;
  chance: number | null;
  k: number | null;
  dimensions: number | null;
  plane: number | null;
  upright: number | null;
}

export const about = (): Promise<About> => api.ask("/api/explorer");

/** The points; `told` hears the share of the bytes that have come. */
export async function points(told: (share: number) => void): Promise<Points> {
  const { head, arrays } = await bytes("/api/explorer/points", told);
  const { points: n, levels, across } = head as { points: number; levels: number[]; across: number };
  const placed = arrays.get("xy") as Uint16Array;
  const xy = new Float32Array(2 * n);
  for (let i = 0; i < 2 * n; i++) xy[i] = ((placed[i] as number) / 65535) * 2 - 1;
  return { n, xy, ends: levels, across };
}

export async function colouring(key: string, told: (share: number) => void): Promise<Colouring> {
  const { head, arrays } = await bytes(`/api/explorer/colours/${encodeURIComponent(key)}`, told);
  const codes = (arrays.get("codes") as Colouring["codes"] | undefined) ?? null;
  const said = head as unknown as Omit<Colouring, "codes" | "values" | "none">;
  return {
    ...said,
    common: said.common ?? null,
    taxa: said.taxa ?? null,
    order: said.order ?? null,
    codes,
    none: codes ? 2 ** (8 * codes.BYTES_PER_ELEMENT) - 1 : -1,
    values: (arrays.get("values") as Float32Array | undefined) ?? null,
  };
}

/** Who some points are. */
export async function photos(at: number[], ids: string[] = []): Promise<Told[]> {
  const query = new URLSearchParams([...at.map((i) => ["at", String(i)]), ...ids.map((id) => ["id", id])]);
  return (await api.ask<{ photos: Told[] }>(`/api/explorer/photos?${query}`)).photos;
}

/** What a selection is asked with: a loop in the map's own units, and the name of a colouring it keeps to. */
export interface Question {
  loop: number[];
  by: string | null;
  only: number | null;
}

function asked({ loop, by, only }: Question): URLSearchParams {
  const query = new URLSearchParams({ loop: loop.map((v) => v.toFixed(4)).join(",") });
  if (by !== null && only !== null && only >= 0) {
    query.set("by", by);
    query.set("only", String(only));
  }
  return query;
}

export function selection(question: Question, start: number, count: number): Promise<Selection> {
  const query = asked(question);
  query.set("start", String(start));
  query.set("n", String(count));
  return api.ask(`/api/explorer/selection?${query}`);
}

/** Where the whole selection is as CSV. */
export const csvAddress = (question: Question): string => `/api/explorer/selection.csv?${asked(question)}`;

export const axis = (trait: string, clade: string): Promise<Axis> => api.ask(`/api/explorer/axis?${new URLSearchParams({ trait, clade })}`);

export function within(column: string, clade: string): Promise<Within> {
  const query = new URLSearchParams({ clade });
  if (column) query.set("column", column);
  return api.ask(`/api/explorer/within?${query}`);
}

type Numbers = Uint8Array | Uint16Array | Uint32Array | Float32Array;
const TYPES = { uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, float32: Float32Array };

/** The head and the arrays of what `merian.web.explorer.packed` made, read in place. */
async function bytes(path: string, told: (share: number) => void): Promise<{ head: Record<string, unknown>; arrays: Map<string, Numbers> }> {
  const data = await streamed(path, told);
  const broken = new api.Refusal(t("map.broken"), t("again"));
  if (data.byteLength < 8 || new TextDecoder().decode(data.slice(0, 4)) !== "MRN1") throw broken;
  const start = 8 + new DataView(data).getUint32(4, true);
  const head = JSON.parse(new TextDecoder().decode(data.slice(8, start))) as Record<string, unknown>;
  const arrays = new Map<string, Numbers>();
  for (const one of head.arrays as { name: string; type: keyof typeof TYPES; at: number; length: number }[]) {
    arrays.set(one.name, new TYPES[one.type](data, start + one.at, one.length));
  }
  return { head, arrays };
}

async function streamed(path: string, told: (share: number) => void): Promise<ArrayBuffer> {
  const answer = await api.answered(path);
  const whole = Number(answer.headers.get("content-length") ?? 0);
  if (!answer.body || !whole) return answer.arrayBuffer();
  const data = new Uint8Array(whole);
  const reader = answer.body.getReader();
  let got = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    data.set(value, got);
    got += value.length;
    told(got / whole);
  }
  return data.buffer;
}
