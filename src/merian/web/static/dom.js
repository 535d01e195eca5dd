/** Elements, names and numbers as the page writes them. @typedef {import("./api.js").Taxon} Taxon */

/**
 * An element with attributes and children; an `on…` attribute that is a function becomes a listener.
 * @param {string} tag @param {Record<string, any>} [attributes] @param {...(Node|string|null|undefined|false)} children
 * @returns {any}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.startsWith("--")) element.style.setProperty(name, String(value));
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child !== null && child !== undefined && child !== false) element.append(child);
  return element;
}

/** @param {string} selector @returns {any} */
export function find(selector) {
  const element = document.querySelector(selector);
  if (!element) throw new Error(`the page has no ${selector}`);
  return element;
}

/** A scientific name: italic for genus and species, as the codes of nomenclature want it. @param {{name: string, rank: string}} taxon */
export function scientific(taxon) {
  return h(taxon.rank === "genus" || taxon.rank === "species" ? "i" : "span", { class: "name", lang: "la" }, taxon.name);
}

/** @param {number} share */
export function percent(share) {
  if (share > 0.995 && share < 1) return "> 99 %";
  if (share > 0 && share < 0.01) return "< 1 %";
  return `${Math.round(share * 100)} %`;
}

/** A quiet bar of a share of one. @param {number} share @param {string} [kind] */
export function bar(share, kind = "") {
  return h("span", { class: `bar ${kind}`, "--share": share, "aria-hidden": "true" });
}

/** @param {number} n @param {string} one @param {string} [many] */
export function count(n, one, many = `${one}s`) {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

/** Text that begins with a capital. @param {string} text */
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** Whether the visitor asked for less motion. */
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Tell a screen reader. @param {string} text */
export function say(text) {
  find("#said").textContent = text;
}
