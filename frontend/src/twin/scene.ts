/** The window in three dimensions: a block of ground with its water and trees, and animals that walk between two shots. */
import {
  Color,
  CustomBlending,
  DataTexture,
  DoubleSide,
  FloatType,
  GLSL3,
  type IUniform,
  Mesh,
  NearestFilter,
  NoBlending,
  OneFactor,
  OneMinusSrcAlphaFactor,
  type PerspectiveCamera,
  RGBAFormat,
  Scene,
  ShaderMaterial,
  SphereGeometry,
  SrcAlphaFactor,
  Vector3,
  Vector4,
  WebGLRenderer,
  ZeroFactor,
} from "three";
import { dark } from "../theme";
import { type Shape, lengthOf, shapeOf } from "./bodies";
import { Orbit } from "./camera";
import { coatOf, linear } from "./colours";
import { EyeView } from "./eyes";
import type { Eyes, Frame, Hello } from "./frames";
import { grassGeometry } from "./grass";
import { Ground, blockGeometry, coverTexture, smooth } from "./ground";
import { type Bodies, MEMBERS, World, roomFor } from "./herds";
import { Crowd, Sight } from "./levels";
import { BODY_FRAGMENT, BODY_VERTEX, GRASS_FRAGMENT, GRASS_VERTEX, GROUND_FRAGMENT, GROUND_VERTEX, SKY_FRAGMENT, SKY_VERTEX } from "./shaders";

export type Light = "day" | "twilight" | "night";
/** Sun (towards it), its light, light of the sky, haze. From taste. */
const LIGHTS: Record<Light, [number[], number[], number[], number[]]> = {
  day: [[0.45, 0.72, 0.35], [1.8, 1.65, 1.38], [0.62, 0.72, 0.9], [0.62, 0.7, 0.76]],
  twilight: [[0.85, 0.16, 0.3], [1.25, 0.62, 0.3], [0.34, 0.33, 0.46], [0.62, 0.4, 0.3]],
  night: [[-0.4, 0.6, 0.5], [0.1, 0.13, 0.2], [0.05, 0.07, 0.12], [0.03, 0.04, 0.07]],
};
/** How much higher hills are drawn than they are, seen from above; beside an animal and for eyes they are as they are. Between so many metres off one goes into the other. */
const RISE = 6;
const RISES_M = [120, 1200] as const;
/** How many widths off all is haze, seen from above. */
const CLEAR = 30;
/** Nearby, all is haze at so many times as far off as one looks, and the haze is the paper of the plate. */
const MISTY = 34;
/** At so many times the haze's distance less than a hundredth of a body's own light is left. */
const VEILED = 5;
/** Grass is drawn from so near, metres; a tuft for each so large a share of how far off one looks, and through eyes one for so many metres. */
const GRASSY_M = 160;
const TUFT = 0.026;
const TUFT_M = 0.45;
/** How near one goes with an animal: metres, and body lengths. */
const BESIDE = [9, 5.5] as const;
const BESIDE_TILT = 0.24;
/** The middle of an animal above the ground, body lengths. */
const AIM = 0.6;
const LEAST = 0.013;
const TREE_M = 8;
const TAP_PX = 30;
/** Bodies are sorted into levels anew when the eye moved by this share of how far off it looks; through eyes by so many metres. */
const MOVED = 0.05;
const MOVED_M = 25;
/** A picture that takes longer is drawn coarser, one that takes less finer; no coarser than this share of a pixel. */
const SLOW_MS = 45;
const FAST_MS = 13;
const COARSEST = 0.4;

interface Layer {
  world: World;
  cover: DataTexture;
  plants: Float32Array | null;
  /** One for each shape there is. */
  crowds: Crowd[];
}

/** The newest of so many times, milliseconds: what one waited for, not what the graphics card did. */
export class Spent {
  readonly ms = new Float32Array(512);
  count = 0;

  add(ms: number): void {
    this.ms[this.count++ % this.ms.length] = ms;
  }

  get median(): number {
    const own = this.ms.slice(0, Math.min(this.count, this.ms.length)).sort();
    return own[own.length >> 1] ?? Number.NaN;
  }
}

export interface Heard {
  /** An animal was chosen: its herd's id, or null. */
  followed(id: number | null, species: number): void;
}

