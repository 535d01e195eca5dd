/** Eight eyes at once: each pair of the table as a piece of the sphere, blurred by its acuity, caught by its receptors, laid at its own place and on the panorama of all. */
import { Matrix3, PerspectiveCamera, Vector3, WebGLRenderer } from "three";
import { Around, type Optics } from "../eyes";
import type { Pair } from "../frames";
import { Retina, blurDeg } from "../retina";
import { Micro, barkHeight } from "./bark";

const DEGREE = Math.PI / 180;
/** Height of the eyes over the bark, and the nearest that is drawn: 3 mm and 0.1 mm. */
const EYE_CM = 0.3;
const NEAR_CM = 0.01;
const FAR_CM = 900;
const CUBE_PX = 512;
/** Exposure of the scene. From taste. */
const GAIN = 0.55;
/** Pixels of a finest stripe: two are needed, four are smooth. */
const FINE = 4;
/** Widest turn of the panorama, degrees, and how high it is. */
export const WIDE_DEG = 360;
export const HIGH_DEG = 140;
const SLOW_MS = 90;

export interface Eye {
  pair: number;
  /** -1 left, 1 right. */
  side: -1 | 1;
  /** Right of straight ahead and up, degrees: the middle of its field. */
  ahead: number;
  up: number;
  wide: number;
  high: number;
  acuity: number;
  colour: boolean;
  scans: number;
}

/** The eyes of a species with pairs: the left ones mirrored, the widest first, so that sharper ones are laid over them. Of a pair that scans the two fields lie side by side. */
export function eyesIn(pairs: Pair[]): Eye[] {
  const all = pairs.flatMap((pair, k) =>
    ([-1, 1] as const).map((side) => ({
      pair: k,
      side,
      ahead: side * (pair.scans_deg ? pair.wide_deg / 2 : pair.ahead_deg),
      up: pair.up_deg,
      wide: pair.wide_deg,
      high: pair.high_deg,
      acuity: pair.acuity_cpd,
      colour: pair.colour,
      scans: pair.scans_deg,
    })),
  );
  return all.toSorted((a, b) => a.acuity - b.acuity || b.wide - a.wide);
}

export class Eight {
  readonly micro = new Micro();
  readonly eyes: Eye[];
  /** Where the spider looks: its body (radians from +x towards +z), and its scanning retinas (degrees right and up of it). */
  body = -0.32;
  readonly scan = { right: 0, up: 0 };
  paused = false;
  /** Frames drawn, and seconds of the scene. */
  readonly drawn = { frames: 0, time: 0 };
  private readonly renderer: WebGLRenderer;
  private readonly around: Around;
  private readonly retina: Retina;
  private readonly straight = new PerspectiveCamera();
  private readonly place = new Vector3(0, barkHeight(0, 0) + EYE_CM, 0);
  private frame = 0;
  private rest = 0;
  private last = 0;

  /** Throws where the browser has no WebGL 2. `slots`: where each eye is drawn, and last the panorama. */
  constructor(
    private readonly element: HTMLElement,
    private readonly optics: Optics,
    private readonly slots: () => HTMLElement[],
    private readonly told: (fly: { right: number; away: number; walks: boolean }) => void,
  ) {
    this.renderer = new WebGLRenderer({ antialias: false, alpha: true, premultipliedAlpha: false });
    this.renderer.autoClear = true;
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    element.prepend(this.renderer.domElement);
    this.eyes = eyesIn(optics.pairs);
    this.around = new Around(this.renderer, CUBE_PX, NEAR_CM, FAR_CM);
    this.retina = new Retina(this.renderer);
    this.last = performance.now();
    this.frame = requestAnimationFrame((now) => this.loop(now));
  }

  /** Turn the scanning retinas; as far as they go. */
  steer(right: number, up: number): void {
    const most = Math.max(...this.eyes.map((eye) => eye.scans), 0);
    this.scan.right = Math.min(Math.max(this.scan.right + right, -most), most);
    this.scan.up = Math.min(Math.max(this.scan.up + up, -most), most);
  }

  /** Turn the body. */
  turn(by: number): void {
    this.body += by;
  }

  /** Where the fly is: degrees right of straight ahead, centimetres off. */
  get fly(): { right: number; away: number; walks: boolean } {
    const { x, z, walks } = this.micro.fly;
    const turn = Math.atan2(z, x) - this.body;
    return { right: (Math.atan2(Math.sin(turn), Math.cos(turn)) * 180) / Math.PI, away: Math.hypot(x, z), walks };
  }

  /** Turn the body so that what moved lies ahead, as a spider does before it looks closely. */
  face(): void {
    this.body += this.fly.right * DEGREE;
    this.steer(-this.scan.right, -this.scan.up);
  }

  /** One step of the scene by hand. */
  tick(seconds: number): void {
    this.drawn.time += seconds;
    this.micro.step(seconds, this.drawn.time);
  }

