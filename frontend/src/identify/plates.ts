/** The photos of this visit and what was said of each: they stay while other pages are read, and are gone with the window. */
import * as api from "../api";
import { clearGuests } from "../explorer/guests";
import { say } from "../saying";
import { createStore } from "../store";
import { percent, t, word } from "../words";

/** What tells the first answer from another, as far as it is known. */
export type Telling =
  | { state: "asked"; done: number; of: number }
  | { state: "told"; answer: api.Explained }
  | { state: "refused"; error: unknown };

export interface Plate {
  key: number;
  /** The name of a photo that was sent; empty for one of the collection. */
  name: string;
  picture: string;
  /** The id of a photo of the collection. */
  image: string | null;
  state: "waiting" | "unread" | "refused" | "done";
  reason: string;
  error: unknown;
  row: api.Row | null;
  photo: api.Photo | null;
  kept: api.Kept | null;
  /** The visitor's own photo, null for one of the collection. */
  file: File | null;
  /** What tells the first answer from others, by the others' ids. */
  telling: Record<string, Telling>;
}

const TOGETHER = 8;
let last = 0;

export const plates = createStore<Plate[]>([]);

function blank(name: string, picture: string, image: string | null, file: File | null = null): Plate {
  const nothing = { reason: "", error: null, row: null, photo: null, kept: null, telling: {} };
  return { key: ++last, name, picture, image, file, state: "waiting", ...nothing };
}

export function change(key: number, what: Partial<Plate>): void {
  plates.set(plates.get().map((plate) => (plate.key === key ? { ...plate, ...what } : plate)));
}

function fill(key: number, row: api.Row, photo: api.Photo | null): void {
  if (row.reason !== null) {
    change(key, { state: "unread", reason: word("reason", row.reason) });
    say(t("unread", { reason: word("reason", row.reason) }));
  } else {
    change(key, { state: "done", row, photo });
    say(sentence(row));
  }
}

/** Identify files, a few at a time, in their order. */
export async function take(files: File[], limits: api.About["limits"]): Promise<void> {
  const made = files.map((file) => blank(file.name || t("photo"), URL.createObjectURL(file), null, file));
  plates.set([...made, ...plates.get()]);
  const step = Math.min(TOGETHER, limits.photos);
  for (let start = 0; start < files.length; start += step) {
    const group = files.slice(start, start + step).map((file, k) => ({ file, key: (made[start + k] as Plate).key }));
    for (const { file, key } of group) {
      if (file.size > limits.photo_mb * 1e6) change(key, { state: "unread", reason: t("large", { mb: limits.photo_mb }) });
    }
    const rest = group.filter(({ file }) => file.size <= limits.photo_mb * 1e6);
    if (!rest.length) continue;
    say(t("looking.at", { i: start + 1, n: files.length }));
    try {
      const rows = await api.identify(rest.map(({ file }) => file));
      rows.forEach((row, k) => fill((rest[k] as { key: number }).key, row, null));
    } catch (error) {
      for (const { key } of rest) change(key, { state: "refused", error });
    }
  }
}

/** Identify a photo of the collection. */
export async function takeKnown(id: string): Promise<void> {
  const plate = blank("", api.imageUrl(id), id);
  plates.set([plate, ...plates.get()]);
  await again(plate);
}

/** Ask for one plate, anew where no answer came. */
export async function again({ key, file, image }: Plate): Promise<void> {
  change(key, { state: "waiting", error: null });
  try {
    const answer = file ? { rows: await api.identify([file]), photo: null } : await api.identifyKnown(image ?? "");
    fill(key, answer.rows[0] as api.Row, answer.photo);
  } catch (error) {
    change(key, { state: "refused", error });
  }
}

let hands = new AbortController();

/** Ask what tells the first answer from another; what was told once is not asked again. */
export async function tellApart(key: number, taxon: api.Taxon, against: api.Taxon): Promise<void> {
  const plate = plates.get().find((one) => one.key === key);
  const photo = plate?.image ?? plate?.file;
  const before = plate?.telling[against.id];
  if (!plate || !photo || (before && before.state !== "refused")) return;
  const put = (telling: Telling): void => {
    const now = plates.get().find((one) => one.key === key);
    if (now) change(key, { telling: { ...now.telling, [against.id]: telling } });
  };
  const { signal } = hands;
  put({ state: "asked", done: 0, of: 0 });
  try {
    const answer = await api.explain(photo, taxon.id, against.id, (done, of) => put({ state: "asked", done, of }), signal);
    if (answer.reason) throw new api.Refusal(t("unread", { reason: word("reason", answer.reason) }), t("unread.do"));
    put({ state: "told", answer });
    say(toldApart(answer));
  } catch (error) {
    if (!signal.aborted) put({ state: "refused", error });
  }
}

/** Where in a photo something lies, in words. */
const place = (ninth: api.Ninth): string => t(`at.${ninth.row}.${ninth.column}`);

/** What a map says, in sentences: for those who cannot see it, and for those who can. */
export function toldApart(found: api.Explained): string {
  const names = { name: found.taxon.name, other: found.against.name };
  if (!found.tells_apart) return t("apart.nothing", names);
  const said = [
    found.for_it ? t("apart.for", { name: names.name, place: place(found.for_it), share: percent(found.for_it.share) }) : t("apart.for.none", { name: names.name }),
    found.for_other
      ? t("apart.for", { name: names.other, place: place(found.for_other), share: percent(found.for_other.share) })
      : t("apart.for.none", { name: names.other }),
  ];
  return said.join(" ");
}

export function clear(): void {
  hands.abort();
  hands = new AbortController();
  for (const plate of plates.get()) if (plate.image === null) URL.revokeObjectURL(plate.picture);
  plates.set([]);
  clearGuests();
}

/** What is said of a photo, in one sentence of the visitor's language. */
export function sentence(row: api.Row): string {
  const parts = row.none ? [t("answer.none")] : [];
  parts.push(row.sure ? t("answer.sure", { rank: word("rank", row.sure.rank), name: row.sure.name }) : t("answer.unsure"));
  for (const [said, taxon] of [[t("probably"), row.probably], [t("perhaps"), row.perhaps]] as const) {
    if (taxon) parts.push(`${said} ${word("rank", taxon.rank)} ${taxon.name}`);
  }
  return `${parts.join("; ")}.`;
}