export class Stage {
  readonly orbit: Orbit;
  readonly worlds: [World, World];
  private readonly renderer: WebGLRenderer;
  private readonly scene = new Scene();
  private readonly layers: Layer[];
  private readonly ground: Ground;
  private readonly shapes: Shape[];
  /** The shape of each species by number, -1 for plants. */
  private readonly slots: Int8Array;
  private readonly counts: Int32Array;
  private readonly uniforms: Record<string, IUniform>;
  private readonly block: Mesh;
  private readonly sky: Mesh;
  private readonly grass: Mesh;
  private readonly lengths: Float32Array;
  private readonly trees: Crowd;
  /** What bodies are drawn with. */
  private readonly bodies: ShaderMaterial[] = [];
  private planted: Bodies = roomFor(0);
  private readonly sight: Sight;
  private readonly place = new Vector3();
  private readonly eyes: EyeView;
  private readonly sized: ResizeObserver;
  private frame = 0;
  private shotAt = 0;
  private between = 200;
  private last = 0;
  private shown = 0;
  private rest = 0;
  private split = false;
  /** How far off one looked when hills were last drawn so high, metres. */
  private risen = 0;
  private followed: number | null = null;
  /** The species of who is followed, by number. */
  private kind = -1;
  private looking: { eyes: Eyes; light: Light; zoom: number } | null = null;
  /** Turned by the visitor while looking through eyes, radians. */
  private glance = { turn: 0, tilt: 0 };
  private readonly paper = new Color();
  private readonly unheard: () => void;
  private still = false;
  private near = false;
  private ratio = Math.min(devicePixelRatio, 2);
  private slow = 0;
  /** Frames drawn and the seconds they took: for measuring. */
  readonly drawn = { frames: 0, seconds: 0 };
  /** What a picture and a shot cost the page itself, apart from the graphics card. */
  readonly spent = { frames: new Spent(), shots: new Spent(), sorts: new Spent() };

  /** Throws where the browser has no WebGL 2. */
  constructor(
    private readonly element: HTMLElement,
    hello: Hello,
    colours: string[],
    private readonly heard: Heard,
  ) {
    const width = hello.width_m;
    this.renderer = new WebGLRenderer({ antialias: true, powerPreference: "high-performance" });
    this.renderer.autoClear = false;
    element.append(this.renderer.domElement);
    this.ground = new Ground(width);
    const shapes = hello.species.map((species) => (species.plant ? null : shapeOf(species, hello)));
    this.shapes = [...new Set(shapes)].filter((shape) => shape !== null);
    this.slots = Int8Array.from(shapes, (shape) => (shape ? this.shapes.indexOf(shape) : -1));
    this.counts = new Int32Array(this.shapes.length);
    this.uniforms = {
      uGround: { value: this.ground.texture },
      uCover: { value: null },
      uSpecies: { value: speciesTexture(hello, colours) },
      uWidth: { value: width },
      uRise: { value: 1 },
      uMetres: { value: 1 },
      uTime: { value: 0 },
      uT: { value: 1 },
      uLeast: { value: LEAST },
      uFocal: { value: 1 },
      uOnly: { value: -1 },
      uSelf: { value: new Vector4() },
      uClear: { value: new Vector4() },
      uSun: { value: new Vector3() },
      uSunLight: { value: new Vector3() },
      uSkyLight: { value: new Vector3() },
      uHaze: { value: new Vector3() },
      uFar: { value: CLEAR * width },
      uEyes: { value: 0 },
      uAround: { value: new Vector3() },
    };
    this.worlds = [new World(width), new World(width)];
    this.layers = this.worlds.map((world) => ({ world, cover: coverTexture(), plants: null, crowds: [] }));
    const lengths = new Float32Array(256);
    hello.species.forEach((species, at) => {
      lengths[at] = lengthOf(species.mass_g ?? 1);
    });
    lengths[255] = TREE_M;
    this.lengths = lengths;
    this.sight = new Sight(lengths, (x, z) => this.height(x, z));
    this.block = new Mesh(blockGeometry(width), this.material(GROUND_VERTEX, GROUND_FRAGMENT));
    this.sky = new Mesh(new SphereGeometry(1, 24, 12), this.material(SKY_VERTEX, SKY_FRAGMENT));
    this.trees = this.crowd("tree");
    this.grass = new Mesh(grassGeometry(), this.material(GRASS_VERTEX, GRASS_FRAGMENT));
    for (const mesh of [this.block, this.sky, this.grass]) this.add(mesh);
    this.sky.visible = false;
    // shadows are laid over it
    this.block.renderOrder = -1;
    this.orbit = new Orbit(element, width, {
      height: (x, z) => this.height(x, z),
      tapped: (x, y) => this.pick(x, y),
    });
    this.eyes = new EyeView(this.renderer);
    this.setLight("day");
    const light = (): void => {
      this.paper.set(getComputedStyle(element).backgroundColor);
    };
    light();
    this.unheard = dark.subscribe(() => requestAnimationFrame(light));
    this.sized = new ResizeObserver(() => this.resize());
    this.sized.observe(element);
    this.resize();
    this.shown = this.last = performance.now();
    this.loop(this.last);
  }

