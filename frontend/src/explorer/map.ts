/** The map: points that can be moved, zoomed, pointed at and picked, by mouse, finger or keyboard. */
import { calm } from "../theme";
import type { Painted } from "./colours";
import { type Box, Cover, type Ink, type Staged } from "./cover";
import type { Points } from "./data";
import { Haste } from "./haste";
import { Overlay } from "./overlay";
import { type Painter, painter } from "./points";

const NEAR_PX = 14;
/** How far beyond the window points are made ready, as a share of it: so far one can pan before they are chosen anew. */
const MARGIN = 0.35;
/** Points that are ready for a part so many times as wide as what is seen are too many. */
const SPARE = 3;
/** A view that is left alone for so long gets its pictures. */
const REST_MS = 160;
const STRONG = 232;
const FAINT = 34;
/** Corners of a loop that the server is sent at most. */
const CORNERS = 190;
/** Names are placed by the first so many points: an even part of all. */
const LOOKED = 60_000;

/** A photo that is placed on the map; `neighbours` are points. */
export interface Guest {
  x: number;
  y: number;
  picture: string;
  neighbours: number[];
  label: string;
}

interface Told {
  picked(i: number): void;
  /** A loop was drawn: x and y of its corners in turn, in units of the map. */
  looped(loop: number[]): void;
  /** Whether the lasso is in the hand. */
  armed(yes: boolean): void;
  /** -1 when nothing is near. */
  pointed(i: number, x: number, y: number): void;
}

interface Spot {
  x: number;
  y: number;
}

const ease = (t: number): number => 1 - (1 - t) ** 3;

export class LikenessMap {
  readonly frame: HTMLElement;
  readonly over: HTMLCanvasElement;
  xy: Float32Array = new Float32Array(0);
  cover: Cover | null = null;
  lasso = false;
  /** The loop that is drawn or was, in units of the map. */
  loop: number[] = [];
  view = { x: 0, y: 0, zoom: 1 };
  picked = -1;
  hovered = -1;
  kin: number[] = [];
  guests: Guest[] = [];
  guest: Guest | null = null;
  labels: { text: string; x: number; y: number; italic: boolean; weight: number }[] = [];
  bloom = 1;
  width = 1;
  height = 1;
  ratio = 1;
  private readonly told: Told;
  private readonly canvas: HTMLCanvasElement;
  private readonly overlay: Overlay;
  private painter: Painter | null = null;
  private painted: Painted | null = null;
  private ink: Ink | null = null;
  private staged: (Staged & { box: Box; full: number }) | null = null;
  private readonly haste = new Haste();
  /** From a move of the view until it has come to rest. */
  private moving = false;
  /** The part of the map that was drawn last. */
  private seen = "";
  private closed = false;
  private rested: { seen: string; ink: Ink | null } = { seen: "", ink: null };
  private rest: ReturnType<typeof setTimeout> | undefined;
  private readonly watcher: ResizeObserver;
  /** px on the right that a card covers */
  private inset = 0;
  /** How far points lie from the middle, sideways and upwards. */
  private reach: [number, number] = [1, 1];
  private waiting = false;
  private readonly moves = new Map<string, { start: number; ms: number; step(t: number): void }>();

  /** `frame` holds `.points` and `.over`, two canvases. */
  constructor(frame: HTMLElement, told: Told) {
    this.frame = frame;
    this.told = told;
    this.canvas = frame.querySelector(".points") as HTMLCanvasElement;
    this.over = frame.querySelector(".over") as HTMLCanvasElement;
    this.overlay = new Overlay(this);
    void painter(this.canvas).then((made) => {
      if (this.closed) return made.close();
      this.painter = made;
      this.frame.dataset.painter = made.name;
      this.staged = null;
      this.redraw();
    });
    this.listen();
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(frame);
    this.resize();
  }

  /** Stop watching the frame. */
  close(): void {
    this.closed = true;
    clearTimeout(this.rest);
    this.watcher.disconnect();
    this.moves.clear();
    this.painter?.close();
  }

