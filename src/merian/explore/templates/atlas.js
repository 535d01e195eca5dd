/** The map of a whole collection in one file: move, zoom, point, pick, find, filter. Everything it needs is in this page. */
const data = JSON.parse(document.getElementById("data").textContent);
const find = (at) => document.querySelector(at);
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
const h = (tag, properties = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) key in node && key !== "style" ? (node[key] = value) : node.setAttribute(key, value);
  node.append(...children.filter((c) => c !== null));
  return node;
};
const count = (n) => `${n.toLocaleString("en")} image${n === 1 ? "" : "s"}`;
const dark = matchMedia("(prefers-color-scheme: dark)");
const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
const n = data.n;
const xy = Float32Array.from(new Uint16Array(bytes(data.xy)), (v) => v / 32767.5 - 1);
const STEPS = 65534;
const columns = data.columns.map((c) => (c.values ? numeric(c) : { ...c, codes: c.wide ? new Uint32Array(bytes(c.codes)) : new Uint16Array(bytes(c.codes)), none: c.wide ? 4294967295 : 65535 }));
const ranks = columns.filter((c) => c.kind === "rank");
/** What tells points apart, and so can colour them. */
const choices = columns.filter((c) => c.kind !== "note" && !(c.names && c.names.length < 2 && !c.codes.includes(c.none)));
const SHOWN = data.day.pigments.length;
const NEAR_PX = 14;
const frame = find("#frame");
const canvas = find(".points");
const over = find(".over");
const ink = over.getContext("2d");
const tip = find("#tip");
const card = find("#card");
const paint = painter(canvas, xy);
const strong = new Uint8Array(n);
const view = { x: 0, y: 0, zoom: 1 };
let by = choices.find((c) => c.key === data.first) ?? choices[0];
let only = new Set();
let range = [0, 1];
let found = null;
let picked = -1;
let hovered = -1;
let labels = [];
let size = { width: 1, height: 1, ratio: 1 };
let waiting = false;
const thumbs = new Map((data.sheets?.rows ?? []).map((row, i) => [row, i]));
const sheets = (data.sheets?.images ?? []).map((source) => {
  const image = new Image();
  image.onload = () => redraw();
  image.src = source;
  return image;
});

/** A column of numbers, with the step on its ramp of each: those beyond the ends stand at the ends. */
function numeric(column) {
  const values = new Float32Array(bytes(column.values));
  const codes = Uint16Array.from(values, (v) => (Number.isNaN(v) ? 65535 : Math.round(Math.min(Math.max((v - column.low) / (column.high - column.low), 0), 1) * STEPS)));
  return { ...column, values, codes, none: 65535 };
}

// ---- colours

