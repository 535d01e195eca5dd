/** The frames of the running twin as typed arrays (docs/reference/live.md): little-endian, a head of 28 bytes, then column after column. */
import type { Evidenced } from "./evidence";
import type { Optics } from "./eyes";
import type { Foresight } from "./foresight";

export const HELLO = 1;
export const KEY = 2;
export const DELTA = 3;
export const FIELD = 4;
export const STATS = 5;
export const EVENT = 6;
export const ACK = 7;
const MAGIC = 0x31575457;
const VERSION = 1;
const HEAD = 28;
/** Bytes behind the head for each of n. */
const EACH: Record<number, number> = { [HELLO]: 1, [KEY]: 12, [DELTA]: 8, [FIELD]: 1, [STATS]: 4, [EVENT]: 12, [ACK]: 0 };

export interface Fact {
  value: number | number[];
  unit: string;
  grade: string;
  source: string;
  low: number | null;
  high: number | null;
}
/** The optics of a species, as GET /api/eyes and HELLO tell them. */
export interface Eyes {
  name: string;
  common: string;
  facts: Record<string, Fact>;
  matrix: number[][];
  projection: string;
  rods: boolean;
  pairs: Pair[];
}
/** One pair of eyes of an animal that has several: where the right one looks, how wide it sees, by how much it scans. */
export interface Pair {
  called: string;
  ahead_deg: number;
  up_deg: number;
  wide_deg: number;
  high_deg: number;
  scans_deg: number;
  acuity_cpd: number;
  colour: boolean;
  grade: string;
  source: string;
}
export interface Species {
  name: string;
  common: string;
  class: string;
  plant: boolean;
  mass_g: number | null;
  eyes: Eyes | null;
}
export interface Slider {
  what: string;
  meaning: string;
  unit: string;
  low: number;
  high: number;
  measured: [number, number];
  of_one: boolean;
}
/** A change as it was asked for. */
export interface Altered {
  what: string;
  species: string;
  amount: number;
  year?: number;
  ramp?: number;
  until?: number | null;
}
/** What a file says of its run; `beside` is what a server would answer, where it was recorded with it. Files of before have neither `altered` nor `beside`. */
export interface Recording {
  shots: number;
  days: number;
  shot_seconds: number;
  scenario: string | null;
  changes: string[];
  altered?: Altered[];
  warnings: string[];
  beside?: { foresight?: Foresight; evidence?: Evidenced; eyes?: Optics[] };
}
export interface Hello {
  title: string;
  notice: string;
  width_m: number;
  step_hours: number;
  speed_unit_m_s: number;
  fields: { name: string; unit: string; still: boolean }[];
  stats: string[];
  species: Species[];
  links: { eater: string; eaten: string; part: string | null; probability: number; evidence: string }[];
  sliders: Slider[];
  remarks: string[];
  playback?: Recording;
}
export interface Herds {
  /** Of a KEY; a DELTA has none. */
  id: Uint32Array | null;
  x: Uint16Array;
  y: Uint16Array;
  heading: Uint8Array;
  speed: Uint8Array;
  species: Uint8Array;
  state: Uint8Array;
}
export interface Raster {
  rows: number;
  columns: number;
  low: number;
  high: number;
  values: Uint8Array;
}
export interface Events {
  id: Uint32Array;
  x: Uint16Array;
  y: Uint16Array;
  count: Uint16Array;
  what: Uint8Array;
  species: Uint8Array;
}
export interface Head {
  step: number;
  day: number;
  world: number;
  which: number;
  key: number;
}
export type Body =
  | { kind: typeof HELLO; hello: Hello }
  | { kind: typeof KEY | typeof DELTA; herds: Herds }
  | { kind: typeof FIELD; raster: Raster }
  | { kind: typeof STATS; stats: Float32Array }
  | { kind: typeof EVENT; events: Events }
  | { kind: typeof ACK };
export type Frame = Head & Body;

/** The frame in a message; its columns are views of the buffer. Throws for what is no frame of this version, or is cut short. */
export function decode(buffer: ArrayBuffer): Frame {
  if (buffer.byteLength < HEAD) throw new Error("no frame: too short");
  const view = new DataView(buffer);
  const kind = view.getUint8(4);
  const n = view.getUint32(20, true);
  const each = EACH[kind];
  if (view.getUint32(0, true) !== MAGIC || view.getUint8(5) !== VERSION || each === undefined) {
    throw new Error(`no frame of version ${VERSION}`);
  }
  if (buffer.byteLength !== HEAD + each * n + (kind === FIELD ? 12 : 0)) throw new Error("no frame: cut short");
  const flags = view.getUint16(6, true);
  const head: Head = {
    step: view.getUint32(8, true),
    day: view.getFloat64(12, true),
    world: flags & 0xff,
    which: flags >> 8,
    key: view.getUint32(24, true),
  };
  return { ...head, ...body(kind, buffer, view, n) };
}

function body(kind: number, buffer: ArrayBuffer, view: DataView, n: number): Body {
  let at = HEAD;
  const bytes = (): Uint8Array => new Uint8Array(buffer, (at += n) - n, n);
  const words = (): Uint16Array => new Uint16Array(buffer, (at += 2 * n) - 2 * n, n);
  const longs = (): Uint32Array => new Uint32Array(buffer, (at += 4 * n) - 4 * n, n);
  switch (kind) {
    case HELLO:
      return { kind, hello: JSON.parse(new TextDecoder().decode(bytes())) as Hello };
    case KEY:
    case DELTA: {
      const id = kind === KEY ? longs() : null;
      return { kind, herds: { id, x: words(), y: words(), heading: bytes(), speed: bytes(), species: bytes(), state: bytes() } };
    }
    case FIELD: {
      const [rows, columns] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
      const [low, high] = [view.getFloat32(at + 4, true), view.getFloat32(at + 8, true)];
      if (rows * columns !== n) throw new Error("no frame: a field of another size");
      at += 12;
      return { kind, raster: { rows, columns, low, high, values: bytes() } };
    }
    case STATS:
      return { kind, stats: new Float32Array(buffer, at, n) };
    case EVENT:
      return { kind, events: { id: longs(), x: words(), y: words(), count: words(), what: bytes(), species: bytes() } };
    default:
      return { kind: ACK };
  }
}

/** What a viewer answers when it has drawn a shot. */
export function acknowledgement(step: number, key: number): ArrayBuffer {
  const buffer = new ArrayBuffer(HEAD);
  const view = new DataView(buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint8(4, ACK);
  view.setUint8(5, VERSION);
  view.setUint32(8, step, true);
  view.setUint32(24, key, true);
  return buffer;
}

/** About how many animals a herd has. */
export const animals = (state: number): number => Math.round(2 ** ((state >> 3) / 2));
