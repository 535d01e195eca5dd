/** Which points a picture needs: those of the levels that the zoom can tell apart, in the part of the map that is seen. */
import type { Points } from "./data";

/** Consecutive points that are looked at together; within a level they are neighbours. */
const CHUNK = 512;
/** Points that are always drawn, however near they lie: a picture of so few needs no thinning. */
const EASY = 40_000;
/** Of a level of which fewer than one in so many can be drawn, none is. From taste. */
const SPARSE = 8;

interface Chunk {
  start: number;
  end: number;
  level: number;
  box: [left: number, bottom: number, right: number, top: number];
}

export type Box = Chunk["box"];

const outside = (a: Box, b: Box): boolean => a[2] < b[0] || a[0] > b[2] || a[3] < b[1] || a[1] > b[3];

/** The deepest level that is drawn, and of how many of its points one is. */
export interface Detail {
  level: number;
  every: number;
}

/** What is drawn: so many of `xy` and `rgba`, the faint ones first. */
export interface Staged extends Detail {
  count: number;
  xy: Float32Array;
  rgba: Uint8Array;
}

export class Cover {
  readonly points: Points;
  private readonly chunks: Chunk[] = [];

  constructor(points: Points) {
    this.points = points;
    let start = 0;
    points.ends.forEach((end, level) => {
      for (let at = start; at < end; at += CHUNK) this.chunks.push({ start: at, end: Math.min(at + CHUNK, end), level, box: this.around(at, Math.min(at + CHUNK, end)) });
      start = end;
    });
  }

  private around(start: number, end: number): Box {
    const { xy } = this.points;
    let [left, bottom, right, top] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 2 * start; i < 2 * end; i += 2) {
      const x = xy[i] as number;
      const y = xy[i + 1] as number;
      if (x < left) left = x;
      if (y < bottom) bottom = y;
      if (x > right) right = x;
      if (y > top) top = y;
    }
    return [left, bottom, right, top];
  }

  /** The deepest level whose cells are at least `gap` px wide where a unit of the map is so many px. */
  level(px: number, gap: number): number {
    const { n, across, ends } = this.points;
    if (n <= EASY) return ends.length - 1;
    const level = Math.floor(Math.log2((2 * px) / (across * gap)));
    return Math.min(Math.max(level, 0), ends.length - 1);
  }

  /** What is left of the levels down to `level` when a box may hold so many points, or nearly: fewer levels, and of the last one every so many. */
  thinned(most: number, level: number, box: Box): Detail {
    const held: number[] = new Array(level + 1).fill(0);
    let own = 0;
    this.each(level, box, (i) => {
      while (i >= (this.points.ends[own] as number)) own++;
      held[own] = (held[own] as number) + 1;
    });
    let room = most;
    for (let last = 0; last < level; last++) {
      room -= held[last] as number;
      const next = held[last + 1] as number;
      if (next > room) return next > room * SPARSE ? { level: last, every: 1 } : { level: last + 1, every: Math.ceil(next / room) };
    }
    return { level, every: 1 };
  }

  /** Look at each point of some levels inside a box, or of all of them; of the last level at every so many. */
  each(level: number, box: Box | null, look: (i: number) => void, every = 1): void {
    const { xy } = this.points;
    for (const chunk of this.chunks) {
      if (chunk.level > level) return;
      if (box && outside(chunk.box, box)) continue;
      const step = chunk.level === level ? every : 1;
      for (let i = Math.ceil(chunk.start / step) * step; i < chunk.end; i += step) {
        if (!box) look(i);
        else {
          const x = xy[2 * i] as number;
          const y = xy[2 * i + 1] as number;
          if (x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3]) look(i);
        }
      }
    }
  }

  /** The points of some levels inside a box with the colours that `ink` writes; what it calls faint lies below. */
  stage({ level, every }: Detail, box: Box, ink: Ink): Staged {
    let strong = 0;
    let faint = 0;
    this.each(level, box, (i) => (ink.faint(i) ? faint++ : strong++), every);
    const count = strong + faint;
    const staged: Staged = { count, xy: new Float32Array(2 * count), rgba: new Uint8Array(4 * count), level, every };
    const { xy } = this.points;
    let [low, high] = [0, faint];
    this.each(level, box, (i) => {
      const pale = ink.faint(i);
      const at = pale ? low++ : high++;
      staged.xy[2 * at] = xy[2 * i] as number;
      staged.xy[2 * at + 1] = xy[2 * i + 1] as number;
      ink.write(i, staged.rgba, 4 * at, pale);
    }, every);
    return staged;
  }
}

/** The colours of points. */
export interface Ink {
  faint(i: number): boolean;
  /** Four bytes into `rgba` at `at`. */
  write(i: number, rgba: Uint8Array, at: number, faint: boolean): void;
}
