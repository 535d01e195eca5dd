/** The shader held against numbers: test pictures through the same passes as the page draws, and how wide a field is drawn. Loaded by tests, and by whoever doubts. */
import { BufferGeometry, DataTexture, DoubleSide, FloatType, Mesh, NearestFilter, RGBAFormat, Scene, ShaderMaterial, GLSL3, SphereGeometry, UnsignedByteType, Vector3, WebGLRenderTarget, WebGLRenderer } from "three";
import { EyeView, type Optics, rowsOf } from "./eyes";
import { Retina, blurDeg } from "./retina";
import type { Light } from "./scene";

export interface Picture {
  width: number;
  height: number;
  /** Linear red, green, blue and ultraviolet, row by row. */
  light: Float32Array;
}

const MARK = { vertexShader: "void main() { gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0); }", fragmentShader: "precision highp float; layout(location = 0) out vec4 result; void main() { result = vec4(2.0); }" };

/** One for all calls: a browser lets a page have few, and shaders are slow to make. */
let own: { renderer: WebGLRenderer; retina: Retina; view: EyeView } | null = null;
function shared(): { renderer: WebGLRenderer; retina: Retina; view: EyeView } {
  if (!own) {
    const renderer = new WebGLRenderer();
    // no light, and no ultraviolet, which is alpha
    renderer.setClearColor(0, 0);
    own = { renderer, retina: new Retina(renderer), view: new EyeView(renderer) };
  }
  return own;
}

function pixels(renderer: WebGLRenderer, target: WebGLRenderTarget): Uint8Array {
  const { width, height } = target;
  const found = new Uint8Array(4 * width * height);
  renderer.readRenderTargetPixels(target, 0, 0, width, height, found);
  return found;
}

const plain = (width: number, height: number): WebGLRenderTarget => new WebGLRenderTarget(width, height, { type: UnsignedByteType, format: RGBAFormat });

/** A picture as eyes take it in, at so many pixels a degree: red, green, blue (sRGB, 0 to 255) and 255, row by row. */
export function seen(eyes: Optics, picture: Picture, perDegree: number, light: Light = "day"): Uint8Array {
  const { renderer, retina } = shared();
  const { width, height } = picture;
  const texture = new DataTexture(picture.light, width, height, RGBAFormat, FloatType);
  texture.minFilter = texture.magFilter = NearestFilter;
  texture.needsUpdate = true;
  retina.size(width, height);
  retina.load(texture);
  retina.soften(blurDeg(eyes.acuity[light]) * perDegree);
  const target = plain(width, height);
  retina.show({ rows: rowsOf(eyes, light), gain: 1, grain: 0, seed: 0 }, target);
  const found = pixels(renderer, target);
  texture.dispose();
  target.dispose();
  return found;
}

/** Where marks at some degrees right of straight ahead are drawn: 0 at the left edge, 1 at the right one, null where they are not seen. */
export function places(eyes: Optics, degrees: number[], zoom: number, [width, height]: [number, number] = [400, 120]): (number | null)[] {
  const { renderer, view } = shared();
  const target = plain(width, height);
  const geometry: BufferGeometry = new SphereGeometry(0.35, 12, 8);
  const material = new ShaderMaterial({ ...MARK, glslVersion: GLSL3, side: DoubleSide });
  const mark = new Mesh(geometry, material);
  const scene = new Scene();
  scene.add(mark);
  const found = degrees.map((degree) => {
    const turn = (degree * Math.PI) / 180;
    // the head looks east, and turns clockwise: to its right is +z
    mark.position.set(20 * Math.cos(turn), 0, 20 * Math.sin(turn));
    mark.updateMatrixWorld();
    view.draw(scene, { eyes, light: "day", zoom }, new Vector3(), 0, 0, width, height, 0, target);
    const shown = pixels(renderer, target);
    let [sum, all] = [0, 0];
    for (let k = 0; k < width * height; k++) {
      const bright = (shown[4 * k] as number) + (shown[4 * k + 1] as number);
      sum += bright * (((k % width) + 0.5) / width);
      all += bright;
    }
    return all > 0 ? sum / all : null;
  });
  geometry.dispose();
  material.dispose();
  target.dispose();
  return found;
}
