/** The micro-scene of a jumping spider: a leaning scratching post, litter and grass below it, a flower, a fly that walks. A unit is a centimetre (the world a hundred times as large). */
import { BufferGeometry, DoubleSide, Float32BufferAttribute, GLSL3, type IUniform, InstancedBufferAttribute, InstancedBufferGeometry, Mesh, Scene, ShaderMaterial, SphereGeometry, Vector3 } from "three";
import { chance } from "../herds";
import { BARK_FRAGMENT, BLADE_VERTEX, MICRO_SKY_FRAGMENT, MICRO_SKY_VERTEX, PLAIN_VERTEX, TINT_FRAGMENT } from "./shaders";

/** Half the length and breadth of the post that is drawn, and its radius, centimetres. */
const LONG = 26;
const BROAD = 11;
const RADIUS = 9;
/** How deep the litter lies below the post's crest. */
const FALL = 7;

const fract = (x: number): number => x - Math.floor(x);
const dice = (x: number, y: number): number => fract(Math.sin(x * 127.1 + y * 311.7) * 43758.5453);

function noise(x: number, y: number): number {
  const [i, j] = [Math.floor(x), Math.floor(y)];
  const soft = (f: number): number => f * f * (3 - 2 * f);
  const [f, g] = [soft(x - i), soft(y - j)];
  const mix = (a: number, b: number, by: number): number => a + (b - a) * by;
  return mix(mix(dice(i, j), dice(i + 1, j), f), mix(dice(i, j + 1), dice(i + 1, j + 1), f), g);
}

/** Height of the bark's surface above its crest's middle: a round post with furrows along it. */
export function barkHeight(x: number, z: number): number {
  const round = Math.sqrt(Math.max(RADIUS * RADIUS - z * z, 0)) - RADIUS;
  const warp = 1.6 * noise(x * 0.18, z * 0.4);
  const ridge = 1 - Math.abs(2 * noise(x * 0.16 + 7, z * 1.1 + warp) - 1);
  const cracks = 0.9 * ridge ** 3 + 0.12 * noise(x * 2.1, z * 3.3) + 0.05 * noise(x * 7, z * 9);
  // where the spider stands it is smooth
  const near = Math.min(Math.hypot(x, z) / 1.2, 1);
  return round - cracks * (0.25 + 0.75 * near) * 0.8 + 0.1;
}

export interface Fly {
  x: number;
  z: number;
  /** The way it faces, radians from +x towards +z. */
  turn: number;
  walks: boolean;
}

export class Micro {
  readonly scene = new Scene();
  readonly fly: Fly = { x: 7, z: -2.5, turn: 2.2, walks: true };
  readonly uniforms: Record<string, IUniform> = {
    uTime: { value: 0 },
    uSun: { value: new Vector3(0.35, 0.75, -0.45).normalize() },
    uSunLight: { value: new Vector3(1.8, 1.68, 1.45) },
    uSkyLight: { value: new Vector3(0.62, 0.72, 0.9) },
    uHaze: { value: new Vector3(0.5, 0.58, 0.5) },
  };
  private readonly made: { dispose(): void }[] = [];
  private readonly body: Mesh;
  private readonly legs: Mesh;
  private leg = 0;

  constructor() {
    this.add(surface(), PLAIN_VERTEX, BARK_FRAGMENT);
    this.add(new SphereGeometry(400, 24, 12), MICRO_SKY_VERTEX, MICRO_SKY_FRAGMENT);
    this.add(litter(), PLAIN_VERTEX, TINT_FRAGMENT);
    this.add(blades(), BLADE_VERTEX, TINT_FRAGMENT);
    this.add(leaves(), PLAIN_VERTEX, TINT_FRAGMENT);
    this.add(flowers(), PLAIN_VERTEX, TINT_FRAGMENT);
    this.body = this.add(flyBody(), PLAIN_VERTEX, TINT_FRAGMENT);
    this.legs = this.add(flyLegs(), PLAIN_VERTEX, TINT_FRAGMENT);
    this.step(0, 0);
  }

  private add(geometry: BufferGeometry, vertexShader: string, fragmentShader: string): Mesh {
    const material = new ShaderMaterial({ vertexShader, fragmentShader, uniforms: this.uniforms, glslVersion: GLSL3, side: DoubleSide });
    const mesh = new Mesh(geometry, material);
    mesh.frustumCulled = geometry.boundingSphere !== null;
    this.scene.add(mesh);
    this.made.push(geometry, material);
    return mesh;
  }

