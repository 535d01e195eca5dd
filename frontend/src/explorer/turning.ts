/** Photos in three dimensions on a plane that can be turned: species lie in it, what varies inside them stands upright on it. */
import {
  BufferAttribute,
  BufferGeometry,
  CanvasTexture,
  Color,
  DoubleSide,
  GridHelper,
  LineBasicMaterial,
  LineSegments,
  Mesh,
  MeshBasicMaterial,
  OrthographicCamera,
  PlaneGeometry,
  Points,
  PointsMaterial,
  Scene,
  Vector3,
  WebGLRenderer,
} from "three";
import { calm, dark } from "../theme";
import { pigmentsNow } from "./colours";
import type { Within } from "./data";

/** From where it is seen at first, as in the printed figure. */
const TURN = (32 * Math.PI) / 180;
const UP = (24 * Math.PI) / 180;
/** Half of what is seen at first, upwards and sideways: the photos reach to 1. */
const HIGH = 0.78;
const WIDE = 1.16;
const STEP = Math.PI / 36;
/** Radians a second while it turns by itself, and for how long it does. */
const IDLE = 0.16;
const IDLE_MS = 6000;
const NEAR_PX = 12;
const MARKS = 4;

export interface Heard {
  /** The photo under the pointer, -1 for none. */
  pointed(i: number, x: number, y: number): void;
  picked(i: number): void;
}

/** What is drawn first lies below. */
const SUNK = 0;
const PLANE = 1;
const RISEN = 2;
const MEANS = 3;

export class Turning {
  turn = TURN;
  up = UP;
  zoom = 1;
  private readonly frame: HTMLElement;
  private readonly heard: Heard;
  private readonly renderer: WebGLRenderer;
  private readonly camera = new OrthographicCamera(-1, 1, 1, -1, -10, 10);
  private readonly watcher: ResizeObserver;
  private readonly abort = new AbortController();
  private scene = new Scene();
  private data: Within | null = null;
  private only: number | null = null;
  private waiting = false;
  private idle = calm() ? 0 : IDLE_MS;
  private last = 0;

  constructor(frame: HTMLElement, heard: Heard) {
    this.frame = frame;
    this.heard = heard;
    const canvas = frame.querySelector("canvas") as HTMLCanvasElement;
    this.renderer = new WebGLRenderer({ canvas, antialias: true, alpha: true });
    this.watcher = new ResizeObserver(() => this.redraw());
    this.watcher.observe(frame);
    this.listen(canvas);
  }

  close(): void {
    this.abort.abort();
    this.watcher.disconnect();
    this.clear();
    this.renderer.dispose();
    this.waiting = true;
  }

  /** Show a picture; `only` is the place of the one species that is shown strong. */
  show(data: Within, only: number | null): void {
    this.data = data;
    this.only = only;
    this.clear();
    this.scene = new Scene();
    if (!data.photos) return;
    const ink = dark.get() ? "#ece4d2" : "#2b241c";
    this.plane(data.photos.at, dark.get() ? "#3d372b" : "#d9d2c3", dark.get() ? "#56503f" : "#fbf8f1");
    for (const side of [-1, 1] as const) data.variants.forEach((_, variant) => this.cloud(data, variant, side));
    this.means(data, ink);
    this.redraw();
  }

  private clear(): void {
    this.scene.traverse((thing) => {
      const { geometry, material } = thing as Partial<Mesh>;
      geometry?.dispose();
      for (const one of Array.isArray(material) ? material : material ? [material] : []) {
        (one as PointsMaterial).map?.dispose();
        one.dispose();
      }
    });
  }

  private plane(at: number[], colour: string, lines: string): void {
    let [a, b] = [0.2, 0.2];
    for (let i = 0; i < at.length; i += 3) [a, b] = [Math.max(a, Math.abs(at[i] as number)), Math.max(b, Math.abs(at[i + 1] as number))];
    const plane = new Mesh(new PlaneGeometry(2.2 * a, 2.2 * b), new MeshBasicMaterial({ color: colour, transparent: true, opacity: 0.6, side: DoubleSide, depthWrite: false }));
    const grid = new GridHelper(2.2, 8, lines, lines);
    grid.rotation.x = Math.PI / 2;
    grid.scale.set(a, 1, b);
    plane.renderOrder = grid.renderOrder = PLANE;
    this.scene.add(plane, grid);
  }

