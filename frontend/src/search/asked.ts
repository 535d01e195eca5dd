/** What is asked, as the page's address holds it: so that a search can be shared, and gone back to. */
export interface Asked {
  words: string;
  /** The id of a photo of the collection. */
  like: string;
  /** The id of a taxon, whose photos are asked with. */
  alike: string;
  /** What the words count beside a photo, 0 to 1. */
  weight: number;
  taxa: string[];
  /** West, south, east, north in degrees. */
  box: [number, number, number, number] | null;
  from: string;
  to: string;
  months: number[];
  licences: string[];
  sources: string[];
}

export const HALF = 0.5;

export const NO_FILTERS: Pick<Asked, "taxa" | "box" | "from" | "to" | "months" | "licences" | "sources"> = {
  taxa: [],
  box: null,
  from: "",
  to: "",
  months: [],
  licences: [],
  sources: [],
};

/** Four numbers that are a box, else null. */
export function boxOf(sides: (number | string)[]): Asked["box"] {
  const numbers = sides.map((side) => (String(side).trim() === "" ? Number.NaN : Number(side)));
  const [west = Number.NaN, south = Number.NaN, east = Number.NaN, north = Number.NaN] = numbers;
  const good = Math.abs(west) <= 180 && Math.abs(east) <= 180 && -90 <= south && south <= north && north <= 90;
  return numbers.length === 4 && good ? [west, south, east, north] : null;
}

/** Whether a text is a year, a month or a day. */
export const isDate = (text: string): boolean => /^\d{4}(-\d\d(-\d\d)?)?$/.test(text);

/** What an address asks; parts that cannot be read are left out. */
export function readAsked(query: URLSearchParams): Asked {
  const weight = Number(query.get("weight") ?? HALF);
  const months = query.getAll("month").map(Number);
  return {
    words: query.get("words") ?? "",
    like: query.get("like") ?? "",
    alike: query.get("alike") ?? "",
    weight: weight >= 0 && weight <= 1 ? weight : HALF,
    taxa: query.getAll("taxon"),
    box: boxOf((query.get("box") ?? "").split(",")),
    from: query.get("from") ?? "",
    to: query.get("to") ?? "",
    months: months.filter((month) => Number.isInteger(month) && month >= 1 && month <= 12),
    licences: query.getAll("licence"),
    sources: query.getAll("source"),
  };
}

/** The same as an address has it after its question mark; what is not asked is not in it. */
export function queryOf(asked: Asked): string {
  const query = new URLSearchParams();
  if (asked.words.trim()) query.set("words", asked.words.trim());
  if (asked.like) query.set("like", asked.like);
  if (asked.alike) query.set("alike", asked.alike);
  if (asked.weight !== HALF) query.set("weight", String(asked.weight));
  for (const taxon of asked.taxa) query.append("taxon", taxon);
  if (asked.box) query.set("box", asked.box.join(","));
  if (asked.from) query.set("from", asked.from);
  if (asked.to) query.set("to", asked.to);
  for (const month of asked.months) query.append("month", String(month));
  for (const licence of asked.licences) query.append("licence", licence);
  for (const source of asked.sources) query.append("source", source);
  return query.toString();
}

/** How many filters are set. */
export function filtersOf(asked: Asked): number {
  const single = [asked.box, asked.from, asked.to].filter(Boolean).length;
  return single + asked.taxa.length + asked.licences.length + asked.sources.length + (asked.months.length ? 1 : 0);
}
