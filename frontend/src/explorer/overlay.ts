/** What is drawn over the points: names where a kind is densest, rings, threads to neighbours, placed photos as medallions. */

import type { Guest, LikenessMap } from "./map";
import { SIDE, Thumbs } from "./thumbs";

const LABELS = 14;
type Box = [left: number, top: number, right: number, bottom: number];

export class Overlay {
  private readonly map: LikenessMap;
  private readonly ink: CanvasRenderingContext2D;
  private readonly pictures = new Map<string, HTMLImageElement>();
  readonly thumbs: Thumbs;

  constructor(map: LikenessMap) {
    this.map = map;
    this.thumbs = new Thumbs(map);
    this.ink = map.over.getContext("2d") as CanvasRenderingContext2D;
  }

  /** Draw all of it over points of `size` CSS px. */
  draw(size: number): void {
    const { ink, map } = this;
    ink.setTransform(map.ratio, 0, 0, map.ratio, 0, 0);
    ink.clearRect(0, 0, map.width, map.height);
    const style = getComputedStyle(map.frame);
    const dark = style.getPropertyValue("--ink");
    const paper = style.getPropertyValue("--paper");
    const accent = style.getPropertyValue("--madder");
    if (map.bloom === 1) this.photographs(paper);
    this.threads(dark);
    for (const i of [...map.kin, ...(map.guest?.neighbours ?? [])]) this.ring(i, size / 2 + 2.5, dark, 1.2);
    if (map.hovered >= 0) this.ring(map.hovered, size / 2 + 3, dark, 1.4);
    if (map.picked >= 0) this.ring(map.picked, size / 2 + 5, accent, 2.2);
    if (map.bloom > 0.9) this.write(dark, paper, style.getPropertyValue("--serif"));
    for (const guest of map.guests) if (guest !== map.guest) this.medallion(guest, 15, paper, dark);
    if (map.guest) this.medallion(map.guest, 27, paper, accent);
    if (map.loop.length) this.lasso(accent);
  }

  /** Small pictures in the place of their points, framed in the points' colours. */
  private photographs(paper: string): void {
    const { ink, map } = this;
    for (const { point, picture } of this.thumbs.shown) {
      if (!picture.complete || !picture.naturalWidth) continue;
      const [px, py] = map.spot(point);
      const half = SIDE / 2;
      if (px < -half || py < -half || px > map.width + half || py > map.height + half) continue;
      ink.fillStyle = paper;
      ink.fillRect(px - half - 2, py - half - 2, SIDE + 4, SIDE + 4);
      ink.drawImage(picture, px - half, py - half, SIDE, SIDE);
      ink.strokeStyle = map.colourOf(point);
      ink.lineWidth = 2;
      ink.strokeRect(px - half - 2, py - half - 2, SIDE + 4, SIDE + 4);
    }
  }

  /** The loop, as a thread laid on the map. */
  private lasso(accent: string): void {
    const { ink, map } = this;
    ink.beginPath();
    for (let k = 0; k < map.loop.length; k += 2) ink.lineTo(...map.screen(map.loop[k] as number, map.loop[k + 1] as number));
    if (!map.lasso) ink.closePath();
    ink.globalAlpha = 0.04;
    ink.fillStyle = accent;
    ink.fill();
    ink.globalAlpha = 1;
    ink.strokeStyle = accent;
    ink.lineWidth = 1.6;
    ink.setLineDash([7, 4]);
    ink.stroke();
    ink.setLineDash([]);
  }

  private ring(i: number, radius: number, colour: string, width: number): void {
    const { map } = this;
    const [px, py] = map.spot(i);
    this.ink.beginPath();
    this.ink.arc(px, py, radius, 0, 2 * Math.PI);
    this.ink.strokeStyle = colour;
    this.ink.lineWidth = width;
    this.ink.stroke();
  }

  /** Fine lines from the guest, or the picked point, to its neighbours. */
  private threads(colour: string): void {
    const { map } = this;
    if (!map.guest && map.picked < 0) return;
    const [ax, ay] = map.guest ? map.screen(map.guest.x, map.guest.y) : map.spot(map.picked);
    this.ink.strokeStyle = colour;
    this.ink.globalAlpha = 0.45;
    this.ink.lineWidth = 0.8;
    for (const i of map.guest?.neighbours ?? map.kin) {
      const [bx, by] = map.spot(i);
      this.ink.beginPath();
      this.ink.moveTo(ax, ay);
      this.ink.quadraticCurveTo((ax + bx) / 2 + (by - ay) * 0.14, (ay + by) / 2 - (bx - ax) * 0.14, bx, by);
      this.ink.stroke();
    }
    this.ink.globalAlpha = 1;
  }

  /** Names that do not touch each other. */
  private write(dark: string, paper: string, serif: string): void {
    const { ink } = this;
    const taken: Box[] = [];
    ink.textAlign = "center";
    ink.textBaseline = "middle";
    ink.lineJoin = "round";
    const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
    let written = 0;
    for (const label of this.map.labels) {
      if (written === LABELS) break;
      const [px, py] = this.map.screen(label.x, label.y);
      const large = this.map.width > 560 ? 0.82 * rem : 0.7 * rem;
      ink.font = `${label.italic ? "italic " : ""}${large}px ${serif}`;
      const half = ink.measureText(label.text).width / 2 + 5;
      const box: Box = [px - half, py - large * 0.8, px + half, py + large * 0.8];
      if (box[0] < 2 || box[2] > this.map.width - 2 || box[1] < 2 || box[3] > this.map.height - 2) continue;
      if (taken.some((b) => box[0] < b[2] && b[0] < box[2] && box[1] < b[3] && b[1] < box[3])) continue;
      taken.push(box);
      written++;
      ink.strokeStyle = paper;
      ink.globalAlpha = 0.82;
      ink.lineWidth = 4.5;
      ink.strokeText(label.text, px, py);
      ink.globalAlpha = 1;
      ink.fillStyle = dark;
      ink.fillText(label.text, px, py);
    }
  }

  private medallion(guest: Guest, radius: number, paper: string, edge: string): void {
    const { ink } = this;
    const [px, py] = this.map.screen(guest.x, guest.y);
    let picture = this.pictures.get(guest.picture);
    if (!picture) {
      picture = new Image();
      picture.onload = () => this.map.redraw();
      picture.src = guest.picture;
      this.pictures.set(guest.picture, picture);
    }
    ink.save();
    ink.beginPath();
    ink.arc(px, py, radius, 0, 2 * Math.PI);
    ink.fillStyle = paper;
    ink.fill();
    if (picture.complete && picture.naturalWidth) {
      ink.clip();
      const side = Math.min(picture.naturalWidth, picture.naturalHeight);
      const [sx, sy] = [(picture.naturalWidth - side) / 2, (picture.naturalHeight - side) / 2];
      ink.drawImage(picture, sx, sy, side, side, px - radius, py - radius, 2 * radius, 2 * radius);
    }
    ink.restore();
    for (const [r, colour, width] of [[radius + 1, paper, 3], [radius + 3, edge, 1.6]] as [number, string, number][]) {
      ink.beginPath();
      ink.arc(px, py, r, 0, 2 * Math.PI);
      ink.strokeStyle = colour;
      ink.lineWidth = width;
      ink.stroke();
    }
  }
}