  /** The photos of a variant on one side of the plane. */
  private cloud({ photos, species }: Within, variant: number, side: 1 | -1): void {
    if (!photos) return;
    const inks = species.map((_, k) => new Color(pigmentsNow()[k % pigmentsNow().length]));
    const places: number[] = [];
    const colours: number[] = [];
    photos.variant.forEach((own, i) => {
      const kind = photos.species[i] as number;
      if (own !== variant || (photos.at[3 * i + 2] as number) < 0 !== side < 0) return;
      places.push(...photos.at.slice(3 * i, 3 * i + 3));
      const strong = this.only === null || this.only === kind;
      const ink = inks[kind] as Color;
      colours.push(ink.r, ink.g, ink.b, strong ? 0.85 : 0.07);
    });
    const geometry = new BufferGeometry();
    geometry.setAttribute("position", new BufferAttribute(new Float32Array(places), 3));
    geometry.setAttribute("color", new BufferAttribute(new Float32Array(colours), 4));
    const size = 9 * Math.min(devicePixelRatio || 1, 2);
    const material = new PointsMaterial({ size, sizeAttenuation: false, vertexColors: true, transparent: true, map: mark(variant), depthWrite: false, depthTest: false });
    const cloud = new Points(geometry, material);
    cloud.userData.side = side;
    this.scene.add(cloud);
  }

  /** The variants' means, joined by lines and dropped on the plane. */
  private means({ species, photos }: Within, ink: string): void {
    if (!photos) return;
    const joined: number[] = [];
    const dropped: number[] = [];
    species.forEach(({ means }, kind) => {
      const there = means.filter((mean) => mean !== null);
      if (there.length < 2 || (this.only !== null && this.only !== kind)) return;
      there.forEach((mean, k) => {
        if (k) joined.push(...(there[k - 1] as number[]), ...mean);
        dropped.push(...mean, mean[0], mean[1], 0);
      });
    });
    for (const [places, opacity] of [[joined, 1], [dropped, 0.35]] as [number[], number][]) {
      const geometry = new BufferGeometry();
      geometry.setAttribute("position", new BufferAttribute(new Float32Array(places), 3));
      const lines = new LineSegments(geometry, new LineBasicMaterial({ color: ink, transparent: true, opacity, depthTest: false }));
      lines.renderOrder = MEANS;
      this.scene.add(lines);
    }
  }

  home(): void {
    [this.turn, this.up, this.zoom] = [TURN, UP, 1];
    this.redraw();
  }

  scale(factor: number): void {
    this.zoom = Math.min(Math.max(this.zoom * factor, 0.6), 12);
    this.redraw();
  }

  redraw(): void {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame((now) => {
      if (this.abort.signal.aborted) return;
      this.waiting = false;
      const gone = this.last ? Math.min(now - this.last, 60) : 0;
      this.last = now;
      if (this.idle > 0) {
        this.idle -= gone || 16;
        this.turn += (IDLE * gone) / 1000;
      }
      this.draw();
      if (this.idle > 0) this.redraw();
    });
  }

  private draw(): void {
    const [width, height] = [this.frame.clientWidth, this.frame.clientHeight];
    if (!width || !height) return;
    this.renderer.setPixelRatio(Math.min(devicePixelRatio || 1, 2));
    this.renderer.setSize(width, height, false);
    const aspect = width / height;
    const half = Math.max(HIGH, WIDE / aspect) / this.zoom;
    Object.assign(this.camera, { left: -half * aspect, right: half * aspect, top: half, bottom: -half });
    this.camera.up.set(0, 0, 1);
    this.camera.position.set(Math.sin(this.turn) * Math.cos(this.up), -Math.cos(this.turn) * Math.cos(this.up), Math.sin(this.up));
    this.camera.lookAt(0, 0, 0);
    this.camera.updateProjectionMatrix();
    for (const thing of this.scene.children) {
      const side = thing.userData.side as number | undefined;
      if (side !== undefined) thing.renderOrder = side * this.up >= 0 ? RISEN : SUNK;
    }
    this.renderer.render(this.scene, this.camera);
    this.frame.dataset.turn = this.turn.toFixed(3);
  }

