/**
 * The server's JSON interface, as described by /api/openapi.json.
 *
 * @typedef {{id: string, name: string, rank: string, common: string|null}} Taxon
 * @typedef {Taxon & {probability: number}} LikelyTaxon
 * @typedef {LikelyTaxon & {lineage: LikelyTaxon[]}} RankedTaxon
 * @typedef {{id: string, taxon: Taxon|null}} Brief
 * @typedef {Brief & {cosine: number}} Near
 * @typedef {Brief & {lineage: Taxon[], width: number|null, height: number|null, facts: Record<string, string>}} Photo
 * @typedef {{x: number, y: number, neighbours: Near[]}} Place
 * @typedef {{name: string, reason: string|null, sentence: string, sure: LikelyTaxon|null, probably: LikelyTaxon|null,
 *   perhaps: LikelyTaxon|null, path: LikelyTaxon[], unknown: number, none: boolean, best: RankedTaxon[], place: Place|null}} Row
 * @typedef {{key: string, label: string, kind: "rank"|"text"|"number", names?: string[], common?: (string|null)[], taxa?: string[], order?: number[],
 *   codes?: number[], values?: (number|null)[], unit?: string}} Colouring
 * @typedef {{ids: string[], x: number[], y: number[], total: number, colourings: Colouring[]}} Layout
 * @typedef {Taxon & {lineage: Taxon[], names: {language: string, name: string}[], children: Taxon[], child_count: number,
 *   species_count: number, known_to_model: number|null, images: string[], image_count: number}} TaxonPage
 * @typedef {{merian: string, store: string|null, model: null|{fingerprint: string, labels: number, tree: string, taxa: number, says: string},
 *   catalog: null|{images: number, tree: string}, points: number|null, report: boolean, absent: Record<string, string>,
 *   limits: {photos: number, photo_mb: number, request_mb: number}, sure_from: number}} About
 */

/** What the server would not do, with its advice. */
export class Refusal extends Error {
  /** @param {string} error @param {string} advice */
  constructor(error, advice) {
    super(error);
    this.advice = advice;
  }
}

/** @param {string} path @param {RequestInit} [options] @returns {Promise<any>} */
async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Refusal("The server does not answer.", "Is merian serve still running? Start it again, then reload this page.");
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    throw new Refusal(body.error ?? `The server answered ${answer.status}.`, body.what_to_do ?? "Try again.");
  }
  return body;
}

/** @returns {Promise<About>} */
export const about = () => ask("/api/about");

/** @returns {Promise<Layout>} */
export const layout = () => ask("/api/layout");

/** @param {number} count @returns {Promise<(Brief & {held_out: boolean})[]>} */
export const samples = async (count) => (await ask(`/api/samples?n=${count}`)).samples;

/** @param {string} id @param {number} count @returns {Promise<{photo: Photo, neighbours: Near[]}>} */
export const neighbours = (id, count) => ask(`/api/neighbours/${encodeURIComponent(id)}?k=${count}`);

/** @param {string} id @returns {Promise<TaxonPage>} */
export const taxon = (id) => ask(`/api/taxon/${encodeURIComponent(id)}`);

/** @param {string} id @returns {Promise<{rows: Row[], photo: Photo}>} */
export const identifyKnown = (id) => ask(`/api/identify/${encodeURIComponent(id)}`);

/** @param {File[]} files @returns {Promise<Row[]>} */
export async function identify(files) {
  const form = new FormData();
  for (const file of files) form.append("photo", file, file.name || "photo");
  return (await ask("/api/identify", { method: "POST", body: form })).rows;
}

/** The address of a photo of the catalog; with `size`, of its square thumbnail. @param {string} id @param {number} [size] */
export const imageUrl = (id, size) => `/api/image/${encodeURIComponent(id)}${size ? `?size=${size}` : ""}`;
