/** The map: points that can be moved, zoomed, pointed at and picked, by mouse, finger or keyboard. */
import { calm } from "../theme";
import type { Rgb } from "./colours";
import { Overlay } from "./overlay";
import { painter } from "./points";

const NEAR_PX = 14;

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
  xy = new Float32Array(0);
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
  private readonly painter;
  private readonly watcher: ResizeObserver;
  /** px on the right that a card covers */
  private inset = 0;
  private mix = 1;
  private waiting = false;
  private readonly moves = new Map<string, { start: number; ms: number; step(t: number): void }>();

  /** `frame` holds `.points` and `.over`, two canvases. */
  constructor(frame: HTMLElement, told: Told) {
    this.frame = frame;
    this.told = told;
    this.canvas = frame.querySelector(".points") as HTMLCanvasElement;
    this.over = frame.querySelector(".over") as HTMLCanvasElement;
    this.overlay = new Overlay(this);
    this.painter = painter(this.canvas);
    this.listen();
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(frame);
    this.resize();
  }

  /** Stop watching the frame. */
  close(): void {
    this.watcher.disconnect();
    this.moves.clear();
  }

  place(x: number[], y: number[]): void {
    this.xy = new Float32Array(2 * x.length);
    x.forEach((value, i) => this.xy.set([value, y[i] ?? 0], 2 * i));
    this.painter.place(this.xy);
    this.bloom = calm() ? 1 : 0;
    this.animate("bloom", 1400, (t) => (this.bloom = ease(t)));
  }

  /** Colour the points; those that are `kept` stay strong, all when it is null. */
  paint(rgb: Rgb[], kept: ((i: number) => boolean) | null): void {
    const rgba = new Uint8Array(4 * rgb.length);
    rgb.forEach((colour, i) => rgba.set([...colour, !kept || kept(i) ? 226 : 42], 4 * i));
    this.painter.paint(rgba);
    this.mix = 0;
    this.animate("mix", 350, (t) => (this.mix = t));
  }

  /** Names to write where most of their points lie. */
  name(groups: { text: string; italic: boolean; points: number[] }[]): void {
    this.labels = groups.map(({ text, italic, points }) => ({ text, italic, weight: points.length, ...this.densest(points) }));
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
    return Math.min(this.width, this.height) * 0.47;
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
    const k = this.unit * this.view.zoom;
    return [this.middle + (x * this.bloom - this.view.x) * k, this.height / 2 - (y * this.bloom - this.view.y) * k];
  }

  /** The nearest point, or -1. */
  private nearest(px: number, py: number, reach = NEAR_PX): number {
    const k = this.unit * this.view.zoom;
    const x = (px - this.middle) / k + this.view.x;
    const y = (this.height / 2 - py) / k + this.view.y;
    let best = (reach / k) ** 2;
    let found = -1;
    for (let i = 0; i < this.xy.length; i += 2) {
      const gap = ((this.xy[i] as number) - x) ** 2 + ((this.xy[i + 1] as number) - y) ** 2;
      if (gap < best) {
        best = gap;
        found = i / 2;
      }
    }
    return found;
  }

  private resize(): void {
    const ratio = Math.min(devicePixelRatio || 1, 2);
    this.width = this.frame.clientWidth;
    this.height = this.frame.clientHeight;
    this.ratio = ratio;
    for (const canvas of [this.canvas, this.over]) {
      canvas.width = Math.max(1, Math.round(this.width * ratio));
      canvas.height = Math.max(1, Math.round(this.height * ratio));
    }
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
      this.draw();
      if (this.moves.size) this.redraw();
    });
  }

  private draw(): void {
    const { x, y, zoom } = this.view;
    const k = this.unit * zoom;
    const scale: [number, number] = [(2 * k) / this.width, (2 * k) / this.height];
    const crowd = Math.sqrt(3000 / Math.max(this.xy.length / 2, 300));
    const size = Math.min(Math.max(6 * crowd, 3), 9) * Math.min(zoom ** 0.4, 2) * this.ratio * Math.min(Math.max(this.unit / 330, 0.6), 1.2);
    this.painter.draw({ scale, shift: [-x * scale[0] - this.inset / this.width, -y * scale[1]], size, bloom: this.bloom, mix: this.mix });
    this.overlay.draw(size / this.ratio);
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
    });
    this.over.addEventListener("pointermove", (event) => {
      const now = spot(event);
      const before = down.get(event.pointerId);
      if (!before) return this.point(event.pointerType === "mouse" ? this.nearest(now.x, now.y) : -1, now);
      moved += Math.hypot(now.x - before.x, now.y - before.y);
      const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
      if (other) this.zoom(Math.hypot(now.x - other.x, now.y - other.y) / Math.max(Math.hypot(before.x - other.x, before.y - other.y), 1), (now.x + other.x) / 2, (now.y + other.y) / 2);
      this.pan((now.x - before.x) / down.size, (now.y - before.y) / down.size);
      down.set(event.pointerId, now);
      if (moved > 4) this.point(-1, now);
    });
    const up = (event: PointerEvent): void => {
      const one = down.size === 1;
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
    const k = this.unit * this.view.zoom;
    this.moves.delete("fly");
    this.view.x = Math.min(Math.max(this.view.x - dx / k, -1.2), 1.2);
    this.view.y = Math.min(Math.max(this.view.y + dy / k, -1.2), 1.2);
    this.redraw();
  }

  zoom(factor: number, px = this.middle, py = this.height / 2): void {
    const zoom = Math.min(Math.max(this.view.zoom * factor, 0.7), 60);
    const before = this.unit * this.view.zoom;
    const after = this.unit * zoom;
    this.moves.delete("fly");
    this.view.x += (px - this.middle) * (1 / before - 1 / after);
    this.view.y -= (py - this.height / 2) * (1 / before - 1 / after);
    this.view.zoom = zoom;
    this.redraw();
  }

  /** Arrows step from point to point (with Shift they move the map), + and - zoom, 0 shows all, Escape lets go. */
  private key(event: KeyboardEvent): void {
    const ways: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = ways[event.key];
    if (way && event.shiftKey) this.pan(-way[0] * 60, -way[1] * 60);
    else if (way) this.step(way);
    else if (event.key === "+" || event.key === "=") this.zoom(1.4);
    else if (event.key === "-") this.zoom(1 / 1.4);
    else if (event.key === "0" || event.key === "Home") this.home();
    else if (event.key === "Escape") this.told.picked(-1);
    else return;
    event.preventDefault();
  }

  /** To the nearest point in a direction. */
  private step([dx, dy]: [number, number]): void {
    const [fx, fy] = this.picked >= 0 ? this.spot(this.picked) : [this.middle, this.height / 2];
    let best = Infinity;
    let found = this.picked < 0 ? this.nearest(fx, fy, 1e4) : -1;
    for (let i = 0; this.picked >= 0 && i < this.xy.length / 2; i++) {
      const [px, py] = this.spot(i);
      const along = (px - fx) * dx + (py - fy) * dy;
      const across = Math.abs((px - fx) * dy) + Math.abs((py - fy) * dx);
      if (along > 1 && along > across && along + 2 * across < best && i !== this.picked) {
        best = along + 2 * across;
        found = i;
      }
    }
    if (found >= 0) this.told.picked(found);
  }
}
