/** Bodies of animals and trees, of few triangles: one body length long, the head towards +x, the feet on y = 0. No normals: faces are flat, and the shader finds them. Each in three levels: full (0), of a quarter of the triangles (1), and what is left of it far off (2). */
import { BufferGeometry, Float32BufferAttribute } from "three";
import type { Hello, Species } from "./frames";

export type Shape = "grazer" | "hunter" | "giant" | "tall" | "bird" | "tree";

/** What a corner belongs to: legs swing, a shadow is dark, a canopy is green. */
const BODY = 0;
const FORE = 1;
const HIND = -1;
const SHADOW = 3;
const CANOPY = 4;

type Point = readonly [number, number, number];

class Maker {
  private readonly places: number[] = [];
  private readonly parts: number[] = [];

  private face(part: number, ...corners: Point[]): void {
    for (let k = 2; k < corners.length; k++) {
      for (const corner of [corners[0], corners[k - 1], corners[k]] as Point[]) {
        this.places.push(...corner);
        this.parts.push(part);
      }
    }
  }

  /** A limb from a to b, so thick and so high at each end: six sides round, closed or open at both ends. */
  limb(a: Point, b: Point, [aw, ah]: [number, number], [bw, bh]: [number, number], part = BODY, sides = 6, closed = true): void {
    const along = [b[0] - a[0], b[1] - a[1]] as const;
    const long = Math.hypot(...along) || 1;
    const up = [-along[1] / long, along[0] / long] as const;
    const ring = (at: Point, w: number, h: number): Point[] =>
      Array.from({ length: sides }, (_, k) => {
        const turn = ((k + 0.5) / sides) * 2 * Math.PI;
        const [s, c] = [Math.sin(turn) * h, Math.cos(turn) * w];
        return [at[0] + up[0] * s, at[1] + up[1] * s, at[2] + c] as const;
      });
    const [first, last] = [ring(a, aw, ah), ring(b, bw, bh)];
    for (let k = 0; k < sides; k++) {
      const next = (k + 1) % sides;
      this.face(part, first[k] as Point, first[next] as Point, last[next] as Point, last[k] as Point);
    }
    if (!closed) return;
    this.face(part, ...first.toReversed());
    this.face(part, ...last);
  }

  /** A limb that ends in a point: three sides round, open. */
  spike(a: Point, tip: Point, thick: number, part = BODY): void {
    const along = [tip[0] - a[0], tip[1] - a[1]] as const;
    const long = Math.hypot(...along) || 1;
    const ring = [-1, 0, 1].map((k) => {
      const [s, c] = [Math.cos(k * 2.094) * thick, Math.sin(k * 2.094) * thick];
      return [a[0] - (along[1] / long) * s, a[1] + (along[0] / long) * s, a[2] + c] as const;
    });
    ring.forEach((corner, k) => this.face(part, corner, ring[(k + 1) % 3] as Point, tip));
  }

  /** One triangle down from a broad end, turned so that it is seen from all sides. */
  blade(a: Point, tip: Point, thick: number, part = BODY): void {
    this.face(part, [a[0] - thick, a[1], a[2] - thick], [a[0] + thick, a[1], a[2] + thick], tip);
  }

  legs(fore: number, hind: number, high: number, thick: number): void {
    for (const side of [-1, 1]) {
      const z = side * thick * 1.8;
      this.limb([fore, high, z], [fore, 0, z], [thick, thick], [thick * 0.6, thick * 0.6], FORE * side, 4);
      this.limb([hind, high, z], [hind - 0.02, 0, z], [thick * 1.2, thick * 1.2], [thick * 0.6, thick * 0.6], HIND * side, 4);
    }
  }

  shadow(long: number, wide: number, corners = 10): void {
    const ring = Array.from({ length: corners }, (_, k) => {
      const turn = (k / corners) * 2 * Math.PI;
      return [(Math.cos(turn) * long) / 2, 0.012, (-Math.sin(turn) * wide) / 2] as const;
    });
    this.face(SHADOW, ...ring);
  }

  made(): BufferGeometry {
    const geometry = new BufferGeometry();
    geometry.setAttribute("position", new Float32BufferAttribute(this.places, 3));
    geometry.setAttribute("part", new Float32BufferAttribute(this.parts, 1));
    return geometry;
  }
}

/** The body of a shape in a level. */
export function body(shape: Shape, level = 0): BufferGeometry {
  const make = new Maker();
  if (shape === "tree") tree(make, level);
  else if (shape === "bird") bird(make, level);
  else if (level) coarse(make, formOf(shape), level);
  else full(make, formOf(shape));
  return make.made();
}

