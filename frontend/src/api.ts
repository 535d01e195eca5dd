/** The server's JSON interface, as described by /api/openapi.json. */
import { t } from "./words";

export interface Taxon {
  id: string;
  name: string;
  rank: string;
  common: string | null;
  /** Common names by language, of the languages of the pages. */
  called?: Record<string, string>;
}
export interface LikelyTaxon extends Taxon {
  probability: number;
}
export interface RankedTaxon extends LikelyTaxon {
  lineage: LikelyTaxon[];
}
export interface Brief {
  id: string;
  taxon: Taxon | null;
}
export interface Near extends Brief {
  cosine: number;
}
export interface Photo extends Brief {
  lineage: Taxon[];
  width: number | null;
  height: number | null;
  facts: Record<string, string>;
}
export interface Spot {
  x: number;
  y: number;
  neighbours: Near[];
}
export interface Row {
  name: string;
  reason: string | null;
  hash: string | null;
  sentence: string;
  sure: LikelyTaxon | null;
  probably: LikelyTaxon | null;
  perhaps: LikelyTaxon | null;
  path: LikelyTaxon[];
  unknown: number;
  none: boolean;
  best: RankedTaxon[];
  place: Spot | null;
}
export interface Credited {
  id: string;
  rights_holder: string | null;
  licence: string | null;
}
export interface Relative {
  taxon: Taxon;
  shared: string | null;
  cosine: number | null;
  place: number | null;
  image: string | null;
}
export interface Relatives {
  tree: Relative[];
  looks: Relative[];
  compared: number;
  far: Relative[];
  near: Relative[];
}
export interface TraitRow {
  trait: string;
  unit: string;
  source: "known" | "imputed" | "withheld" | "range";
  value: number | null;
  state: string | null;
  low: number | null;
  high: number | null;
  states: string[];
  level: number | null;
  nearest: string | null;
  species: number | null;
  flag: string | null;
}
export interface Variation {
  column: string;
  apart: number | null;
  groups: { name: string; count: number; images: string[] }[];
}
export interface Sightings {
  months: number[];
  dated: number;
  places: { latitude: number; longitude: number; count: number }[];
  placed: number;
  bounds: { south: number; north: number; west: number; east: number } | null;
}
export interface Link {
  name: string;
  id: string | null;
  common: string | null;
  called: Record<string, string>;
  probability: number;
  evidence: string;
  /** Of the eater's energy. */
  share: number;
}
export interface Web {
  ecosystem: string;
  eats: Link[];
  eaten_by: Link[];
}
export interface TaxonPage extends Taxon {
  lineage: Taxon[];
  names: { language: string; name: string }[];
  children: Taxon[];
  child_count: number;
  species_count: number;
  known_to_model: number | null;
  images: string[];
  image_count: number;
  credits: Credited[];
  relatives: Relatives;
  traits: TraitRow[];
  variation: Variation[];
  sightings: Sightings;
  webs: Web[];
  /** Ecosystems with a twin that the species lives in; `served`: the one that runs here. */
  twins: { ecosystem: string; served: boolean }[];
}
export interface TreeRow extends Taxon {
  number: number;
  depth: number;
  child_count: number;
  species_count: number;
  below: number;
  image_count: number | null;
}
export interface TreeRows {
  total: number;
  start: number;
  rows: TreeRow[];
}
export interface Hit extends Brief {
  /** Null where nothing was asked but filters. */
  cosine: number | null;
  date: string | null;
  rights_holder: string | null;
  licence: string | null;
  source: string | null;
}
export interface Answered {
  name: string;
  reason: string | null;
  photos: Hit[];
  /** How many photos the filter left. */
  among: number;
  /** Whether all of them were compared. */
  exact: boolean;
}
export interface Counted {
  name: string;
  count: number;
}
export interface Choices {
  images: number;
  indexed: number | null;
  dated: number;
  placed: number;
  licences: Counted[];
  sources: Counted[];
}
export interface Kept {
  id: string;
  taxon: Taxon;
  replaced: boolean;
}
/** A ninth of a photo, and its share of what a map holds. */
export interface Ninth {
  row: "top" | "middle" | "bottom";
  column: "left" | "middle" | "right";
  share: number;
}
/** Where in a photo the model finds what speaks for one taxon rather than for another, and whether that stood its test. */
export interface Explained {
  name: string;
  reason: string | null;
  hash: string | null;
  taxon: LikelyTaxon;
  against: LikelyTaxon;
  tells_apart: boolean;
  map: number[][];
  covers: "whole" | "centre";
  for_it: Ninth | null;
  for_other: Ninth | null;
  share: number;
  test: { gap: number | null; centre: number; chance: number; beaten: number; of: number };
  method: string;
  passes: number;
}
export interface About {
  merian: string;
  store: string | null;
  model: { fingerprint: string; labels: number; tree: string; taxa: number; says: string } | null;
  catalog: { images: number; tree: string } | null;
  points: number | null;
  report: boolean;
  records: boolean;
  taxa: number;
  species: number;
  absent: Record<string, string>;
  limits: { photos: number; photo_mb: number; request_mb: number; found: number };
  sure_from: number;
}

/** What the server would not do, with its advice. */
export class Refusal extends Error {
  readonly advice: string;
  /** The status of the answer; 0 when what is said is said in the visitor's language already. */
  readonly status: number;

  constructor(error: string, advice: string, status = 0) {
    super(error);
    this.advice = advice;
    this.status = status;
  }
}

