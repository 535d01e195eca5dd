/** Points on a canvas: WebGL where there is any, a plain 2-D canvas where not. Both draw faint points below strong ones. */

const VERTEX = `
attribute vec2 at; attribute vec4 ink; uniform vec2 scale; uniform vec2 shift; uniform float size; uniform float strong;
varying vec4 tone; varying float px;
void main() {
  tone = ink;
  gl_Position = vec4(scale * at + shift, 0.0, 1.0);
  if ((ink.a > 0.5) != (strong > 0.5)) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
  px = size * (strong > 0.5 ? 1.0 : 0.75);
  gl_PointSize = px;
}`;
const FRAGMENT = `
precision mediump float;
varying vec4 tone; varying float px;
void main() {
  float d = length(gl_PointCoord - 0.5) * 2.0;
  float body = 1.0 - smoothstep(1.0 - clamp(2.0 / px, 0.05, 0.9), 1.0, d);
  gl_FragColor = vec4(tone.rgb, 1.0) * body * tone.a;
}`;

/** A fixed shuffle of 0..n-1, so that no kind is always on top. */
function shuffled(n) {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  let state = 2654435769;
  for (let i = n - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = state % (i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** A painter: paint(rgba [4 n bytes]), draw({scale, shift, size}); a point p is drawn at scale * p + shift in clip space, size in device pixels. */
function painter(canvas, xy) {
  const gl = canvas.getContext("webgl", { alpha: true, antialias: false, premultipliedAlpha: true });
  const order = shuffled(xy.length / 2);
  return gl ? withWebgl(gl, canvas, xy, order) : withCanvas(canvas, xy, order);
}

function withWebgl(gl, canvas, xy, order) {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  gl.useProgram(program);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const uniforms = Object.fromEntries(["scale", "shift", "size", "strong"].map((name) => [name, gl.getUniformLocation(program, name)]));
  const load = (name, buffer, content, width, type) => {
    const slot = gl.getAttribLocation(program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, content, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(slot);
    gl.vertexAttribPointer(slot, width, type, type === gl.UNSIGNED_BYTE, 0, 0);
  };
  const sorted = new Float32Array(xy.length);
  order.forEach((from, to) => sorted.set(xy.subarray(2 * from, 2 * from + 2), 2 * to));
  load("at", gl.createBuffer(), sorted, 2, gl.FLOAT);
  const inks = gl.createBuffer();
  return {
    paint(rgba) {
      const again = new Uint8Array(rgba.length);
      order.forEach((from, to) => again.set(rgba.subarray(4 * from, 4 * from + 4), 4 * to));
      load("ink", inks, again, 4, gl.UNSIGNED_BYTE);
    },
    draw(view) {
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.uniform2fv(uniforms.scale, view.scale);
      gl.uniform2fv(uniforms.shift, view.shift);
      gl.uniform1f(uniforms.size, view.size);
      for (const strong of [0, 1]) {
        gl.uniform1f(uniforms.strong, strong);
        gl.drawArrays(gl.POINTS, 0, order.length);
      }
    },
  };
}

function withCanvas(canvas, xy, order) {
  const context = canvas.getContext("2d");
  let rgba = new Uint8Array(0);
  return {
    paint(inks) {
      rgba = inks;
    },
    draw(view) {
      const { width, height } = canvas;
      context.clearRect(0, 0, width, height);
      for (const strong of [false, true]) {
        const size = view.size * (strong ? 1 : 0.75);
        for (const i of order) {
          if (rgba[4 * i + 3] > 127 !== strong) continue;
          const x = ((view.scale[0] * xy[2 * i] + view.shift[0] + 1) / 2) * width;
          const y = ((1 - view.scale[1] * xy[2 * i + 1] - view.shift[1]) / 2) * height;
          if (x < -size || y < -size || x > width + size || y > height + size) continue;
          context.fillStyle = `rgb(${rgba[4 * i]} ${rgba[4 * i + 1]} ${rgba[4 * i + 2]} / ${rgba[4 * i + 3] / 255})`;
          context.beginPath();
          context.arc(x, y, size / 2, 0, 6.2832);
          context.fill();
        }
      }
    },
  };
}
