/** The points by deck.gl: one layer whose places and colours are arrays, never objects. */
import { Deck, OrthographicView } from "@deck.gl/core";
import { ScatterplotLayer } from "@deck.gl/layers";
import type { Staged } from "./cover";
import type { Painter } from "./points";

/** A dot with a darker rim, as a seed has. */
class Seeds extends ScatterplotLayer {
  override getShaders(): unknown {
    const shaders = super.getShaders() as Record<string, unknown>;
    const rim = "color.rgb *= mix(1.0, 0.74, smoothstep(0.62, 0.95, length(geometry.uv)));";
    return { ...shaders, inject: { "fs:DECKGL_FILTER_COLOR": rim } };
  }
  static override layerName = "Seeds";
}

export function deckPainter(canvas: HTMLCanvasElement): Painter {
  let data: { length: number; attributes: Record<string, { value: Float32Array | Uint8Array; size: number; normalized?: boolean }> } = { length: 0, attributes: {} };
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
      data = {
        length: staged.count,
        attributes: {
          getPosition: { value: staged.xy, size: 2 },
          getFillColor: { value: staged.rgba, size: 4, normalized: true },
        },
      };
    },
    draw(view) {
      if (!(view.width * view.height * view.unit > 0)) return; // a window without room
      const target: [number, number, number] = [view.x + (view.width / 2 - view.middle) / view.unit, view.y, 0];
      deck.setProps({
        viewState: { target, zoom: Math.log2(view.unit) },
        layers: [
          new Seeds({
            id: "points",
            data,
            radiusUnits: "pixels",
            getRadius: 1,
            radiusScale: view.size / 2,
            modelMatrix: [view.bloom, 0, 0, 0, 0, view.bloom, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
            stroked: false,
            antialiasing: true,
            pickable: false,
          }),
        ],
      });
      deck.redraw("moved");
    },
    close() {
      deck.finalize();
    },
  };
}