  private loop(now: number): void {
    const took = now - this.last;
    const seconds = Math.min(took / 1000, 0.1);
    if (!this.paused && !document.hidden) this.tick(seconds);
    if (!document.hidden) this.draw();
    this.drawn.frames++;
    this.told(this.fly);
    const draw = (): void => {
      this.last = performance.now();
      this.frame = requestAnimationFrame((next) => this.loop(next));
    };
    // a slow machine is left as much time as a picture takes; a still scene needs few
    if (took < SLOW_MS && !this.paused) draw();
    else this.rest = window.setTimeout(draw, Math.min(Math.max(took, this.paused ? 120 : 0), 2000));
  }

  private draw(): void {
    const { renderer, element } = this;
    const { clientWidth: wide, clientHeight: high } = element;
    if (!wide || !high) return;
    renderer.setScissorTest(false);
    const size = renderer.domElement;
    const ratio = renderer.getPixelRatio();
    if (size.width !== Math.floor(wide * ratio) || size.height !== Math.floor(high * ratio)) renderer.setSize(wide, high, false);
    this.around.draw(this.micro.scene, this.place);
    renderer.setRenderTarget(null);
    renderer.setClearColor(0, 0);
    renderer.clear();
    const box = element.getBoundingClientRect();
    const slots = this.slots().map((slot) => {
      const own = slot.getBoundingClientRect();
      return { x: own.left - box.left, y: box.bottom - own.bottom, w: own.width, h: own.height };
    });
    const all = slots.at(-1);
    if (!all) return;
    renderer.autoClear = true;
    for (const [k, eye] of this.eyes.entries()) {
      const own = slots[k];
      if (!own) continue;
      const [right, up] = [eye.ahead + (eye.scans ? this.scan.right : 0), eye.up + (eye.scans ? this.scan.up : 0)];
      const per = FINE * eye.acuity;
      this.retina.size(Math.max(Math.round(eye.wide * per), 8), Math.max(Math.round(eye.high * per), 8));
      if (eye.scans) this.sharp(eye, right, up);
      else this.wide(eye, right, up);
      this.retina.soften(blurDeg(eye.acuity) * per);
      const rows = eye.colour ? this.optics.matrix : [this.optics.matrix.at(-1) as number[]];
      const caught = { rows, gain: GAIN, grain: 0, seed: 0, oval: !eye.scans };
      renderer.autoClear = false;
      this.retina.show(caught, null, own);
      const [w, h] = [(all.w * eye.wide) / WIDE_DEG, (all.h * eye.high) / HIGH_DEG];
      const [x, y] = [all.x + all.w * (0.5 + right / WIDE_DEG) - w / 2, all.y + all.h * (0.5 + up / HIGH_DEG) - h / 2];
      renderer.setScissorTest(true);
      renderer.setScissor(all.x, all.y, all.w, all.h);
      this.retina.show(caught, null, { x, y, w, h });
      // what lies beyond the panorama's edge comes in at the other
      for (const by of [-1, 1]) if (x + by * all.w < all.x + all.w && x + by * all.w + w > all.x) this.retina.show(caught, null, { x: x + by * all.w, y, w, h });
      renderer.setScissorTest(false);
      renderer.autoClear = true;
    }
  }

  /** A wide eye: its piece of the sphere, from the pictures all around. */
  private wide(eye: Eye, right: number, up: number): void {
    const [c, s] = [Math.cos(this.body), Math.sin(this.body)];
    this.retina.lay(this.around.cube.texture, {
      half: [(eye.wide / 2) * DEGREE, (eye.high / 2) * DEGREE],
      // columns: right, up, ahead of the body
      head: new Matrix3(-s, 0, c, 0, 1, 0, c, 0, s),
      round: false,
      high: Math.PI,
      centre: [right * DEGREE, up * DEGREE],
    });
  }

  /** A narrow eye: drawn straight, as sharply as it sees. */
  private sharp(eye: Eye, right: number, up: number): void {
    const { straight: camera } = this;
    const [yaw, pitch] = [this.body + right * DEGREE, up * DEGREE];
    camera.position.copy(this.place);
    camera.fov = eye.high;
    Object.assign(camera, { aspect: Math.tan((eye.wide / 2) * DEGREE) / Math.tan((eye.high / 2) * DEGREE), near: NEAR_CM, far: FAR_CM });
    camera.lookAt(this.place.x + Math.cos(yaw) * Math.cos(pitch), this.place.y + Math.sin(pitch), this.place.z + Math.sin(yaw) * Math.cos(pitch));
    camera.updateProjectionMatrix();
    this.renderer.setRenderTarget(this.retina.targets[0]);
    this.renderer.render(this.micro.scene, camera);
  }

  close(): void {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.rest);
    this.micro.close();
    this.around.close();
    this.retina.close();
    this.renderer.dispose();
    this.renderer.domElement.remove();
  }
}
