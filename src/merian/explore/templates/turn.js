/** The figure in three dimensions, by parallel projection: turned by drag or arrow keys, filtered by its legend. */

const data = JSON.parse(document.getElementById("data").textContent);
const find = (at) => document.querySelector(at);
const frame = find("#frame");
const canvas = find(".over");
const ink = canvas.getContext("2d");
const dark = matchMedia("(prefers-color-scheme: dark)");
const only = new Set();
const home = { turn: data.turn, up: data.up, zoom: 1 };
const view = { ...home };
let size = { width: 1, height: 1, ratio: 1 };
let waiting = false;

const theme = () => (dark.matches ? data.night : data.day);
const colourOf = (s) => theme().pigments[s] ?? theme().grey;
const shown = (s) => !only.size || only.has(s);

/** Where a point stands on the canvas, and how near it is. */
function project([x, y, z]) {
  const [turn, up] = [(view.turn * Math.PI) / 180, (view.up * Math.PI) / 180];
  const across = x * Math.cos(turn) - y * Math.sin(turn);
  const back = x * Math.sin(turn) + y * Math.cos(turn);
  const k = Math.min(size.width / 3, size.height / 2.5) * view.zoom;
  return [size.width / 2 + across * k, size.height / 2 - (z * Math.cos(up) + back * Math.sin(up)) * k, z * Math.sin(up) - back * Math.cos(up)];
}

function line(from, to, colour, width, dash = []) {
  const [a, b] = [project(from), project(to)];
  ink.beginPath();
  ink.moveTo(a[0], a[1]);
  ink.lineTo(b[0], b[1]);
  ink.strokeStyle = colour;
  ink.lineWidth = width;
  ink.setLineDash(dash);
  ink.stroke();
  ink.setLineDash([]);
}

/** A mark at a point: a disc or a ring for the first two variants, squares for the next two, and so on. */
function mark(at, variant, radius, fill, stroke, width) {
  const [x, y] = project(at);
  ink.beginPath();
  const sides = [0, 4, 3, 6][Math.floor(variant / 2) % 4];
  if (!sides) ink.arc(x, y, radius, 0, 2 * Math.PI);
  for (let k = 0; k < sides; k++) ink[k ? "lineTo" : "moveTo"](x + 1.25 * radius * Math.sin((2 * Math.PI * (k + 0.5)) / sides), y + 1.25 * radius * Math.cos((2 * Math.PI * (k + 0.5)) / sides));
  ink.closePath();
  if (fill) {
    ink.fillStyle = fill;
    ink.fill();
  }
  if (stroke) {
    ink.strokeStyle = stroke;
    ink.lineWidth = width;
    ink.stroke();
  }
}

function plane(tone) {
  const [a, b] = data.half;
  ink.beginPath();
  [[-a, -b, 0], [a, -b, 0], [a, b, 0], [-a, b, 0]].forEach((corner, k) => ink[k ? "lineTo" : "moveTo"](...project(corner).slice(0, 2)));
  ink.closePath();
  ink.globalAlpha = 0.8;
  ink.fillStyle = tone("--rule");
  ink.fill();
  for (let k = -3; k < 4; k++) {
    line([(k * a) / 4, -b, 0], [(k * a) / 4, b, 0], tone("--plate"), 1);
    line([-a, (k * b) / 4, 0], [a, (k * b) / 4, 0], tone("--plate"), 1);
  }
  ink.globalAlpha = 1;
}

function images(above) {
  data.points.forEach((point, i) => {
    const s = data.species[i];
    if (point[2] >= 0 !== above) return;
    ink.globalAlpha = shown(s) ? (above === view.up >= 0 ? 0.65 : 0.35) : 0.05;
    const hollow = data.variant[i] % 2 === 0;
    mark(point, data.variant[i], 2.4, hollow ? null : colourOf(s), hollow ? colourOf(s) : null, 1);
  });
  ink.globalAlpha = 1;
}

function means(tone) {
  data.means.forEach((own, s) => {
    const there = own.map((at, v) => [at, v]).filter(([at]) => at);
    if (!shown(s) || there.length < 2) return;
    for (const [at] of there) line(at, [at[0], at[1], 0], tone("--soft"), 0.8, [1.5, 3]);
    for (let k = 1; k < there.length; k++) line(there[k - 1][0], there[k][0], tone("--ink"), 2.2);
    for (const [at, v] of there) {
      const hollow = v % 2 === 0;
      mark(at, v, 6, hollow ? tone("--plate") : colourOf(s), hollow ? colourOf(s) : tone("--ink"), hollow ? 2.4 : 1);
    }
  });
}

