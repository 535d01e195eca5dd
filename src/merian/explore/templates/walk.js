/** Moving over the map, and what is drawn above the points: names, rings, thumbnails. Mouse, finger or keyboard. */

const LABELS = 16;
const CELL_PX = 44;
/** Pictures on the map now: row, left, top, side. */
const drawn = [];
/** The zoom at which all points fill the frame. */
let fit = 1;
const moves = { start: 0, ms: 0, step: null };
const ease = (t) => 1 - (1 - t) ** 3;
const unit = () => Math.min(size.width, size.height) * 0.47;

function fitting() {
  let [wide, high] = [1e-3, 1e-3];
  for (let i = 0; i < n; i++) {
    wide = Math.max(wide, Math.abs(xy[2 * i]));
    high = Math.max(high, Math.abs(xy[2 * i + 1]));
  }
  return (0.46 * Math.min(size.width / wide, size.height / high)) / unit();
}

const home = () => fly(0, 0, fit);

function screen(x, y) {
  const k = unit() * view.zoom;
  return [size.width / 2 + (x - view.x) * k, size.height / 2 - (y - view.y) * k];
}

/** The picture there, else the nearest point that is shown, or -1. */
function at(px, py, reach = NEAR_PX) {
  const picture = drawn.find(([, left, top, side]) => px >= left && py >= top && px < left + side && py < top + side);
  if (picture) return picture[0];
  const k = unit() * view.zoom;
  const [x, y] = [(px - size.width / 2) / k + view.x, (size.height / 2 - py) / k + view.y];
  let best = (reach / k) ** 2;
  let nearest = -1;
  for (let i = 0; i < n; i++) {
    if (!strong[i]) continue;
    const gap = (xy[2 * i] - x) ** 2 + (xy[2 * i + 1] - y) ** 2;
    if (gap < best) [best, nearest] = [gap, i];
  }
  return nearest;
}

function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame((now) => {
    waiting = false;
    if (moves.step) {
      const t = moves.ms ? Math.min(Math.max((now - moves.start) / moves.ms, 0), 1) : 1;
      moves.step(ease(t));
      if (t === 1) moves.step = null;
    }
    draw();
    if (moves.step) redraw();
  });
}

function fly(x, y, zoom) {
  const from = { ...view };
  Object.assign(moves, { start: performance.now(), ms: calm() ? 0 : 700 });
  moves.step = (e) => Object.assign(view, { x: from.x + (x - from.x) * e, y: from.y + (y - from.y) * e, zoom: from.zoom * (zoom / from.zoom) ** e });
  redraw();
}

function zoom(factor, px = size.width / 2, py = size.height / 2) {
  const next = Math.min(Math.max(view.zoom * factor, 0.5), 400);
  const [before, after] = [unit() * view.zoom, unit() * next];
  moves.step = null;
  view.x += (px - size.width / 2) * (1 / before - 1 / after);
  view.y -= (py - size.height / 2) * (1 / before - 1 / after);
  view.zoom = next;
  redraw();
}

function pan(dx, dy) {
  const k = unit() * view.zoom;
  moves.step = null;
  view.x = Math.min(Math.max(view.x - dx / k, -1.2), 1.2);
  view.y = Math.min(Math.max(view.y + dy / k, -1.2), 1.2);
  redraw();
}

function draw() {
  const k = unit() * view.zoom;
  const scale = [(2 * k) / size.width, (2 * k) / size.height];
  const crowd = Math.sqrt(4000 / Math.max(n, 400));
  const px = Math.min(Math.max(6 * crowd, 2.2), 9) * Math.min(view.zoom ** 0.45, 3.2);
  paint.draw({ scale, shift: [-view.x * scale[0], -view.y * scale[1]], size: px * size.ratio });
  ink.setTransform(size.ratio, 0, 0, size.ratio, 0, 0);
  ink.clearRect(0, 0, size.width, size.height);
  const style = getComputedStyle(frame);
  const tone = (key) => style.getPropertyValue(key).trim();
  if (sheets.length && find("#pictures").checked) pictures();
  else drawn.length = 0;
  write(tone("--ink"), tone("--plate"), tone("--serif"));
  if (hovered >= 0) ring(hovered, px / 2 + 3, tone("--ink"), 1.4);
  if (picked >= 0) ring(picked, px / 2 + 5, tone("--accent"), 2.2);
}