const theme = () => (dark.matches ? data.night : data.day);
const rgb = (hex) => [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
const italic = (column) => column.key === "genus" || column.key === "species";
const share = (i) => by.codes[i] / STEPS;

/** The colour of a code: a pigment while they last, then the grey. */
function colourOf(code) {
  const { pigments, grey, ramp } = theme();
  if (code === by.none) return rgb(grey);
  if (by.kind === "place") return rgb(by.palette[code]);
  if (by.kind === "number") {
    const at = (code / STEPS) * (ramp.length - 1);
    const k = Math.min(Math.floor(at), ramp.length - 2);
    const [a, b] = [rgb(ramp[k]), rgb(ramp[k + 1])];
    return a.map((v, j) => Math.round(v + (b[j] - v) * (at - k)));
  }
  return rgb(code < SHOWN ? pigments[code] : grey);
}

/** Whether a point is kept by what was found, and by the legend; its key in the legend is its code, "others" or "none". */
function kept(i) {
  if (found && found.column.codes[i] !== found.code) return false;
  if (by.kind === "number") return by.codes[i] === by.none ? range[0] === 0 && range[1] === 1 : share(i) >= range[0] && share(i) <= range[1];
  return !only.size || only.has(keyOf(by.codes[i]));
}
const keyOf = (code) => (code === by.none ? "none" : by.kind !== "place" && code >= SHOWN ? "others" : code);

function colour() {
  const rgba = new Uint8Array(4 * n);
  const known = new Map();
  for (let i = 0; i < n; i++) {
    const code = by.codes[i];
    let tone = known.get(code);
    if (!tone) known.set(code, (tone = colourOf(code)));
    strong[i] = kept(i) ? 1 : 0;
    rgba.set(tone, 4 * i);
    rgba[4 * i + 3] = !strong[i] ? 26 : typeof keyOf(code) === "string" && by.kind !== "number" ? 140 : 225;
  }
  paint.paint(rgba);
  name();
  redraw();
}

/** Names written where most of their points lie: of ranks only, for a habitat's points are scattered. */
function name() {
  labels = [];
  const column = found?.column ?? by;
  if (column.kind !== "rank") return;
  const cells = new Map();
  for (let i = 0; i < n; i++) {
    const code = column.codes[i];
    if (!strong[i] || code === column.none || (!found && code >= SHOWN)) continue;
    const own = cells.get(code) ?? cells.set(code, new Map()).get(code);
    const cell = Math.floor((xy[2 * i] + 1) * 12) * 64 + Math.floor((xy[2 * i + 1] + 1) * 12);
    const sum = own.get(cell) ?? own.set(cell, [0, 0, 0]).get(cell);
    sum[0]++;
    sum[1] += xy[2 * i];
    sum[2] += xy[2 * i + 1];
  }
  for (const [code, own] of cells) {
    const best = [...own.values()].reduce((a, b) => (b[0] > a[0] ? b : a));
    labels.push({ text: column.names[code], italic: italic(column), x: best[1] / best[0], y: best[2] / best[0] });
  }
}

// ---- legend and search

function legend() {
  const place = find("#legend");
  if (by.kind === "number") return place.replaceChildren(rampLegend());
  if (by.kind === "place") return place.replaceChildren(placeLegend());
  const tally = new Map();
  for (let i = 0; i < n; i++) tally.set(keyOf(by.codes[i]), (tally.get(keyOf(by.codes[i])) ?? 0) + 1);
  const keys = [...Array(Math.min(by.names.length, SHOWN)).keys(), "others", "none"].filter((key) => tally.has(key));
  place.replaceChildren(
    ...keys.map((key) => {
      const text = key === "others" ? `${(by.names.length - SHOWN).toLocaleString("en")} others` : key === "none" ? "not given" : by.names[key];
      const tone = colourOf(key === "others" ? SHOWN : key === "none" ? by.none : key);
      return h(
        "button",
        { type: "button", className: "key", "aria-pressed": String(only.has(key)), onclick: () => press(key, text, tally.get(key)) },
        h("span", { className: key === "none" ? "dot none" : "dot", style: `background:rgb(${tone.join(" ")})` }),
        h(italic(by) && typeof key === "number" ? "i" : "span", {}, text),
        h("small", {}, tally.get(key).toLocaleString("en")),
      );
    }),
  );
}

function press(key, text, of) {
  only.has(key) ? only.delete(key) : only.add(key);
  const focus = [...find("#legend").children].indexOf(document.activeElement);
  legend();
  find("#legend").children[focus]?.focus();
  colour();
  say(only.size ? `${text}: ${count(of)}, ${only.has(key) ? "shown" : "no longer shown"}` : "All points are shown.");
}

function rampLegend() {
  const wash = h("span", { className: "wash" });
  wash.style.background = `linear-gradient(to right, ${theme().ramp.join(", ")})`;
  const value = (t) => Number((by.low + (by.high - by.low) * t).toPrecision(3)).toLocaleString("en");
  const said = h("span", {}, "");
  const tell = () => (said.textContent = `${value(range[0])} to ${value(range[1])}${by.unit ? ` ${by.unit}` : ""}`);
  const slide = (which, words) =>
    h("input", { type: "range", min: "0", max: "100", value: String(100 * range[which]), "aria-label": `${words} ${by.label} shown`, oninput: (event) => {
      range[which] = event.target.value / 100;
      tell();
      colour();
    } });
  tell();
  return h("span", { className: "ramp" }, value(0), wash, value(1), slide(0, "Least"), slide(1, "Greatest"), said);
}

function placeLegend() {
  const side = Math.sqrt(by.palette.length);
  const chart = h("canvas", { className: "chart", width: side, height: side, role: "img", "aria-label": "Chart of the colours of places" });
  const pen = chart.getContext("2d");
  by.palette.forEach((hex, k) => {
    pen.fillStyle = hex;
    pen.fillRect(k % side, side - 1 - Math.floor(k / side), 1, 1);
  });
  const [south, north, west, east] = by.box.map((v) => Math.round(v));
  const degrees = (v, above, below) => `${Math.abs(v)}° ${v >= 0 ? above : below}`;
  return h("span", { className: "ramp" }, degrees(west, "E", "W"), chart, degrees(east, "E", "W"), `light: north (${degrees(north, "N", "S")}); dark: south (${degrees(south, "N", "S")})`);
}

function search(text) {
  const wanted = text.trim().toLowerCase();
  const hits = [];
  if (wanted.length > 1) {
    for (const column of columns.filter((c) => c.names)) {
      column.names.forEach((word, code) => {
        const at = word.toLowerCase().indexOf(wanted);
        if (at >= 0) hits.push({ column, code, word, at });
      });
    }
  }
  hits.sort((a, b) => (a.at > 0) - (b.at > 0) || a.word.length - b.word.length || (a.word < b.word ? -1 : 1));
  const list = find("#hits");
  list.replaceChildren(...hits.slice(0, 9).map(({ column, code, word }) =>
    h("li", {}, h("button", { type: "button", onclick: () => show(column, code) }, h(italic(column) ? "i" : "span", {}, word), h("small", {}, column.label)))));
  if (wanted.length > 1 && !hits.length) list.replaceChildren(h("li", {}, h("small", {}, "nothing of that name")));
  list.hidden = wanted.length < 2;
  return hits;
}

/** Keep only the points of a name strong, and go there. */
function show(column, code) {
  found = { column, code };
  find("#hits").hidden = true;
  find("#find").value = column.names[code];
  only.clear();
  range = [0, 1];
  legend();
  colour();
  let [left, right, bottom, top, of] = [1, -1, 1, -1, 0];
  for (let i = 0; i < n; i++) {
    if (!strong[i]) continue;
    of++;
    [left, right] = [Math.min(left, xy[2 * i]), Math.max(right, xy[2 * i])];
    [bottom, top] = [Math.min(bottom, xy[2 * i + 1]), Math.max(top, xy[2 * i + 1])];
  }
  fly((left + right) / 2, (bottom + top) / 2, Math.min(Math.max(1.5 / Math.max(right - left, top - bottom, 0.05), 1), 12));
  say(`${column.label} ${column.names[code]}: ${count(of)}`);
}

function all() {
  found = null;
  only.clear();
  range = [0, 1];
  find("#find").value = "";
  find("#hits").hidden = true;
  legend();
  colour();
  home();
  say("All points are shown.");
}

const say = (text) => (find("#said").textContent = text);

// ---- one image

/** The names of a point, from the highest rank known to the lowest. */
const lineage = (i) => ranks.filter((c) => c.codes[i] !== c.none).map((c) => ({ column: c, code: c.codes[i], name: c.names[c.codes[i]] }));

function valueOf(column, i) {
  const code = column.codes[i];
  if (code === column.none) return null;
  if (column.kind === "number") return `${Number(column.values[i].toPrecision(4))}${column.unit ? ` ${column.unit}` : ""}`;
  const name = column.names ? column.names[code] : null;
  return /^https?:[^\s]+$/.test(name ?? "") ? h("a", { href: name, rel: "noopener noreferrer" }, name) : name;
}

/** The thumbnail of a point as a box on its sheet, `wide` CSS px; null when it has none. */
function thumb(i, wide) {
  const k = thumbs.get(i);
  if (k === undefined) return null;
  const { across } = data.sheets;
  const at = k % (across * across);
  const box = h("span", { className: "thumb", role: "img", "aria-label": "the image, small" });
  box.style.width = box.style.height = `${wide}px`;
  box.style.backgroundImage = `url(${data.sheets.images[Math.floor(k / (across * across))]})`;
  box.style.backgroundSize = `${across * wide}px auto`;
  box.style.backgroundPosition = `${-(at % across) * wide}px ${-Math.floor(at / across) * wide}px`;
  return box;
}

function title(i) {
  const last = lineage(i).at(-1);
  return last ? h(italic(last.column) ? "i" : "span", {}, last.name) : h("span", {}, "no name");
}

function point(i, x, y) {
  hovered = i;
  tip.hidden = i < 0;
  over.classList.toggle("near", i >= 0);
  if (i >= 0) {
    const above = lineage(i).slice(0, -1).map((t) => t.name).join(" › ");
    const own = by.kind === "rank" ? null : valueOf(by, i);
    tip.replaceChildren(...[thumb(i, 96), title(i), h("small", {}, above), own === null ? null : h("small", {}, `${by.label}: ${own}`)].filter(Boolean));
    const right = x < size.width / 2;
    tip.style.left = right ? `${x + 16}px` : "";
    tip.style.right = right ? "" : `${size.width - x + 16}px`;
    tip.style.top = `${Math.min(Math.max(y - 30, 6), Math.max(size.height - tip.offsetHeight - 6, 6))}px`;
  }
  redraw();
}

function pick(i) {
  picked = i;
  card.hidden = i < 0;
  if (i >= 0) {
    const rows = columns.filter((c) => c.kind !== "rank").map((c) => [c.label, valueOf(c, i)]);
    const names = lineage(i).reverse().map(({ column, code, name: word }) => [column.label,
      h("button", { type: "button", className: "taxon", title: `show every ${word}`, onclick: () => show(column, code) }, h(italic(column) ? "i" : "span", {}, word))]);
    const known = [...names, ...rows].filter(([, value]) => value !== null);
    card.replaceChildren(...[
      h("button", { type: "button", className: "close", "aria-label": "Close", onclick: () => pick(-1) }, "×"),
      thumb(i, Math.min(160, 2 * (data.sheets?.side ?? 0))),
      h("h2", {}, title(i)),
      h("dl", {}, ...known.flatMap(([label, value]) => [h("dt", {}, label), h("dd", {}, value)])),
    ].filter(Boolean));
    const [px, py] = screen(xy[2 * i], xy[2 * i + 1]);
    if (px < 30 || py < 30 || px > size.width - 30 || py > size.height - 30) fly(xy[2 * i], xy[2 * i + 1], view.zoom);
    say(lineage(i).map((t) => `${t.column.label} ${t.name}`).reverse().join(", ") || "An image without a name");
  }
  redraw();
}