function tree(make: Maker, level: number): void {
  const sides = [8, 6, 5][level] as number;
  if (level < 2) make.limb([0, 0, 0], [0.04, 0.62, 0], [0.05, 0.05], [0.03, 0.03], BODY, level ? 3 : 5, !level);
  else make.blade([0.02, 0.62, 0], [0, 0, 0], 0.06);
  make.limb([0, 0.55, 0], [0.02, 0.82, 0], [0.25, 0.25], [0.58, 0.58], CANOPY, sides, !level);
  if (level < 2) make.limb([0.02, 0.82, 0], [0.02, 1, 0], [0.58, 0.58], [0.22, 0.22], CANOPY, sides);
  else make.limb([0.02, 0.82, 0], [0.02, 1, 0], [0.58, 0.58], [0.01, 0.01], CANOPY, sides, false);
  make.shadow(1.15, 1.05, [10, 6, 4][level] as number);
}

function bird(make: Maker, level: number): void {
  if (level < 2) make.shadow(1.1, 0.5, level ? 6 : 10);
  if (!level) make.legs(0.02, -0.02, 0.34, 0.02);
  else for (const side of [-1, 1]) make.blade([0, 0.4, side * 0.036], [0, 0, side * 0.036], 0.03, FORE * side);
  const sides = level ? 4 : 6;
  make.limb([-0.42, 0.36, 0], [0.24, 0.5, 0], [0.05, 0.04], [0.17, 0.18], BODY, sides, level < 2);
  if (level === 2) {
    make.spike([0.18, 0.46, 0], [0.4, 0.82, 0], 0.11);
    make.blade([0.34, 0.74, 0], [0.56, 0.72, 0], 0.05);
    return;
  }
  make.limb([0.24, 0.5, 0], [0.36, 0.74, 0], [0.09, 0.09], [0.08, 0.08], BODY, sides, !level);
  if (level) make.spike([0.34, 0.76, 0], [0.56, 0.72, 0], 0.07);
  else make.limb([0.34, 0.76, 0], [0.56, 0.72, 0], [0.06, 0.06], [0.008, 0.01], BODY, 4);
}

/** The measures of an animal on four legs, in body lengths. */
interface Form {
  giant: boolean;
  tall: boolean;
  hunter: boolean;
  leg: number;
  thick: number;
  deep: number;
  back: number;
  reach: number;
  top: Point;
  nose: Point;
  skull: number;
  low: number;
}

function formOf(shape: Shape): Form {
  const giant = shape === "giant";
  const tall = shape === "tall";
  const hunter = shape === "hunter";
  const leg = tall ? 0.78 : giant ? 0.48 : hunter ? 0.36 : 0.48;
  const thick = giant ? 0.075 : hunter ? 0.04 : 0.032;
  const deep = giant ? 0.24 : hunter ? 0.12 : 0.155;
  const back = leg + deep * 0.6;
  const lift = tall ? 0.98 : giant ? 0.1 : hunter ? 0.09 : 0.27;
  const reach = tall ? 0.6 : giant ? 0.5 : hunter ? 0.5 : 0.56;
  const top: Point = [reach, back + lift, 0];
  const nose: Point = [reach + (hunter ? 0.14 : giant ? 0.12 : 0.21), back + lift - (hunter ? 0.03 : giant ? 0.08 : 0.09), 0];
  const skull = giant ? 0.14 : hunter ? 0.085 : 0.07;
  return { giant, tall, hunter, leg, thick, deep, back, reach, top, nose, skull, low: hunter ? 0.16 : 0.22 };
}

function full(make: Maker, { giant, tall, hunter, leg, thick, deep, back, reach, top, nose, skull, low }: Form): void {
  make.shadow(1.1, 0.5);
  make.legs(0.3, -0.34, leg, thick);
  make.limb([-0.44, back - (tall ? 0.1 : 0.01), 0], [0.02, back, 0], [deep * 0.55, deep * 0.75], [deep * 0.85, deep]);
  make.limb([0.02, back, 0], [0.38, back + 0.03, 0], [deep * 0.85, deep], [deep * 0.55, deep * 0.8]);
  make.limb([0.34, back + 0.04, 0], top, [deep * 0.45, deep * 0.62], [deep * 0.36, deep * 0.4]);
  make.limb([reach - 0.04, top[1] + 0.01, 0], nose, [skull, skull], [skull * 0.55, skull * 0.5]);
  if (giant) {
    make.limb(nose, [nose[0] + 0.06, 0.12, 0], [0.06, 0.06], [0.025, 0.025]);
    for (const side of [-1, 1]) make.limb([reach - 0.02, top[1] + 0.1, side * 0.16], [reach - 0.1, top[1] - 0.16, side * 0.24], [0.02, 0.12], [0.02, 0.04], BODY, 4);
  } else if (hunter) {
    for (const side of [-1, 1]) make.limb([reach, top[1] + 0.06, side * 0.05], [reach - 0.01, top[1] + 0.13, side * 0.06], [0.025, 0.02], [0.01, 0.01], BODY, 4);
  } else {
    for (const side of [-1, 1]) make.limb([reach, top[1] + 0.05, side * 0.03], [reach - 0.08, top[1] + (tall ? 0.14 : 0.24), side * 0.08], [0.016, 0.016], [0.004, 0.004], BODY, 4);
  }
  make.limb([-0.44, back, 0], [hunter ? -0.74 : -0.53, back - low, 0], [0.022, 0.022], [0.012, 0.012], BODY, 4);
}