function words(tone) {
  const [a, b] = data.half;
  Object.assign(ink, { font: `italic 14px ${tone("--serif")}`, textAlign: "center", textBaseline: "middle", fillStyle: tone("--soft"), lineJoin: "round" });
  const axes = [["first component of the species' means", [0, -1.2 * b, 0]], ["second", [-1.18 * a, 0, 0]], ["variation within species", [-a, b, 0.72]]];
  line([-a, b, 0], [-a, b, 0.62], tone("--soft"), 1);
  for (const [text, at] of axes) {
    const [x, y] = project(at);
    Object.assign(ink, { strokeStyle: tone("--plate"), lineWidth: 4 });
    ink.strokeText(text, x, y);
    ink.fillText(text, x, y);
  }
}

function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    ink.setTransform(size.ratio, 0, 0, size.ratio, 0, 0);
    ink.clearRect(0, 0, size.width, size.height);
    const style = getComputedStyle(frame);
    const tone = (key) => style.getPropertyValue(key).trim();
    images(view.up < 0);
    plane(tone);
    words(tone);
    images(view.up >= 0);
    means(tone);
  });
}

function legend() {
  const mine = Math.min(data.names.length, theme().pigments.length);
  const keys = data.names.slice(0, mine).map((name, s) => {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "key" });
    button.setAttribute("aria-pressed", String(only.has(s)));
    const dot = Object.assign(document.createElement("span"), { className: "dot" });
    dot.style.background = colourOf(s);
    button.append(dot, Object.assign(document.createElement("i"), { textContent: name }), Object.assign(document.createElement("small"), { textContent: data.counts[s].toLocaleString("en") }));
    button.addEventListener("click", () => {
      only.has(s) ? only.delete(s) : only.add(s);
      legend();
      find("#legend").children[s].focus();
      find("#said").textContent = only.size ? `Shown: ${[...only].map((k) => data.names[k]).join(", ")}` : "All species are shown.";
      redraw();
    });
    return button;
  });
  const kinds = data.variants.map((name, v) => `${["○", "●", "□", "■", "△", "▲"][v] ?? "◆"} ${name}`).join("\u2003");
  const rest = data.names.length > mine ? `\u2003grey: ${data.names.length - mine} others` : "";
  find("#legend").replaceChildren(...keys, Object.assign(document.createElement("span"), { className: "ramp", textContent: `\u2003${kinds}${rest}` }));
}

function turn(dx, dy) {
  view.turn = (view.turn + dx) % 360;
  view.up = Math.min(Math.max(view.up + dy, -90), 90);
  redraw();
}

function zoom(factor) {
  view.zoom = Math.min(Math.max(view.zoom * factor, 0.4), 8);
  redraw();
}

let held = null;
canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  held = [event.clientX, event.clientY];
});
canvas.addEventListener("pointermove", (event) => {
  if (!held) return;
  turn((event.clientX - held[0]) * 0.5, (event.clientY - held[1]) * 0.4);
  held = [event.clientX, event.clientY];
});
for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (held = null));
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.03 : 0.0015)));
}, { passive: false });
canvas.addEventListener("keydown", (event) => {
  const way = { ArrowLeft: [-6, 0], ArrowRight: [6, 0], ArrowUp: [0, 5], ArrowDown: [0, -5] }[event.key];
  if (way) turn(...way);
  else if (event.key === "+" || event.key === "=") zoom(1.25);
  else if (event.key === "-") zoom(0.8);
  else if (event.key === "0" || event.key === "Home") {
    Object.assign(view, home);
    redraw();
  } else return;
  event.preventDefault();
});
dark.addEventListener("change", () => {
  legend();
  redraw();
});
new ResizeObserver(() => {
  size = { width: frame.clientWidth, height: frame.clientHeight, ratio: Math.min(devicePixelRatio || 1, 2) };
  canvas.width = Math.max(1, Math.round(size.width * size.ratio));
  canvas.height = Math.max(1, Math.round(size.height * size.ratio));
  redraw();
}).observe(frame);
legend();
document.body.dataset.ready = "yes";
