/** Search by photo, by words, by both, behind filters: the question on the left, what was found on the right. All but a visitor's own photo is in the address. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import * as api from "../api";
import { useAsked } from "../asking";
import { Absent, Called, Caption, Refusal, Scientific, TaxonLink } from "../names";
import type { PageProps } from "../pages";
import { go, Link, taxonAddress } from "../router";
import { ready, say } from "../saying";
import { useStore } from "../store";
import { figure, fixed, t, word } from "../words";
import { Basket, Choose } from "./basket";
import { type Asked, filtersOf, NO_FILTERS, queryOf, readAsked } from "./asked";
import { Filters } from "./filters";
import { own, Question, takeOwn } from "./question";
import { Said } from "../said";
import "../styles/search.css";

const STEP = 24;

export default function Search({ about, query }: PageProps) {
  useEffect(() => {
    if (!about.catalog) ready();
  }, []);
  return (
    <section id="search" class="leaf wide">
      <Caption tab="Tab. III" title={t("search.title")} />
      {about.catalog ? <Desk about={about} query={query} /> : <Absent>{about.absent.catalog ? <Said text={about.absent.catalog} /> : t("absent")}</Absent>}
    </section>
  );
}

function Desk({ about, query }: { about: api.About; query: URLSearchParams }) {
  const asked = readAsked(query);
  const text = queryOf(asked);
  const photo = useStore(own);
  const { value: choices } = useAsked(api.choices, "choices");
  const now = useRef(asked);
  now.current = asked;
  const change = useCallback((what: Partial<Asked>): void => {
    const wanted = queryOf({ ...now.current, ...what });
    // each choice can be gone back from; words that are typed on are one step
    const typedOn = Object.keys(what).join() === "words" && now.current.words !== "" && what.words !== "";
    if (wanted !== queryOf(now.current)) go(wanted ? `/search?${wanted}` : "/search", typedOn, true);
  }, []);
  return (
    <div class="desk">
      <div class="aside">
        {about.model ? <Question asked={asked} change={change} /> : <p class="hint">{about.absent.identify ? <Said text={about.absent.identify} /> : t("absent")}</p>}
        <Filters asked={asked} choices={choices} change={change} />
      </div>
      <Results key={`${text} ${photo?.key}`} about={about} asked={asked} change={change} />
    </div>
  );
}

/** What was last found stays on the page, dimmed, until the next answer is there. */
let before: api.Answered | null = null;

function Results({ about, asked, change }: { about: api.About; asked: Asked; change(what: Partial<Asked>): void }) {
  const photo = useStore(own);
  const [more, setMore] = useState<More>({ hits: [], passed: STEP, state: "still", failure: null });
  const large = photo !== null && photo.file.size > about.limits.photo_mb * 1e6;
  const query = queryOf(photo ? { ...asked, like: "", alike: "" } : asked);
  const page = (start: number): Promise<api.Answered> => {
    const k = Math.min(STEP, about.limits.found - start);
    return api.search(`${query}${query ? "&" : ""}k=${k}${start ? `&start=${start}` : ""}`, photo?.file ?? null);
  };
  const { value, failure } = useAsked<api.Answered | null>(() => (large ? Promise.resolve(null) : page(0)), `${query} ${photo?.key}`);
  const next = (): void => {
    setMore({ ...more, state: "asked", failure: null });
    page(more.passed).then(
      (found) => {
        const ended = found.photos.length < Math.min(STEP, about.limits.found - more.passed);
        setMore({ hits: [...more.hits, ...found.photos], passed: more.passed + STEP, state: ended ? "ended" : "still", failure: null });
        say(t("search.more.said", { n: figure(found.photos.length) }));
      },
      (error: unknown) => setMore({ ...more, state: "still", failure: error }),
    );
  };
  useEffect(() => {
    if (!value && !failure) return;
    if (value) {
      before = value;
      say(value.photos.length ? told(value) : t("search.none"));
    }
    ready();
  }, [value, failure]);
  const reason = large ? t("large", { mb: about.limits.photo_mb }) : (value?.reason ?? null);
  if (failure) return <Refusal error={failure} />;
  if (reason !== null) return <Refusal error={new api.Refusal(t("unread", { reason: large ? reason : word("reason", reason) }), t("unread.do"))} />;
  const found = value ?? before;
  // what an index looks for goes in steps, so that one photo may be found twice
  const hits = found ? [...new Map([...found.photos, ...(value ? more.hits : [])].map((hit) => [hit.id, hit])).values()] : [];
  const goesOn = value !== null && value.photos.length === STEP && value.among > hits.length && more.state !== "ended";
  return (
    <section class="found" aria-label={t("search.results")} aria-busy={!value}>
      <Basket />
      {found ? <p class="facts how">{hits.length ? told(found, hits.length) : null}</p> : <p class="looking">{t("loading")}</p>}
      {found && !found.photos.length ? <Nothing filtered={filtersOf(asked) > 0} clear={() => change(NO_FILTERS)} /> : null}
      <ul class="grid">
        {hits.map((hit) => (
          <li key={hit.id}>
            <Found hit={hit} about={about} />
          </li>
        ))}
      </ul>
      {more.failure ? <Refusal error={more.failure} /> : null}
      {goesOn && more.passed < about.limits.found ? (
        <button type="button" class="quiet" id="more" aria-disabled={more.state === "asked"} onClick={() => more.state === "still" && next()}>
          {more.state === "asked" ? t("loading") : t("search.more")}
        </button>
      ) : null}
      {goesOn && more.passed >= about.limits.found ? <p class="hint">{t("search.most", { n: figure(about.limits.found) })}</p> : null}
    </section>
  );
}