function ring(i, radius, colour, width) {
  ink.beginPath();
  ink.arc(...screen(xy[2 * i], xy[2 * i + 1]), radius, 0, 2 * Math.PI);
  ink.strokeStyle = colour;
  ink.lineWidth = width;
  ink.stroke();
}

/** How many pixels a picture takes: larger when the map is seen from near. */
const pictureSide = () => Math.min((size.width > 560 ? 46 : 34) * Math.min(Math.max(view.zoom / fit, 1), 8) ** 0.25, 1.25 * data.sheets.side);

/**
 * Pictures at their points, framed in their colours. They come in an order in which each is as far as can be from all before it, so none touches another;
 * from afar they stand wide apart and leave the points to be seen, from near they stand close.
 */
function pictures() {
  drawn.length = 0;
  const { across, side, rows, order, gaps } = data.sheets;
  const wide = pictureSide();
  const need = (wide + 4) * (1 + 1.1 / Math.max(view.zoom / fit, 0.2));
  const k = unit() * view.zoom;
  const colour = (i) => `rgb(${colourOf(by.codes[i]).join(" ")})`;
  for (let rank = 0; rank < order.length; rank++) {
    if (gaps[rank] * k < need) break;
    const spot = order[rank];
    const row = rows[spot];
    const [px, py] = screen(xy[2 * row], xy[2 * row + 1]);
    const sheet = sheets[Math.floor(spot / (across * across))];
    if (!strong[row] || !sheet.complete || px < -wide || py < -wide || px > size.width + wide || py > size.height + wide) continue;
    const at = spot % (across * across);
    const [left, top] = [px - wide / 2, py - wide / 2];
    ink.fillStyle = colour(row);
    ink.fillRect(left, top, wide, wide);
    ink.drawImage(sheet, (at % across) * side, Math.floor(at / across) * side, side, side, left + 2, top + 2, wide - 4, wide - 4);
    drawn.push([row, left, top, wide]);
  }
}

/** Names that do not touch each other. */
function write(dark, paper, serif) {
  const taken = [];
  const high = size.width > 560 ? 15 : 12.5;
  Object.assign(ink, { textAlign: "center", textBaseline: "middle", lineJoin: "round" });
  for (const label of labels) {
    if (taken.length === LABELS) break;
    const [px, py] = screen(label.x, label.y);
    ink.font = `${label.italic ? "italic " : ""}${high}px ${serif}`;
    const half = ink.measureText(label.text).width / 2 + 5;
    const box = [px - half, py - high * 0.8, px + half, py + high * 0.8];
    if (box[0] < 2 || box[2] > size.width - 2 || box[1] < 2 || box[3] > size.height - 2) continue;
    if (taken.some((b) => box[0] < b[2] && b[0] < box[2] && box[1] < b[3] && b[1] < box[3])) continue;
    taken.push(box);
    Object.assign(ink, { strokeStyle: paper, globalAlpha: 0.85, lineWidth: 4.5 });
    ink.strokeText(label.text, px, py);
    Object.assign(ink, { globalAlpha: 1, fillStyle: dark });
    ink.fillText(label.text, px, py);
  }
}

function resize() {
  size = { width: frame.clientWidth, height: frame.clientHeight, ratio: Math.min(devicePixelRatio || 1, 2) };
  for (const each of [canvas, over]) {
    each.width = Math.max(1, Math.round(size.width * size.ratio));
    each.height = Math.max(1, Math.round(size.height * size.ratio));
  }
  fit = fitting();
  redraw();
}

/** To the nearest shown point in a direction. */
function step([dx, dy]) {
  if (picked < 0) return pick(at(size.width / 2, size.height / 2, 1e5));
  const [fx, fy] = screen(xy[2 * picked], xy[2 * picked + 1]);
  let best = Infinity;
  let next = -1;
  for (let i = 0; i < n; i++) {
    if (!strong[i] || i === picked) continue;
    const [px, py] = screen(xy[2 * i], xy[2 * i + 1]);
    const along = (px - fx) * dx + (py - fy) * dy;
    const across = Math.abs((px - fx) * dy) + Math.abs((py - fy) * dx);
    if (along > 0.5 && along > across && along + 2 * across < best) [best, next] = [along + 2 * across, i];
  }
  if (next >= 0) pick(next);
}

