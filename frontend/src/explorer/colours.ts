import type { Colouring } from "../api";
import { dark } from "../theme";
import { figure, t } from "../words";

/** What the map's points are coloured by: pigments of a painter's box for names, a wash from straw to indigo for numbers. */

/** Told apart by hue and by lightness; from taste, after the pigments that Merian's daughters ground. */
const LIGHT = ["#2f6f6a", "#b5442f", "#c8932b", "#37548c", "#7d9a3c", "#8a4a72", "#d9805a", "#5b7f99", "#6a5434", "#c98aa0", "#3f7d4a", "#9a8fc0"];
const DARK = ["#5fb3a8", "#e0745c", "#e3b658", "#7f9fdb", "#a9c667", "#c585ad", "#eda07e", "#8fb4cd", "#b79b72", "#e0aebf", "#7fbe8a", "#bfb6e3"];
const WASH_LIGHT = ["#e8d596", "#c2b15c", "#74a06f", "#2f7a78", "#274b78", "#2a2456"];
const WASH_DARK = ["#4b4a86", "#4a7fb0", "#55aaa0", "#9cc27a", "#e0d27c", "#f7ecc0"];

export type Rgb = [number, number, number];

export interface Entry {
  rgb: Rgb;
  label: string;
  common: string | null;
  /** Of the colouring; -1 for points without a name, -2 for all names beyond the pigments. */
  code: number;
  points: number;
  taxon: string | null;
}

export interface Ramp {
  low: number;
  high: number;
  unit: string;
  colours: string[];
}

export interface Painted {
  rgb: Rgb[];
  entries: Entry[];
  ramp: Ramp | null;
}

function rgb(hex: string): Rgb {
  const n = parseInt(hex.slice(1), 16);
  return [(n >> 16) & 255, (n >> 8) & 255, n & 255];
}

/** The colour of all names beyond the pigments, and of points without a name. */
const rest = (): Rgb => (dark.get() ? [112, 106, 94] : [178, 168, 148]);

export const css = ([r, g, b]: Rgb): string => `rgb(${r} ${g} ${b})`;

/** Colour of each point, and the legend. */
export function colours(by: Colouring): Painted {
  return by.kind === "number" ? wash(by) : pigments(by);
}

/**
 * One of n hues around the wheel, lightness alternating so that neighbours differ.
 * From OKLCH (B. Ottosson 2020, "A perceptual color space for image processing").
 */
function hue(place: number, n: number): Rgb {
  const turn = (0.06 + (place / n) * 0.94) * 2 * Math.PI;
  const light = (dark.get() ? 0.7 : 0.55) + 0.07 * ((place % 3) - 1);
  const [a, b] = [0.115 * Math.cos(turn), 0.115 * Math.sin(turn)];
  const [l, m, s] = [light + 0.3963 * a + 0.2158 * b, light - 0.1056 * a - 0.0639 * b, light - 0.0895 * a - 1.2915 * b].map((v) => v ** 3) as [number, number, number];
  const linear = [4.0767 * l - 3.3077 * m + 0.231 * s, -1.2684 * l + 2.6098 * m - 0.3413 * s, -0.0042 * l - 0.7034 * m + 1.7076 * s];
  const encode = (v: number) => (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055);
  return linear.map((v) => Math.round(255 * Math.min(Math.max(encode(Math.max(v, 0)), 0), 1))) as Rgb;
}

/** A pigment for each name while they last; more names than that are coloured by kinship, as their places in the tree. */
function pigments(by: Colouring): Painted {
  const names = by.names ?? [];
  const codes = by.codes ?? [];
  let palette = (dark.get() ? DARK : LIGHT).map(rgb);
  const shown = palette.length - 1;
  const { order } = by;
  const kin = order !== undefined && names.length > 2 * palette.length;
  if (kin) palette = order.map((place) => hue(place, names.length));
  const tally: number[] = new Array(names.length).fill(0);
  let without = 0;
  for (const code of codes) {
    if (code < 0) without++;
    else tally[code] = (tally[code] ?? 0) + 1;
  }
  const own = names.length <= shown + 1 ? names.length : shown;
  const entries: Entry[] = names.slice(0, own).map((label, code) => ({
    rgb: palette[code] ?? rest(),
    label,
    common: by.common?.[code] ?? null,
    code,
    points: tally[code] ?? 0,
    taxon: by.taxa?.[code] ?? null,
  }));
  const others = tally.slice(own).reduce((a, b) => a + b, 0);
  const blank = { common: null, taxon: null, rgb: rest() };
  if (others) entries.push({ ...blank, label: t(kin ? "legend.kin" : "legend.others", { n: figure(names.length - own) }), code: -2, points: others });
  if (without) entries.push({ ...blank, label: t("legend.unknown"), code: -1, points: without });
  return { rgb: codes.map((code) => (code >= 0 && (kin || code < own) ? (palette[code] ?? rest()) : rest())), entries, ramp: null };
}

function wash(by: Colouring): Painted {
  const values = by.values ?? [];
  const known = values.filter((v): v is number => v !== null).sort((a, b) => a - b);
  const low = known[Math.floor(known.length * 0.02)] ?? 0;
  const high = known[Math.ceil(known.length * 0.98) - 1] ?? 1;
  const hexes = dark.get() ? WASH_DARK : WASH_LIGHT;
  const stops = hexes.map(rgb);
  const shade = (v: number): Rgb => {
    const at = Math.min(Math.max((v - low) / (high - low || 1), 0), 1) * (stops.length - 1);
    const i = Math.min(Math.floor(at), stops.length - 2);
    const [from, to] = [stops[i] as Rgb, stops[i + 1] as Rgb];
    return from.map((c, k) => Math.round(c + ((to[k] as number) - c) * (at - i))) as Rgb;
  };
  return { rgb: values.map((v) => (v === null ? rest() : shade(v))), entries: [], ramp: { low, high, unit: by.unit ?? "", colours: hexes } };
}
