/** Points on a canvas: deck.gl where there is WebGL 2, a plain 2-D canvas where not. */
import { painted } from "../painted";
import type { Staged } from "./cover";

/** What is seen: the map's place `x`, `y` in the middle, `middle` px from the left; `unit` px a unit of the map; points `size` px wide. */
export interface View {
  x: number;
  y: number;
  unit: number;
  middle: number;
  width: number;
  height: number;
  ratio: number;
  size: number;
  /** From 0 to 1 while the map opens. */
  bloom: number;
}

export interface Painter {
  /** How far apart points must be to be drawn, px. */
  readonly gap: number;
  readonly name: "deck.gl" | "canvas";
  stage(staged: Staged): void;
  draw(view: View): void;
  close(): void;
}

/** Fetch what will draw, if this browser can. */
export function early(): void {
  if ("WebGL2RenderingContext" in window) void painted().then(() => import("./deck"));
}

/** The painter for a canvas; deck.gl comes in its own file, when it is first wanted. */
export async function painter(canvas: HTMLCanvasElement): Promise<Painter> {
  await painted();
  if (document.createElement("canvas").getContext("webgl2")) {
    const { deckPainter } = await import("./deck");
    return deckPainter(canvas);
  }
  return plain(canvas);
}

function plain(canvas: HTMLCanvasElement): Painter {
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  let staged: Staged | null = null;
  return {
    gap: 4,
    name: "canvas",
    stage(next) {
      staged = next;
    },
    draw(view) {
      const { width, height, ratio } = view;
      canvas.width = Math.max(1, Math.round(width * ratio));
      canvas.height = Math.max(1, Math.round(height * ratio));
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      if (!staged) return;
      const { xy, rgba, count } = staged;
      const radius = view.size / 2;
      let last = -1;
      for (let i = 0; i < count; i++) {
        const x = view.middle + ((xy[2 * i] as number) * view.bloom - view.x) * view.unit;
        const y = height / 2 - ((xy[2 * i + 1] as number) * view.bloom - view.y) * view.unit;
        if (x < -radius || y < -radius || x > width + radius || y > height + radius) continue;
        const [r = 0, g = 0, b = 0, a = 0] = [rgba[4 * i], rgba[4 * i + 1], rgba[4 * i + 2], rgba[4 * i + 3]];
        const ink = r | (g << 8) | (b << 16) | ((a >> 1) << 24);
        if (ink !== last) context.fillStyle = `rgba(${r},${g},${b},${a / 255})`;
        last = ink;
        context.beginPath();
        context.arc(x, y, radius, 0, 6.2832);
        context.fill();
      }
    },
    close() {},
  };
}
