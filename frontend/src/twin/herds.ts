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

/** Room for so many bodies, and a quarter more, so that it lasts. */
export function roomFor(count: number): Bodies {
  const most = 4 * Math.ceil(1.25 * count);
  return { count: 0, old: new Float32Array(most), young: new Float32Array(most), kind: new Float32Array(most) };
}

/** Where each herd was in the roster before, -1 where it is new. Rosters come in the order of ids; where one does not, it is looked up. */
export function before(now: Uint32Array, was: Uint32Array, found: Int32Array): void {
  let at = 0;
  for (let i = 0; i < now.length; i++) {
    const one = now[i] as number;
    if (i && one <= (now[i - 1] as number)) {
      const places = new Map<number, number>();
      for (let k = 0; k < was.length; k++) places.set(was[k] as number, k);
      for (let k = 0; k < now.length; k++) found[k] = places.get(now[k] as number) ?? -1;
      return;
    }
    while (at < was.length && (was[at] as number) < one) at++;
    found[i] = was[at] === one ? at : -1;
  }
}

/** In which levels a herd has to be drawn that walks from one place to another, a bit each; 0 where it is out of sight. */
export interface Chooser {
  levels(species: number, x: number, z: number, u: number, v: number): number;
}

export class World {
  id = new Uint32Array(0);
  key = -1;
  step = -1;
  day = 0;
  species: Uint8Array = new Uint8Array(0);
  state: Uint8Array = new Uint8Array(0);
  heading: Uint8Array = new Uint8Array(0);
  /** x, z of the last four shots, the newest last: [n, 8]; it may be longer. */
  path = new Float32Array(0);
  private spare = new Float32Array(0);
  private was = new Int32Array(0);

  constructor(private readonly width: number) {}

  /** Take up a KEY or DELTA; false for a DELTA of a roster that is not here. Nothing is made for a single herd: a shot of 20,000 leaves nothing to collect. */
  take(frame: Frame, herds: Herds): boolean {
    const id = herds.id ?? (frame.key === this.key ? this.id : null);
    if (!id || id.length !== herds.x.length) return false;
    const n = id.length;
    const same = id === this.id || frame.key === this.key;
    if (this.spare.length < 8 * n) this.spare = new Float32Array(Math.ceil(10 * n));
    if (!same) {
      if (this.was.length < n) this.was = new Int32Array(Math.ceil(1.25 * n));
      before(id, this.id, this.was);
    }
    const { path: old, spare: path, was, width } = this;
    const far = JUMP * width;
    // by the day: between two steps herds are on their ways, and the step stays
    const going = frame.step >= this.step && frame.day > this.day;
    const { x: xs, y: ys } = herds;
    for (let i = 0, to = 0; i < n; i++, to += 8) {
      const x = ((xs[i] as number) / 65535 - 0.5) * width;
      const z = ((ys[i] as number) / 65535 - 0.5) * width;
      const from = 8 * (same ? i : (was[i] as number));
      const known = going && from >= 0 && Math.abs((old[from + 6] as number) - x) < far && Math.abs((old[from + 7] as number) - z) < far;
      for (let j = 0; j < 6; j += 2) {
        path[to + j] = known ? (old[from + 2 + j] as number) : x;
        path[to + j + 1] = known ? (old[from + 3 + j] as number) : z;
      }
      path[to + 6] = x;
      path[to + 7] = z;
    }
    this.spare = old;
    Object.assign(this, { id, path, key: frame.key, step: frame.step, day: frame.day });
    this.species = herds.species;
    this.state = herds.state;
    this.heading = herds.heading;
    return true;
  }

  /** How many bodies each slot has; `slots` says to which slot a species belongs, -1 none. Of each herd there are so many at most. */
  count(slots: Int8Array, most: number, found: Int32Array): void {
    found.fill(0);
    const { species, state } = this;
    for (let i = 0; i < this.id.length; i++) {
      const slot = slots[species[i] as number] as number;
      if (slot >= 0) found[slot] = (found[slot] as number) + Math.min(most, most > 1 ? animals(state[i] as number) : 1);
    }
  }

  /** Write the bodies of all slots, which have room: [slot][level], each into the levels that are chosen for its herd. */
  fill(slots: Int8Array, most: number, into: Bodies[][], sight: Chooser): void {
    for (const slot of into) for (const one of slot) one.count = 0;
    const { id, species, state, heading, path } = this;
    for (let i = 0; i < id.length; i++) {
      const kind = species[i] as number;
      const levels = into[slots[kind] as number];
      if (!levels) continue;
      const from = 8 * i;
      const drawn = sight.levels(kind, path[from + 2] as number, path[from + 3] as number, path[from + 4] as number, path[from + 5] as number);
      if (!drawn) continue;
      const some = Math.min(most, most > 1 ? animals(state[i] as number) : 1);
      const turn = ((heading[i] as number) / 128) * Math.PI;
      for (let level = 0; level < levels.length; level++) {
        if (!(drawn & (1 << level))) continue;
        const to = levels[level] as Bodies;
        for (let member = 0; member < some; member++) {
          const at = 4 * to.count++;
          for (let j = 0; j < 4; j++) {
            to.old[at + j] = path[from + j] as number;
            to.young[at + j] = path[from + 4 + j] as number;
          }
          to.kind[at] = turn;
          to.kind[at + 1] = kind;
          to.kind[at + 2] = member;
          to.kind[at + 3] = chance((id[i] as number) * MEMBERS + member);
        }
      }
    }
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
