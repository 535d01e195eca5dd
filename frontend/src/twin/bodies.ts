/** Bodies of animals and trees, of few triangles: one body length long, the head towards +x, the feet on y = 0. Limbs and crowns carry soft normals; where they are 0 a face is flat, and the shader finds it. Each in three levels: full (0), of a quarter of the triangles (1), and what is left of it far off (2). */
import { BufferGeometry, Float32BufferAttribute } from "three";
import type { Hello, Species } from "./frames";

export type Shape = "grazer" | "hunter" | "giant" | "tall" | "bird" | "tree";

/** What a corner belongs to: legs swing, a shadow is dark, a canopy is green; a mane, or one or the other horns, are drawn where the species has them (the shader asks its coat). */
const BODY = 0;
const FORE = 1;
const HIND = -1;
const SHADOW = 3;
const CANOPY = 4;
const MANE = 5;
const OX = 6;
const HORNS = 7;
const SNOUT = 8;
const TUSK = 9;

type Point = readonly [number, number, number];

class Maker {
  private readonly places: number[] = [];
  private readonly parts: number[] = [];
  private readonly soft: number[] = [];

  private face(part: number, ...corners: Point[]): void {
    for (let k = 2; k < corners.length; k++) {
      for (const corner of [corners[0], corners[k - 1], corners[k]] as Point[]) {
        this.places.push(...corner);
        this.parts.push(part);
        this.soft.push(0, 0, 0);
      }
    }
  }

  /** A face that is seen as bent: a normal for each corner. */
  private bent(part: number, corners: Point[], normals: Point[]): void {
    const from = this.soft.length;
    this.face(part, ...corners);
    for (let k = 2, at = from; k < corners.length; k++) for (const one of [0, k - 1, k]) for (const value of normals[one] as Point) this.soft[at++] = value;
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
    const out = ring([0, 0, 0], 1 / Math.max(aw, bw), 1 / Math.max(ah, bh));
    for (let k = 0; k < sides; k++) {
      const next = (k + 1) % sides;
      const corners = [first[k], first[next], last[next], last[k]] as Point[];
      if (part === CANOPY) this.face(part, ...corners);
      else this.bent(part, corners, [out[k], out[next], out[next], out[k]] as Point[]);
    }
    if (!closed) return;
    this.face(part, ...first.toReversed());
    this.face(part, ...last);
  }

