/** The view through an animal's eyes: its field on a flat picture, its blur, what its receptors catch, in colours of ours. As merian.twin.senses.seen does it. */
import {
  CubeCamera,
  GLSL3,
  HalfFloatType,
  type IUniform,
  LinearFilter,
  Matrix3,
  Mesh,
  OrthographicCamera,
  PerspectiveCamera,
  PlaneGeometry,
  RGBAFormat,
  type Scene,
  ShaderMaterial,
  Vector2,
  type Vector3,
  Vector4,
  WebGLCubeRenderTarget,
  WebGLRenderTarget,
  type WebGLRenderer,
} from "three";
import type { Eyes } from "./frames";
import type { Light } from "./scene";

/** What the server adds to the optics: acuity by light, the row of the rods, how colours are translated. */
export interface Optics extends Eyes {
  acuity: Record<Light, number>;
  rod: number[];
  translation: string;
}

/** Widest field that is drawn as a photo, and as by a fisheye; beyond, a strip of equal degrees (merian.twin.senses.optics). */
const FLAT_DEG = 120;
const ROUND_DEG = 200;
/** A strip is not higher than this, degrees. */
const HIGH_DEG = 140;
const BLUR_DEG = 0.4247;
const SHARP_PX = 0.5;
/** Widest Gaussian of one pass, pixels: wider ones take steps of more than a pixel. */
const TAPS = 24;
const CUBE_PX = 1024;
const HUMAN = "Homo sapiens";

export const blurDeg = (acuity: number): number => BLUR_DEG / acuity;

const FULL = `out vec2 vAt; void main() { vAt = uv; gl_Position = vec4(position.xy, 0.0, 1.0); }`;

const PROJECT = `
precision highp float;
uniform samplerCube uCube;
uniform vec2 uHalf;     // half the field across and up, radians
uniform mat3 uHead;     // right, up, ahead
uniform float uRound;   // 1: stereographic, else equal degrees
uniform float uHigh;    // half the strip's height, radians
in vec2 vAt;
layout(location = 0) out vec4 result;
void main() {
  vec2 p = 2.0 * vAt - 1.0;
  vec3 way;
  if (uRound > 0.5) {
    vec2 q = p * vec2(1.0, uHalf.y / uHalf.x) * tan(uHalf.x / 2.0);
    float away = 2.0 * atan(length(q));
    way = vec3(sin(away) * (length(q) > 0.0 ? normalize(q) : vec2(0.0)), cos(away));
    if (away > uHalf.x) { result = vec4(0.0); return; }
  } else {
    vec2 a = p * uHalf;
    if (abs(a.y) > uHigh) { result = vec4(0.0); return; }
    way = vec3(cos(a.y) * sin(a.x), sin(a.y), cos(a.y) * cos(a.x));
  }
  result = textureLod(uCube, uHead * way, 0.0);
}`;

const BLUR = `
precision highp float;
uniform sampler2D uPicture;
uniform vec2 uStep;      // one tap, in the picture
uniform float uTaps;     // deviation, in taps
in vec2 vAt;
layout(location = 0) out vec4 result;
void main() {
  vec4 sum = texture(uPicture, vAt);
  float all = 1.0;
  for (int k = 1; k <= ${TAPS}; k++) {
    float by = exp(-0.5 * float(k * k) / (uTaps * uTaps));
    if (by < 0.003) break;
    sum += by * (texture(uPicture, vAt + float(k) * uStep) + texture(uPicture, vAt - float(k) * uStep));
    all += 2.0 * by;
  }
  result = sum / all;
}`;