  place(points: Points): void {
    this.cover = new Cover(points);
    this.xy = points.xy;
    this.reach = [0.2, 0.2];
    for (let k = 0; k < this.xy.length; k += 2) {
      this.reach[0] = Math.max(this.reach[0], Math.abs(this.xy[k] as number));
      this.reach[1] = Math.max(this.reach[1], Math.abs(this.xy[k + 1] as number));
    }
    this.staged = null;
    this.bloom = 0;
    this.animate("bloom", calm() ? 0 : 1400, (t) => (this.bloom = ease(t)));
  }

  /** Colour the points; those that are `kept` stay strong, all that are known when it is null. */
  paint(painted: Painted, kept: ((i: number) => boolean) | null): void {
    const { shades, palette } = painted;
    const strong = kept ?? ((i: number) => painted.group(i) !== -1);
    this.painted = painted;
    this.ink = {
      faint: (i) => !strong(i),
      write(i, rgba, at, faint) {
        const from = 3 * (shades[i] as number);
        rgba[at] = palette[from] as number;
        rgba[at + 1] = palette[from + 1] as number;
        rgba[at + 2] = palette[from + 2] as number;
        rgba[at + 3] = faint ? FAINT : STRONG;
      },
    };
    this.staged = null;
    this.redraw();
  }

  /** The colour of a point as CSS. */
  colourOf(i: number): string {
    if (!this.painted) return "";
    const from = 3 * (this.painted.shades[i] as number);
    return `rgb(${this.painted.palette.subarray(from, from + 3).join(" ")})`;
  }

  isFaint(i: number): boolean {
    return this.ink?.faint(i) ?? false;
  }

  /** Names to write where most of their points lie. */
  name(groups: { text: string; italic: boolean; code: number }[], group: (i: number) => number): void {
    const members = new Map(groups.map((one) => [one.code, [] as number[]]));
    const looked = Math.min(this.xy.length / 2, LOOKED);
    for (let i = 0; i < looked; i++) members.get(group(i))?.push(i);
    this.labels = groups.flatMap(({ text, italic, code }) => {
      const points = members.get(code) ?? [];
      return points.length ? [{ text, italic, weight: points.length, ...this.densest(points) }] : [];
    });
    this.labels.sort((a, b) => b.weight - a.weight);
    this.redraw();
  }

  /** The middle of the most crowded patch of some points. */
  private densest(points: number[]): Spot {
    const cells = new Map<number, [number, number, number]>();
    for (const i of points) {
      const [x, y] = this.at(i);
      const key = Math.floor((x + 1) * 9) * 100 + Math.floor((y + 1) * 9);
      const cell = cells.get(key) ?? [0, 0, 0];
      cells.set(key, [cell[0] + 1, cell[1] + x, cell[2] + y]);
    }
    const best = [...cells.values()].reduce((a, b) => (b[0] > a[0] ? b : a), [1, 0, 0] as [number, number, number]);
    return { x: best[1] / best[0], y: best[2] / best[0] };
  }

  /** Mark a point and its kin; -1 for none. */
  pick(i: number, kin: number[] = []): void {
    this.picked = i;
    this.kin = kin;
    this.guest = null;
    if (i >= 0) this.bring(...this.at(i));
    this.redraw();
  }

  /** Show a placed photo, threads to its neighbours, and go there. */
  welcome(guest: Guest): void {
    if (!this.guests.includes(guest)) this.guests.push(guest);
    this.guest = guest;
    this.picked = -1;
    this.kin = [];
    const spread = Math.max(0.08, ...guest.neighbours.map((i) => Math.hypot(this.at(i)[0] - guest.x, this.at(i)[1] - guest.y)));
    const zoom = Math.min(Math.max(0.42 / spread, 1), 5);
    this.fly(guest.x, guest.y, zoom);
  }

  farewell(): void {
    this.guests = [];
    this.guest = null;
    this.redraw();
  }

  /** Scroll there if it is out of sight. */
  private bring(x: number, y: number): void {
    const [px, py] = this.screen(x, y);
    const margin = 40;
    if (px < margin || py < margin || px > this.width - this.inset - margin || py > this.height - margin) this.fly(x, y, this.view.zoom);
  }

  private fly(x: number, y: number, zoom: number): void {
    const from = { ...this.view };
    this.animate("fly", calm() ? 0 : 900, (t) => {
      const e = ease(t);
      this.view = { x: from.x + (x - from.x) * e, y: from.y + (y - from.y) * e, zoom: from.zoom * (zoom / from.zoom) ** e };
    });
  }