/** The same animal of a quarter of the triangles, and of a tenth: what is thinner than a pixel is left out. */
function coarse(make: Maker, { giant, tall, hunter, leg, thick, deep, back, reach, top, nose, skull, low }: Form, level: number): void {
  const far = level === 2;
  if (!far) make.shadow(1.1, 0.5, 6);
  for (const side of [-1, 1]) {
    const z = side * thick * 1.8;
    if (far) {
      make.blade([0.3, leg, z], [0.3, 0, z], thick * 1.3, FORE * side);
      make.blade([-0.34, leg, z], [-0.36, 0, z], thick * 1.3, HIND * side);
    } else {
      make.limb([0.3, leg, z], [0.3, 0, z], [thick, thick], [thick * 0.6, thick * 0.6], FORE * side, 3, false);
      make.limb([-0.34, leg, z], [-0.36, 0, z], [thick * 1.2, thick * 1.2], [thick * 0.6, thick * 0.6], HIND * side, 3, false);
    }
  }
  const rump: Point = [-0.44, back - (tall ? 0.1 : 0.01), 0];
  if (far) {
    make.limb(rump, [0.38, back + 0.02, 0], [deep * 0.75, deep * 0.9], [deep * 0.75, deep * 0.95], BODY, 4, false);
    make.spike([0.3, back + 0.02, 0], [top[0], top[1] + skull, 0], deep * 0.62);
    make.spike([reach - 0.04, top[1], 0], nose, skull * 1.1);
    if (giant) make.blade(nose, [nose[0] + 0.06, 0.12, 0], 0.06);
    return;
  }
  make.limb(rump, [0.02, back, 0], [deep * 0.55, deep * 0.75], [deep * 0.85, deep], BODY, 4);
  make.limb([0.02, back, 0], [0.38, back + 0.03, 0], [deep * 0.85, deep], [deep * 0.55, deep * 0.8], BODY, 4);
  make.limb([0.34, back + 0.04, 0], top, [deep * 0.45, deep * 0.62], [deep * 0.36, deep * 0.4], BODY, 4, false);
  make.limb([reach - 0.04, top[1] + 0.01, 0], nose, [skull, skull], [skull * 0.55, skull * 0.5], BODY, 4);
  if (giant) make.spike(nose, [nose[0] + 0.06, 0.12, 0], 0.06);
  for (const side of [-1, 1]) {
    if (giant) make.blade([reach - 0.02, top[1] + 0.1, side * 0.16], [reach - 0.1, top[1] - 0.16, side * 0.24], 0.1);
    else make.blade([reach, top[1] + 0.04, side * 0.04], [reach - (hunter ? 0.01 : 0.08), top[1] + (hunter || tall ? 0.14 : 0.24), side * 0.08], 0.02);
  }
  make.blade([-0.44, back, 0], [hunter ? -0.74 : -0.53, back - low, 0], 0.02);
}

/** The shape that stands for a species: by its class, its mass and whether it eats animals. */
export function shapeOf(species: Species, hello: Hello): Shape {
  if (species.class === "Aves") return "bird";
  if (species.name.startsWith("Giraffa")) return "tall";
  if ((species.mass_g ?? 0) > 1.2e6) return "giant";
  const animals = new Set(hello.species.filter((one) => !one.plant).map((one) => one.name));
  const meat = hello.links.some((link) => link.eater === species.name && animals.has(link.eaten));
  return meat ? "hunter" : "grazer";
}

/** The length of a body in metres, by its mass: a horse of 400 kg is 2.4 m long, and volume grows with mass. */
export const lengthOf = (mass_g: number): number => 0.33 * Math.cbrt(mass_g / 1000);
