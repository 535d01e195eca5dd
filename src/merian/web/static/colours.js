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
 * @returns {{rgb: Rgb[], entries: Entry[], ramp: {low: number, high: number, unit: string, colours: string[]}|null}}
 */
export function colours(by) {
  return by.kind === "number" ? wash(by) : pigments(by);
}

/**
 * One of n hues around the wheel, lightness alternating so that neighbours differ. @param {number} place @param {number} n @returns {Rgb}
 * From OKLCH (B. Ottosson 2020, "A perceptual color space for image processing").
 */
function hue(place, n) {
  const turn = (0.06 + (place / n) * 0.94) * 2 * Math.PI;
  const light = (dark() ? 0.7 : 0.55) + 0.07 * ((place % 3) - 1);
  const [a, b] = [0.115 * Math.cos(turn), 0.115 * Math.sin(turn)];
  const [l, m, s] = [light + 0.3963 * a + 0.2158 * b, light - 0.1056 * a - 0.0639 * b, light - 0.0895 * a - 1.2915 * b].map((v) => v ** 3);
  const linear = [4.0767 * l - 3.3077 * m + 0.231 * s, -1.2684 * l + 2.6098 * m - 0.3413 * s, -0.0042 * l - 0.7034 * m + 1.7076 * s];
  const encode = (/** @type {number} */ v) => (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055);
  return /** @type {Rgb} */ (linear.map((v) => Math.round(255 * Math.min(Math.max(encode(Math.max(v, 0)), 0), 1))));
}

/** A pigment for each name while they last; more names than that are coloured by kinship, as their places in the tree. @param {import("./api.js").Colouring} by */
function pigments(by) {
  const names = by.names ?? [];
  const codes = by.codes ?? [];
  let palette = (dark() ? DARK : LIGHT).map(rgb);
  const shown = palette.length - 1;
  const { order } = by;
  const kin = order !== undefined && names.length > 2 * palette.length;
  if (kin) palette = order.map((place) => hue(place, names.length));
  const tally = new Array(names.length).fill(0);
  let without = 0;
  for (const code of codes) code < 0 ? without++ : tally[code]++;
  const own = names.length <= shown + 1 ? names.length : shown;
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
  if (others) entries.push({ ...blank, label: `${names.length - own} others${kin ? ", kin in kindred colours" : ""}`, code: -2, points: others });
  if (without) entries.push({ ...blank, label: "not given", code: -1, points: without });
  return { rgb: codes.map((code) => (code >= 0 && (kin || code < own) ? palette[code] : rest())), entries, ramp: null };
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
  return { rgb: values.map((v) => (v === null ? rest() : shade(v))), entries: [], ramp: { low, high, unit: by.unit ?? "", colours: hexes } };
}
