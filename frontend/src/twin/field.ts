/** Degrees of a field of view, and where they lie on the flat picture of it (merian.twin.senses.optics: projection, place_of). */
import type { Eyes } from "./frames";

/** Widest field that is drawn as a photo, and as by a fisheye; beyond, a strip of equal degrees. */
export const FLAT_DEG = 120;
export const ROUND_DEG = 200;
const DEGREE = Math.PI / 180;

/** Half the width of a flat picture of a field, in units in which a radian straight ahead is 1. */
export function spreadOf(field: number): number {
  const half = (field * DEGREE) / 2;
  return field <= FLAT_DEG ? Math.tan(half) : field <= ROUND_DEG ? 2 * Math.tan(half / 2) : half;
}

/** Where a way so many degrees right and up of straight ahead falls on the picture of a field, in halves of its width: right, up. */
export function placeAt(right: number, up: number, field: number): [number, number] {
  const [a, e, spread] = [right * DEGREE, up * DEGREE, spreadOf(field)];
  if (field > ROUND_DEG) return [a / spread, e / spread];
  const way = [Math.cos(e) * Math.sin(a), Math.sin(e), Math.cos(e) * Math.cos(a)] as const;
  const by = field <= FLAT_DEG ? 1 / way[2] : 2 / (1 + way[2]);
  return [(way[0] * by) / spread, (way[1] * by) / spread];
}

export interface Sectors {
  /** Degrees that are seen, by both eyes at once (null where that is not known), and by none. */
  seen: number;
  both: number | null;
  blind: number;
}

/** How the full turn around a head is shared out. */
export function sectorsOf(eyes: Eyes): Sectors {
  const seen = eyes.facts["field_deg"]?.value as number;
  const both = (eyes.facts["binocular_deg"]?.value as number | undefined) ?? null;
  return { seen, both, blind: 360 - seen };
}