  /** The photo nearest to a place of the window, -1 when none is near. */
  private nearest(px: number, py: number): number {
    const at = this.data?.photos?.at ?? [];
    const [width, height] = [this.frame.clientWidth, this.frame.clientHeight];
    const place = new Vector3();
    let best = NEAR_PX ** 2;
    let found = -1;
    for (let i = 0; i < at.length / 3; i++) {
      if (this.only !== null && this.data?.photos?.species[i] !== this.only) continue;
      place.set(at[3 * i] as number, at[3 * i + 1] as number, at[3 * i + 2] as number).project(this.camera);
      const gap = (((place.x + 1) / 2) * width - px) ** 2 + (((1 - place.y) / 2) * height - py) ** 2;
      if (gap < best) {
        best = gap;
        found = i;
      }
    }
    return found;
  }

  private listen(canvas: HTMLCanvasElement): void {
    const down = new Map<number, { x: number; y: number }>();
    let moved = 0;
    const spot = (event: PointerEvent) => {
      const box = canvas.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    const on = <K extends keyof HTMLElementEventMap>(kind: K, hear: (event: HTMLElementEventMap[K]) => void): void =>
      canvas.addEventListener(kind, hear, { signal: this.abort.signal, passive: false });
    on("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      down.set(event.pointerId, spot(event));
      this.idle = 0;
      if (down.size === 1) moved = 0;
    });
    on("pointermove", (event) => {
      const now = spot(event);
      const before = down.get(event.pointerId);
      if (!before) return this.heard.pointed(event.pointerType === "mouse" ? this.nearest(now.x, now.y) : -1, now.x, now.y);
      moved += Math.hypot(now.x - before.x, now.y - before.y);
      const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
      if (other) this.scale(Math.hypot(now.x - other.x, now.y - other.y) / Math.max(Math.hypot(before.x - other.x, before.y - other.y), 1));
      else this.rotate((before.x - now.x) * 0.008, (now.y - before.y) * 0.008);
      down.set(event.pointerId, now);
      if (moved > 4) this.heard.pointed(-1, 0, 0);
    });
    const up = (event: PointerEvent): void => {
      if (!down.delete(event.pointerId) || moved > 6 || event.type === "pointercancel") return;
      const { x, y } = spot(event);
      this.heard.picked(this.nearest(x, y));
    };
    on("pointerup", up);
    on("pointercancel", up);
    on("pointerleave", () => this.heard.pointed(-1, 0, 0));
    on("wheel", (event) => {
      event.preventDefault();
      this.scale(Math.exp(-event.deltaY * (event.deltaMode ? 0.03 : 0.0015)));
    });
    on("keydown", (event) => this.key(event));
  }

  private rotate(turn: number, up: number): void {
    this.turn += turn;
    this.up = Math.min(Math.max(this.up + up, -Math.PI / 2 + 0.01), Math.PI / 2 - 0.01);
    this.redraw();
  }

  /** Arrows turn and tilt, + and - zoom, 0 goes back. */
  private key(event: KeyboardEvent): void {
    const ways: Record<string, [number, number]> = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] };
    const way = ways[event.key];
    this.idle = 0;
    if (way) this.rotate(...way);
    else if (event.key === "+" || event.key === "=") this.scale(1.25);
    else if (event.key === "-") this.scale(1 / 1.25);
    else if (event.key === "0" || event.key === "Home") this.home();
    else return;
    event.preventDefault();
  }
}

/** The mark of a variant: ring, disc, square frame, square, and again. */
function mark(variant: number): CanvasTexture {
  const side = 64;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const ink = canvas.getContext("2d") as CanvasRenderingContext2D;
  ink.fillStyle = ink.strokeStyle = "#fff";
  ink.lineWidth = 11;
  const kind = variant % MARKS;
  const edge = kind % 2 === 0 ? 9 : 4;
  ink.beginPath();
  if (kind < 2) ink.arc(side / 2, side / 2, side / 2 - edge, 0, 2 * Math.PI);
  else ink.rect(edge + 3, edge + 3, side - 2 * edge - 6, side - 2 * edge - 6);
  if (kind % 2) ink.fill();
  else ink.stroke();
  return new CanvasTexture(canvas);
}
