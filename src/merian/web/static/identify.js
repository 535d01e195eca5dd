/** The left page: photos in by drop, paste or choice, and one plate per photo with what is said of it. */
import * as api from "./api.js";
import { bar, calm, capital, count, find, h, percent, say, scientific } from "./dom.js";
import { refusal } from "./explorer.js";

const TOGETHER = 8;

/** @typedef {import("./explorer.js").Explorer} Explorer */

export class Identify {
  /** @param {api.About} about */
  constructor(about) {
    this.about = about;
    /** @type {Explorer|null} */
    this.explorer = null;
    this.plates = find("#plates");
    this.busy = 0;
    this.listen();
  }

  listen() {
    const zone = find("#drop");
    const input = find("#files");
    input.addEventListener("change", () => {
      this.take([...input.files]);
      input.value = "";
    });
    let depth = 0;
    const holds = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files");
    addEventListener("dragenter", (event) => holds(event) && (++depth, zone.classList.add("over")));
    addEventListener("dragleave", (event) => holds(event) && --depth <= 0 && zone.classList.remove("over"));
    addEventListener("dragover", (event) => holds(event) && event.preventDefault());
    addEventListener("drop", (event) => {
      if (!event.dataTransfer?.files.length) return;
      event.preventDefault();
      depth = 0;
      zone.classList.remove("over");
      this.take([...event.dataTransfer.files]);
    });
    addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length) this.take(files);
    });
    find("#clear").addEventListener("click", () => {
      for (const image of this.plates.querySelectorAll("img[src^='blob:']")) URL.revokeObjectURL(image.src);
      this.plates.replaceChildren();
      this.explorer?.map.farewell();
      this.explorer?.map.home();
      document.body.classList.remove("answered");
      zone.scrollIntoView({ block: "nearest" });
    });
  }

  /** Identify files, a few at a time, in their order. @param {File[]} files */
  async take(files) {
    if (!files.length) return;
    const places = files.map((file) => this.blank(file.name || "photo", URL.createObjectURL(file)));
    this.plates.prepend(...places);
    this.reveal(places[0]);
    const { photos, photo_mb } = this.about.limits;
    const step = Math.min(TOGETHER, photos);
    for (let start = 0; start < files.length; start += step) {
      const fit = files.slice(start, start + step).map((file, k) => ({ file, plate: places[start + k] }));
      const large = fit.filter(({ file }) => file.size > photo_mb * 1e6);
      for (const { plate } of large) this.bad(plate, `larger than ${photo_mb} MB`);
      const rest = fit.filter((one) => !large.includes(one));
      if (!rest.length) continue;
      say(`Looking at photo ${start + 1} of ${files.length}`);
      try {
        const rows = await api.identify(rest.map(({ file }) => file));
        rows.forEach((row, k) => this.fill(rest[k].plate, row, null, start + k === 0));
      } catch (error) {
        for (const { plate } of rest) plate.querySelector(".answer").replaceChildren(refusal(error));
      }
    }
  }

  /** Identify a photo of the store. @param {string} id */
  async takeKnown(id) {
    const plate = this.blank("", api.imageUrl(id));
    this.plates.prepend(plate);
    this.reveal(plate);
    try {
      const { rows, photo } = await api.identifyKnown(id);
      this.fill(plate, rows[0], photo, true);
    } catch (error) {
      plate.querySelector(".answer").replaceChildren(refusal(error));
    }
  }

  /** @param {HTMLElement} plate */
  reveal(plate) {
    document.body.classList.add("answered");
    plate.scrollIntoView({ behavior: calm() ? "auto" : "smooth", block: "nearest" });
  }

  /** A plate that waits for its answer. @param {string} name @param {string} picture */
  blank(name, picture) {
    const image = h("img", { src: picture, alt: name ? `Your photo ${name}` : "The photo" });
    image.addEventListener("error", () => image.classList.add("broken"));
    return h(
      "article",
      { class: "plate", "aria-busy": "true" },
      h("figure", {}, image, name ? h("figcaption", { title: name }, name) : null),
      h("div", { class: "answer" }, h("p", { class: "looking" }, "Looking\u2026")),
    );
  }

  /** @param {HTMLElement} plate @param {string} reason */
  bad(plate, reason) {
    plate.setAttribute("aria-busy", "false");
    plate.classList.add("unread");
    plate.querySelector(".answer")?.replaceChildren(
      h("p", { class: "refusal", role: "alert" }, h("strong", {}, `Not read: ${reason}.`), " Try another photo: JPEG, PNG, WebP, TIFF and other common formats are read."),
    );
  }

  /** @param {HTMLElement} plate @param {api.Row} row @param {api.Photo|null} known @param {boolean} go to its place on the map */
  fill(plate, row, known, go) {
    if (row.reason !== null) return this.bad(plate, row.reason);
    plate.setAttribute("aria-busy", "false");
    const answer = /** @type {HTMLElement} */ (plate.querySelector(".answer"));
    answer.replaceChildren(
      ...[
        this.verdict(row),
        known?.taxon ? h("p", { class: "label" }, "Label in the catalog: ", this.name(known.taxon)) : null,
        this.path(row),
        this.ranked(row),
        this.kin(row),
        row.place || !this.explorer ? null : h("p", { class: "facts" }, this.about.absent.placing ?? ""),
      ].filter((x) => x !== null),
    );
    this.visit(plate, row, go);
    say(row.sentence);
  }

  /** @param {api.Taxon} taxon */
  name(taxon) {
    return this.explorer ? this.explorer.link(taxon) : scientific(taxon);
  }

  /** The deepest name that is sure, large; what is less sure, below it. @param {api.Row} row */
  verdict(row) {
    const said = /** @type {[string, api.LikelyTaxon|null][]} */ ([["sure", row.sure], ["probably", row.probably], ["perhaps", row.perhaps]]);
    const [first, ...more] = said.filter(([, t]) => t !== null);
    const start = first ? (first[0] === "sure" ? `Sure to ${first[1]?.rank}` : `Not sure; ${first[0]} ${first[1]?.rank}`) : "Not sure of anything";
    const head = first?.[1];
    return h(
      "header",
      { class: "verdict" },
      h("p", { class: "sure" }, row.none ? `Most likely none of the names it knows. ${start}` : start),
      head ? h("h2", {}, this.name(head), head.common ? h("small", {}, head.common) : null) : null,
      more.length ? h("p", { class: "next" }, ...more.flatMap(([word, t], k) => (t ? [`${k ? "; " : ""}${k ? word : capital(word)} ${t.rank} `, this.name(t)] : []))) : null,
    );
  }

  /** @param {api.Row} row */
  path(row) {
    const sure = this.about.sure_from;
    return h(
      "ol",
      { class: "path", "aria-label": "Lineage with probabilities" },
      ...row.path.map((t) =>
        h(
          "li",
          { class: t.probability >= sure ? "sure" : "" },
          h("span", { class: "rank" }, t.rank),
          h("span", { class: "who" }, this.name(t)),
          bar(t.probability),
          h("span", { class: "share" }, percent(t.probability)),
        ),
      ),
      h("li", { class: "none" }, h("span", { class: "who rank" }, "none of these"), bar(row.unknown, "hatched"), h("span", { class: "share" }, percent(row.unknown))),
    );
  }

  /** @param {api.Row} row */
  ranked(row) {
    return h(
      "section",
      {},
      h("h3", {}, "Ranked names"),
      h(
        "ol",
        { class: "ranked" },
        ...row.best.map((t) =>
          h(
            "li",
            { title: t.lineage.map((a) => a.name).join(" \u203a ") },
            h("span", { class: "who" }, this.name(t), t.common ? h("small", {}, t.common) : null, h("span", { class: "above" }, t.lineage.slice(0, -1).map((a) => a.name).join(" \u203a "))),
            bar(t.probability),
            h("span", { class: "share" }, percent(t.probability)),
          ),
        ),
      ),
    );
  }

  /** @param {api.Row} row */
  kin(row) {
    if (!row.place || !this.explorer || !row.place.neighbours.length) return null;
    return h("section", {}, h("h3", {}, "Most like it in the collection"), this.explorer.strip(row.place.neighbours));
  }

  /** Put the photo on the map. @param {HTMLElement} plate @param {api.Row} row @param {boolean} go */
  visit(plate, row, go) {
    if (!row.place || !this.explorer) return;
    const { map } = this.explorer;
    const picture = /** @type {HTMLImageElement} */ (plate.querySelector("figure img")).src;
    const guest = { x: row.place.x, y: row.place.y, picture, neighbours: this.explorer.points(row.place.neighbours), label: row.sentence };
    const show = () => {
      this.explorer?.close();
      map.welcome(guest);
    };
    if (go) show();
    else {
      map.guests.push(guest);
      map.redraw();
    }
    const visit = () => {
      show();
      map.frame.scrollIntoView({ behavior: calm() ? "auto" : "smooth", block: "nearest" });
    };
    const button = h("button", { type: "button", class: "quiet", onclick: visit }, "Show it on the map");
    plate.querySelector("figure")?.append(button);
  }
}

/** The strip of photos to try. @param {Identify} identify */
export async function offerSamples(identify) {
  const place = find("#samples");
  const some = await api.samples(18);
  if (!some.length) return;
  find("#samples-title").textContent = some[0].held_out ? "No photo at hand? These the model has never seen:" : "No photo at hand? Take one of these:";
  place.replaceChildren(
    ...some.map((s) => {
      const label = `Identify a sample photo${s.taxon?.common ? ` (${s.taxon.common})` : ""}`;
      return h("button", { type: "button", class: "thumb", "aria-label": label, title: capital(s.taxon?.common ?? s.taxon?.name ?? "a photo"), onclick: () => identify.takeKnown(s.id) },
        h("img", { src: api.imageUrl(s.id, 128), alt: "", width: 64, height: 64 }));
    }),
  );
  find("#try").hidden = false;
  say(count(some.length, "sample photo"));
}