  /** Move the middle of the map out from under a card that is so wide. */
  yieldRight(px: number): void {
    const from = this.inset;
    if (from !== px) this.animate("inset", calm() ? 0 : 400, (t) => (this.inset = from + (px - from) * ease(t)));
  }

  /** The middle of what can be seen, px from the left. */
  private get middle(): number {
    return (this.width - this.inset) / 2;
  }

  home(): void {
    this.fly(0, 0, 1);
  }

  /** Pixels per unit at zoom 1. */
  private get unit(): number {
    return 0.47 * Math.min(this.width / this.reach[0], this.height / this.reach[1]);
  }

  /** Where a point lies on the map. */
  private at(i: number): [number, number] {
    return [this.xy[2 * i] ?? 0, this.xy[2 * i + 1] ?? 0];
  }

  /** Where a point is drawn, px. */
  spot(i: number): [number, number] {
    return this.screen(...this.at(i));
  }

  /** Where a place of the map is drawn, px. */
  screen(x: number, y: number): [number, number] {
    const k = this.scale;
    return [this.middle + (x * this.bloom - this.view.x) * k, this.height / 2 - (y * this.bloom - this.view.y) * k];
  }

  /** Pixels per unit now. */
  get scale(): number {
    return this.unit * this.view.zoom;
  }

  /** The place of the map at a place of the window. */
  private under(px: number, py: number): [number, number] {
    return [(px - this.middle) / this.scale + this.view.x, (this.height / 2 - py) / this.scale + this.view.y];
  }

  /** The part of the map that is seen, and so much beyond it as a share of the window. */
  box(beyond = 0): Box {
    const [left, top] = this.under(-beyond * this.width, -beyond * this.height);
    const [right, bottom] = this.under((1 + beyond) * this.width, (1 + beyond) * this.height);
    return [left, bottom, right, top];
  }

  /** The deepest level that is drawn at this zoom. */
  get level(): number {
    return this.cover?.level(this.scale, this.painter?.gap ?? 2) ?? 0;
  }

  /** The nearest point that is drawn, or -1. */
  private nearest(px: number, py: number, reach = NEAR_PX): number {
    const [x, y] = this.under(px, py);
    const far = reach / this.scale;
    let best = far ** 2;
    let found = -1;
    this.cover?.each(this.level, [x - far, y - far, x + far, y + far], (i) => {
      const gap = ((this.xy[2 * i] as number) - x) ** 2 + ((this.xy[2 * i + 1] as number) - y) ** 2 + (this.isFaint(i) ? best / 2 : 0);
      if (gap < best) {
        best = gap;
        found = i;
      }
    });
    return found;
  }

  private resize(): void {
    const ratio = Math.min(devicePixelRatio || 1, 2);
    this.width = this.frame.clientWidth;
    this.height = this.frame.clientHeight;
    this.ratio = ratio;
    this.over.width = Math.max(1, Math.round(this.width * ratio));
    this.over.height = Math.max(1, Math.round(this.height * ratio));
    this.staged = null;
    this.redraw();
  }

  private animate(name: string, ms: number, step: (t: number) => void): void {
    if (ms === 0) {
      this.moves.delete(name);
      step(1);
    } else this.moves.set(name, { start: performance.now(), ms, step });
    this.redraw();
  }

  redraw(): void {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame((now) => {
      this.waiting = false;
      for (const [name, move] of this.moves) {
        const t = Math.min(Math.max((now - move.start) / move.ms, 0), 1);
        move.step(t);
        if (t === 1) this.moves.delete(name);
      }
      const seen = `${this.box().join(" ")} ${this.width}`;
      if (seen !== this.seen) this.moving = true;
      this.seen = seen;
      this.draw();
      // the next frame waits until this picture is done
      if (this.moving) requestAnimationFrame((next) => this.haste.took(next - now, this.staged?.count ?? 0));
      if (this.moves.size) this.redraw();
      else this.settle();
    });
  }

  /** The view came to rest: if it is another than before, it gets all its points, and pictures are chosen for it. */
  private settle(): void {
    const { seen, ink } = this;
    if (seen === this.rested.seen && ink === this.rested.ink) return;
    this.rested = { seen, ink };
    clearTimeout(this.rest);
    this.rest = setTimeout(() => {
      this.moving = false;
      this.redraw();
      void this.overlay.thumbs.settle();
    }, REST_MS);
  }

