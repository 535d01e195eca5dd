/** Changes of a scenario in the visitor's words, and what of them lies outside the range in which constants were measured. */
import { commonly } from "../said";
import { figure, t, word } from "../words";
import type { Altered, Hello, Slider } from "./frames";

/** An amount with its unit. */
export function amountOf(slider: Slider, value: number): string {
  if (slider.unit === "K") return `${value > 0 ? "+" : ""}${figure(value)} °C`;
  if (slider.unit === "1") return `${figure(Math.round(value * 100))} %`;
  return t("twin.ayear", { n: figure(Math.round(value * 100)) });
}

const sliderOf = (hello: Hello, change: Altered): Slider | undefined => hello.sliders.find((one) => one.what === change.what);

/** What it is, to whom, how much, and when it comes and ends. */
export function changeWords(hello: Hello, change: Altered): string {
  const slider = sliderOf(hello, change);
  const whom = ["", "all"].includes(change.species) ? "" : ` (${commonly(change.species, hello.species.find((one) => one.name === change.species)?.common ?? change.species)})`;
  const parts = [`${word("twin.what", change.what)}${whom}: ${slider ? amountOf(slider, change.amount) : figure(change.amount)}`];
  if (change.year) parts.push(t("twin.from", { year: figure(change.year) }));
  if (change.ramp) parts.push(t("twin.over", { years: figure(change.ramp) }));
  if (change.until) parts.push(t("twin.until", { year: figure(change.until) }));
  return parts.join(", ");
}

/** A sentence for each change beyond what was measured; for those that are not told in parts, what the server says. */
export function beyond(hello: Hello, changes: Altered[], said: string[]): { text: string; own: boolean }[] {
  if (!said.length) return [];
  if (changes.some((change) => !change.what)) return said.map((text) => ({ text, own: false }));
  return changes.flatMap((change) => {
    const slider = sliderOf(hello, change);
    if (!slider || (change.amount >= slider.measured[0] && change.amount <= slider.measured[1])) return [];
    const [low, high] = slider.measured.map((value) => amountOf(slider, value)) as [string, string];
    return [{ text: t("twin.outside.range", { change: changeWords(hello, change), low, high }), own: true }];
  });
}