  private material(vertexShader: string, fragmentShader: string, own: Record<string, IUniform> = {}): ShaderMaterial {
    return new ShaderMaterial({ vertexShader, fragmentShader, uniforms: { ...this.uniforms, ...own }, glslVersion: GLSL3, side: DoubleSide });
  }

  private crowd(shape: Shape): Crowd {
    const made = new Crowd(shape, (own) => {
      const material = this.material(BODY_VERTEX, BODY_FRAGMENT, own);
      // over what is there, whose alpha stays
      Object.assign(material, { blendSrc: SrcAlphaFactor, blendDst: OneMinusSrcAlphaFactor, blendSrcAlpha: ZeroFactor, blendDstAlpha: OneFactor });
      this.bodies.push(material);
      this.blend();
      return material;
    });
    for (const mesh of made.meshes) this.add(mesh);
    return made;
  }

  /** Shadows are laid over the ground on the plate; for eyes alpha is the ultraviolet, and nothing is laid over anything. */
  private blend(): void {
    for (const material of this.bodies) material.blending = this.looking ? NoBlending : CustomBlending;
  }

  private add(mesh: Mesh): void {
    mesh.frustumCulled = false;
    this.scene.add(mesh);
  }

  private height(x: number, z: number): number {
    return this.ground.height(x, z) * (this.uniforms["uRise"]?.value as number);
  }

  // ---- what comes ----------------------------------------------------------------------------------------------------

  field(name: string, frame: Frame): void {
    if (frame.kind !== 4) return;
    const layer = this.layers[frame.world];
    if (name === "plants" && layer) layer.plants = smooth(frame.raster);
    else this.ground.take(name, frame.raster);
    if (name === "trees" || name === "water") this.plant();
    this.rise();
    for (const one of this.layers) this.ground.cover(one.cover, one.plants);
  }

  private plant(): void {
    const places = this.ground.trees();
    const bodies = roomFor(places.length);
    places.forEach(([x, z, by], k) => {
      bodies.old.set([x, z, x, z], 4 * k);
      bodies.young.set([x, z, x, z], 4 * k);
      bodies.kind.set([6.28 * by, 255, 0, by], 4 * k);
    });
    bodies.count = places.length;
    this.planted = bodies;
    this.trees.sort(bodies, this.sight);
  }

  /** A shot of a world: false where it cannot be drawn, because its roster is not here. */
  shot(frame: Frame): boolean {
    if (frame.kind !== 2 && frame.kind !== 3) return true;
    const layer = this.layers[frame.world];
    const began = performance.now();
    if (!layer?.world.take(frame, frame.herds)) return false;
    this.embody(layer);
    this.spent.shots.add(performance.now() - began);
    if (frame.world === 0) {
      const now = performance.now();
      const since = now - this.shotAt;
      if (since < 3000) this.between += 0.25 * (Math.max(since, 16) - this.between);
      this.shotAt = now;
      if (this.followed !== null && !layer.world.id.includes(this.followed)) this.onward();
    }
    return true;
  }

  /** Make the bodies of a world: of each herd several where they are near enough to be told apart, each as fine as it is seen. */
  private embody(layer: Layer): void {
    const most = this.near ? MEMBERS : 1;
    layer.world.count(this.slots, most, this.counts);
    this.shapes.forEach((shape, slot) => {
      layer.crowds[slot] ??= this.crowd(shape);
      layer.crowds[slot].room(this.counts[slot] as number);
    });
    layer.world.fill(this.slots, most, layer.crowds.map((crowd) => crowd.bodies), this.sight);
    for (const crowd of layer.crowds) crowd.renewed();
  }

  /** Sort all bodies into their levels where the view has changed enough. */
  private sort(eye: Vector3, camera: PerspectiveCamera | null, focal: number, least: number, slack: number): void {
    this.set("uFocal", focal);
    this.set("uLeast", least);
    const near = this.looking !== null || this.orbit.distance < 0.12 * this.ground.width;
    if (!this.sight.take(eye, camera, focal, least, slack) && near === this.near) return;
    this.near = near;
    const began = performance.now();
    for (const layer of this.layers) this.embody(layer);
    this.trees.sort(this.planted, this.sight);
    this.spent.sorts.add(performance.now() - began);
  }