const CATCH = `
precision highp float;
uniform sampler2D uPicture;
uniform vec4 uRows[4];   // what each receptor catches of red, green, blue and ultraviolet
uniform int uCount;      // 0: the light itself
uniform float uGain, uGrain, uSeed;
in vec2 vAt;
layout(location = 0) out vec4 result;
float dice(vec2 p) { return fract(sin(dot(p, vec2(12.9898, 78.233)) + uSeed) * 43758.5453); }
void main() {
  vec4 light = max(texture(uPicture, vAt), 0.0) * uGain;
  vec4 q = vec4(dot(uRows[0], light), dot(uRows[1], light), dot(uRows[2], light), dot(uRows[3], light));
  vec3 shown = light.rgb;
  if (uCount == 1) shown = q.xxx;
  else if (uCount == 2) shown = q.yyx;
  else if (uCount == 3) shown = q.zyx;
  else if (uCount == 4) {
    shown = q.wzy;
    shown.rb += max(q.x - (q.y + q.z + q.w) / 3.0, 0.0);
  }
  if (uGrain > 0.0) { // photons that are few: their count scatters as its root
    float white = dice(gl_FragCoord.xy) + dice(gl_FragCoord.yx + 17.0) + dice(gl_FragCoord.xy + 43.0) - 1.5;
    shown = max(shown + white * 2.0 * sqrt(max(shown, 0.002)) * uGrain, 0.0);
  }
  shown = min(shown, 1.0);
  result = vec4(mix(12.92 * shown, 1.055 * pow(shown, vec3(1.0 / 2.4)) - 0.055, step(0.0031308, shown)), 1.0);
}`;

/** Exposure and photons of a white on a patch that a human eye tells apart (merian.twin.senses.optics), by light. */
const GAIN: Record<Light, number> = { day: 0.5, twilight: 0.75, night: 2.6 };
const PHOTONS: Record<Light, number> = { day: Number.POSITIVE_INFINITY, twilight: 1000, night: 80 };

function pass(fragmentShader: string, uniforms: Record<string, IUniform>): ShaderMaterial {
  return new ShaderMaterial({ vertexShader: FULL, fragmentShader, uniforms, glslVersion: GLSL3, depthTest: false, depthWrite: false });
}

export class EyeView {
  private readonly cube = new WebGLCubeRenderTarget(CUBE_PX, { type: HalfFloatType, format: RGBAFormat, minFilter: LinearFilter, magFilter: LinearFilter });
  private readonly six = new CubeCamera(0.03, 60_000, this.cube);
  private readonly straight = new PerspectiveCamera();
  private readonly flat = new OrthographicCamera(-1, 1, 1, -1, 0, 1);
  private readonly targets = [0, 1].map((k) => new WebGLRenderTarget(1, 1, { type: HalfFloatType, samples: k ? 0 : 4 })) as [WebGLRenderTarget, WebGLRenderTarget];
  private readonly project = pass(PROJECT, { uCube: { value: null }, uHalf: { value: new Vector2() }, uHead: { value: new Matrix3() }, uRound: { value: 0 }, uHigh: { value: 1 } });
  private readonly blur = pass(BLUR, { uPicture: { value: null }, uStep: { value: new Vector2() }, uTaps: { value: 1 } });
  private readonly catches = pass(CATCH, {
    uPicture: { value: null },
    uRows: { value: [0, 1, 2, 3].map(() => new Vector4()) },
    uCount: { value: 0 },
    uGain: { value: 1 },
    uGrain: { value: 0 },
    uSeed: { value: 0 },
  });
  private readonly quad = new Mesh(new PlaneGeometry(2, 2));

  constructor(private readonly renderer: WebGLRenderer) {
    this.quad.frustumCulled = false;
  }

  /** Draw what an animal sees from a place: yaw (radians clockwise from east), pitch. */
  draw(scene: Scene, looking: { eyes: Eyes; light: Light; zoom: number }, place: Vector3, yaw: number, pitch: number, wide: number, high: number, seed: number): void {
    const { renderer } = this;
    const eyes = looking.eyes as Optics;
    const ratio = renderer.getPixelRatio();
    const [w, h] = [Math.round(wide * ratio), Math.round(high * ratio)];
    for (const target of this.targets) target.setSize(w, h);
    renderer.setScissorTest(false);
    renderer.autoClear = true;
    const field = (eyes.facts["field_deg"]?.value as number) / looking.zoom;
    if (field <= FLAT_DEG) this.asPhoto(scene, place, yaw, pitch, field, w / h);
    else this.asStrip(scene, place, yaw, pitch, field, w / h);
    // pixels of a degree straight ahead
    const half = (field * Math.PI) / 360;
    const spread = field <= FLAT_DEG ? Math.tan(half) : field <= ROUND_DEG ? 2 * Math.tan(half / 2) : half;
    const sigma = (blurDeg(eyes.acuity[looking.light]) * (w / 2) * Math.PI) / 180 / spread;
    if (sigma >= SHARP_PX) this.soften(sigma, w, h);
    this.show(eyes, looking.light, seed);
    renderer.autoClear = false;
  }