  private draw(): void {
    const { x, y, zoom } = this.view;
    this.ready();
    const shown = this.staged?.count ?? 0;
    const crowd = Math.sqrt(3000 / Math.max(shown, 300));
    const size = Math.min(Math.max(6 * crowd, 3), 9) * Math.min(zoom ** 0.4, 2) * Math.min(Math.max(this.unit / 330, 0.6), 1.2);
    const { width, height, ratio, middle, bloom } = this;
    this.painter?.draw({ x, y, unit: this.scale, middle, width, height, ratio, size: Math.min(size, 14), bloom });
    this.overlay.draw(size);
  }

  /** Choose the points anew when the view has left those that are ready, tells more or fewer levels apart, or has come to rest. */
  private ready(): void {
    const { cover, ink, painter, haste, moving } = this;
    if (!cover || !ink || !painter) return;
    const full = cover.level(this.scale, painter.gap);
    const seen = this.box();
    const had = this.staged;
    const near = had && had.full === full && had.box[2] - had.box[0] < SPARE * (seen[2] - seen[0]);
    const held = near && had.box[0] <= seen[0] && had.box[1] <= seen[1] && had.box[2] >= seen[2] && had.box[3] >= seen[3];
    if (held && (moving ? had.count <= 1.5 * haste.most || had.level === 0 : had.level === full && had.every === 1)) return;
    const box = this.box(MARGIN);
    const detail = moving ? cover.thinned(haste.most, full, box) : { level: full, every: 1 };
    this.staged = { ...cover.stage(detail, box, ink), box, full };
    painter.stage(this.staged);
    this.frame.dataset.drawn = String(this.staged.count);
  }

  // ---- lasso -------------------------------------------------------------------------------------------------------

  /** Take the lasso in the hand, or lay it down. */
  arm(yes: boolean): void {
    this.lasso = yes;
    this.over.classList.toggle("lasso", yes);
    this.told.armed(yes);
    this.redraw();
  }

  /** Choose what the window shows. */
  loopView(): void {
    const inset = 6;
    const corners = [[inset, inset], [this.width - this.inset - inset, inset], [this.width - this.inset - inset, this.height - inset], [inset, this.height - inset]] as const;
    this.finish(corners.flatMap(([px, py]) => this.under(px, py)));
  }

  unloop(): void {
    this.loop = [];
    this.redraw();
  }

  /** A loop is closed; of very many corners every so many are kept. */
  private finish(loop: number[]): void {
    const corners = loop.length / 2;
    const step = Math.max(1, corners / CORNERS);
    const kept: number[] = [];
    for (let k = 0; k < corners; k += step) kept.push(...loop.slice(2 * Math.floor(k), 2 * Math.floor(k) + 2));
    this.arm(false);
    this.loop = kept.length >= 6 ? kept : [];
    if (this.loop.length) this.told.looped(this.loop);
    this.redraw();
  }

  // ---- hands -------------------------------------------------------------------------------------------------------

