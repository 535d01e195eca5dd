/** Colours of species: eight hues that stay apart for those who see two (after Okabe & Ito 2008), then the same darker and paler; and coats with their ultraviolet, for eyes. */
import type { Hello } from "./frames";

const HUES = ["#d55e00", "#0072b2", "#f0c02e", "#cc5f9f", "#0b7a5c", "#59b4e6", "#7b3f98", "#f5f0e1"];
const DARK = ["#7a2f00", "#003b66", "#8a6a00", "#7a2758", "#014d38", "#1f6f9f", "#40165a", "#6f675a"];
const PALE = ["#ffb27a", "#8fc4ee", "#fbe9a0", "#f2b6d6", "#8fd6bf", "#c5e6fa", "#cfaee0", "#b8b0a0"];

/** The colour of each species of HELLO, those that are plants too. Animals come first, so that few of them get few hues. */
export function coloursOf(hello: Hello): string[] {
  const all = [...HUES, ...DARK, ...PALE];
  let next = 0;
  return hello.species.map((species) => (species.plant ? "#7d9a3c" : (all[next++ % all.length] as string)));
}

/** A colour as linear light, 0 to 1 (IEC 61966-2-1). */
export function linear(hex: string): [number, number, number] {
  const part = (at: number): number => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return [part(1), part(3), part(5)];
}

export interface Coat {
  /** Ground and marks, as colours of ours. */
  ground: string;
  marks: string;
  /** How much of the light of 300 to 400 nm each throws back. */
  ultraviolet: [number, number];
  /** 0 none, 1 stripes across the body, 2 spots. */
  pattern: 0 | 1 | 2;
  /** From one mark to the next, metres. */
  period_m: number;
  /** What stands on head and neck, where a body of its shape has it: 0 nothing, 1 a mane, 2 an ox's horns, 3 an antelope's. Authored from looking at animals. */
  head: 0 | 1 | 2 | 3;
}

const PLAIN: Coat = { ground: "#8a6f4f", marks: "#5c4733", ultraviolet: [0.06, 0.04], pattern: 0, period_m: 1, head: 3 };
/** Coats by genus. Authored: the colours and the ultraviolet (dark fur throws back little, white fur a third) are from taste, the zebra's stripes of 5.5 cm from Melin et al. 2016. */
const COATS: Record<string, Partial<Coat>> = {
  Equus: { ground: "#efe9dc", marks: "#1d1a18", ultraviolet: [0.35, 0.03], pattern: 1, period_m: 0.055, head: 1 },
  Panthera: { ground: "#c49a5e" },
  Acinonyx: { ground: "#d3ad6c", marks: "#2a2017", pattern: 2, period_m: 0.09 },
  Crocuta: { ground: "#9c8561", marks: "#3a2c1e", pattern: 2, period_m: 0.12 },
  Lycaon: { ground: "#7c5b3a", marks: "#231b16", pattern: 2, period_m: 0.3 },
  Giraffa: { ground: "#e2c48f", marks: "#8a5426", pattern: 2, period_m: 0.4 },
  Connochaetes: { ground: "#5d5a57", marks: "#484543", pattern: 1, period_m: 0.14, head: 2 },
  Syncerus: { ground: "#2f2925", marks: "#1b1714", head: 2 },
  Loxodonta: { ground: "#77716a" },
  Phacochoerus: { ground: "#6a5f55", head: 0 },
  Eudorcas: { ground: "#c08a4e" },
  Nanger: { ground: "#c99c68" },
  Aepyceros: { ground: "#a8683a" },
  Alcelaphus: { ground: "#b9844e" },
  Damaliscus: { ground: "#7a4a30" },
  Taurotragus: { ground: "#bd9a6c" },
  Kobus: { ground: "#75604c" },
  Alces: { ground: "#4d3b2e" },
  Canis: { ground: "#86807a" },
};

/** The coat of a species; leopards have spots, other big cats none. */
export function coatOf(name: string): Coat {
  const coat = { ...PLAIN, ...COATS[name.split(" ")[0] ?? ""] };
  return name === "Panthera pardus" ? { ...coat, marks: "#2a2017", pattern: 2, period_m: 0.11 } : coat;
}
