/** The frame around every page: name, navigation, language and light, colophon. */
import type { ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { NOTHING, run } from "./alone";
import * as api from "./api";
import { Caption, Failed } from "./names";
import { PAGES, type Page, type PageProps, pageAt } from "./pages";
import { Link, place } from "./router";
import { ready, said } from "./saying";
import { useStore } from "./store";
import { type Theme, theme } from "./theme";
import { LANGUAGES, type Language, language, many, t } from "./words";

const loaded = new Map<Page, ComponentType<PageProps>>();

export function App() {
  const [about, setAbout] = useState<api.About | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  useStore(language);
  useEffect(() => {
    if (run) setAbout(NOTHING);
    else api.about().then(setAbout, setFailure);
  }, []);
  return (
    <>
      <a class="skip" href="#page">
        {t("skip")}
      </a>
      <Masthead about={about} />
      <main id="page" tabIndex={-1}>
        {failure ? <Failed error={failure} /> : null}
        {about ? <Current about={about} /> : null}
      </main>
      <footer>{about ? <Colophon about={about} /> : null}</footer>
      <Said />
    </>
  );
}

function Said() {
  return (
    <p id="said" class="unseen" role="status" aria-live="polite">
      {useStore(said)}
    </p>
  );
}

/** The page of the present address, loaded when it is first wanted. */
function Current({ about }: { about: api.About }) {
  const { path, query } = useStore(place);
  const found = pageAt(run ? "/twin" : path);
  const page = found?.page ?? null;
  const [failed, setFailed] = useState<Page | null>(null);
  const [, redraw] = useState(0);
  const before = useRef(path);
  useEffect(() => {
    // who reads by ear begins anew at the top of a new page
    if (before.current !== path) document.getElementById("page")?.focus({ preventScroll: true });
    before.current = path;
  }, [path]);
  useEffect(() => {
    setFailed(null);
    if (!page) return;
    document.title = `${t(page.title)} · Merian`;
    if (loaded.has(page)) return;
    page.load().then(
      (module) => {
        loaded.set(page, module.default);
        redraw((n) => n + 1);
      },
      // its files do not come when the server is away, or is another one than before
      () => {
        setFailed(page);
        ready();
      },
    );
  }, [page]);
  if (page && failed === page) return <Failed error={new api.Refusal(t("server.silent"), t("server.silent.do"))} />;
  if (!found || !page) return <Nowhere />;
  const Body = loaded.get(page);
  return Body ? <Body about={about} rest={found.rest} query={query} /> : <p class="looking soon">{t("loading")}</p>;
}

/** An address where no page is. */
function Nowhere() {
  useEffect(() => {
    document.title = `${t("nopage")} · Merian`;
    ready();
  }, []);
  return (
    <section class="leaf">
      <Caption tab="Tab. 0" title={t("nopage")} />
      <p>{t("nopage.do")}</p>
    </section>
  );
}

function Masthead({ about }: { about: api.About | null }) {
  const { path } = useStore(place);
  const now = pageAt(path)?.page.title;
  const names = useRef<HTMLElement>(null);
  useEffect(() => {
    // on a phone the names of the pages are longer than the line: the present one is brought into it
    const own = names.current?.querySelector<HTMLElement>("[aria-current]");
    if (names.current && own) names.current.scrollLeft = own.offsetLeft - (names.current.clientWidth - own.offsetWidth) / 2;
  }, [now, about]);
  return (
    <header class="masthead">
      <Link class="wordmark" to="/">
        Merian
      </Link>
      <p class="motto">{t("motto")}</p>
      <nav aria-label={t("pages")} ref={names}>
        {about && !run
          ? PAGES.filter((page) => page.offered(about)).map((page) => (
              <Link key={page.path} to={page.path} {...(page.title === now ? { "aria-current": "page" } : {})}>
                {t(page.title)}
              </Link>
            ))
          : null}
        {about?.report ? (
          <a id="to-report" href="/report">
            {t("report")}
          </a>
        ) : null}
        {about?.model?.says ? (
          <a id="to-model" href="/model">
            {t("model")}
          </a>
        ) : null}
      </nav>
      <Tools />
    </header>
  );
}

const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };

function Tools() {
  const light = useStore(theme);
  const speaks = useStore(language);
  const others = Object.entries(LANGUAGES) as [Language, string][];
  return (
    <div class="switches">
      {others.map(([code, name]) => (
        <button
          type="button"
          key={code}
          lang={code}
          title={name}
          aria-label={`${code}: ${name}`}
          aria-pressed={code === speaks}
          onClick={() => language.set(code)}
        >
          {code}
        </button>
      ))}
      <button
        type="button"
        class="theme"
        id="theme"
        title={`${t("theme")}: ${t(`theme.${light}`)}`}
        aria-label={`${t("theme")}: ${t(`theme.${light}`)}`}
        onClick={() => theme.set(NEXT[light])}
      >
        <svg viewBox="0 0 16 16" aria-hidden="true" class={light}>
          <circle cx="8" cy="8" r="6.2" />
          <path d="M8 1.8a6.2 6.2 0 0 1 0 12.4Z" />
        </svg>
      </button>
    </div>
  );
}

function Colophon({ about }: { about: api.About }) {
  const facts = [`Merian ${about.merian}`.trim()];
  if (about.store) facts.push(`${t("collection")} ${about.store}`);
  if (about.catalog) facts.push(many("colophon.photos", about.catalog.images));
  if (about.model) {
    facts.push(many("colophon.names", about.model.labels));
    facts.push(t("colophon.model", { id: about.model.fingerprint.slice(0, 12) }), t("colophon.tree", { id: about.model.tree }));
  }
  return <p id="colophon">{facts.join(" · ")}</p>;
}
