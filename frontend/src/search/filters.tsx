/** What photos must be: of a taxon, from a place and a time, under a licence, of a source. */
import { useEffect, useState } from "preact/hooks";
import * as api from "../api";
import { useAsked } from "../asking";
import { Finder } from "../finder";
import { Scientific } from "../names";
import { figure, language, many, t } from "../words";
import { type Asked, filtersOf, isDate, NO_FILTERS } from "./asked";
import { Place } from "./place";

const WIDE_PX = 900;

interface Props {
  asked: Asked;
  choices: api.Choices | null;
  change(what: Partial<Asked>): void;
}

export function Filters({ asked, choices, change }: Props) {
  const set = filtersOf(asked);
  return (
    <details class="filters" open={innerWidth >= WIDE_PX}>
      <summary>
        {t("search.filters")}
        {set ? <small>{many("search.filters.set", set)}</small> : null}
      </summary>
      {set ? (
        <button type="button" class="quiet" id="clear-filters" onClick={() => change(NO_FILTERS)}>
          {t("search.clear")}
        </button>
      ) : null}
      <fieldset>
        <legend>{t("search.taxon")}</legend>
        {asked.taxa.map((id) => (
          <Chosen key={id} id={id} leave={() => change({ taxa: asked.taxa.filter((other) => other !== id) })} />
        ))}
        <Finder
          label={t("search.taxon.find")}
          none={t("search.taxon.none")}
          choose={(taxon) => {
            names.set(taxon.id, taxon);
            change({ taxa: [...asked.taxa.filter((id) => id !== taxon.id), taxon.id] });
          }}
        />
      </fieldset>
      <fieldset>
        <legend>{t("search.place")}</legend>
        {choices?.placed === 0 ? <p class="hint">{t("search.place.absent")}</p> : <Place box={asked.box} choose={(box) => change({ box })} />}
      </fieldset>
      <fieldset>
        <legend>{t("search.time")}</legend>
        {choices?.dated === 0 ? <p class="hint">{t("search.time.absent")}</p> : <Time asked={asked} change={change} />}
      </fieldset>
      {choices?.licences.length ? (
        <List legend={t("search.licence")} all={choices.licences} chosen={asked.licences} choose={(licences) => change({ licences })} />
      ) : null}
      {choices?.sources.length ? (
        <List legend={t("search.source")} all={choices.sources} chosen={asked.sources} choose={(sources) => change({ sources })} />
      ) : null}
    </details>
  );
}

/** Names of taxa that were chosen here: they need not be asked for. */
const names = new Map<string, api.Taxon>();

function Chosen({ id, leave }: { id: string; leave(): void }) {
  const known = names.get(id);
  const { value } = useAsked<api.Taxon>(() => (known ? Promise.resolve(known) : api.taxon(id)), id);
  const taxon = known ?? value;
  const label = t("search.leave", { name: taxon?.name ?? id });
  return (
    <button type="button" class="chip" aria-label={label} title={label} onClick={leave}>
      {taxon ? <Scientific taxon={taxon} /> : id}
      <span aria-hidden="true"> ×</span>
    </button>
  );
}

function Time({ asked, change }: Omit<Props, "choices">) {
  const short = new Intl.DateTimeFormat(language.get(), { month: "short", timeZone: "UTC" });
  const long = new Intl.DateTimeFormat(language.get(), { month: "long", timeZone: "UTC" });
  return (
    <>
      <div class="dates">
        <DateField id="from" label={t("search.from")} value={asked.from} choose={(from) => change({ from })} />
        <DateField id="to" label={t("search.to")} value={asked.to} choose={(to) => change({ to })} />
      </div>
      <div class="months" role="group" aria-label={t("search.months")}>
        {[...Array(12).keys()].map((k) => {
          const day = new Date(Date.UTC(2001, k, 15));
          const on = asked.months.includes(k + 1);
          return (
            <button
              type="button"
              key={k}
              aria-pressed={on}
              title={long.format(day)}
              onClick={() => change({ months: on ? asked.months.filter((m) => m !== k + 1) : [...asked.months, k + 1].sort((a, b) => a - b) })}
            >
              {short.format(day).replace(".", "")}
            </button>
          );
        })}
      </div>
    </>
  );
}

function DateField({ id, label, value, choose }: { id: string; label: string; value: string; choose(date: string): void }) {
  const [text, setText] = useState(value);
  const [left, setLeft] = useState(false);
  useEffect(() => setText(value), [value]);
  const now = text.trim();
  const bad = left && now !== "" && !isDate(now);
  const give = (): void => {
    setLeft(true);
    if (now !== value && (now === "" || isDate(now))) choose(now);
  };
  return (
    <div>
      <label for={id}>{label}</label>
      <input
        id={id}
        type="text"
        inputMode="numeric"
        autocomplete="off"
        placeholder={t("search.date.example")}
        value={text}
        aria-invalid={bad}
        {...(bad ? { "aria-describedby": `${id}-bad` } : {})}
        onInput={(event) => setText(event.currentTarget.value)}
        onBlur={give}
        onKeyDown={(event) => event.key === "Enter" && give()}
      />
      {bad ? (
        <p class="hint bad" id={`${id}-bad`} role="status">
          {t("search.date.bad")}
        </p>
      ) : null}
    </div>
  );
}

interface ListProps {
  legend: string;
  all: api.Counted[];
  chosen: string[];
  choose(names: string[]): void;
}

function List({ legend, all, chosen, choose }: ListProps) {
  return (
    <fieldset>
      <legend>{legend}</legend>
      <ul class="choices">
        {all.map(({ name, count }) => (
          <li key={name}>
            <label>
              <input
                type="checkbox"
                checked={chosen.includes(name)}
                onChange={(event) => choose(event.currentTarget.checked ? [...chosen, name] : chosen.filter((other) => other !== name))}
              />
              <span>{name}</span>
              <small>{figure(count)}</small>
            </label>
          </li>
        ))}
      </ul>
    </fieldset>
  );
}
