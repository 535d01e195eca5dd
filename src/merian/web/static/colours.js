/** What the map's points are coloured by: pigments of a painter's box for names, a wash from straw to indigo for numbers. */

/** Told apart by hue and by lightness; from taste, after the pigments that Merian's daughters ground. */
const LIGHT = ["#2f6f6a", "#b5442f", "#c8932b", "#37548c", "#7d9a3c", "#8a4a72", "#d9805a", "#5b7f99", "#6a5434", "#c98aa0", "#3f7d4a", "#9a8fc0"];
const DARK = ["#5fb3a8", "#e0745c", "#e3b658", "#7f9fdb", "#a9c667", "#c585ad", "#eda07e", "#8fb4cd", "#b79b72", "#e0aebf", "#7fbe8a", "#bfb6e3"];
const WASH_LIGHT = ["#e8d596", "#c2b15c", "#74a06f", "#2f7a78", "#274b78", "#2a2456"];
const WASH_DARK = ["#4b4a86", "#4a7fb0", "#55aaa0", "#9cc27a", "#e0d27c", "#f7ecc0"];

/** @typedef {[number, number, number]} Rgb */
/** @typedef {{rgb: Rgb, label: string, common: string|null, code: number, points: number, taxon: string|null}} Entry */

/** @param {string} hex @returns {Rgb} */
function rgb(hex) {
  const n = parseInt(hex.slice(1), 16);
  return [(n >> 16) & 255, (n >> 8) & 255, n & 255];
}

export const dark = () => matchMedia("(prefers-color-scheme: dark)").matches;

/** The colour of all names beyond the pigments, and of points without a name. @returns {Rgb} */
const rest = () => (dark() ? [112, 106, 94] : [178, 168, 148]);

/** @param {Rgb} colour */
export const css = ([r, g, b]) => `rgb(${r} ${g} ${b})`;

/**
 * Colour of each point, and the legend.
 * @param {import("./api.js").Colouring} by
 * @returns {{rgb: Rgb[], entries: Entry[], ramp: {low: number, high: number, colours: string[]}|null}}
 */
export function colours(by) {
  return by.kind === "number" ? wash(by) : pigments(by);
}

/** @param {import("./api.js").Colouring} by */
function pigments(by) {
  const names = by.names ?? [];
  const codes = by.codes ?? [];
  const palette = (dark() ? DARK : LIGHT).map(rgb);
  const tally = new Array(names.length).fill(0);
  let without = 0;
  for (const code of codes) code < 0 ? without++ : tally[code]++;
  const own = names.length <= palette.length ? names.length : palette.length - 1;
  /** @type {Entry[]} */
  const entries = names.slice(0, own).map((label, code) => ({
    rgb: palette[code],
    label,
    common: by.common?.[code] ?? null,
    code,
    points: tally[code],
    taxon: by.taxa?.[code] ?? null,
  }));
  const others = tally.slice(own).reduce((a, b) => a + b, 0);
  const blank = { common: null, taxon: null, rgb: rest() };
  if (others) entries.push({ ...blank, label: `${names.length - own} others`, code: -2, points: others });
  if (without) entries.push({ ...blank, label: "not given", code: -1, points: without });
  return { rgb: codes.map((code) => (code >= 0 && code < own ? palette[code] : rest())), entries, ramp: null };
}

/** @param {import("./api.js").Colouring} by */
function wash(by) {
  const values = by.values ?? [];
  const known = values.filter((v) => v !== null).sort((a, b) => a - b);
  const low = known[Math.floor(known.length * 0.02)];
  const high = known[Math.ceil(known.length * 0.98) - 1];
  const hexes = dark() ? WASH_DARK : WASH_LIGHT;
  const stops = hexes.map(rgb);
  const shade = (/** @type {number} */ v) => {
    const at = Math.min(Math.max((v - low) / (high - low || 1), 0), 1) * (stops.length - 1);
    const i = Math.min(Math.floor(at), stops.length - 2);
    return /** @type {Rgb} */ (stops[i].map((c, k) => Math.round(c + (stops[i + 1][k] - c) * (at - i))));
  };
  return { rgb: values.map((v) => (v === null ? rest() : shade(v))), entries: [], ramp: { low, high, colours: hexes } };
}
