/** Pictures in the place of points, where the map is seen from so near that they have room. */
import * as api from "../api";
import * as data from "./data";
import type { LikenessMap } from "./map";

/** Side of a picture and what one needs for itself, px. */
export const SIDE = 46;
const ROOM = 58;
/** Points in sight per picture's room from which there are pictures: denser, they would hide what the map shows. */
const CROWDED = 0.55;
const MOST = 160;
const KEPT = 600;

export interface Thumb {
  point: number;
  picture: HTMLImageElement;
}

export class Thumbs {
  shown: Thumb[] = [];
  private readonly map: LikenessMap;
  private readonly ids = new Map<number, string>();
  private readonly pictures = new Map<string, HTMLImageElement>();
  private turn = 0;

  constructor(map: LikenessMap) {
    this.map = map;
  }

  /** Choose pictures for what is seen now: of points that would cover each other, the first in the order of detail. */
  async settle(): Promise<void> {
    const mine = ++this.turn;
    const wanted = this.chosen();
    const unknown = wanted.filter((point) => !this.ids.has(point));
    if (unknown.length) {
      const told = await data.photos(unknown).catch(() => []);
      for (const one of told) this.ids.set(one.point, one.id);
    }
    if (mine !== this.turn) return;
    this.shown = wanted.flatMap((point) => {
      const id = this.ids.get(point);
      return id === undefined ? [] : [{ point, picture: this.picture(id) }];
    });
    this.map.redraw();
  }

  private chosen(): number[] {
    const { map } = this;
    if (!map.cover) return [];
    const rooms = (map.width * map.height) / ROOM ** 2;
    const taken = new Map<string, number>();
    let seen = 0;
    map.cover.each(map.level, map.box(), (i) => {
      if (map.isFaint(i)) return;
      seen++;
      const [px, py] = map.spot(i);
      const cell = `${Math.floor(px / ROOM)} ${Math.floor(py / ROOM)}`;
      if (!taken.has(cell)) taken.set(cell, i);
    });
    return seen > CROWDED * rooms ? [] : [...taken.values()].slice(0, MOST);
  }

  private picture(id: string): HTMLImageElement {
    let found = this.pictures.get(id);
    if (!found) {
      if (this.pictures.size > KEPT) this.pictures.clear();
      found = new Image();
      found.onload = () => this.map.redraw();
      found.src = api.imageUrl(id, 128);
      this.pictures.set(id, found);
    }
    return found;
  }
}