  // ---- what is asked for ---------------------------------------------------------------------------------------------

  compare(yes: boolean): void {
    this.split = yes;
  }

  /** Less motion: bodies jump from shot to shot, nothing drifts or swings. */
  calm(yes: boolean): void {
    this.still = yes;
  }

  only(species: number): void {
    this.set("uOnly", species);
  }

  setLight(light: Light): void {
    const [sun, sunLight, sky, haze] = LIGHTS[light];
    (this.uniforms["uSun"]?.value as Vector3).fromArray(sun).normalize();
    (this.uniforms["uSunLight"]?.value as Vector3).fromArray(sunLight);
    (this.uniforms["uSkyLight"]?.value as Vector3).fromArray(sky);
    (this.uniforms["uHaze"]?.value as Vector3).fromArray(haze);
  }

  /** Go with a herd, or with none. */
  follow(id: number | null): void {
    const anew = this.followed === null;
    this.followed = id;
    const world = this.worlds[0];
    const at = id === null ? -1 : world.id.indexOf(id);
    if (at >= 0) this.kind = world.species[at] as number;
    if (at >= 0) {
      this.orbit.distance = Math.min(this.orbit.distance, BESIDE[0] + BESIDE[1] * (this.lengths[this.kind] as number));
      this.orbit.tilt = Math.min(this.orbit.tilt, BESIDE_TILT);
      if (anew) {
        const [x, z] = world.place(at, 1);
        this.orbit.target.set(x, 0, z);
        this.orbit.beside(((world.heading[at] as number) / 128) * Math.PI);
      }
    }
    this.heard.followed(at < 0 ? null : id, at < 0 ? -1 : (world.species[at] as number));
  }

  /** Who was followed is gone, by death or over the edge of the window: go with the nearest of its kind, or with none. */
  private onward(): void {
    const world = this.worlds[0];
    const { x, z } = this.orbit.target;
    let [best, least] = [-1, Number.POSITIVE_INFINITY];
    for (let at = 0; at < world.id.length; at++) {
      if (world.species[at] !== this.kind) continue;
      const [u, v] = world.place(at, 0);
      const away = Math.hypot(u - x, v - z);
      if (away < least) [best, least] = [at, away];
    }
    this.follow(best < 0 ? null : (world.id[best] as number));
  }

  /** Go with the next herd of a species, of all of them in turn. */
  next(species: number): void {
    const world = this.worlds[0];
    const own = [...world.id.keys()].filter((i) => world.species[i] === species);
    if (!own.length) return;
    const now = this.followed === null ? -1 : world.id.indexOf(this.followed);
    this.follow(world.id[own.find((i) => i > now) ?? (own[0] as number)] as number);
  }

  /** Look through the eyes of the followed animal; null for the view from above. */
  look(eyes: Eyes | null, light: Light, zoom: number): void {
    if (!eyes !== !this.looking) this.glance = { turn: 0, tilt: 0 };
    this.looking = eyes ? { eyes, light, zoom } : null;
    this.sky.visible = eyes !== null;
    this.blend();
    this.set("uEyes", eyes ? 1 : 0);
    if (eyes) this.set("uFar", 9000);
    this.rise();
  }

  /** Turn the head. */
  turnHead(turn: number, tilt: number): void {
    this.glance.turn += turn;
    this.glance.tilt = Math.min(Math.max(this.glance.tilt + tilt, -1.2), 1.2);
  }

  private rise(): void {
    this.set("uMetres", this.ground.metres);
    const { distance } = this.orbit;
    const off = Math.min(Math.max(Math.log(distance / RISES_M[0]) / Math.log(RISES_M[1] / RISES_M[0]), 0), 1);
    this.set("uRise", this.ground.metres * (this.looking ? 1 : RISE ** off));
    this.risen = distance;
    this.sight.forget();
  }

  private set(name: string, value: number): void {
    (this.uniforms[name] as IUniform).value = value;
  }

  // ---- drawing -------------------------------------------------------------------------------------------------------

  private resize(): void {
    const { clientWidth, clientHeight } = this.element;
    this.renderer.setPixelRatio(this.ratio);
    this.renderer.setSize(Math.max(clientWidth, 1), Math.max(clientHeight, 1), false);
  }

