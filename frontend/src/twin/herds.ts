/** The herds of one world over the last four shots, so that what lies between two of them can be drawn. */
import { type Frame, type Herds, animals } from "./frames";

/** Most bodies that are drawn of one herd, seen from nearby. */
export const MEMBERS = 6;
/** A jump of more than this share of the window is no walk: it is drawn as a jump. */
const JUMP = 0.25;

/** What is drawn, a column a body: four places (x, z in metres from the window's middle), heading, species, which member of its herd. */
export interface Bodies {
  count: number;
  /** x and z of the two older shots, and of the two newer ones: [n, 4] each. */
  old: Float32Array;
  young: Float32Array;
  /** Heading (radians clockwise from east), species, member, a number by chance from 0 to 1: [n, 4]. */
  kind: Float32Array;
}

export class World {
  id = new Uint32Array(0);
  key = -1;
  step = -1;
  day = 0;
  species: Uint8Array = new Uint8Array(0);
  state: Uint8Array = new Uint8Array(0);
  heading: Uint8Array = new Uint8Array(0);
  /** x, z of the last four shots, the newest last: [n, 8]. */
  path = new Float32Array(0);

  constructor(private readonly width: number) {}

  /** Take up a KEY or DELTA; false for a DELTA of a roster that is not here. */
  take(frame: Frame, herds: Herds): boolean {
    const id = herds.id ?? (frame.key === this.key ? this.id : null);
    if (!id || id.length !== herds.x.length) return false;
    const before = new Map<number, number>();
    const same = id === this.id || frame.key === this.key;
    if (!same) this.id.forEach((one, at) => before.set(one, at));
    const n = id.length;
    const path = new Float32Array(8 * n);
    const far = JUMP * this.width;
    const going = frame.step > this.step;
    for (let i = 0; i < n; i++) {
      const x = ((herds.x[i] as number) / 65535 - 0.5) * this.width;
      const z = ((herds.y[i] as number) / 65535 - 0.5) * this.width;
      const was = same ? i : before.get(id[i] as number);
      const k = 8 * (was ?? 0);
      const known = was !== undefined && going && Math.hypot((this.path[k + 6] as number) - x, (this.path[k + 7] as number) - z) < far;
      for (let j = 0; j < 6; j++) path[8 * i + j] = known ? (this.path[k + 2 + j] as number) : j % 2 ? z : x;
      path[8 * i + 6] = x;
      path[8 * i + 7] = z;
    }
    Object.assign(this, { id, path, key: frame.key, step: frame.step, day: frame.day });
    this.species = herds.species;
    this.state = herds.state;
    this.heading = herds.heading;
    return true;
  }

  /** The bodies of some species, by a test of its number; of each herd so many at most. */
  bodies(ofKind: (species: number) => boolean, most: number): Bodies {
    let count = 0;
    const n = this.id.length;
    for (let i = 0; i < n; i++) if (ofKind(this.species[i] as number)) count += Math.min(animals(this.state[i] as number), most);
    const found: Bodies = { count, old: new Float32Array(4 * count), young: new Float32Array(4 * count), kind: new Float32Array(4 * count) };
    let at = 0;
    for (let i = 0; i < n; i++) {
      const species = this.species[i] as number;
      if (!ofKind(species)) continue;
      const some = Math.min(animals(this.state[i] as number), most);
      for (let member = 0; member < some; member++, at += 4) {
        found.old.set(this.path.subarray(8 * i, 8 * i + 4), at);
        found.young.set(this.path.subarray(8 * i + 4, 8 * i + 8), at);
        found.kind[at] = ((this.heading[i] as number) / 128) * Math.PI;
        found.kind[at + 1] = species;
        found.kind[at + 2] = member;
        found.kind[at + 3] = chance((this.id[i] as number) * MEMBERS + member);
      }
    }
    return found;
  }

  /** Where a herd is between the two middle shots (0 to 1): x, z. */
  place(i: number, t: number): [number, number] {
    const p = this.path.subarray(8 * i, 8 * i + 8);
    return [spline(p, 0, t), spline(p, 1, t)];
  }
}

/** A curve through the two middle of four places, smooth where it meets the next (Catmull & Rom 1974). */
function spline(p: Float32Array, axis: number, t: number): number {
  const [a, b, c, d] = [p[axis], p[axis + 2], p[axis + 4], p[axis + 6]] as [number, number, number, number];
  return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}

/** A number from 0 to 1 that stays the same for the same whole number. */
export function chance(of: number): number {
  let h = Math.imul(of ^ (of >>> 16), 0x45d9f3b);
  h = Math.imul(h ^ (h >>> 16), 0x45d9f3b);
  return ((h ^ (h >>> 16)) >>> 0) / 4294967296;
}
