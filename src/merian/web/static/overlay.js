/** What is drawn over the points: names where a kind is densest, rings, threads to neighbours, placed photos as medallions. */

const LABELS = 14;

export class Overlay {
  /** @param {import("./map.js").LikenessMap} map */
  constructor(map) {
    this.map = map;
    this.ink = /** @type {CanvasRenderingContext2D} */ (map.over.getContext("2d"));
    /** @type {Map<string, HTMLImageElement>} */
    this.pictures = new Map();
  }

  /** @param {number} size of a point, CSS px */
  draw(size) {
    const { ink, map } = this;
    ink.setTransform(map.ratio, 0, 0, map.ratio, 0, 0);
    ink.clearRect(0, 0, map.width, map.height);
    const style = getComputedStyle(map.frame);
    const dark = style.getPropertyValue("--ink");
    const paper = style.getPropertyValue("--paper");
    const accent = style.getPropertyValue("--madder");
    this.threads(dark);
    for (const i of [...map.kin, ...(map.guest?.neighbours ?? [])]) this.ring(i, size / 2 + 2.5, dark, 1.2);
    if (map.hovered >= 0) this.ring(map.hovered, size / 2 + 3, dark, 1.4);
    if (map.picked >= 0) this.ring(map.picked, size / 2 + 5, accent, 2.2);
    if (map.bloom > 0.9) this.write(dark, paper, style.getPropertyValue("--serif"));
    for (const guest of map.guests) if (guest !== map.guest) this.medallion(guest, 15, paper, dark);
    if (map.guest) this.medallion(map.guest, 27, paper, accent);
  }

  /** @param {number} i @param {number} radius @param {string} colour @param {number} width */
  ring(i, radius, colour, width) {
    const { map } = this;
    const [px, py] = map.screen(map.xy[2 * i], map.xy[2 * i + 1]);
    this.ink.beginPath();
    this.ink.arc(px, py, radius, 0, 2 * Math.PI);
    this.ink.strokeStyle = colour;
    this.ink.lineWidth = width;
    this.ink.stroke();
  }

  /** Fine lines from the guest, or the picked point, to its neighbours. @param {string} colour */
  threads(colour) {
    const { map } = this;
    const from = map.guest ? [map.guest.x, map.guest.y] : map.picked >= 0 ? [map.xy[2 * map.picked], map.xy[2 * map.picked + 1]] : null;
    if (!from) return;
    const [ax, ay] = map.screen(from[0], from[1]);
    this.ink.strokeStyle = colour;
    this.ink.globalAlpha = 0.45;
    this.ink.lineWidth = 0.8;
    for (const i of map.guest?.neighbours ?? map.kin) {
      const [bx, by] = map.screen(map.xy[2 * i], map.xy[2 * i + 1]);
      this.ink.beginPath();
      this.ink.moveTo(ax, ay);
      this.ink.quadraticCurveTo((ax + bx) / 2 + (by - ay) * 0.14, (ay + by) / 2 - (bx - ax) * 0.14, bx, by);
      this.ink.stroke();
    }
    this.ink.globalAlpha = 1;
  }

  /** Names that do not touch each other. @param {string} dark @param {string} paper @param {string} serif */
  write(dark, paper, serif) {
    const { ink } = this;
    const taken = /** @type {[number, number, number, number][]} */ ([]);
    ink.textAlign = "center";
    ink.textBaseline = "middle";
    ink.lineJoin = "round";
    let written = 0;
    for (const label of this.map.labels) {
      if (written === LABELS) break;
      const [px, py] = this.map.screen(label.x, label.y);
      const large = this.map.width > 560 ? 15 : 12.5;
      ink.font = `${label.italic ? "italic " : ""}${large}px ${serif}`;
      const half = ink.measureText(label.text).width / 2 + 5;
      const box = /** @type {[number, number, number, number]} */ ([px - half, py - large * 0.8, px + half, py + large * 0.8]);
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

  /** @param {Guest} guest @param {number} radius @param {string} paper @param {string} edge */
  medallion(guest, radius, paper, edge) {
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
    for (const [r, colour, width] of /** @type {[number, string, number][]} */ ([[radius + 1, paper, 3], [radius + 3, edge, 1.6]])) {
      ink.beginPath();
      ink.arc(px, py, r, 0, 2 * Math.PI);
      ink.strokeStyle = colour;
      ink.lineWidth = width;
      ink.stroke();
    }
  }
}