  /** A trunk along x, round at both ends, through rings of a place, a half width and a half height. */
  hull(rings: readonly (readonly [number, number, number, number])[], sides = 7): void {
    const corner = (at: number, k: number): [Point, Point] => {
      const [x, y, w, h] = rings[at] as readonly [number, number, number, number];
      const [u, , v, g] = rings[Math.max(at - 1, 0)] as readonly [number, number, number, number];
      const [p, , q, r] = rings[Math.min(at + 1, rings.length - 1)] as readonly [number, number, number, number];
      const [s, c] = [Math.sin(((k + 0.5) / sides) * 2 * Math.PI), Math.cos(((k + 0.5) / sides) * 2 * Math.PI)];
      const most = Math.max(w, h);
      return [[x, y + s * h, c * w], [(v + g - q - r) / 2 / (p - u), (s * most) / h, (c * most) / w]];
    };
    for (let at = 1; at < rings.length; at++) {
      for (let k = 0; k < sides; k++) {
        const four = [corner(at - 1, k), corner(at - 1, k + 1), corner(at, k + 1), corner(at, k)];
        this.bent(BODY, four.map((one) => one[0]), four.map((one) => one[1]));
      }
    }
    for (const [at, way] of [[0, -1], [rings.length - 1, 1]] as const) {
      const [x, y, w] = rings[at] as readonly [number, number, number, number];
      for (let k = 0; k < sides; k++) {
        const [a, b] = [corner(at, k), corner(at, k + 1)];
        this.bent(BODY, [[x + way * 0.3 * w, y, 0], a[0], b[0]], [[way, 0, 0], a[1], b[1]]);
      }
    }
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

  /** A fan of triangles from its first corner, flat: an ear, a mane. */
  fin(part: number, ...corners: Point[]): void {
    this.face(part, ...corners);
  }

  /** A lobe of a crown: nearly flat below, flatly domed above, its outline uneven by its number. */
  lobe([x, y, z]: Point, wide: number, high: number, sides: number, number: number): void {
    const ring = (share: number, up: number): Point[] =>
      Array.from({ length: sides }, (_, k) => {
        const turn = ((k + 0.37 * number) / sides) * 2 * Math.PI;
        const out = wide * share * (1 + 0.11 * Math.sin(2.3 * k + 1.7 * number));
        return [x + Math.cos(turn) * out, y + up * high * (1 + 0.3 * Math.sin(1.9 * k + number)), z + Math.sin(turn) * out] as const;
      });
    const [rim, brow] = [ring(1, 0.12), ring(0.7, 0.74)];
    const [low, top]: [Point, Point] = [[x, y - 0.12 * high, z], [x, y + high, z]];
    const away = ([u, , w]: Point, out: number, up: number): Point => [((u - x) / wide) * out, up, ((w - z) / wide) * out];
    for (let k = 0; k < sides; k++) {
      const [a, b] = [rim[k] as Point, rim[(k + 1) % sides] as Point];
      const [c, d] = [brow[(k + 1) % sides] as Point, brow[k] as Point];
      this.bent(CANOPY, [low, a, b], [[0, -1, 0], away(a, 0.6, -0.5), away(b, 0.6, -0.5)]);
      this.bent(CANOPY, [a, b, c, d], [away(a, 1, 0.1), away(b, 1, 0.1), away(c, 0.8, 0.8), away(d, 0.8, 0.8)]);
      this.bent(CANOPY, [top, d, c], [[0, 1, 0], away(d, 0.8, 0.8), away(c, 0.8, 0.8)]);
    }
  }

  legs(fore: number, hind: number, high: number, thick: number): void {
    for (const side of [-1, 1]) {
      const z = side * thick * 1.8;
      for (const [x, broad, back, part] of [[fore, 1.25, 0.006, FORE], [hind, 1.7, -0.035, HIND]] as const) {
        const knee: Point = [x + back, 0.48 * high, z];
        this.limb([x, high * 1.06, z], knee, [thick * 0.95, thick * broad], [thick * 0.62, thick * 0.7], part * side, 4, false);
        this.limb(knee, [x - 0.005, 0, z], [thick * 0.6, thick * 0.66], [thick * 0.55, thick * 0.62], part * side, 4, false);
      }
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
    geometry.setAttribute("soft", new Float32BufferAttribute(this.soft, 3));
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

/** The lobes of an acacia's crown: where each is, how wide and how high. From looking at plates. */
const LOBES: readonly [number, number, number, number, number][] = [
  [0.03, 0.84, 0.02, 0.44, 0.12],
  [0.36, 0.78, 0.12, 0.34, 0.12],
  [-0.06, 0.75, 0.38, 0.33, 0.11],
  [-0.37, 0.8, -0.03, 0.32, 0.11],
  [0.09, 0.76, -0.37, 0.34, 0.12],
];

function tree(make: Maker, level: number): void {
  make.shadow(1.3, 1.2, [12, 6, 4][level] as number);
  if (level === 2) {
    make.blade([0.02, 0.62, 0], [0, 0, 0], 0.06);
    make.limb([0, 0.55, 0], [0.02, 0.82, 0], [0.25, 0.25], [0.58, 0.58], CANOPY, 5, false);
    make.limb([0.02, 0.82, 0], [0.02, 1, 0], [0.58, 0.58], [0.01, 0.01], CANOPY, 5, false);
    return;
  }
  if (level === 1) {
    make.limb([0, 0, 0], [0.03, 0.74, 0], [0.035, 0.035], [0.03, 0.03], BODY, 3, false);
    make.lobe([0.02, 0.75, 0], 0.62, 0.2, 6, 1);
    return;
  }
  // boughs begin within the trunk
  const [fork, root]: [Point, Point] = [[0.035, 0.36, 0.01], [0.03, 0.28, 0.008]];
  make.limb([0, 0, 0], fork, [0.044, 0.044], [0.026, 0.026], BODY, 5, false);
  LOBES.forEach(([x, y, z, wide, high], number) => {
    make.limb(root, [0.72 * x, y + 0.02, 0.72 * z], [0.024, 0.024], [0.009, 0.009], BODY, 3, false);
    make.lobe([x, y, z], wide, high, 7, number);
  });
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
  const rump = tall ? 0.1 : 0.01;
  make.hull([
    [-0.46, back - rump, deep * 0.4, deep * 0.5],
    [-0.36, back - rump, deep * 0.68, deep * 0.86],
    [0.0, back - 0.2 * rump, deep * 0.82, deep * 0.97],
    [0.24, back + 0.015, deep * 0.76, deep],
    [0.37, back + 0.035, deep * 0.5, deep * 0.7],
  ]);
  make.limb([0.29, back + 0.04, 0], top, [deep * 0.45, deep * 0.62], [deep * 0.36, deep * 0.4]);
  const muzzle: Point = [reach + 0.62 * (nose[0] - reach), top[1] + 0.62 * (nose[1] - top[1]), 0];
  make.limb([reach - 0.05, top[1] + 0.015, 0], muzzle, [skull, skull * 1.1], [skull * 0.68, skull * 0.68]);
  make.limb(muzzle, nose, [skull * 0.68, skull * 0.68], [skull * 0.55, skull * 0.48], giant ? BODY : SNOUT);
  if (giant) {
    trunk(make, nose);
    for (const side of [-1, 1]) ear(make, [reach - 0.04, top[1], side * 0.13], side);
  } else if (hunter) {
    for (const side of [-1, 1]) make.limb([reach, top[1] + 0.06, side * 0.05], [reach - 0.01, top[1] + 0.13, side * 0.06], [0.025, 0.02], [0.01, 0.01], BODY, 4);
  } else {
    for (const side of [-1, 1]) {
      make.fin(BODY, [reach - 0.03, top[1] + 0.03, side * 0.05], [reach + 0.0, top[1] + 0.06, side * 0.05], [reach - 0.07, top[1] + 0.11, side * 0.13]);
      if (tall) make.limb([reach, top[1] + 0.05, side * 0.025], [reach - 0.02, top[1] + 0.14, side * 0.04], [0.014, 0.014], [0.018, 0.018], BODY, 4);
      else horns(make, reach, top[1], side);
    }
    if (!tall) mane(make, [0.3, back + deep * 0.72, 0], [reach + 0.03, top[1] + 0.07, 0], 0.085);
  }
  make.limb([-0.44, back, 0], [hunter ? -0.74 : -0.53, back - low, 0], [0.022, 0.022], [0.012, 0.012], BODY, 4);
}

/** An elephant's trunk, which hangs down and curls forward, and its tusks. */
function trunk(make: Maker, nose: Point): void {
  const [x, y] = nose;
  make.limb([x - 0.03, y + 0.03, 0], [x + 0.07, 0.32, 0], [0.07, 0.075], [0.045, 0.045], BODY, 6, false);
  make.limb([x + 0.07, 0.33, 0], [x + 0.06, 0.14, 0], [0.045, 0.045], [0.03, 0.03], BODY, 6, false);
  make.limb([x + 0.06, 0.15, 0], [x + 0.12, 0.08, 0], [0.032, 0.032], [0.02, 0.02], BODY, 5);
  for (const side of [-1, 1]) make.spike([x - 0.02, y - 0.03, side * 0.075], [x + 0.19, y - 0.12, side * 0.1], 0.02, TUSK);
}

/** An elephant's ear: a fan that stands off the head, broad above and pointed below. */
function ear(make: Maker, [x, y, z]: Point, side: number): void {
  const at = (back: number, up: number, out: number): Point => [x - back, y + up, z + side * out];
  make.fin(BODY, at(0, 0.08, 0), at(0.06, 0.17, 0.05), at(0.18, 0.15, 0.11), at(0.23, 0.02, 0.12), at(0.15, -0.15, 0.08), at(0.05, -0.22, 0.04), at(-0.01, -0.08, 0));
}

/** Horns of both kinds, of which a species has one or none: an ox's, out and up, and an antelope's, up and back. */
function horns(make: Maker, reach: number, top: number, side: number): void {
  const [root, bend]: [Point, Point] = [[reach + 0.01, top + 0.06, side * 0.03], [reach + 0.01, top + 0.05, side * 0.16]];
  for (const [x, y] of [[0.03, 0.005], [0, 0.03]] as const) {
    make.fin(OX, [root[0] - x, root[1] - y, root[2]], [root[0] + x, root[1] + y, root[2]], [bend[0] + x, bend[1] + y, bend[2]], [bend[0] - x, bend[1] - y, bend[2]]);
  }
  make.spike(bend, [reach + 0.03, top + 0.19, side * 0.17], 0.026, OX);
  const knee: Point = [reach - 0.05, top + 0.17, side * 0.055];
  make.limb([reach, top + 0.05, side * 0.03], knee, [0.016, 0.016], [0.012, 0.012], HORNS, 4, false);
  make.spike(knee, [reach - 0.06, top + 0.28, side * 0.075], 0.012, HORNS);
}

/** A mane that stands up along the neck. */
function mane(make: Maker, from: Point, to: Point, high: number): void {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const long = Math.hypot(dx, dy);
  const at = (share: number, up: number): Point => [from[0] + dx * share - (dy / long) * up, from[1] + dy * share + (dx / long) * up, 0];
  make.fin(MANE, at(0.3, -0.03), at(0, 0), at(0.2, 0.8 * high), at(0.55, high), at(0.85, 0.9 * high), at(1.08, 0.5 * high), at(1.05, -0.02));
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
    else make.blade([reach, top[1] + 0.04, side * 0.04], [reach - (hunter ? 0.01 : 0.08), top[1] + (hunter || tall ? 0.14 : 0.24), side * 0.08], 0.02, hunter || tall ? BODY : HORNS);
    if (!giant && !hunter && !tall) make.fin(OX, [reach + 0.02, top[1] + 0.03, side * 0.03], [reach - 0.02, top[1] + 0.07, side * 0.12], [reach + 0.03, top[1] + 0.18, side * 0.17]);
  }
  if (!giant && !hunter && !tall) make.fin(MANE, [0.32, back + deep * 0.7, 0], [reach - 0.12, top[1] + 0.07, 0], [reach + 0.04, top[1] + 0.09, 0]);
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
