/** The right page: the map with its colours and legend, and the card of what was picked. */
import * as api from "./api.js";
import { colours, css } from "./colours.js";
import { calm, capital, count, find, h, say, scientific } from "./dom.js";
import { LikenessMap } from "./map.js";

const KIN = 8;

export class Explorer {
  /** @param {api.Layout} layout @param {api.About} about @param {{identify(id: string): void}} told */
  constructor(layout, about, told) {
    this.layout = layout;
    this.about = about;
    this.told = told;
    this.index = new Map(layout.ids.map((id, i) => [id, i]));
    this.frame = find("#map");
    this.tip = find("#tip");
    this.card = find("#card");
    this.map = new LikenessMap(this.frame, { picked: (i) => this.pick(i), pointed: (i, x, y) => this.point(i, x, y) });
    this.by = layout.colourings.find((c) => c.key === "order") ?? layout.colourings[0];
    /** @type {number|null} the one name that is shown strong */
    this.only = null;
    this.asked = 0;
    this.map.place(layout.x, layout.y);
    this.offer();
    this.paint();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
    find("#closer").addEventListener("click", () => this.map.zoom(1.5));
    find("#farther").addEventListener("click", () => this.map.zoom(1 / 1.5));
    find("#whole").addEventListener("click", () => this.map.home());
  }

  /** The choice of what to colour by. */
  offer() {
    const choice = find("#by");
    const groups = { rank: "Names", text: "As recorded", number: "Measures" };
    for (const [kind, title] of Object.entries(groups)) {
      const some = this.layout.colourings.filter((c) => c.kind === kind);
      if (!some.length) continue;
      choice.append(h("optgroup", { label: title }, ...some.map((c) => h("option", { value: c.key, selected: c === this.by }, capital(c.label)))));
    }
    choice.addEventListener("change", () => {
      this.by = this.layout.colourings.find((c) => c.key === choice.value) ?? this.by;
      this.only = null;
      this.paint();
    });
    const shown = this.layout.ids.length;
    const all = shown < this.layout.total ? `${shown.toLocaleString("en")} of ${count(this.layout.total, "photo")}, by chance` : count(shown, "photo");
    find("#map-count").textContent = all;
  }

  paint() {
    if (!this.by) return;
    const { rgb, entries, ramp } = colours(this.by);
    const codes = this.by.codes ?? [];
    const own = entries.filter((e) => e.code >= 0).length;
    const same = (/** @type {number} */ code, /** @type {number} */ i) => (code === -2 ? codes[i] >= own : codes[i] === code);
    const { only } = this;
    const known = (/** @type {number} */ i) => (this.by.values ? this.by.values[i] !== null : codes[i] >= 0);
    this.map.paint(rgb, only === null ? known : (i) => same(only, i));
    this.legend(entries, ramp);
    // a rank's points lie together; a habitat's are scattered, and one label would mislead
    const named = entries.filter((e) => this.by.kind === "rank" && e.code >= 0 && e.points > 3 && (only === null || e.code === only));
    const italic = this.by.key === "genus" || this.by.key === "species";
    const members = new Map(named.map((e) => [e.code, /** @type {number[]} */ ([])]));
    codes.forEach((code, i) => members.get(code)?.push(i));
    this.map.name(named.map((e) => ({ text: e.label, italic, points: members.get(e.code) ?? [] })));
  }

  /** @param {import("./colours.js").Entry[]} entries @param {{low: number, high: number, unit: string, colours: string[]}|null} ramp */
  legend(entries, ramp) {
    const place = find("#legend");
    if (ramp) {
      const wash = h("span", { class: "wash" });
      wash.style.background = `linear-gradient(to right, ${ramp.colours.join(", ")})`;
      place.replaceChildren(h("span", { class: "ramp" }, figure(ramp.low), wash, `${figure(ramp.high)}${unitOf(ramp.unit)}`, h("i", {}, "faint: not known")));
      return;
    }
    const italic = this.by.key === "genus" || this.by.key === "species";
    place.replaceChildren(
      ...entries.map((e) =>
        h(
          "button",
          {
            type: "button",
            class: "key",
            title: e.common ? `${e.common}: ${count(e.points, "photo")}` : count(e.points, "photo"),
            "aria-pressed": String(this.only === e.code),
            onclick: () => {
              this.only = this.only === e.code ? null : e.code;
              this.paint();
              say(this.only === null ? "All points are shown." : `${e.label}: ${count(e.points, "photo")}`);
            },
          },
          h("span", { class: "dot", "--dot": css(e.rgb) }),
          h(italic && e.code >= 0 ? "i" : "span", {}, e.label),
        ),
      ),
    );
  }