  /** Draw coarser where the machine is slow; and where it is slower still, leave it as much time as a picture takes. */
  private again(now: number): void {
    const took = Math.min(now - this.last, 2000);
    this.slow += 0.15 * (took - this.slow);
    const finest = Math.min(devicePixelRatio, 2);
    if (this.slow > SLOW_MS && this.ratio > COARSEST) {
      this.ratio = Math.max(0.75 * this.ratio, COARSEST);
      this.slow = 16;
      this.resize();
    } else if (this.slow < FAST_MS && this.ratio < finest) {
      this.ratio = Math.min(1.1 * this.ratio, finest);
      this.slow = 16;
      this.resize();
    }
    const draw = (): void => {
      this.last = performance.now();
      this.frame = requestAnimationFrame((next) => this.loop(next));
    };
    if (took < 2 * SLOW_MS) draw();
    else this.rest = window.setTimeout(draw, took);
  }

  private loop(now: number): void {
    const seconds = Math.min((now - this.shown) / 1000, 0.1);
    this.drawn.frames++;
    this.drawn.seconds += (now - this.shown) / 1000;
    this.shown = now;
    this.again(now);
    const began = performance.now();
    this.picture(seconds);
    this.spent.frames.add(performance.now() - began);
  }

  /** Draw what is to be seen now. */
  private picture(seconds: number): void {
    if (!this.still) this.set("uTime", (this.uniforms["uTime"]?.value as number) + seconds);
    const t = this.still ? 1 : Math.min((performance.now() - this.shotAt) / this.between, 1);
    this.set("uT", t);
    const { clientWidth: wide, clientHeight: high } = this.element;
    if (!wide || !high) return;
    if (this.orbit.distance !== this.risen) this.rise();
    const at = this.followed === null ? -1 : this.worlds[0].id.indexOf(this.followed);
    if (at >= 0) {
      const [x, z] = this.worlds[0].place(at, t);
      this.orbit.target.set(x, 0, z);
    }
    this.orbit.target.y = this.height(this.orbit.target.x, this.orbit.target.z);
    this.orbit.aim = at < 0 ? null : AIM * (this.lengths[this.kind] as number);
    if (this.looking && at >= 0) this.through(at, t, wide, high);
    else this.above(seconds, wide, high);
  }

  /** Grass around a place, a tuft in each cell so wide; none where that is 0. */
  private tufts(x: number, z: number, cell: number): void {
    this.grass.visible = cell > 0;
    (this.uniforms["uAround"]?.value as Vector3).set(x, z, cell);
  }

  private show(which: number): void {
    this.layers.forEach((layer, at) => {
      for (const crowd of layer.crowds) for (const mesh of crowd.meshes) mesh.visible = at === which;
    });
    (this.uniforms["uCover"] as IUniform).value = this.layers[which]?.cover;
  }

  private above(seconds: number, wide: number, high: number): void {
    this.renderer.setRenderTarget(null);
    this.renderer.setClearColor(this.paper, 1);
    this.renderer.setScissorTest(false);
    this.renderer.setViewport(0, 0, wide, high);
    this.renderer.clear();
    const { distance, target } = this.orbit;
    // the paper's colour is linear light, as the haze
    (this.uniforms["uHaze"]?.value as Vector3).set(this.paper.r, this.paper.g, this.paper.b);
    const haze = Math.min(CLEAR * this.ground.width, MISTY * distance);
    this.set("uFar", haze);
    this.sight.reach = VEILED * haze;
    this.tufts(target.x, target.z, distance < GRASSY_M ? TUFT * distance : 0);
    (this.uniforms["uSelf"]?.value as Vector4).set(0, 0, 0, 0);
    const count = this.split ? 2 : 1;
    // a tall picture is cut across, a wide one along
    const tall = high > wide;
    const [w, h] = tall ? [wide, high / count] : [wide / count, high];
    const { camera } = this.orbit;
    this.orbit.update(seconds, w / h);
    camera.updateMatrixWorld();
    // with no one to go with, what is right before the camera gives way
    const { x, y, z } = this.orbit.aim === null ? camera.position : target;
    (this.uniforms["uClear"]?.value as Vector4).set(x, y + (this.orbit.aim ?? 0), z, 1);
    const focal = (h * this.renderer.getPixelRatio()) / 2 / Math.tan((camera.fov * Math.PI) / 360);
    this.sort(camera.position, camera, focal, LEAST / this.orbit.narrow(w / h), MOVED * camera.position.distanceTo(this.orbit.target));
    this.renderer.setScissorTest(true);
    for (let which = 0; which < count; which++) {
      const [x, y] = tall ? [0, (count - 1 - which) * h] : [which * w, 0];
      this.show(which);
      this.renderer.setViewport(x, y, w, h);
      this.renderer.setScissor(x, y, w, h);
      this.renderer.render(this.scene, camera);
    }
    this.renderer.setScissorTest(false);
  }

