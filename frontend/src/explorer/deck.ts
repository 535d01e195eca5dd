/** The points by deck.gl: one layer whose places and colours are arrays on the card, never objects; a move changes a camera of seven numbers. */
import { Deck, Layer, OrthographicView } from "@deck.gl/core";
import { Model } from "@luma.gl/engine";
import type { Staged } from "./cover";
import type { Painter } from "./points";

interface Camera {
  /** The place of the map in the middle of the canvas, and what a unit of the map is there. */
  middle: [number, number];
  scale: [number, number];
  bloom: number;
  /** px of the canvas across: a dot, and the square that holds it with its soft edge. */
  size: number;
  square: number;
}

const BLOCK = `layout(std140) uniform cameraUniforms {
  vec2 middle;
  vec2 scale;
  float bloom;
  float size;
  float square;
} camera;
`;
const camera = {
  name: "camera",
  vs: BLOCK,
  fs: BLOCK,
  uniformTypes: { middle: "vec2<f32>", scale: "vec2<f32>", bloom: "f32", size: "f32", square: "f32" },
} as const;

const VERTEX = `#version 300 es
#define SHADER_NAME seeds
in vec2 places;
in vec4 inks;
out vec4 ink;
void main() {
  ink = inks;
  gl_PointSize = camera.square;
  gl_Position = vec4((places * camera.bloom - camera.middle) * camera.scale, 0.0, 1.0);
}
`;
const FRAGMENT = `#version 300 es
#define SHADER_NAME seeds
precision highp float;
in vec4 ink;
out vec4 colour;
void main() {
  float out_px = length(gl_PointCoord - 0.5) * camera.square;
  float rim = mix(1.0, 0.74, smoothstep(0.31, 0.475, out_px / camera.size));
  colour = vec4(ink.rgb * rim, ink.a * clamp(0.5 * camera.size + 0.5 - out_px, 0.0, 1.0));
}
`;

interface Data {
  length: number;
  attributes: Record<string, { value: Float32Array | Uint8Array; size: number; normalized?: boolean }>;
}
interface SeedsProps {
  data: Data;
  camera: Camera;
  getPlace?: unknown;
  getInk?: unknown;
}

/**
 * Dots with a darker rim, as seeds have. A dot is a point of WebGL, not a square drawn once more for each, as in deck.gl's own ScatterplotLayer: a card does
 * not mind, but drawing in software takes some 20 microseconds for each repetition, which is 0.3 s a frame for what is seen of a map at once.
 */
class Seeds extends Layer<Required<SeedsProps>> {
  static override layerName = "Seeds";
  static override defaultProps = {
    getPlace: { type: "accessor", value: [0, 0] },
    getInk: { type: "accessor", value: [0, 0, 0, 255] },
    camera: { type: "object", value: null, compare: false },
  };
  declare state: { model: Model };

  override initializeState(): void {
    const attributes = this.getAttributeManager();
    attributes?.remove(["instancePickingColors"]);
    attributes?.add({ places: { size: 2, accessor: "getPlace" }, inks: { size: 4, type: "unorm8", accessor: "getInk" } });
    const model = new Model(this.context.device, {
      ...this.getShaders({ vs: VERTEX, fs: FRAGMENT, modules: [camera] }),
      id: this.props.id,
      bufferLayout: attributes?.getBufferLayouts() ?? [],
      topology: "point-list",
      isInstanced: false,
    });
    this.setState({ model });
  }

  override draw(): void {
    const { model } = this.state;
    if (!this.props.data.length) return;
    model.setVertexCount(this.props.data.length);
    model.shaderInputs.setProps({ camera: { ...this.props.camera } });
    model.draw(this.context.renderPass);
  }
}

export function deckPainter(canvas: HTMLCanvasElement): Painter {
  // deck.gl's own view stays as it is: if it moved, deck.gl would draw each picture twice, once when told to and once in its own time
  const view: Camera = { middle: [0, 0], scale: [1, 1], bloom: 1, size: 1, square: 1 };
  const deck = new Deck({
    canvas,
    views: new OrthographicView({ flipY: false }),
    controller: false,
    // the dots have soft edges of their own
    deviceProps: { type: "webgl", webgl: { antialias: false, preserveDrawingBuffer: false } },
    useDevicePixels: Math.min(devicePixelRatio || 1, 2),
    viewState: { target: [0, 0, 0], zoom: 0 },
    layers: [],
    getCursor: () => "",
    // hands and keys are on the canvas above
    onLoad: () => canvas.removeAttribute("tabindex"),
    pickingRadius: 0,
  });
  return {
    gap: 2,
    name: "deck.gl",
    stage(staged: Staged) {
      const data: Data = {
        length: staged.count,
        attributes: {
          getPlace: { value: staged.xy, size: 2 },
          getInk: { value: staged.rgba, size: 4, normalized: true },
        },
      };
      deck.setProps({ layers: [new Seeds({ id: "points", data, camera: view })] });
    },
    draw({ x, y, unit, middle, width, height, ratio, size, bloom }) {
      if (!(width * height * unit > 0)) return; // a window without room
      view.middle = [x + (width / 2 - middle) / unit, y];
      view.scale = [(2 * unit) / width, (2 * unit) / height];
      view.bloom = bloom;
      view.size = size * ratio;
      view.square = size * ratio + 1;
      deck.redraw("moved");
    },
    close() {
      deck.finalize();
    },
  };
}