/** The pages after the first. */
interface More {
  hits: api.Hit[];
  /** How many of the nearest were asked for. */
  passed: number;
  state: "still" | "asked" | "ended";
  failure: unknown;
}

function told(found: api.Answered, shown = found.photos.length): string {
  const how = found.photos[0]?.cosine === null ? "search.ordered" : found.exact ? "search.exact" : "search.parts";
  return `${t("search.shown", { shown: figure(shown), among: figure(found.among) })}, ${t(how)}`;
}

function Nothing({ filtered, clear }: { filtered: boolean; clear(): void }) {
  return (
    <div class="nothing">
      <p>{t("search.none")}</p>
      {filtered ? (
        <>
          <p class="hint">{t("search.none.do")}</p>
          <button type="button" class="quiet" onClick={clear}>
            {t("search.clear")}
          </button>
        </>
      ) : null}
    </div>
  );
}

function Found({ hit, about }: { hit: api.Hit; about: api.About }) {
  const { taxon } = hit;
  const name = taxon?.name ?? t("photo.unnamed");
  const picture = <img src={api.imageUrl(hit.id, 256)} alt={t("photo.of", { name })} width={256} height={256} loading="lazy" />;
  const facts = [hit.cosine === null ? null : fixed(hit.cosine, 2), hit.date].filter(Boolean);
  return (
    <figure>
      {taxon ? (
        <Link class="view" to={taxonAddress(taxon.id)} tabIndex={-1}>
          {picture}
        </Link>
      ) : (
        <span class="view">{picture}</span>
      )}
      <figcaption>
        {taxon ? <TaxonLink taxon={taxon} /> : <Scientific taxon={{ name, rank: "" }} />}
        {taxon ? <Called taxon={taxon} /> : null}
        {facts.length ? <span class="facts">{facts.join(" · ")}</span> : null}
        <span class="facts credit">{[hit.rights_holder ?? t("search.nocredit"), hit.licence].filter(Boolean).join(", ")}</span>
        <span class="ways">
          <Choose hit={hit} />
          <button
            type="button"
            class="quiet kin"
            aria-label={`${t("search.kin")}: ${name}`}
            onClick={() => {
              takeOwn(null);
              go(`/search?like=${encodeURIComponent(hit.id)}`);
            }}
          >
            {t("search.kin")}
          </button>
          {about.points === null ? null : (
            <Link class="quiet" to={`/explorer?photo=${encodeURIComponent(hit.id)}`} aria-label={`${t("search.map")}: ${name}`}>
              {t("search.map")}
            </Link>
          )}
        </span>
      </figcaption>
    </figure>
  );
}
