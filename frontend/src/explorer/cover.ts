/** Which points a picture needs: those of the levels that the zoom can tell apart, in the part of the map that is seen. */
import type { Points } from "./data";

/** Consecutive points that are looked at together; within a level they are neighbours. */
const CHUNK = 512;
/** Points that are always drawn, however near they lie: a picture of so few needs no thinning. */
const EASY = 40_000;

interface Chunk {
  start: number;
  end: number;
  level: number;
  box: [left: number, bottom: number, right: number, top: number];
}

export type Box = Chunk["box"];

/** What is drawn: so many of `xy` and `rgba`, the faint ones first; and the deepest level among them. */
export interface Staged {
  count: number;
  xy: Float32Array;
  rgba: Uint8Array;
  level: number;
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

  /** The deepest level whose cells are at least `gap` px wide where a unit of the map is so many px; all of them, where they are no more than `easy` points. */
  level(px: number, gap: number, easy = EASY): number {
    const { n, across, ends } = this.points;
    if (n <= easy) return ends.length - 1;
    const level = Math.floor(Math.log2((2 * px) / (across * gap)));
    return Math.min(Math.max(level, 0), ends.length - 1);
  }

  /** Look at each point of some levels inside a box, or of all of them. */
  each(level: number, box: Box | null, look: (i: number) => void): void {
    const { xy } = this.points;
    for (const chunk of this.chunks) {
      if (chunk.level > level) return;
      if (box && (chunk.box[2] < box[0] || chunk.box[0] > box[2] || chunk.box[3] < box[1] || chunk.box[1] > box[3])) continue;
      for (let i = chunk.start; i < chunk.end; i++) {
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
  stage(level: number, box: Box, ink: Ink): Staged {
    let strong = 0;
    let faint = 0;
    this.each(level, box, (i) => (ink.faint(i) ? faint++ : strong++));
    const count = strong + faint;
    const staged: Staged = { count, xy: new Float32Array(2 * count), rgba: new Uint8Array(4 * count), level };
    const { xy } = this.points;
    let [low, high] = [0, faint];
    this.each(level, box, (i) => {
      const pale = ink.faint(i);
      const at = pale ? low++ : high++;
      staged.xy[2 * at] = xy[2 * i] as number;
      staged.xy[2 * at + 1] = xy[2 * i + 1] as number;
      ink.write(i, staged.rgba, 4 * at, pale);
    });
    return staged;
  }
}

/** The colours of points. */
export interface Ink {
  faint(i: number): boolean;
  /** Four bytes into `rgba` at `at`. */
  write(i: number, rgba: Uint8Array, at: number, faint: boolean): void;
}