  private asPhoto(scene: Scene, place: Vector3, yaw: number, pitch: number, field: number, aspect: number): void {
    const { straight: camera } = this;
    camera.position.copy(place);
    camera.fov = (360 / Math.PI) * Math.atan(Math.tan((field * Math.PI) / 360) / aspect);
    Object.assign(camera, { aspect, near: 0.03, far: 60_000 });
    camera.lookAt(place.x + Math.cos(yaw) * Math.cos(pitch), place.y + Math.sin(pitch), place.z + Math.sin(yaw) * Math.cos(pitch));
    camera.updateProjectionMatrix();
    this.renderer.setRenderTarget(this.targets[0]);
    this.renderer.render(scene, camera);
  }

  private asStrip(scene: Scene, place: Vector3, yaw: number, pitch: number, field: number, aspect: number): void {
    this.six.position.copy(place);
    this.six.update(this.renderer, scene);
    const { uCube, uHalf, uHead, uRound, uHigh } = this.project.uniforms as Record<string, IUniform>;
    const half = (field * Math.PI) / 360;
    const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
    (uCube as IUniform).value = this.cube.texture;
    ((uHalf as IUniform).value as Vector2).set(half, half / aspect);
    // columns: right, up, ahead
    ((uHead as IUniform).value as Matrix3).set(-sy, -cy * sp, cy * cp, 0, cp, sp, cy, -sy * sp, sy * cp);
    (uRound as IUniform).value = field <= ROUND_DEG ? 1 : 0;
    (uHigh as IUniform).value = (HIGH_DEG * Math.PI) / 360;
    this.run(this.project, this.targets[0]);
  }

  private soften(sigma: number, w: number, h: number): void {
    const { uPicture, uStep, uTaps } = this.blur.uniforms as Record<string, IUniform>;
    const step = Math.max(1, (3 * sigma) / TAPS);
    (uTaps as IUniform).value = sigma / step;
    for (const [from, to, x, y] of [[0, 1, step / w, 0], [1, 0, 0, step / h]] as const) {
      (uPicture as IUniform).value = this.targets[from].texture;
      ((uStep as IUniform).value as Vector2).set(x, y);
      this.run(this.blur, this.targets[to]);
    }
  }

  private show(eyes: Optics, light: Light, seed: number): void {
    const { uPicture, uRows, uCount, uGain, uGrain, uSeed } = this.catches.uniforms as Record<string, IUniform>;
    const byRods = light === "night" && eyes.rods;
    const rows = byRods ? [eyes.rod] : eyes.matrix;
    ((uRows as IUniform).value as Vector4[]).forEach((row, k) => row.fromArray(rows[k] ?? [0, 0, 0, 0]));
    (uPicture as IUniform).value = this.targets[0].texture;
    (uCount as IUniform).value = eyes.name === HUMAN && !byRods ? 0 : rows.length;
    const dim = light === "day" ? 1 : ((eyes.facts["dim"]?.value as number | undefined) ?? 1);
    (uGain as IUniform).value = GAIN[light] * Math.min(dim, 8) ** 0.5;
    (uGrain as IUniform).value = 1 / Math.sqrt(PHOTONS[light] * dim);
    (uSeed as IUniform).value = (seed % 60) * 0.17;
    this.run(this.catches, null);
  }

  private run(material: ShaderMaterial, target: WebGLRenderTarget | null): void {
    this.quad.material = material;
    this.renderer.setRenderTarget(target);
    if (!target) {
      const size = this.renderer.getSize(new Vector2());
      this.renderer.setViewport(0, 0, size.x, size.y);
    }
    this.renderer.render(this.quad, this.flat);
  }

  close(): void {
    this.cube.dispose();
    for (const target of this.targets) target.dispose();
    for (const material of [this.project, this.blur, this.catches]) material.dispose();
    this.quad.geometry.dispose();
  }
}
