/** The photos of this visit and what was said of each: they stay while other pages are read, and are gone with the window. */
import * as api from "../api";
import { clearGuests } from "../explorer/guests";
import { say } from "../saying";
import { createStore } from "../store";
import { t, word } from "../words";

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
}

const TOGETHER = 8;
let last = 0;

export const plates = createStore<Plate[]>([]);

function blank(name: string, picture: string, image: string | null): Plate {
  return { key: ++last, name, picture, image, state: "waiting", reason: "", error: null, row: null, photo: null, kept: null };
}

export function change(key: number, what: Partial<Plate>): void {
  plates.set(plates.get().map((plate) => (plate.key === key ? { ...plate, ...what } : plate)));
}

function fill(key: number, row: api.Row, photo: api.Photo | null): void {
  if (row.reason !== null) change(key, { state: "unread", reason: row.reason });
  else {
    change(key, { state: "done", row, photo });
    say(sentence(row));
  }
}

/** Identify files, a few at a time, in their order. */
export async function take(files: File[], limits: api.About["limits"]): Promise<void> {
  const made = files.map((file) => blank(file.name || t("photo"), URL.createObjectURL(file), null));
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
  try {
    const { rows, photo } = await api.identifyKnown(id);
    fill(plate.key, rows[0] as api.Row, photo);
  } catch (error) {
    change(plate.key, { state: "refused", error });
  }
}

export function clear(): void {
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
