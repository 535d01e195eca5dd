/** Puts the page together: what the store lacks is said in its place. */
import * as api from "./api.js";
import { count, find, h } from "./dom.js";
import { Explorer, refusal } from "./explorer.js";
import { Identify, offerSamples } from "./identify.js";

/** @param {string} selector @param {string|undefined} sentence */
function absent(selector, sentence) {
  find(selector).replaceChildren(h("p", { class: "absent" }, sentence ?? "This part of the store is not there."));
}

async function start() {
  const about = await api.about();
  find("#store").textContent = about.store;
  find(".store").hidden = about.store === null;
  find("#to-report").hidden = !about.report;
  find("#to-model").hidden = find("#says").hidden = !about.model?.says;
  find("#says").textContent = about.model?.says ?? "";
  const facts = [`Merian ${about.merian}`];
  if (about.catalog) facts.push(count(about.catalog.images, "photo"));
  if (about.model) facts.push(`${count(about.model.labels, "name")} known`, `model ${about.model.fingerprint.slice(0, 12)}`, `tree ${about.model.tree}`);
  find("#colophon").textContent = facts.join(" \u00b7 ");

  const identify = about.model ? new Identify(about) : null;
  document.body.classList.toggle("no-model", !identify);
  if (!identify) absent("#identify", about.absent.identify);
  document.body.classList.toggle("no-map", about.points === null);
  if (about.points === null) absent("#explore", about.absent.layout);
  const tasks = [];
  if (about.points !== null) {
    tasks.push(
      api.layout().then((layout) => {
        const explorer = new Explorer(layout, about, { identify: (id) => identify?.takeKnown(id) });
        if (identify) identify.explorer = explorer;
      }),
    );
  }
  if (identify && about.catalog) tasks.push(offerSamples(identify));
  await Promise.all(tasks);
  document.body.dataset.ready = "yes";
}

start().catch((error) => find("main").prepend(refusal(error)));