  /** Let some seconds pass at a time since the start: the fly walks, stops, turns. */
  step(seconds: number, time: number): void {
    (this.uniforms["uTime"] as IUniform).value = time;
    const { fly } = this;
    // it walks for three seconds of five
    fly.walks = time % 5 < 3;
    if (fly.walks) {
      const home = Math.atan2(-fly.z, 8 - fly.x);
      const away = Math.hypot(fly.x - 8, fly.z * 1.6);
      const turn = away > 4.5 ? 1.6 * Math.sin(home - fly.turn) : 1.4 * (noise(time * 0.7, 3) - 0.5);
      fly.turn += turn * seconds;
      fly.x += Math.cos(fly.turn) * 1.3 * seconds;
      fly.z += Math.sin(fly.turn) * 1.3 * seconds;
      this.leg += 26 * seconds;
    }
    const y = barkHeight(fly.x, fly.z);
    for (const mesh of [this.body, this.legs]) {
      mesh.position.set(fly.x, y + 0.02, fly.z);
      mesh.rotation.set(0, -fly.turn, 0);
    }
    this.legs.rotation.y += 0.09 * Math.sin(this.leg);
  }

  close(): void {
    for (const one of this.made) one.dispose();
  }
}

/** Corners with a colour (linear, ultraviolet as the fourth). */
class Maker {
  private readonly places: number[] = [];
  private readonly tints: number[] = [];

  face(tint: readonly number[], ...corners: (readonly number[])[]): void {
    for (let k = 2; k < corners.length; k++) {
      for (const corner of [corners[0], corners[k - 1], corners[k]] as (readonly number[])[]) {
        this.places.push(...corner);
        this.tints.push(...tint);
      }
    }
  }

  /** An ellipsoid about a middle. */
  ball(tint: readonly number[], [x, y, z]: readonly [number, number, number], [a, b, c]: readonly [number, number, number], n = 10): void {
    const at = (i: number, j: number): number[] => {
      const [u, v] = [(2 * Math.PI * i) / n, Math.PI * (j / (n / 2) - 0.5)];
      return [x + a * Math.cos(v) * Math.cos(u), y + b * Math.sin(v), z + c * Math.cos(v) * Math.sin(u)];
    };
    for (let j = 0; j < n / 2; j++) for (let i = 0; i < n; i++) this.face(tint, at(i, j), at(i + 1, j), at(i + 1, j + 1), at(i, j + 1));
  }

  /** A thin limb. */
  limb(tint: readonly number[], a: readonly number[], b: readonly number[], thick: number): void {
    const [ax, ay, az, bx, by, bz] = [...a, ...b] as [number, number, number, number, number, number];
    this.face(tint, [ax - thick, ay, az], [ax + thick, ay, az], [bx + thick, by, bz], [bx - thick, by, bz]);
    this.face(tint, [ax, ay, az - thick], [ax, ay, az + thick], [bx, by, bz + thick], [bx, by, bz - thick]);
  }

  made(): BufferGeometry {
    const geometry = new BufferGeometry();
    geometry.setAttribute("position", new Float32BufferAttribute(this.places, 3));
    geometry.setAttribute("tint", new Float32BufferAttribute(this.tints, 4));
    geometry.computeBoundingSphere();
    return geometry;
  }
}

/** The post's surface: finer near the spider, where a millimetre fills degrees. */
function surface(): BufferGeometry {
  const [nx, nz] = [190, 130];
  const places: number[] = [];
  const index: number[] = [];
  const bend = (s: number): number => Math.sign(s) * Math.abs(s) ** 1.8;
  for (let j = 0; j <= nz; j++) {
    for (let i = 0; i <= nx; i++) {
      const [x, z] = [LONG * bend((2 * i) / nx - 1), BROAD * bend((2 * j) / nz - 1) * 0.82];
      places.push(x, barkHeight(x, z), z);
      if (i < nx && j < nz) {
        const a = j * (nx + 1) + i;
        index.push(a, a + nx + 1, a + 1, a + 1, a + nx + 1, a + nx + 2);
      }
    }
  }
  const geometry = new BufferGeometry();
  geometry.setAttribute("position", new Float32BufferAttribute(places, 3));
  geometry.setAttribute("tint", new Float32BufferAttribute(new Float32Array((places.length / 3) * 4), 4));
  geometry.setIndex(index);
  return geometry;
}

const SOIL = [0.09, 0.065, 0.04, 0.05];
function litter(): BufferGeometry {
  const make = new Maker();
  make.face(SOIL, [-300, -FALL, -300], [300, -FALL, -300], [300, -FALL, 300], [-300, -FALL, 300]);
  return make.made();
}

/** Dead leaves on the ground, and some on the post: bent, brown to yellow. */
function leaves(): BufferGeometry {
  const make = new Maker();
  for (let k = 0; k < 420; k++) {
    const [a, b, c, d] = [chance(5 * k + 1), chance(5 * k + 2), chance(5 * k + 3), chance(5 * k + 4)] as [number, number, number, number];
    const far = 8 + 70 * b * b;
    const turn = 2 * Math.PI * a;
    const [x, z] = [far * Math.cos(turn), far * Math.sin(turn)];
    if (Math.abs(z) < 8) continue;
    const long = 2 + 3 * c;
    const warm = [0.2 + 0.26 * d, 0.1 + 0.18 * d * c, 0.03 + 0.05 * c, 0.06 + 0.1 * d];
    const dark = warm.map((value) => 0.6 * value);
    const spin = 6.28 * d;
    const at = (u: number, v: number, up: number): number[] => [x + long * (u * Math.cos(spin) - v * Math.sin(spin)), -FALL + 0.4 + up, z + long * (u * Math.sin(spin) + v * Math.cos(spin))];
    const lift = 0.4 + 0.8 * c;
    make.face(warm, at(-0.5, 0, 0), at(0, 0.22, lift), at(0.5, 0, 0.2));
    make.face(dark, at(-0.5, 0, 0), at(0.5, 0, 0.2), at(0, -0.22, lift * 0.6));
  }
  return make.made();
}