/** The answer to a request; a Refusal when no server gives one. */
async function reached(path: string, options?: RequestInit): Promise<Response> {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refusal(t("server.silent"), t("server.silent.do"));
  }
}

async function refused(answer: Response): Promise<Refusal> {
  const said = ((await answer.json().catch(() => ({}))) ?? {}) as { error?: string; what_to_do?: string };
  return new Refusal(said.error ?? t("server.status", { status: answer.status }), said.what_to_do ?? t("again"), said.error ? answer.status : 0);
}

/** The answer, when it is one of success. Raises Refusal. */
export async function answered(path: string, options?: RequestInit): Promise<Response> {
  const answer = await reached(path, options);
  if (!answer.ok) throw await refused(answer);
  return answer;
}

/** What the server answers in JSON. */
export async function ask<T>(path: string, options?: RequestInit): Promise<T> {
  return (await (await answered(path, options)).json().catch(() => ({}))) as T;
}

const json = (method: string, body: unknown): RequestInit => ({
  method,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

export const about = (): Promise<About> => ask("/api/about");
export const samples = async (count: number): Promise<(Brief & { held_out: boolean })[]> =>
  (await ask<{ samples: (Brief & { held_out: boolean })[] }>(`/api/samples?n=${count}`)).samples;
export const neighbours = (id: string, count: number): Promise<{ photo: Photo; neighbours: Near[] }> =>
  ask(`/api/neighbours/${encodeURIComponent(id)}?k=${count}`);
export const taxon = (id: string): Promise<TaxonPage> => ask(`/api/taxon/${encodeURIComponent(id)}`);
export const identifyKnown = (id: string): Promise<{ rows: Row[]; photo: Photo }> => ask(`/api/identify/${encodeURIComponent(id)}`);

export async function identify(files: File[]): Promise<Row[]> {
  const form = new FormData();
  for (const file of files) form.append("photo", file, file.name || "photo");
  return (await ask<{ rows: Row[] }>("/api/identify", { method: "POST", body: form })).rows;
}

/** What tells one taxon from another in a photo: one of the collection by its id, or a file. `heard` hears how many passes are done, of how many. */
export async function explain(
  photo: string | File,
  taxon: string,
  against: string,
  heard: (done: number, of: number) => void,
  signal: AbortSignal,
): Promise<Explained> {
  const query = new URLSearchParams({ taxon, against });
  const where = typeof photo === "string" ? `/api/explain/${encodeURIComponent(photo)}?${query}` : `/api/explain?${query}`;
  const form = new FormData();
  if (typeof photo !== "string") form.append("photo", photo, photo.name || "photo");
  const headers = { accept: "application/x-ndjson" };
  const answer = await reached(where, typeof photo === "string" ? { headers, signal } : { method: "POST", body: form, headers, signal });
  if (!answer.ok || !answer.body) throw await refused(answer);
  let last: unknown = null;
  for await (const line of linesOf(answer.body)) {
    last = JSON.parse(line);
    const step = last as { done?: number; of?: number; error?: string; what_to_do?: string };
    if (step.error !== undefined) throw new Refusal(step.error, step.what_to_do ?? t("again"), 503);
    if (step.done !== undefined && step.of) heard(step.done, step.of);
  }
  if (last === null || !("map" in (last as object) || (last as Explained).reason)) throw new Refusal(t("server.silent"), t("server.silent.do"));
  return last as Explained;
}

/** The lines of a body as they come. */
async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    rest += decoder.decode(value, { stream: !done });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    yield* lines.filter(Boolean);
    if (done) return;
  }
}

/** The photos of the store that a question finds: what the address asks, and a photo of the visitor's own. */
export async function search(query: string, file: File | null): Promise<Answered> {
  const form = new FormData();
  if (file) form.append("photo", file, file.name || "photo");
  const found = await ask<{ rows: [Answered] }>(`/api/search?${query}`, file ? { method: "POST", body: form } : {});
  return found.rows[0];
}
export const choices = (): Promise<Choices> => ask("/api/choices");

/** Taxa whose scientific or common name begins with some letters. */
export const find = async (text: string, signal?: AbortSignal): Promise<Taxon[]> =>
  (await ask<{ taxa: Taxon[] }>(`/api/find?q=${encodeURIComponent(text)}`, signal ? { signal } : {})).taxa;

/** A page of the tree: the children of a taxon (the roots without one), or with `deep` all that is below it, in order. */
export function branch(id: string | null, start: number, count: number, deep: boolean, signal?: AbortSignal): Promise<TreeRows> {
  const where = id === null ? "/api/tree" : `/api/tree/${encodeURIComponent(id)}`;
  return ask(`${where}?start=${start}&n=${count}${deep ? "&deep=1" : ""}`, signal ? { signal } : {});
}

/** The optics of all species that are known. */
export const eyes = <T>(): Promise<{ species: T[] }> => ask("/api/eyes");

/** Keep what a person says of a photo: an image of the catalog by its id, or a sent one by its hash and name. */
export const keep = (record: { image?: string; hash?: string; name?: string; taxon: string; guess: string | null }): Promise<Kept> =>
  ask("/api/records", json("POST", record));
export const takeBack = (id: string): Promise<{ left: number }> => ask("/api/records/remove", json("POST", { id }));

/** The address of a photo of the catalog; with `size`, of its square thumbnail. */
export const imageUrl = (id: string, size?: number): string => `/api/image/${encodeURIComponent(id)}${size ? `?size=${size}` : ""}`;