  private through(at: number, t: number, wide: number, high: number): void {
    const looking = this.looking;
    if (!looking) return;
    const world = this.worlds[0];
    this.setLight(looking.light);
    this.show(0);
    const [x, z] = world.place(at, t);
    const eye = looking.eyes.facts["eye_height_m"]?.value as number;
    const heading = ((world.heading[at] as number) / 128) * Math.PI;
    (this.uniforms["uSelf"]?.value as Vector4).set(x, z, 2, 0);
    (this.uniforms["uClear"]?.value as Vector4).set(0, 0, 0, 0);
    const place = this.place.set(x, this.height(x, z) + eye, z);
    this.tufts(x, z, TUFT_M);
    this.sight.reach = Number.POSITIVE_INFINITY;
    this.sort(place, null, this.eyes.focal(looking, wide), 0, MOVED_M);
    this.eyes.draw(this.scene, looking, place, heading + this.glance.turn, this.glance.tilt, wide, high, this.still ? 0 : this.drawn.frames);
  }

  private pick(x: number, y: number): void {
    if (this.looking) return;
    const { clientWidth: wide, clientHeight: high } = this.element;
    const tall = high > wide;
    const count = this.split ? 2 : 1;
    const [u, v] = tall ? [x, (y * count) % 1] : [(x * count) % 1, y];
    const [w, h] = tall ? [wide, high / count] : [wide / count, high];
    const world = this.worlds[0];
    let [best, nearest] = [-1, TAP_PX];
    const point = new Vector3();
    for (let i = 0; i < world.id.length; i++) {
      const [px, pz] = world.place(i, this.uniforms["uT"]?.value as number);
      point.set(px, this.height(px, pz), pz).project(this.orbit.camera);
      if (point.z > 1) continue;
      const off = Math.hypot(((point.x + 1) / 2 - u) * w, ((1 - point.y) / 2 - v) * h - 6);
      if (off < nearest) [best, nearest] = [i, off];
    }
    this.follow(best < 0 ? null : (world.id[best] as number));
  }

  /** Draw one picture now and wait for the graphics card: milliseconds of the page, and of both; what it was drawn of. */
  timed(): { page: number; both: number; triangles: number; calls: number } {
    const { info } = this.renderer;
    const gl = this.renderer.getContext();
    info.autoReset = false;
    info.reset();
    const began = performance.now();
    this.picture(0.016);
    const page = performance.now() - began;
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
    const both = performance.now() - began;
    const { triangles, calls } = info.render;
    info.autoReset = true;
    return { page, both, triangles, calls };
  }

  close(): void {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.rest);
    this.sized.disconnect();
    this.unheard();
    this.orbit.close();
    this.eyes.close();
    this.scene.traverse((one) => {
      if (!(one instanceof Mesh)) return;
      one.geometry.dispose();
      (one.material as ShaderMaterial).dispose();
    });
    this.renderer.dispose();
    this.renderer.domElement.remove();
  }
}

/** What the shaders know of each species; number 255 is a tree. */
function speciesTexture(hello: Hello, colours: string[]): DataTexture {
  const data = new Float32Array(4 * 256 * 4);
  const put = (row: number, at: number, values: number[]): void => data.set(values, 4 * (row * 256 + at));
  hello.species.forEach((species, at) => {
    const coat = coatOf(species.name);
    put(0, at, [...linear(colours[at] as string), lengthOf(species.mass_g ?? 1)]);
    put(1, at, [...linear(coat.ground), coat.ultraviolet[0]]);
    put(2, at, [...linear(coat.marks), coat.ultraviolet[1]]);
    put(3, at, [coat.pattern, coat.period_m, coat.head, 0]);
  });
  put(0, 255, [...linear("#6b5138"), TREE_M]);
  put(1, 255, [...linear("#6b5138"), 0.04]);
  const texture = new DataTexture(data, 256, 4, RGBAFormat, FloatType);
  texture.minFilter = texture.magFilter = NearestFilter;
  texture.needsUpdate = true;
  return texture;
}