/** A few flowers beside the post: petals that throw back ultraviolet round a middle that takes it, as many flowers for insects do. */
function flowers(): BufferGeometry {
  const make = new Maker();
  const petal = [0.75, 0.6, 0.04, 0.55];
  const middle = [0.55, 0.34, 0.02, 0.03];
  const stalk = [0.08, 0.16, 0.03, 0.04];
  for (const [x, z, y, size] of [[9, 11, 0.5, 1.3], [14, -10.5, 2.2, 1.5], [4, -12, -1.5, 1.2], [20, 13, 1.8, 1.4]] as const) {
    make.limb(stalk, [x, -FALL, z], [x, y, z], 0.09);
    for (let k = 0; k < 13; k++) {
      const [a, b] = [(2 * Math.PI * k) / 13, (2 * Math.PI * (k + 0.8)) / 13];
      // turned towards the post, so that who sits on it sees the face
      const at = (turn: number, far: number): number[] => [x + far * Math.cos(turn), y + far * Math.sin(turn), z - Math.sign(z) * 0.35 * far];
      make.face(petal, at((a + b) / 2, size * 0.2), at(a, size * 0.75), at((a + b) / 2, size), at(b, size * 0.75));
    }
    make.ball(middle, [x, y, z], [size * 0.33, size * 0.33, size * 0.14]);
  }
  return make.made();
}

function flyBody(): BufferGeometry {
  const make = new Maker();
  make.ball([0.055, 0.06, 0.075, 0.03], [0.05, 0.2, 0], [0.19, 0.13, 0.14]);
  make.ball([0.04, 0.09, 0.075, 0.06], [-0.24, 0.17, 0], [0.22, 0.12, 0.14]);
  for (const side of [-1, 1]) {
    make.ball([0.24, 0.035, 0.02, 0.02], [0.27, 0.21, side * 0.075], [0.07, 0.09, 0.07]);
    make.face([0.42, 0.44, 0.46, 0.38], [0.06, 0.3, side * 0.07], [-0.2, 0.31, side * 0.26], [-0.55, 0.24, side * 0.2], [-0.45, 0.26, side * 0.06]);
  }
  return make.made();
}

function flyLegs(): BufferGeometry {
  const make = new Maker();
  const dark = [0.035, 0.035, 0.035, 0.02];
  for (const side of [-1, 1]) {
    for (const [k, reach] of [[0.16, 0.26], [0, 0], [-0.14, -0.24]] as const) {
      make.limb(dark, [k, 0.14, side * 0.08], [(k + reach) / 2, 0.22, side * 0.26], 0.013);
      make.limb(dark, [(k + reach) / 2, 0.22, side * 0.26], [reach, 0, side * 0.4], 0.01);
    }
  }
  return make.made();
}

/** Grass: blades that bend, thousands of them from one. */
function blades(): InstancedBufferGeometry {
  const geometry = new InstancedBufferGeometry();
  const [places, index]: [number[], number[]] = [[], []];
  for (let k = 0; k <= 6; k++) {
    const up = k / 6;
    const half = 0.5 * (1 - up ** 2);
    places.push(-half, up, 0, half, up, 0);
    if (k < 6) index.push(2 * k, 2 * k + 1, 2 * k + 2, 2 * k + 2, 2 * k + 1, 2 * k + 3);
  }
  geometry.setAttribute("position", new Float32BufferAttribute(places, 3));
  geometry.setIndex(index);
  const most = 1500;
  const where = new Float32Array(4 * most);
  const how = new Float32Array(4 * most);
  let count = 0;
  for (let k = 0; count < most && k < 4 * most; k++) {
    const far = 9 + 75 * chance(7 * k + 1) ** 1.7;
    const turn = 2 * Math.PI * chance(7 * k + 2);
    const [x, z] = [far * Math.cos(turn), far * Math.sin(turn)];
    if (Math.abs(z) < 9 && Math.abs(x) < LONG + 4) continue;
    where.set([x, -FALL, z, 5 + 11 * chance(7 * k + 3)], 4 * count);
    how.set([2 * Math.PI * chance(7 * k + 4), 0.25 + 0.3 * chance(7 * k + 5), 0.15 + 0.7 * chance(7 * k + 6), chance(7 * k)], 4 * count++);
  }
  geometry.setAttribute("where", new InstancedBufferAttribute(where, 4));
  geometry.setAttribute("how", new InstancedBufferAttribute(how, 4));
  geometry.instanceCount = count;
  return geometry;
}