  private listen(): void {
    const down = new Map<number, Spot>();
    let moved = 0;
    const spot = (event: MouseEvent): Spot => {
      const box = this.frame.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    this.over.addEventListener("pointerdown", (event) => {
      this.over.setPointerCapture(event.pointerId);
      down.set(event.pointerId, spot(event));
      if (down.size === 1) moved = 0;
      if (this.lasso) this.loop = [...this.under(spot(event).x, spot(event).y)];
    });
    this.over.addEventListener("pointermove", (event) => {
      const now = spot(event);
      const before = down.get(event.pointerId);
      if (!before) return this.point(event.pointerType === "mouse" ? this.nearest(now.x, now.y) : -1, now);
      if (this.lasso) {
        if (Math.hypot(now.x - before.x, now.y - before.y) < 3) return;
        this.loop.push(...this.under(now.x, now.y));
        down.set(event.pointerId, now);
        return this.redraw();
      }
      moved += Math.hypot(now.x - before.x, now.y - before.y);
      const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
      if (other) this.zoom(Math.hypot(now.x - other.x, now.y - other.y) / Math.max(Math.hypot(before.x - other.x, before.y - other.y), 1), (now.x + other.x) / 2, (now.y + other.y) / 2);
      this.pan((now.x - before.x) / down.size, (now.y - before.y) / down.size);
      down.set(event.pointerId, now);
      if (moved > 4) this.point(-1, now);
    });
    const up = (event: PointerEvent): void => {
      const one = down.size === 1;
      if (this.lasso && down.delete(event.pointerId)) return this.finish(event.type === "pointercancel" ? [] : this.loop);
      if (!down.delete(event.pointerId) || !one || moved > 6 || event.type === "pointercancel") return;
      const { x, y } = spot(event);
      const guest = this.guests.find((g) => Math.hypot(this.screen(g.x, g.y)[0] - x, this.screen(g.x, g.y)[1] - y) < 20);
      if (guest) return this.welcome(guest);
      this.told.picked(this.nearest(x, y, event.pointerType === "mouse" ? NEAR_PX : 24));
    };
    this.over.addEventListener("pointerup", up);
    this.over.addEventListener("pointercancel", up);
    this.over.addEventListener("pointerleave", (event) => this.point(-1, spot(event)));
    this.over.addEventListener("wheel", (event) => {
      event.preventDefault();
      const { x, y } = spot(event);
      this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.03 : 0.0015)), x, y);
    }, { passive: false });
    this.over.addEventListener("dblclick", (event) => this.zoom(2, spot(event).x, spot(event).y));
    this.over.addEventListener("keydown", (event) => this.key(event));
  }

  private point(i: number, where: Spot): void {
    if (i !== this.hovered) {
      this.hovered = i;
      this.redraw();
    }
    this.over.classList.toggle("near", i >= 0);
    this.told.pointed(i, where.x, where.y);
  }

  private pan(dx: number, dy: number): void {
    const k = this.scale;
    this.moves.delete("fly");
    this.view.x = Math.min(Math.max(this.view.x - dx / k, -1.2), 1.2);
    this.view.y = Math.min(Math.max(this.view.y + dy / k, -1.2), 1.2);
    this.redraw();
  }

  zoom(factor: number, px = this.middle, py = this.height / 2): void {
    const zoom = Math.min(Math.max(this.view.zoom * factor, 0.7), 120);
    const before = this.unit * this.view.zoom;
    const after = this.unit * zoom;
    this.moves.delete("fly");
    this.view.x += (px - this.middle) * (1 / before - 1 / after);
    this.view.y -= (py - this.height / 2) * (1 / before - 1 / after);
    this.view.zoom = zoom;
    this.redraw();
  }

  /** Arrows step from point to point (with Shift they move the map), + and - zoom, 0 shows all, L takes the lasso, V chooses the view, Escape lets go. */
  private key(event: KeyboardEvent): void {
    const ways: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = ways[event.key];
    if (way && event.shiftKey) this.pan(-way[0] * 60, -way[1] * 60);
    else if (way) this.step(way);
    else if (event.key === "+" || event.key === "=") this.zoom(1.4);
    else if (event.key === "-") this.zoom(1 / 1.4);
    else if (event.key === "0" || event.key === "Home") this.home();
    else if (event.key === "l" || event.key === "L") this.arm(!this.lasso);
    else if (event.key === "v" || event.key === "V") this.loopView();
    else if (event.key === "Escape" && this.lasso) this.arm(false);
    else if (event.key === "Escape") this.told.picked(-1);
    else return;
    event.preventDefault();
  }

  /** To the nearest point in a direction. */
  private step([dx, dy]: [number, number]): void {
    const [fx, fy] = this.picked >= 0 ? this.spot(this.picked) : [this.middle, this.height / 2];
    let best = Infinity;
    let found = this.picked < 0 ? this.nearest(fx, fy, 1e4) : -1;
    if (this.picked >= 0) {
      this.cover?.each(this.level, null, (i) => {
        const [px, py] = this.spot(i);
        const along = (px - fx) * dx + (py - fy) * dy;
        const across = Math.abs((px - fx) * dy) + Math.abs((py - fy) * dx);
        if (along > 1 && along > across && along + 2 * across < best && i !== this.picked && !this.isFaint(i)) {
          best = along + 2 * across;
          found = i;
        }
      });
    }
    if (found >= 0) this.told.picked(found);
  }
}
