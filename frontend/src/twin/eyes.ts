/** The view through an animal's eyes: its field on a flat picture, its blur, what its receptors catch, in colours of ours. As merian.twin.senses.seen does it. */
import { CubeCamera, HalfFloatType, LinearFilter, Matrix3, PerspectiveCamera, RGBAFormat, type Scene, type Vector3, WebGLCubeRenderTarget, type WebGLRenderTarget, type WebGLRenderer } from "three";
import { FLAT_DEG, ROUND_DEG, spreadOf } from "./field";
import type { Eyes } from "./frames";
import { Retina, blurDeg } from "./retina";
import type { Light } from "./scene";

/** What the server adds to the optics: acuity by light, the row of the rods, how colours are translated. */
export interface Optics extends Eyes {
  acuity: Record<Light, number>;
  rod: number[];
  translation: string;
}

/** A strip is not higher than this, degrees. */
const HIGH_DEG = 140;
const CUBE_PX = 1024;
const HUMAN = "Homo sapiens";

/** Exposure of the twin's own scenes (from taste), and photons of a white on a patch that a human eye tells apart (merian.twin.senses.optics), by light. */
const GAIN: Record<Light, number> = { day: 0.5, twilight: 0.75, night: 2.6 };
const PHOTONS: Record<Light, number> = { day: Number.POSITIVE_INFINITY, twilight: 1000, night: 80 };

/** The receptors that see in a light; none for human eyes by day, who see the light itself. */
export function rowsOf(eyes: Optics, light: Light): number[][] {
  if (light === "night" && eyes.rods) return [eyes.rod];
  return eyes.name === HUMAN ? [] : eyes.matrix;
}

/** Columns right, up, ahead of a head that looks that way: yaw (radians clockwise from east), pitch. */
export function headOf(yaw: number, pitch: number): Matrix3 {
  const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
  return new Matrix3(-sy, -cy * sp, cy * cp, 0, cp, sp, cy, -sy * sp, sy * cp);
}

/** Pictures all around a place, as light. */
export class Around {
  readonly cube: WebGLCubeRenderTarget;
  private readonly six: CubeCamera;

  constructor(
    private readonly renderer: WebGLRenderer,
    px: number,
    near: number,
    far: number,
  ) {
    this.cube = new WebGLCubeRenderTarget(px, { type: HalfFloatType, format: RGBAFormat, minFilter: LinearFilter, magFilter: LinearFilter });
    this.six = new CubeCamera(near, far, this.cube);
  }

  draw(scene: Scene, place: Vector3): void {
    this.six.position.copy(place);
    this.six.update(this.renderer, scene);
  }

  close(): void {
    this.cube.dispose();
  }
}

export class EyeView {
  private readonly around: Around;
  private readonly straight = new PerspectiveCamera();
  private readonly retina: Retina;

  constructor(private readonly renderer: WebGLRenderer) {
    this.around = new Around(renderer, CUBE_PX, 0.03, 60_000);
    this.retina = new Retina(renderer);
  }

  /** Draw what an animal sees from a place: yaw (radians clockwise from east), pitch. */
  draw(scene: Scene, looking: { eyes: Eyes; light: Light; zoom: number }, place: Vector3, yaw: number, pitch: number, wide: number, high: number, seed: number, to: WebGLRenderTarget | null = null): void {
    const { renderer, retina } = this;
    const eyes = looking.eyes as Optics;
    const ratio = to ? 1 : renderer.getPixelRatio();
    const [w, h] = [Math.round(wide * ratio), Math.round(high * ratio)];
    retina.size(w, h);
    renderer.setScissorTest(false);
    renderer.autoClear = true;
    const field = (eyes.facts["field_deg"]?.value as number) / looking.zoom;
    if (field <= FLAT_DEG) this.asPhoto(scene, place, yaw, pitch, field, w / h);
    else {
      const half = (field * Math.PI) / 360;
      this.around.draw(scene, place);
      retina.lay(this.around.cube.texture, { half: [half, (half * h) / w], head: headOf(yaw, pitch), round: field <= ROUND_DEG, high: (HIGH_DEG * Math.PI) / 360 });
    }
    // pixels of a degree straight ahead
    const perDegree = ((w / 2) * Math.PI) / 180 / spreadOf(field);
    retina.soften(blurDeg(eyes.acuity[looking.light]) * perDegree);
    const { light } = looking;
    const dim = light === "day" ? 1 : ((eyes.facts["dim"]?.value as number | undefined) ?? 1);
    retina.show({ rows: rowsOf(eyes, light), gain: GAIN[light] * Math.min(dim, 8) ** 0.5, grain: 1 / Math.sqrt(PHOTONS[light] * dim), seed }, to);
    renderer.autoClear = false;
  }

  /** Pixels a radian straight ahead with which the landscape is drawn for eyes, on a picture so many pixels wide. */
  focal(looking: { eyes: Eyes; zoom: number }, wide: number): number {
    const field = (looking.eyes.facts["field_deg"]?.value as number) / looking.zoom;
    return field <= FLAT_DEG ? (wide * this.renderer.getPixelRatio()) / 2 / spreadOf(field) : CUBE_PX / 2;
  }

  private asPhoto(scene: Scene, place: Vector3, yaw: number, pitch: number, field: number, aspect: number): void {
    const { straight: camera } = this;
    camera.position.copy(place);
    camera.fov = (360 / Math.PI) * Math.atan(Math.tan((field * Math.PI) / 360) / aspect);
    Object.assign(camera, { aspect, near: 0.03, far: 60_000 });
    camera.lookAt(place.x + Math.cos(yaw) * Math.cos(pitch), place.y + Math.sin(pitch), place.z + Math.sin(yaw) * Math.cos(pitch));
    camera.updateProjectionMatrix();
    this.renderer.setRenderTarget(this.retina.targets[0]);
    this.renderer.render(scene, camera);
  }

  close(): void {
    this.around.close();
    this.retina.close();
  }
}
