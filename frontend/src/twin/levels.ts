/** How finely each body is drawn: by its length in pixels, in three levels that fade into each other. Bodies are sorted into levels now and then, widely enough that none is missed until the next time; what is drawn of each, the shader decides picture by picture. */
import { InstancedBufferAttribute, InstancedBufferGeometry, type IUniform, Mesh, type PerspectiveCamera, type ShaderMaterial, Vector3 } from "three";
import { type Shape, body } from "./bodies";
import { type Bodies, roomFor } from "./herds";

export const LEVELS = 3;
/** Between so many pixels of length the middle level fades into the full one, and the far one into the middle one. From looking. */
export const FULL_PX = [46, 60] as const;
export const MIDDLE_PX = [20, 26] as const;
/** Through eyes nothing is enlarged: a body shorter than this is below what any pixel shows. */
export const SEEN_PX = [0.3, 0.6] as const;
/** Pixels a radian may change by this share until bodies are sorted anew, and the view turn by so many radians. */
const LOOSE = 0.04;
const TURN = 0.06;
/** A body and its herd stand within so many lengths of the herd's place, and a curve between two shots within so many of its chord's half. */
const HERD = 5;
const CURVE = 1.3;

/** How much of a body's length counts where all are drawn at least so large: as the shader has it. */
const enlarged = (length: number, tree: boolean): number => (tree ? 0.5 : 0.8 + 0.13 * Math.log2(1 + length));

/** From where and how finely is looked. */
export class Sight {
  private readonly eye = new Vector3();
  private readonly ahead = new Vector3();
  private focal = 0;
  private least = 0;
  private slack = 0;
  /** Farther off than this nothing is left of a body but haze, metres. */
  reach = Number.POSITIVE_INFINITY;
  /** Normals of the four sides of what is in view, all through the eye; none through eyes that look all round. */
  private readonly sides = new Float32Array(12);
  private all = true;
  private readonly own: Float32Array;
  private readonly large: Float32Array;
  private readonly way = new Vector3();

  /** `lengths` of species in metres by number, 255 a tree; `height` of the ground in metres. */
  constructor(
    lengths: Float32Array,
    private readonly height: (x: number, z: number) => number,
  ) {
    this.own = lengths;
    this.large = lengths.map((length, at) => enlarged(length, at === 255));
  }

  /** Look from there, with so many pixels a radian, bodies at least so many radians long; what was sorted holds until the eye moved by `slack` metres. Whether it has to be sorted anew. */
  take(eye: Vector3, camera: PerspectiveCamera | null, focal: number, least: number, slack: number): boolean {
    const { way } = this;
    if (camera) camera.getWorldDirection(way);
    else way.set(0, 0, 0);
    const turned = camera ? way.dot(this.ahead) < Math.cos(TURN) : !this.all;
    if (!turned && !(this.all && camera) && eye.distanceTo(this.eye) < this.slack && slack < 2 * this.slack && Math.abs(focal - this.focal) < LOOSE * this.focal && least === this.least) return false;
    this.eye.copy(eye);
    this.ahead.copy(way);
    Object.assign(this, { focal, least, slack, all: !camera });
    if (camera) this.frame(camera);
    return true;
  }

  /** Sort anew in the next picture: the ground is another. */
  forget(): void {
    this.slack = 0;
  }

  private frame(camera: PerspectiveCamera): void {
    const up = Math.tan((camera.fov * Math.PI) / 360);
    const { elements } = camera.matrixWorld;
    [[0, up * camera.aspect], [0, -up * camera.aspect], [4, up], [4, -up]].forEach(([column, wide], side) => {
      const [axis, half] = [column as number, wide as number];
      const long = Math.hypot(1, half);
      for (let k = 0; k < 3; k++) this.sides[3 * side + k] = (Math.sign(half) * (elements[axis + k] as number) - Math.abs(half) * (elements[8 + k] as number)) / long;
    });
  }

