/** What may come: ensembles of the food web, asked of the server whenever the changes change. */
import { useEffect, useRef, useState } from "preact/hooks";
import { ask } from "../api";
import { figure, t } from "../words";
import type { Change } from "./feed";

export interface Effect {
  /** Times as much as without the changes: 5, 50 and 95 % of runs; null where it was gone without them too. */
  low: number | null;
  median: number | null;
  high: number | null;
  fell: number;
  rose: number;
  gone: number;
  gone_without: number;
  members: number;
  /** What passes by: times as much in the year in which it was furthest off, and in how many runs; nothing where the end says it all, or in older records. */
  far?: number | null;
  far_year?: number | null;
  far_runs?: number;
}
export interface Foreseen {
  name: string;
  common: string;
  plant: boolean;
  /** Trophic level: 1 for what grows. */
  level: number;
  /** Quantiles of biomass (g m-2) over `years`: [q][t]. */
  baseline: number[][];
  scenario: number[][] | null;
  effect: Effect | null;
}
export interface Flow {
  eater: number;
  eaten: number;
  /** g m-2 a year. */
  flow: number;
  changed_flow: number | null;
  evidence: Grade;
  probability: number;
}
export type Grade = "observed" | "inferred" | "assumed";
export interface Foresight {
  members: number;
  failed: number;
  over_years: number;
  quantiles: number[];
  years: number[];
  warnings: string[];
  remarks: string[];
  species: Foreseen[];
  links: Flow[];
}

export interface Asking {
  /** The newest answer; while another is under way, the one before. */
  found: Foresight | null;
  busy: boolean;
  failure: unknown;
}

/** The foresight of some changes; none is asked for while they are null. */
export function useForesight(changes: Change[] | null): Asking {
  const [told, set] = useState<Asking>({ found: null, busy: false, failure: null });
  const turn = useRef(0);
  const query = changes?.map((one) => `change=${encodeURIComponent([one.what, one.amount, one.species].filter((part) => part !== undefined && part !== "all").join(":"))}`).join("&");
  useEffect(() => {
    if (query === undefined) return;
    const mine = ++turn.current;
    set((now) => ({ ...now, busy: true }));
    ask<Foresight>(`/api/twin/foresight?${query}`).then(
      (found) => mine === turn.current && set({ found, busy: false, failure: null }),
      (failure: unknown) => mine === turn.current && set({ found: null, busy: false, failure }),
    );
  }, [query]);
  return told;
}

/** Which way a species goes in most runs. */
export function way(effect: Effect | null): "falls" | "rises" | "stays" {
  if (!effect || Math.max(effect.fell, effect.rose) <= effect.members / 2) return "stays";
  return effect.fell > effect.rose ? "falls" : "rises";
}

export const MARKS = { falls: "▼", rises: "▲", stays: "" };

/** How strongly it changes: the logarithm of the median, at the end or where it was furthest off, most of all where it goes. */
export function strength({ effect }: Foreseen): number {
  if (!effect) return 0;
  return Math.max(...[effect.median, effect.far].map((times) => Math.abs(Math.log(Math.max(times ?? 1, 1e-6))))) + (5 * Math.abs(effect.gone - effect.gone_without)) / effect.members;
}

export const share = (times: number | null): string => {
  if (times === null) return "–";
  if (times >= 10) return t("twin.times", { n: figure(Math.round(times)) });
  const percent = Math.round(100 * (times - 1));
  return `${percent > 0 ? "+" : percent < 0 ? "−" : ""}${figure(Math.abs(percent))}\u00a0%`;
};

/** What the changes do to a species, in a sentence with its uncertainty: what most runs do comes first. */
export function sentence(name: string, effect: Effect): string {
  const { fell, rose, gone, gone_without, members } = effect;
  const all = figure(members);
  if (gone_without === members) return t("twin.said.lost", { name, members: all });
  const counts = { name, members: all };
  const ways = ([["stays", members - fell - rose], ["falls", fell], ["rises", rose]] as const).slice();
  let said = "";
  ways
    .sort((one, other) => other[1] - one[1])
    .forEach(([way, n], at) => {
      if (at > 0) said += n && way !== "stays" ? t(`twin.said.${way}.too`, { n: figure(n) }) : "";
      else if (way === "stays" && n === members) said = t("twin.said.stays", counts);
      else said = t(`twin.said.${way}.most`, { ...counts, n: figure(n) });
    });
  if (effect.median !== null) said += ` ${t("twin.said.by", { median: share(effect.median), low: share(effect.low), high: share(effect.high) })}`;
  if (gone !== gone_without) said += `; ${t("twin.said.gone", { n: figure(gone), members: all, without: figure(gone_without) })}`;
  if (effect.far != null && effect.far_year != null) {
    const then = { year: figure(Math.round(effect.far_year)), n: figure(effect.far_runs ?? 0), members: all, median: share(effect.far) };
    said += `; ${t(effect.far < 1 ? "twin.said.less" : "twin.said.more", then)}`;
  }
  return `${said}.`;
}
