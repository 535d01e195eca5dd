/** Sentences and names that the server has in English, in the visitor's language: by the sentence itself, its numbers apart (strings/said.de.json, as `gettext` does); what the files lack stays English and says so. */
import { createStore, useStore } from "./store";
import species from "./strings/species.de.json";
import { language } from "./words";

const files = createStore<Record<string, string> | null>(null);
const NUMBER = /\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?/g;
const called: Record<string, string> = species;

let asked = false;
function read(): void {
  if (asked || language.get() !== "de") return;
  asked = true;
  void import("./strings/said.de.json").then((file) => files.set(file.default));
}
read();
language.subscribe(read);

/** A number of an English sentence as a German one has it. */
const german = (number: string): string => number.replace(/[.,]/g, (mark) => (mark === "." ? "," : "."));

/** A sentence of the server in the visitor's language; null where the files have none. `#1` is its first number, `#2` its second. */
export function translated(text: string): string | null {
  if (language.get() === "en") return text;
  const found = files.get()?.[text.replace(NUMBER, "#")];
  if (found === undefined) return null;
  const numbers = text.match(NUMBER) ?? [];
  return found.replace(/#(\d+)/g, (_, at: string) => german(numbers[Number(at) - 1] ?? ""));
}

/** A sentence of the server, marked as English where it has to be. */
export function Said({ text, as = (own: string) => own }: { text: string; as?: (own: string) => string }) {
  useStore(files);
  const own = translated(text);
  return own === null ? <span lang="en">{as(text)}</span> : <>{as(own)}</>;
}

/** The same species with their common names in the visitor's language, by their scientific ones. */
export function named<T extends { name: string; common: string }>(list: T[]): T[] {
  return language.get() === "en" ? list : list.map((one) => ({ ...one, common: called[one.name] ?? one.common }));
}

/** The common name of a species in the visitor's language; what is given where it has none. */
export const commonly = (name: string, given: string): string => (language.get() === "en" ? given : (called[name] ?? given));
