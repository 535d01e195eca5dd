/** The camera over the window: turned, moved and brought nearer by pointer, wheel, touch and keys. */
import { PerspectiveCamera, Vector3 } from "three";

const LOWEST = 0.06;
const STEEPEST = 1.5;
const NEAREST_M = 12;
const KEY_TURN = 0.12;
/** So far from a view from the side, radians. */
const ASLANT = [-0.5, -0.25, 0.25, 0.5];

export interface Hand {
  /** The height of the ground at a place. */
  height(x: number, z: number): number;
  /** A short touch or click at a place of the element (0 to 1 from the top left). */
  tapped(x: number, y: number): void;
}

export class Orbit {
  readonly camera = new PerspectiveCamera(38, 1, 1, 100_000);
  readonly target = new Vector3();
  distance: number;
  turn = -0.6;
  tilt = 0.7;
  /** How high above the ground the middle of whom it goes with is, metres; null where it goes with none. */
  aim: number | null = null;
  /** Turns by itself, radians a second: for whoever only watches. */
  drift = 0;
  private readonly at = new Map<number, [number, number]>();
  private readonly began = { x: 0, y: 0, far: false };
  private readonly off = new AbortController();

  constructor(
    private readonly element: HTMLElement,
    private readonly width: number,
    private readonly hand: Hand,
  ) {
    this.distance = this.farthest;
    const options = { signal: this.off.signal };
    element.addEventListener("pointerdown", (event) => this.down(event), options);
    element.addEventListener("pointermove", (event) => this.move(event), options);
    for (const end of ["pointerup", "pointercancel"] as const) element.addEventListener(end, (event) => this.up(event), options);
    element.addEventListener("wheel", (event) => this.wheel(event), { ...options, passive: false });
    element.addEventListener("contextmenu", (event) => event.preventDefault(), options);
  }

  private get farthest(): number {
    return 2 * this.width;
  }

  private down(event: PointerEvent): void {
    this.element.setPointerCapture(event.pointerId);
    this.at.set(event.pointerId, [event.clientX, event.clientY]);
    if (this.at.size === 1) Object.assign(this.began, { x: event.clientX, y: event.clientY, far: false });
    else this.began.far = true;
  }

  private move(event: PointerEvent): void {
    const was = this.at.get(event.pointerId);
    if (!was) return;
    const [dx, dy] = [event.clientX - was[0], event.clientY - was[1]];
    if (Math.hypot(event.clientX - this.began.x, event.clientY - this.began.y) > 5) this.began.far = true;
    const others = [...this.at].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    this.at.set(event.pointerId, [event.clientX, event.clientY]);
    if (!this.began.far) return;
    const other = others[0];
    if (other) {
      const before = Math.hypot(was[0] - other[0], was[1] - other[1]);
      const now = Math.hypot(event.clientX - other[0], event.clientY - other[1]);
      this.zoom(before / Math.max(now, 1));
      this.pan(dx / 2, dy / 2);
    } else if (event.buttons & 2 || event.shiftKey) this.pan(dx, dy);
    else this.swing(-dx * 0.006, dy * 0.005);
  }

  private up(event: PointerEvent): void {
    if (!this.at.delete(event.pointerId) || this.began.far || event.type === "pointercancel" || this.at.size) return;
    const box = this.element.getBoundingClientRect();
    this.hand.tapped((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    this.zoom(1.0014 ** event.deltaY);
  }

  swing(turn: number, tilt: number): void {
    this.turn += turn;
    this.tilt = Math.min(Math.max(this.tilt + tilt, LOWEST), STEEPEST);
  }

  zoom(by: number): void {
    this.distance = Math.min(Math.max(this.distance * by, NEAREST_M), this.farthest);
  }

  /** Move the ground by so many pixels. */
  pan(dx: number, dy: number): void {
    const step = (1.4 * this.distance) / Math.max(this.element.clientHeight, 1);
    const [s, c] = [Math.sin(this.turn), Math.cos(this.turn)];
    const edge = this.width / 2;
    this.target.x = Math.min(Math.max(this.target.x - (dx * c + dy * s) * step, -edge), edge);
    this.target.z = Math.min(Math.max(this.target.z - (dy * c - dx * s) * step, -edge), edge);
  }

  reset(): void {
    this.target.set(0, 0, 0);
    Object.assign(this, { distance: this.farthest, turn: -0.6, tilt: 0.7 });
  }

  /** What a key does; whether it did something. */
  key(event: KeyboardEvent): boolean {
    const [x, y] = ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] } as Record<string, [number, number]>)[event.key] ?? [0, 0];
    if (x || y) {
      if (event.shiftKey) this.pan(-x * 40, -y * 40);
      else this.swing(x * KEY_TURN, -y * KEY_TURN);
    } else if (event.key === "+" || event.key === "=") this.zoom(0.8);
    else if (event.key === "-") this.zoom(1.25);
    else if (event.key === "0") this.reset();
    else return false;
    return true;
  }

  /** Turn so that who heads that way (radians clockwise from east) is seen from the side, on ground as level as can be, with little turning. */
  beside(heading: number): void {
    const { x, z } = this.target;
    const low = Math.cos(this.tilt) * this.distance;
    const ground = this.hand.height(x, z);
    let least = Number.POSITIVE_INFINITY;
    const was = this.turn;
    for (const side of [0, Math.PI]) {
      for (const aslant of ASLANT) {
        const turn = side - heading + aslant;
        const steep = Math.abs(this.hand.height(x + Math.sin(turn) * low, z + Math.cos(turn) * low) - ground) / low;
        const cost = steep + 0.3 * Math.abs(aslant) + 0.1 * (1 - Math.cos(turn - was));
        if (cost < least) [least, this.turn] = [cost, turn];
      }
    }
  }

  /** How many times farther off the camera stands for a picture so wide for its height. */
  narrow(aspect: number): number {
    return Math.max(1, 1.3 / aspect);
  }

  /** Stand where it should after some seconds, for a picture so wide for its height. */
  update(seconds: number, aspect: number): void {
    this.turn += this.drift * seconds;
    const { camera, target, tilt, turn } = this;
    // a narrow picture shows the same breadth from farther off
    const away = this.distance * this.narrow(aspect);
    const low = Math.cos(tilt) * away;
    camera.position.set(target.x + Math.sin(turn) * low, target.y + Math.sin(tilt) * away, target.z + Math.cos(turn) * low);
    camera.position.y = Math.max(camera.position.y, this.hand.height(camera.position.x, camera.position.z) + 0.02 * away + 2);
    camera.near = away * 0.02;
    camera.far = away * 3 + 2 * this.width;
    camera.aspect = aspect;
    // of the ground the near half fills more of the picture than the far one; a herd stands in the middle
    camera.lookAt(target.x, target.y + (this.aim ?? -0.1 * low), target.z);
    camera.updateProjectionMatrix();
  }

  close(): void {
    this.off.abort();
  }
}