  /** The levels in which a herd may have to be drawn until sorted anew, a bit each: it walks from (x, z) to (u, v). */
  levels(species: number, x: number, z: number, u: number, v: number): number {
    const [mx, mz] = [(x + u) / 2, (z + v) / 2];
    const { eye, sides, slack } = this;
    const [dx, dy, dz] = [mx - eye.x, this.height(mx, mz) - eye.y, mz - eye.z];
    const walk = CURVE * Math.hypot(u - x, v - z) + slack;
    const away = Math.sqrt(dx * dx + dy * dy + dz * dz);
    if (away - walk > this.reach) return 0;
    const own = this.own[species] as number;
    const least = this.least * (this.large[species] as number);
    if (!this.all) {
      const out = -(walk + HERD * Math.max(own, least * away) + TURN * away);
      for (let k = 0; k < 12; k += 3) if (dx * (sides[k] as number) + dy * (sides[k + 1] as number) + dz * (sides[k + 2] as number) < out) return 0;
    }
    const most = (1 + LOOSE) * this.focal * Math.max((1.15 * own) / Math.max(away - walk, 0.1), least);
    const fewest = (1 - LOOSE) * this.focal * Math.max((0.85 * own) / (away + walk), least);
    return (most > FULL_PX[0] ? 1 : 0) | (most > MIDDLE_PX[0] && fewest < FULL_PX[1] ? 2 : 0) | (fewest < MIDDLE_PX[1] && (least > 0 || most > SEEN_PX[0]) ? 4 : 0);
  }
}

/** Bodies of one shape, a mesh a level. */
export class Crowd {
  readonly meshes: Mesh<InstancedBufferGeometry>[];
  readonly bodies: Bodies[] = [];

  constructor(shape: Shape, material: (own: Record<string, IUniform>) => ShaderMaterial) {
    this.meshes = Array.from({ length: LEVELS }, (_, level) => new Mesh(instanced(shape, level), material({ uLevel: { value: level } })));
    this.room(0);
  }

  /** Have room for so many bodies in each level: all of them may be near, or far off. */
  room(need: number): void {
    if (this.bodies.length && (this.bodies[0] as Bodies).old.length >= 4 * need) return;
    this.meshes.forEach((mesh, level) => {
      this.bodies[level] = held(mesh.geometry, roomFor(need));
    });
  }

  /** Draw what was written. */
  renewed(): void {
    this.meshes.forEach((mesh, level) => renewed(mesh.geometry, this.bodies[level] as Bodies));
  }

  /** Sort bodies that stand still. */
  sort(from: Bodies, sight: Sight): void {
    this.room(from.count);
    for (const one of this.bodies) one.count = 0;
    for (let at = 0; at < 4 * from.count; at += 4) {
      const [x, z] = [from.old[at] as number, from.old[at + 1] as number];
      const drawn = sight.levels(from.kind[at + 1] as number, x, z, x, z);
      for (let level = 0; level < LEVELS; level++) {
        if (!(drawn & (1 << level))) continue;
        const to = this.bodies[level] as Bodies;
        const put = 4 * to.count++;
        for (let k = 0; k < 4; k++) {
          to.old[put + k] = from.old[at + k] as number;
          to.young[put + k] = from.young[at + k] as number;
          to.kind[put + k] = from.kind[at + k] as number;
        }
      }
    }
    this.renewed();
  }
}

function instanced(shape: Shape, level: number): InstancedBufferGeometry {
  const geometry = new InstancedBufferGeometry();
  const made = body(shape, level);
  for (const name of ["position", "part", "soft"]) geometry.setAttribute(name, made.getAttribute(name));
  geometry.instanceCount = 0;
  return geometry;
}

/** Let a geometry draw these bodies: its buffers are theirs, and nothing is copied. */
function held(geometry: InstancedBufferGeometry, bodies: Bodies): Bodies {
  geometry.dispose();
  for (const name of ["old", "young", "kind"] as const) geometry.setAttribute(name, new InstancedBufferAttribute(bodies[name], 4));
  return bodies;
}

/** Send to the graphics card what was written: as far as there are bodies. */
function renewed(geometry: InstancedBufferGeometry, bodies: Bodies): void {
  geometry.instanceCount = bodies.count;
  if (!bodies.count) return;
  for (const name of ["old", "young", "kind"] as const) {
    const attribute = geometry.attributes[name] as InstancedBufferAttribute;
    attribute.clearUpdateRanges();
    attribute.addUpdateRange(0, 4 * bodies.count);
    attribute.needsUpdate = true;
  }
}
