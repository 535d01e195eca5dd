/** Points on a canvas: WebGL where there is any, a plain 2-D canvas where not. Both take the same three orders. */

/** A point p is drawn at `scale * bloom * p + shift` in clip space; `size` in device pixels; `mix` from the former to the present colours. */
export interface View {
  scale: [number, number];
  shift: [number, number];
  size: number;
  bloom: number;
  mix: number;
}

export interface Painter {
  place(xy: Float32Array): void;
  paint(rgba: Uint8Array): void;
  draw(view: View): void;
}

const VERTEX = `
attribute vec2 at; attribute vec4 was; attribute vec4 now;
uniform vec2 scale; uniform vec2 shift; uniform float size; uniform float bloom; uniform float blend; uniform float pass;
varying vec4 ink; varying float px;
void main() {
  ink = mix(was, now, blend);
  bool faint = now.a < 0.5;
  gl_Position = vec4(scale * at * bloom + shift, 0.0, 1.0);
  if (faint != (pass < 0.5)) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
  px = size * (faint ? 0.8 : 1.0);
  gl_PointSize = px;
}`;
const FRAGMENT = `
precision mediump float;
varying vec4 ink; varying float px;
void main() {
  float d = length(gl_PointCoord - 0.5) * 2.0;
  float edge = clamp(2.0 / px, 0.05, 0.9);
  float body = 1.0 - smoothstep(1.0 - edge, 1.0, d);
  vec3 tone = mix(ink.rgb, ink.rgb * 0.72, smoothstep(0.62, 0.95, d));
  gl_FragColor = vec4(tone, 1.0) * body * ink.a;
}`;

/** The painter for a canvas. */
export function painter(canvas: HTMLCanvasElement): Painter {
  const gl = canvas.getContext("webgl", { alpha: true, antialias: false, premultipliedAlpha: true });
  return gl ? webgl(gl, canvas) : plain(canvas);
}

/** A fixed shuffle of 0..n-1, so that no kind is always on top. */
function shuffled(n: number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  let state = 2654435769;
  for (let i = n - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = state % (i + 1);
    const kept = order[i] as number;
    order[i] = order[j] as number;
    order[j] = kept;
  }
  return order;
}

function webgl(gl: WebGLRenderingContext, canvas: HTMLCanvasElement): Painter {
  const program = gl.createProgram() as WebGLProgram;
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]] as [number, string][]) {
    const shader = gl.createShader(kind) as WebGLShader;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  gl.useProgram(program);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const buffers = { at: gl.createBuffer(), was: gl.createBuffer(), now: gl.createBuffer() };
  const uniform = (name: string) => gl.getUniformLocation(program, name);
  const uniforms = { scale: uniform("scale"), shift: uniform("shift"), size: uniform("size"), bloom: uniform("bloom"), blend: uniform("blend"), pass: uniform("pass") };
  let order = shuffled(0);
  let last = new Uint8Array(0);
  const load = (name: "at" | "was" | "now", data: Float32Array | Uint8Array, width: number, type: number) => {
    const slot = gl.getAttribLocation(program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffers[name]);
    gl.bufferData(gl.ARRAY_BUFFER, data as BufferSource, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(slot);
    gl.vertexAttribPointer(slot, width, type, type === gl.UNSIGNED_BYTE, 0, 0);
  };
  return {
    place(xy) {
      order = shuffled(xy.length / 2);
      const sorted = new Float32Array(xy.length);
      order.forEach((from, to) => sorted.set(xy.subarray(2 * from, 2 * from + 2), 2 * to));
      load("at", sorted, 2, gl.FLOAT);
      last = new Uint8Array(0);
    },
    paint(rgba) {
      const sorted = new Uint8Array(rgba.length);
      order.forEach((from, to) => sorted.set(rgba.subarray(4 * from, 4 * from + 4), 4 * to));
      load("was", last.length === sorted.length ? last : sorted, 4, gl.UNSIGNED_BYTE);
      load("now", sorted, 4, gl.UNSIGNED_BYTE);
      last = sorted;
    },
    draw(view) {
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      if (!last.length) return;
      gl.uniform2fv(uniforms.scale, view.scale);
      gl.uniform2fv(uniforms.shift, view.shift);
      gl.uniform1f(uniforms.size, view.size);
      gl.uniform1f(uniforms.bloom, view.bloom);
      gl.uniform1f(uniforms.blend, view.mix);
      for (const pass of [0, 1]) {
        gl.uniform1f(uniforms.pass, pass);
        gl.drawArrays(gl.POINTS, 0, order.length);
      }
    },
  };
}

function plain(canvas: HTMLCanvasElement): Painter {
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  let points: Float32Array = new Float32Array(0);
  let inks = new Map<string, number[]>();
  return {
    place(xy) {
      points = xy;
    },
    paint(rgba) {
      const faint = new Map<string, number[]>();
      const strong = new Map<string, number[]>();
      for (let i = 0; i < rgba.length / 4; i++) {
        const [r = 0, g = 0, b = 0, a = 0] = rgba.subarray(4 * i, 4 * i + 4);
        const key = `rgba(${r},${g},${b},${(a / 255).toFixed(2)})`;
        const side = a < 128 ? faint : strong;
        const list = side.get(key);
        if (list) list.push(i);
        else side.set(key, [i]);
      }
      inks = new Map([...faint, ...strong]);
    },
    draw(view) {
      const { width, height } = canvas;
      context.clearRect(0, 0, width, height);
      const radius = view.size / 2;
      for (const [ink, list] of inks) {
        context.beginPath();
        for (const i of list) {
          const x = ((view.scale[0] * (points[2 * i] as number) * view.bloom + view.shift[0] + 1) / 2) * width;
          const y = ((1 - (view.scale[1] * (points[2 * i + 1] as number) * view.bloom + view.shift[1])) / 2) * height;
          if (x < -radius || y < -radius || x > width + radius || y > height + radius) continue;
          context.moveTo(x + radius, y);
          context.arc(x, y, radius, 0, 6.2832);
        }
        context.fillStyle = ink;
        context.fill();
      }
    },
  };
}
