/** How many points a picture may hold while the map moves: all of them, unless pictures come late, as they do where there is no graphics card. */

/** A picture that takes longer is late: moved by hand, the map no longer follows the hand. From taste. */
const LATE_MS = 40;
/** What a picture may take that is drawn of fewer points. */
const AIM_MS = 22;
/** So many late ones in a row are no accident; so many in time, and more points are tried. */
const LATE = 3;
const IN_TIME = 90;
/** So few cost next to nothing beside the picture itself, and fewer make no map. */
const FEWEST = 10_000;

export class Haste {
  most = Infinity;
  private late: number[] = [];
  private inTime = 0;

  /** A picture of so many points took so long. */
  took(ms: number, points: number): void {
    if (ms <= LATE_MS) {
      this.late = [];
      if (++this.inTime < IN_TIME) return;
      this.inTime = 0;
      this.most *= 2;
      return;
    }
    this.inTime = 0;
    this.late.push(ms);
    if (this.late.length < LATE) return;
    const middle = this.late.sort((a, b) => a - b)[Math.floor(LATE / 2)] as number;
    this.most = Math.max((points * AIM_MS) / middle, FEWEST);
    this.late = [];
  }
}