  /** @param {number} i */
  nameOf(i) {
    for (const key of ["species", "genus", "family", "order", "class", "phylum", "kingdom"]) {
      const by = this.layout.colourings.find((c) => c.key === key);
      const code = by?.codes?.[i] ?? -1;
      if (by && code >= 0) return { name: by.names?.[code] ?? "", rank: key, common: by.common?.[code] ?? null };
    }
    return null;
  }

  /** @param {number} i @param {number} x @param {number} y */
  point(i, x, y) {
    this.tip.hidden = i < 0;
    if (i < 0) {
      this.tip.dataset.id = "";
      return;
    }
    const id = this.layout.ids[i];
    if (this.tip.dataset.id !== id) {
      this.tip.dataset.id = id;
      const taxon = this.nameOf(i);
      this.tip.replaceChildren(
        h("img", { src: api.imageUrl(id, 192), alt: "", width: 96, height: 96 }),
        h("span", {}, taxon ? scientific(taxon) : "no name", taxon?.common ? h("small", {}, taxon.common) : null),
      );
    }
    const right = x < this.frame.clientWidth - 150;
    this.tip.style.left = `${right ? x + 16 : x - 16}px`;
    this.tip.style.top = `${Math.min(Math.max(y - 30, 6), this.frame.clientHeight - 150)}px`;
    this.tip.classList.toggle("left", !right);
  }

  /** @param {number} i */
  async pick(i) {
    if (i < 0) return this.close();
    this.map.pick(i);
    await this.show(this.layout.ids[i]);
  }

  close() {
    this.asked++;
    this.card.hidden = true;
    this.map.yieldRight(0);
    this.map.pick(-1);
  }

  /** The card of a photo, and its kin on the map. @param {string} id */
  async show(id) {
    const turn = ++this.asked;
    try {
      const { photo, neighbours } = await api.neighbours(id, KIN);
      if (turn !== this.asked) return;
      const i = this.index.get(id) ?? -1;
      this.map.pick(i, this.points(neighbours));
      this.fill(this.photoCard(photo, neighbours));
      say(`${photo.taxon?.name ?? "A photo without a name"}. ${count(neighbours.length, "look-alike")} beside it.`);
    } catch (error) {
      if (turn === this.asked) this.fill([refusal(error)]);
    }
  }

  /** The card of a taxon; its photos stay strong on the map. @param {string} id */
  async showTaxon(id) {
    const turn = ++this.asked;
    try {
      const taxon = await api.taxon(id);
      if (turn !== this.asked) return;
      this.highlight(taxon);
      this.fill(this.taxonCard(taxon));
      say(`${capital(taxon.rank)} ${taxon.name}: ${count(taxon.image_count, "photo")}`);
    } catch (error) {
      if (turn === this.asked) this.fill([refusal(error)]);
    }
  }

  /** Colour by the rank of a taxon and keep only its points strong. @param {{id: string, rank: string}} taxon */
  highlight(taxon) {
    const by = this.layout.colourings.find((c) => c.key === taxon.rank);
    const code = by?.taxa?.indexOf(taxon.id) ?? -1;
    if (!by || code < 0) return;
    this.by = by;
    find("#by").value = by.key;
    const shown = colours(by).entries.some((e) => e.code === code);
    this.only = shown ? code : null;
    this.paint();
  }

  /** @param {{id: string}[]} some @returns {number[]} */
  points(some) {
    return some.map((n) => this.index.get(n.id) ?? -1).filter((i) => i >= 0);
  }

  /** @param {Node[]} content */
  fill(content) {
    this.card.replaceChildren(
      h("button", { type: "button", class: "close", "aria-label": "Close this card", onclick: () => this.close() }, "\u00d7"),
      ...content,
    );
    this.card.hidden = false;
    this.card.scrollTop = 0;
    this.map.yieldRight(innerWidth < 900 ? 0 : this.card.offsetWidth + 12);
    if (innerWidth < 900) this.card.scrollIntoView({ behavior: calm() ? "auto" : "smooth", block: "nearest" });
  }