const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function key(event) {
  const way = WAYS[event.key];
  if (way && event.shiftKey) pan(-way[0] * 60, -way[1] * 60);
  else if (way) step(way);
  else if (event.key === "+" || event.key === "=") zoom(1.4);
  else if (event.key === "-") zoom(1 / 1.4);
  else if (event.key === "0" || event.key === "Home") home();
  else if (event.key === "Escape") pick(-1);
  else return;
  event.preventDefault();
}

function listen() {
  const down = new Map();
  let moved = 0;
  const spot = (event) => {
    const box = frame.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  over.addEventListener("pointerdown", (event) => {
    over.setPointerCapture(event.pointerId);
    down.set(event.pointerId, spot(event));
    if (down.size === 1) moved = 0;
  });
  over.addEventListener("pointermove", (event) => {
    const now = spot(event);
    const before = down.get(event.pointerId);
    if (!before) return point(event.pointerType === "mouse" ? at(now.x, now.y) : -1, now.x, now.y);
    moved += Math.hypot(now.x - before.x, now.y - before.y);
    const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
    if (other) zoom(Math.hypot(now.x - other.x, now.y - other.y) / Math.max(Math.hypot(before.x - other.x, before.y - other.y), 1), (now.x + other.x) / 2, (now.y + other.y) / 2);
    pan((now.x - before.x) / down.size, (now.y - before.y) / down.size);
    down.set(event.pointerId, now);
    if (moved > 4) point(-1, 0, 0);
  });
  const up = (event) => {
    const one = down.size === 1;
    if (!down.delete(event.pointerId) || !one || moved > 6 || event.type === "pointercancel") return;
    const { x, y } = spot(event);
    pick(at(x, y, event.pointerType === "mouse" ? NEAR_PX : 24));
  };
  over.addEventListener("pointerup", up);
  over.addEventListener("pointercancel", up);
  over.addEventListener("pointerleave", () => point(-1, 0, 0));
  over.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { x, y } = spot(event);
    zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.03 : 0.0015)), x, y);
  }, { passive: false });
  over.addEventListener("dblclick", (event) => zoom(2, spot(event).x, spot(event).y));
  over.addEventListener("keydown", key);
}

function begin() {
  const choice = find("#by");
  for (const column of choices) choice.append(h("option", { value: column.key, selected: column === by }, column.label));
  choice.addEventListener("change", () => {
    by = choices.find((c) => c.key === choice.value) ?? by;
    only.clear();
    range = [0, 1];
    legend();
    colour();
  });
  const words = find("#find");
  words.addEventListener("input", () => search(words.value));
  words.addEventListener("keydown", (event) => {
    const hits = search(words.value);
    if (event.key === "Enter" && hits.length) show(hits[0].column, hits[0].code);
    else if (event.key === "ArrowDown") find("#hits button")?.focus();
    else if (event.key === "Escape") all();
    else return;
    event.preventDefault();
  });
  find("#hits").addEventListener("keydown", (event) => {
    const item = document.activeElement.closest("li");
    if (event.key === "ArrowDown") item?.nextElementSibling?.querySelector("button")?.focus();
    else if (event.key === "ArrowUp") (item?.previousElementSibling?.querySelector("button") ?? words).focus();
    else if (event.key === "Escape") words.focus();
    else return;
    event.preventDefault();
  });
  addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== words) {
      words.focus();
      event.preventDefault();
    }
  });
  find("#pictures-label").hidden = !sheets.length;
  find("#pictures").addEventListener("change", redraw);
  find("#all").addEventListener("click", all);
  find("#closer").addEventListener("click", () => zoom(1.5));
  find("#farther").addEventListener("click", () => zoom(1 / 1.5));
  find("#whole").addEventListener("click", home);
  dark.addEventListener("change", () => {
    legend();
    colour();
  });
  listen();
  new ResizeObserver(resize).observe(frame);
  resize();
  view.zoom = fit;
  legend();
  colour();
  document.body.dataset.ready = "yes";
}

begin();
