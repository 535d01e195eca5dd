/** The ground of the window from its coarse rasters: heights, cover, trees. Between cells values are blended smoothly; nothing is made up. */
import { BufferAttribute, BufferGeometry, ClampToEdgeWrapping, DataTexture, DataUtils, HalfFloatType, LinearFilter, RedFormat, RGBAFormat } from "three";
import type { Raster } from "./frames";
import { chance } from "./herds";

/** Cells of the drawn ground; its corners are one more. The shaders know it too. */
const CELLS = 128;
const SIDE = CELLS + 1;
const MOST_TREES = 2600;

/** A raster as numbers from 0 to 1 at the corners of the drawn ground, by a cubic B-spline. */
export function smooth(raster: Raster): Float32Array {
  const { rows, columns, values } = raster;
  const down = weights(rows);
  const across = weights(columns);
  const half = new Float32Array(SIDE * rows);
  for (let r = 0; r < rows; r++) {
    for (let i = 0; i < SIDE; i++) {
      let sum = 0;
      for (let k = 0; k < 4; k++) sum += (values[r * columns + (across.at[4 * i + k] as number)] as number) * (across.by[4 * i + k] as number);
      half[r * SIDE + i] = sum / 255;
    }
  }
  const found = new Float32Array(SIDE * SIDE);
  for (let j = 0; j < SIDE; j++) {
    for (let i = 0; i < SIDE; i++) {
      let sum = 0;
      for (let k = 0; k < 4; k++) sum += (half[(down.at[4 * j + k] as number) * SIDE + i] as number) * (down.by[4 * j + k] as number);
      found[j * SIDE + i] = sum;
    }
  }
  return found;
}

function weights(cells: number): { at: Int32Array; by: Float32Array } {
  const at = new Int32Array(4 * SIDE);
  const by = new Float32Array(4 * SIDE);
  for (let i = 0; i < SIDE; i++) {
    const place = (i / CELLS) * cells - 0.5;
    const first = Math.floor(place);
    const f = place - first;
    const shares = [(1 - f) ** 3, 3 * f ** 3 - 6 * f ** 2 + 4, -3 * f ** 3 + 3 * f ** 2 + 3 * f + 1, f ** 3];
    for (let k = 0; k < 4; k++) {
      at[4 * i + k] = Math.min(Math.max(first - 1 + k, 0), cells - 1);
      by[4 * i + k] = (shares[k] as number) / 6;
    }
  }
  return { at, by };
}

export class Ground {
  private heights: Float32Array = new Float32Array(SIDE * SIDE);
  readonly texture = new DataTexture(new Uint16Array(SIDE * SIDE), SIDE, SIDE, RedFormat, HalfFloatType);
  private readonly still: Record<"water" | "trees", Float32Array> = { water: new Float32Array(SIDE * SIDE), trees: new Float32Array(SIDE * SIDE) };
  /** Metres from the lowest place to the highest. */
  metres = 0;

  constructor(readonly width: number) {
    soften(this.texture);
  }

  take(name: string, raster: Raster): void {
    const values = smooth(raster);
    if (name === "elevation") {
      this.heights = values;
      this.metres = raster.high - raster.low;
      const data = this.texture.image.data as Uint16Array;
      values.forEach((value, at) => {
        data[at] = DataUtils.toHalfFloat(value);
      });
      this.texture.needsUpdate = true;
    } else if (name === "water" || name === "trees") this.still[name] = values;
  }

  /** What covers it in one world: plants, water, trees. */
  cover(texture: DataTexture, plants: Float32Array | null): void {
    const data = texture.image.data as Uint8Array;
    for (let at = 0; at < SIDE * SIDE; at++) {
      if (plants) data[4 * at] = 255 * Math.min(plants[at] as number, 1);
      data[4 * at + 1] = 255 * (this.still.water[at] as number);
      data[4 * at + 2] = 255 * (this.still.trees[at] as number);
      data[4 * at + 3] = 255;
    }
    texture.needsUpdate = true;
  }

  /** Height at a place as a share of all of it. */
  height(x: number, z: number): number {
    const u = Math.min(Math.max((x / this.width + 0.5) * CELLS, 0), CELLS - 1e-6);
    const v = Math.min(Math.max((z / this.width + 0.5) * CELLS, 0), CELLS - 1e-6);
    const [i, j] = [Math.floor(u), Math.floor(v)];
    const { heights } = this;
    const at = j * SIDE + i;
    const [f, g] = [u - i, v - j];
    const one = (heights[at] as number) * (1 - f) + (heights[at + 1] as number) * f;
    return one * (1 - g) + ((heights[at + SIDE] as number) * (1 - f) + (heights[at + SIDE + 1] as number) * f) * g;
  }

  /** Places of trees, thicker where there are more: x, z, chance; drawn by chance, but always alike. */
  trees(): [number, number, number][] {
    const found: [number, number, number][] = [];
    for (let k = 0; k < 6 * MOST_TREES && found.length < MOST_TREES; k++) {
      const [u, v] = [chance(3 * k + 11), chance(3 * k + 12)];
      const at = Math.round(v * CELLS) * SIDE + Math.round(u * CELLS);
      const wet = (this.still.water[at] as number) > 0.25;
      if (wet || chance(3 * k + 13) > 0.75 * (this.still.trees[at] as number)) continue;
      found.push([(u - 0.5) * this.width, (v - 0.5) * this.width, chance(7 * k + 5)]);
    }
    return found;
  }
}

function soften(texture: DataTexture): void {
  texture.minFilter = texture.magFilter = LinearFilter;
  texture.wrapS = texture.wrapT = ClampToEdgeWrapping;
}

/** An empty cover. */
export function coverTexture(): DataTexture {
  const texture = new DataTexture(new Uint8Array(4 * SIDE * SIDE), SIDE, SIDE, RGBAFormat);
  soften(texture);
  return texture;
}

/** A flat block: its top as cells, its sides and no bottom; the shader lifts it. */
export function blockGeometry(width: number): BufferGeometry {
  const places: number[] = [];
  const depth: number[] = [];
  const index: number[] = [];
  const corner = (i: number, j: number, deep: number): number => {
    places.push((i / CELLS - 0.5) * width, 0, (j / CELLS - 0.5) * width);
    depth.push(deep);
    return depth.length - 1;
  };
  for (let j = 0; j <= CELLS; j++) for (let i = 0; i <= CELLS; i++) corner(i, j, 0);
  for (let j = 0; j < CELLS; j++) {
    for (let i = 0; i < CELLS; i++) {
      const a = j * SIDE + i;
      index.push(a, a + SIDE, a + 1, a + 1, a + SIDE, a + SIDE + 1);
    }
  }
  const sides: ((k: number) => [number, number])[] = [(k) => [k, CELLS], (k) => [CELLS, CELLS - k], (k) => [CELLS - k, 0], (k) => [0, k]];
  for (const side of sides) {
    for (let k = 0; k < CELLS; k++) {
      const [a, b] = [side(k), side(k + 1)];
      const [p, q, r, s] = [corner(...a, 0.001), corner(...b, 0.001), corner(...a, 1), corner(...b, 1)];
      index.push(p, r, q, q, r, s);
    }
  }
  const geometry = new BufferGeometry();
  geometry.setAttribute("position", new BufferAttribute(new Float32Array(places), 3));
  geometry.setAttribute("depth", new BufferAttribute(new Float32Array(depth), 1));
  geometry.setIndex(index);
  return geometry;
}