  /** @param {api.Photo} photo @param {api.Near[]} neighbours */
  photoCard(photo, neighbours) {
    const words = { event_date: "Date", licence: "Licence", rights_holder: "Credit", source: "From", split: "Split" };
    const rows = Object.entries(photo.facts).map(([key, value]) => [
      h("dt", {}, /** @type {Record<string, string>} */ (words)[key] ?? capital(key.replace("_", " "))),
      h("dd", {}, String(value)),
    ]);
    return [
      h("img", { class: "portrait", src: api.imageUrl(photo.id), alt: photo.taxon ? `Photo of ${photo.taxon.name}` : "Photo" }),
      h("h3", {}, photo.taxon ? this.link(photo.taxon) : "Without a name"),
      photo.taxon?.common ? h("p", { class: "common" }, photo.taxon.common) : null,
      this.crumbs(photo.lineage.slice(0, -1)),
      h("dl", {}, ...rows.flat()),
      h("button", { type: "button", class: "quiet", onclick: () => this.told.identify(photo.id) }, "Ask the model about it"),
      neighbours.length ? h("h4", {}, "Most like it") : h("p", { class: "facts" }, this.about.absent.neighbours ?? ""),
      this.strip(neighbours),
    ].filter((x) => x !== null);
  }

  /** @param {api.TaxonPage} taxon */
  taxonCard(taxon) {
    const known = taxon.known_to_model;
    const facts = [
      count(taxon.image_count, "photo"),
      taxon.rank === "species" ? null : count(taxon.species_count, "species", "species"),
      known === null || taxon.rank === "species" ? null : `${known.toLocaleString("en")} known to the model`,
      taxon.rank === "species" && known !== null ? (known ? "known to the model" : "not known to the model") : null,
    ];
    return [
      h("p", { class: "rank" }, taxon.rank),
      h("h3", {}, scientific(taxon)),
      taxon.names.length ? h("p", { class: "common" }, taxon.names.map((n) => (n.language === "en" ? n.name : `${n.name} (${n.language})`)).join(", ")) : null,
      this.crumbs(taxon.lineage.slice(0, -1)),
      h("p", { class: "facts" }, facts.filter(Boolean).join(" \u00b7 ")),
      this.strip(taxon.images.map((id) => ({ id, taxon: null }))),
      taxon.children.length ? h("h4", {}, "Within it") : null,
      h("p", { class: "children" }, ...taxon.children.flatMap((c, k) => [k ? " \u00b7 " : "", this.link(c)])),
      taxon.child_count > taxon.children.length ? h("p", { class: "facts" }, `and ${taxon.child_count - taxon.children.length} more`) : null,
    ].filter((x) => x !== null);
  }

  /** @param {api.Taxon} taxon */
  link(taxon) {
    return h("button", { type: "button", class: "taxon", title: `${taxon.rank}${taxon.common ? `: ${taxon.common}` : ""}`, onclick: () => this.showTaxon(taxon.id) }, scientific(taxon));
  }

  /** @param {api.Taxon[]} lineage */
  crumbs(lineage) {
    return h("p", { class: "crumbs" }, ...lineage.flatMap((t, k) => [k ? h("span", { "aria-hidden": "true" }, " \u203a ") : "", this.link(t)]));
  }

  /** @param {{id: string, taxon: api.Taxon|null, cosine?: number}[]} some */
  strip(some) {
    return h(
      "div",
      { class: "strip" },
      ...some.map((n) => {
        const label = `${n.taxon?.name ?? "Photo"}${n.cosine === undefined ? "" : `, cosine ${n.cosine.toFixed(2)}`}`;
        const open = () => this.show(n.id);
        const over = () => this.hover(n.id);
        return h("button", { type: "button", class: "thumb", title: label, "aria-label": label, onclick: open, onpointerenter: over, onpointerleave: () => this.hover("") },
          h("img", { src: api.imageUrl(n.id, 128), alt: "", width: 64, height: 64 }));
      }),
    );
  }

  /** Ring a photo on the map while it is pointed at elsewhere. @param {string} id */
  hover(id) {
    this.map.hovered = this.index.get(id) ?? -1;
    this.map.redraw();
  }
}

/** A number as a legend writes it. @param {number} value */
const figure = (value) => (Number.isInteger(value) ? String(value) : value.toPrecision(3));

/** A unit as a legend writes it; counts and shares have none. @param {string} unit */
const unitOf = (unit) => (unit === "1" || unit === "count" || unit === "" ? "" : unit === "degree" || unit === "deg" ? "\u00b0" : ` ${unit}`);

/** @param {unknown} error */
export function refusal(error) {
  const advice = error instanceof api.Refusal ? error.advice : "Reload the page.";
  return h("p", { class: "refusal", role: "alert" }, h("strong", {}, error instanceof Error ? error.message : String(error)), " ", advice);
}
