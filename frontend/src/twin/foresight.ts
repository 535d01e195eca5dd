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

/** How strongly it changes: the logarithm of the median, most of all where it goes. */
export function strength({ effect }: Foreseen): number {
  if (!effect) return 0;
  return Math.abs(Math.log(Math.max(effect.median ?? 1, 1e-6))) + (5 * Math.abs(effect.gone - effect.gone_without)) / effect.members;
}

export const share = (times: number | null): string => {
  if (times === null) return "–";
  if (times >= 10) return t("twin.times", { n: figure(Math.round(times)) });
  const percent = Math.round(100 * (times - 1));
  return `${percent > 0 ? "+" : percent < 0 ? "−" : ""}${figure(Math.abs(percent))}\u00a0%`;
};

/** What the changes do to a species, in a sentence with its uncertainty. */
export function sentence(name: string, effect: Effect): string {
  const { fell, rose, gone, gone_without, members } = effect;
  const counts = { name, members: figure(members) };
  if (gone_without === members) return t("twin.said.lost", counts);
  let said: string;
  if (!fell && !rose) said = t("twin.said.stays", counts);
  else said = t(fell >= rose ? "twin.said.falls" : "twin.said.rises", { ...counts, n: figure(Math.max(fell, rose)) });
  if (effect.median !== null) said += ` ${t("twin.said.by", { median: share(effect.median), low: share(effect.low), high: share(effect.high) })}`;
  if (gone !== gone_without) said += `; ${t("twin.said.gone", { n: figure(gone), members: figure(members), without: figure(gone_without) })}`;
  return `${said}.`;
}
