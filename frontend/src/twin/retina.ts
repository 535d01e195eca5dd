/** What is done with light after it was drawn: laid flat, blurred by acuity, caught by receptors, shown in colours of ours (merian.twin.senses.seen). Shared by all eyes. */
import {
  GLSL3,
  HalfFloatType,
  type IUniform,
  type Matrix3,
  Mesh,
  OrthographicCamera,
  PlaneGeometry,
  ShaderMaterial,
  type Texture,
  Matrix3 as Turn,
  Vector2,
  Vector4,
  WebGLRenderTarget,
  type WebGLRenderer,
} from "three";

const BLUR_DEG = 0.4247;
/** A blur narrower than this is left out. */
const SHARP_PX = 0.5;
/** Widest Gaussian of one pass, pixels: wider ones take steps of more than a pixel. */
const TAPS = 24;

/** Standard deviation of the Gaussian that stands for an acuity (cycles per degree), degrees. */
export const blurDeg = (acuity: number): number => BLUR_DEG / acuity;

const FULL = `out vec2 vAt; void main() { vAt = uv; gl_Position = vec4(position.xy, 0.0, 1.0); }`;

const PROJECT = `
precision highp float;
uniform samplerCube uCube;
uniform vec2 uHalf;     // half the field across and up, radians
uniform mat3 uHead;     // right, up, ahead
uniform float uRound;   // 1: stereographic, else equal degrees
uniform float uHigh;    // half the strip's height, radians
uniform vec2 uCentre;   // the way that is the middle of a strip, radians across and up
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
    vec2 a = uCentre + p * uHalf;
    if (abs(a.y - uCentre.y) > uHigh) { result = vec4(0.0); return; }
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
uniform float uGain, uGrain, uSeed, uOval;
in vec2 vAt;
layout(location = 0) out vec4 result;
float dice(vec2 p) { return fract(sin(dot(p, vec2(12.9898, 78.233)) + uSeed) * 43758.5453); }
void main() {
  if (uOval > 0.5 && length(2.0 * vAt - 1.0) > 1.0) discard;
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

function pass(fragmentShader: string, uniforms: Record<string, IUniform>): ShaderMaterial {
  return new ShaderMaterial({ vertexShader: FULL, fragmentShader, uniforms, glslVersion: GLSL3, depthTest: false, depthWrite: false });
}

/** How a cube of pictures is laid flat. */
export interface Flat {
  /** Half the field across and up, radians. */
  half: [number, number];
  /** Columns: right, up, ahead. */
  head: Matrix3;
  /** As a fisheye sees, else equal degrees. */
  round: boolean;
  /** Half the height of a strip, radians. */
  high: number;
  /** The middle of a strip, radians across and up. */
  centre?: [number, number];
}
/** How light is caught and shown. */
export interface Caught {
  /** What each receptor catches of red, green, blue and ultraviolet; none for the light itself. */
  rows: number[][];
  gain: number;
  grain: number;
  seed: number;
  /** Whether the field is an oval in its picture. */
  oval?: boolean;
}
export interface Place {
  x: number;
  y: number;
  w: number;
  h: number;
}

export class Retina {
  /** The light (linear, ultraviolet as alpha) that is worked on: what is drawn goes here. */
  readonly targets = [0, 1].map((k) => new WebGLRenderTarget(1, 1, { type: HalfFloatType, samples: k ? 0 : 4 })) as [WebGLRenderTarget, WebGLRenderTarget];
  private readonly project = pass(PROJECT, { uCube: { value: null }, uHalf: { value: new Vector2() }, uHead: { value: new Turn() }, uRound: { value: 0 }, uHigh: { value: 1 }, uCentre: { value: new Vector2() } });
  private readonly blur = pass(BLUR, { uPicture: { value: null }, uStep: { value: new Vector2() }, uTaps: { value: 1 } });
  private readonly catches = pass(CATCH, {
    uPicture: { value: null },
    uRows: { value: [0, 1, 2, 3].map(() => new Vector4()) },
    uCount: { value: 0 },
    uGain: { value: 1 },
    uGrain: { value: 0 },
    uSeed: { value: 0 },
    uOval: { value: 0 },
  });
  private readonly flat = new OrthographicCamera(-1, 1, 1, -1, 0, 1);
  private readonly quad = new Mesh(new PlaneGeometry(2, 2));

  constructor(private readonly renderer: WebGLRenderer) {
    this.quad.frustumCulled = false;
  }

  size(w: number, h: number): void {
    for (const target of this.targets) target.setSize(w, h);
  }

  /** Take up light as it is. */
  load(picture: Texture): void {
    this.put(this.blur, { uPicture: picture, uTaps: 0.01 });
    this.run(this.blur, this.targets[0]);
  }

  /** Lay a cube of pictures flat. */
  lay(cube: Texture, { half, head, round, high, centre }: Flat): void {
    const { uHalf, uHead, uCentre } = this.project.uniforms as Record<string, IUniform>;
    ((uHalf as IUniform).value as Vector2).set(...half);
    ((uHead as IUniform).value as Matrix3).copy(head);
    ((uCentre as IUniform).value as Vector2).set(...(centre ?? [0, 0]));
    this.put(this.project, { uCube: cube, uRound: round ? 1 : 0, uHigh: high });
    this.run(this.project, this.targets[0]);
  }

  /** Blur by so many pixels. */
  soften(sigma: number): void {
    if (sigma < SHARP_PX) return;
    const { width, height } = this.targets[0];
    const step = Math.max(1, (3 * sigma) / TAPS);
    const uStep = this.blur.uniforms["uStep"] as IUniform;
    for (const [from, to, x, y] of [[0, 1, step / width, 0], [1, 0, 0, step / height]] as const) {
      this.put(this.blur, { uPicture: this.targets[from].texture, uTaps: sigma / step });
      (uStep.value as Vector2).set(x, y);
      this.run(this.blur, this.targets[to]);
    }
  }

  /** Show what receptors catch: on the screen, at a place of it, or in a picture. */
  show({ rows, gain, grain, seed, oval }: Caught, to: WebGLRenderTarget | null = null, place: Place | null = null): void {
    const uRows = this.catches.uniforms["uRows"] as IUniform;
    (uRows.value as Vector4[]).forEach((row, k) => row.fromArray(rows[k] ?? [0, 0, 0, 0]));
    this.put(this.catches, { uPicture: this.targets[0].texture, uCount: rows.length, uGain: gain, uGrain: grain, uSeed: (seed % 60) * 0.17, uOval: oval ? 1 : 0 });
    this.run(this.catches, to, place);
  }

  private put(material: ShaderMaterial, values: Record<string, unknown>): void {
    for (const [name, value] of Object.entries(values)) (material.uniforms[name] as IUniform).value = value;
  }

  private run(material: ShaderMaterial, target: WebGLRenderTarget | null, place: Place | null = null): void {
    this.quad.material = material;
    this.renderer.setRenderTarget(target);
    if (!target) {
      const size = this.renderer.getSize(new Vector2());
      const { x, y, w, h } = place ?? { x: 0, y: 0, w: size.x, h: size.y };
      this.renderer.setViewport(x, y, w, h);
    }
    this.renderer.render(this.quad, this.flat);
  }

  close(): void {
    for (const target of this.targets) target.dispose();
    for (const material of [this.project, this.blur, this.catches]) material.dispose();
    this.quad.geometry.dispose();
  }
}
