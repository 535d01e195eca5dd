/** What the pages say, in the visitor's language; the strings are in `strings/`, one file a language with the same keys (a test holds them together). */
import { createStore } from "./store";
import de from "./strings/de.json";
import en from "./strings/en.json";

export type Key = keyof typeof en;
type Plural<K> = K extends `${infer Stem}.one` ? Stem : never;
export type Counted = Plural<Key>;
export type Language = "en" | "de";

const STRINGS: Record<Language, Record<Key, string>> = { en, de };
export const LANGUAGES: Record<Language, string> = { en: "English", de: "Deutsch" };
const KEPT = "merian.language";

function first(): Language {
  const asked = localStorage.getItem(KEPT) ?? navigator.language.slice(0, 2);
  return asked in LANGUAGES ? (asked as Language) : "en";
}

/** The language of the pages; the root listens to it. */
export const language = createStore<Language>(first());
language.subscribe((chosen) => {
  localStorage.setItem(KEPT, chosen);
  document.documentElement.lang = chosen;
});
document.documentElement.lang = language.get();

/** The string of a key, with its `{names}` filled in. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  return STRINGS[language.get()][key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** Made once for each language: they are slow to make, and a list of numbers needs them at every frame. */
const made = new Map<Language, { plural: Intl.PluralRules; whole: Intl.NumberFormat; exact: Intl.NumberFormat }>();

function forms(): { plural: Intl.PluralRules; whole: Intl.NumberFormat; exact: Intl.NumberFormat } {
  const now = language.get();
  let found = made.get(now);
  if (!found) {
    const exact = new Intl.NumberFormat(now, { maximumSignificantDigits: 4 });
    found = { plural: new Intl.PluralRules(now), whole: new Intl.NumberFormat(now), exact };
    made.set(now, found);
  }
  return found;
}

/** A whole number with its noun, in the plural that the language has for it. */
export function many(stem: Counted, n: number): string {
  const form = forms().plural.select(n) === "one" ? "one" : "other";
  return t(`${stem}.${form}` as Key, { n: figure(n) });
}

/** The string of `prefix.word` where the files have one, else the word itself, its underscores as spaces. */
export function word(prefix: string, name: string): string {
  const key = `${prefix}.${name}`;
  return key in en ? t(key as Key) : name.replaceAll("_", " ");
}

/** A number as the language writes it; at most four significant digits unless it is whole. */
export function figure(value: number): string {
  return (Number.isInteger(value) ? forms().whole : forms().exact).format(value);
}

/** A number with so many decimals, as the language writes it, with a true minus. */
export function fixed(value: number, digits: number): string {
  const form = new Intl.NumberFormat(language.get(), { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return form.format(value).replace("-", "−");
}

/** A share of one in per cent. */
export function percent(share: number): string {
  if (share > 0.995 && share < 1) return t("share.over");
  if (share > 0 && share < 0.01) return t("share.under");
  return `${Math.round(share * 100)} %`;
}

/** A unit as a person writes it; counts and shares have none. */
export function unitOf(unit: string): string {
  if (["1", "count", ""].includes(unit)) return "";
  return unit === "degree" || unit === "deg" ? "°" : ` ${unit}`;
}

/** Text that begins with a capital. */
export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** The name of a language in the visitor's own. */
export function languageName(code: string): string {
  try {
    return new Intl.DisplayNames([language.get()], { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}
