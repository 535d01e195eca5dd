/** What the map's points are coloured by: pigments of a painter's box for names, a wash from straw to indigo for numbers. */

import { dark } from "../theme";
import { figure, t } from "../words";
import type { Colouring } from "./data";

/** Those of the figures (`merian.explore.plots.colour`): apart for colour-blind eyes too, as a test there says; a test here says they are the same. */
const LIGHT = ["#32496f", "#ab3d0c", "#3f9268", "#d4993c", "#715390", "#78a6cd", "#838a23", "#bb8d9b", "#7c534c", "#627582"];
const DARK = ["#748db6", "#f7804f", "#7bc492", "#f4e08d", "#b195e3", "#b5e1fe", "#c5cb5e", "#fac3c6", "#bc8a86", "#a5b3c8"];
const WASH_LIGHT = ["#e8d596", "#c2b15c", "#74a06f", "#2f7a78", "#274b78", "#2a2456"];
const WASH_DARK = ["#4b4a86", "#4a7fb0", "#55aaa0", "#9cc27a", "#e0d27c", "#f7ecc0"];
/** Shades of the wash: as many as a byte tells apart, less one for what is not known. */
const SHADES = 255;
/** Parts of the wash that the legend can show alone. */
export const STEPS = 6;

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
  /** Points in each of its steps. */
  points: number[];
  known: number;
}

/** The colour of each point: a place in the palette, three bytes each. */
export interface Painted {
  shades: Uint16Array;
  palette: Uint8Array;
  entries: Entry[];
  ramp: Ramp | null;
  /** The code of a point, or its step of the wash; -1: not known. */
  group(i: number): number;
  /** Names that have a pigment of their own. */
  own: number;
}

export function rgb(hex: string): Rgb {
  const n = parseInt(hex.slice(1), 16);
  return [(n >> 16) & 255, (n >> 8) & 255, n & 255];
}

/** The pigments of the present light. */
export const pigmentsNow = (): string[] => (dark.get() ? DARK : LIGHT);

/** The colour of all names beyond the pigments, and of points without a name. */
export const rest = (): Rgb => (dark.get() ? [112, 106, 94] : [185, 178, 164]);

export const css = ([r, g, b]: Rgb): string => `rgb(${r} ${g} ${b})`;

/** Colour of each point, and the legend. */
export function colours(by: Colouring): Painted {
  return by.values ? wash(by, by.values) : pigments(by);
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
  const { names, none } = by;
  const codes = by.codes ?? new Uint8Array(0);
  const box = pigmentsNow().map(rgb);
  const shown = box.length - 1;
  const kin = by.order !== null && names.length > 2 * box.length;
  const own = names.length <= shown + 1 ? names.length : shown;
  // colours beyond what sixteen bits tell apart would look the same anyway
  const kinds = kin ? Math.min(names.length, 65_000) : own;
  const inks: Rgb[] = Array.from({ length: kinds }, (_, code) => (kin ? hue(by.order?.[code] ?? 0, names.length) : (box[code] ?? rest())));
  const palette = new Uint8Array(3 * (kinds + 1));
  palette.set(rest(), 0);
  inks.forEach((ink, k) => palette.set(ink, 3 * (k + 1)));
  const tally = new Uint32Array(names.length);
  const shades = new Uint16Array(codes.length);
  let without = 0;
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] as number;
    if (code === none) without++;
    else {
      tally[code] = (tally[code] as number) + 1;
      if (code < kinds) shades[i] = code + 1;
    }
  }
  const entries: Entry[] = names.slice(0, own).map((label, code) => ({
    rgb: inks[code] ?? rest(),
    label,
    common: by.common?.[code] ?? null,
    code,
    points: tally[code] ?? 0,
    taxon: by.taxa?.[code] ?? null,
  }));
  const others = tally.subarray(own).reduce((a, b) => a + b, 0);
  const blank = { common: null, taxon: null, rgb: rest() };
  if (others) entries.push({ ...blank, label: t(kin ? "legend.kin" : "legend.others", { n: figure(names.length - own) }), code: -2, points: others });
  if (without) entries.push({ ...blank, label: t("legend.unknown"), code: -1, points: without });
  const group = (i: number): number => (codes[i] === none ? -1 : (codes[i] as number));
  return { shades, palette, entries, ramp: null, group, own };
}

function wash(by: Colouring, values: Float32Array): Painted {
  const known = values.filter((v) => !Number.isNaN(v)).sort();
  const low = known[Math.floor(known.length * 0.02)] ?? 0;
  const high = known[Math.ceil(known.length * 0.98) - 1] ?? 1;
  const hexes = dark.get() ? WASH_DARK : WASH_LIGHT;
  const stops = hexes.map(rgb);
  const share = (v: number): number => Math.min(Math.max((v - low) / (high - low || 1), 0), 1);
  const palette = new Uint8Array(3 * (SHADES + 1));
  palette.set(rest(), 0);
  for (let k = 0; k < SHADES; k++) {
    const at = (k / (SHADES - 1)) * (stops.length - 1);
    const i = Math.min(Math.floor(at), stops.length - 2);
    const [from, to] = [stops[i] as Rgb, stops[i + 1] as Rgb];
    palette.set(from.map((c, j) => Math.round(c + ((to[j] as number) - c) * (at - i))), 3 * (k + 1));
  }
  const step = (v: number): number => Math.min(Math.floor(share(v) * STEPS), STEPS - 1);
  const shades = new Uint16Array(values.length);
  const tally: number[] = new Array(STEPS).fill(0);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (Number.isNaN(value)) continue;
    shades[i] = 1 + Math.round(share(value) * (SHADES - 1));
    tally[step(value)] = (tally[step(value)] as number) + 1;
  }
  const group = (i: number): number => (Number.isNaN(values[i] as number) ? -1 : step(values[i] as number));
  return { shades, palette, entries: [], ramp: { low, high, unit: by.unit, colours: hexes, points: tally, known: known.length }, group, own: STEPS };
}
