/** The twin: a window of an ecosystem that lives, with what there is of each species beside it, and what if. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { run } from "../alone";
import * as api from "../api";
import { Caption, Refusal } from "../names";
import type { PageProps } from "../pages";
import { painted } from "../painted";
import { named } from "../said";
import { ready, say } from "../saying";
import { useStore } from "../store";
import { calm } from "../theme";
import { capital, figure, language, t, word } from "../words";
import { Link } from "../router";
import { Beside } from "./beside";
import { beyond, changeWords } from "./changes";
import { coloursOf } from "./colours";
import type { Optics } from "./eyes";
import { type Change, type Feed, FileFeed, LiveFeed, type Listener, type Message, type State } from "./feed";
import { sentence, strength, useForesight } from "./foresight";
import { DELTA, FIELD, type Frame, HELLO, type Hello, KEY, STATS } from "./frames";
import { Glance, type Look } from "./glance";
import { aloneMs, useKiosk } from "./kiosk";
import { Met, livesIn } from "./met";
import { Residents } from "./residents";
import { Bounds } from "./rose";
import type { Stage } from "./scene";
import { Follows, Sliders } from "./whatif";
import "../styles/twin.css";

const DRIFT = 0.05;
const LEAST_PACE = 0.5;
const MOST_PACE = 48;

interface Seen {
  day: number;
  counts: [Float32Array | null, Float32Array | null];
}
const NOTHING: Seen = { day: 0, counts: [null, null] };

export default function TwinPage({ query }: PageProps) {
  const [raw, setHello] = useState<Hello | null>(null);
  const [seen, setSeen] = useState<Seen>(NOTHING);
  const [state, setState] = useState<State | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const [connected, setConnected] = useState(true);
  const [flat, setFlat] = useState(false);
  const [known, setOptics] = useState<Optics[]>([]);
  const [file, setFile] = useState<ArrayBuffer | null>(null);
  const [followed, setFollowed] = useState(-1);
  const [only, setOnly] = useState(-1);
  const [look, setLook] = useState<Look | null>(null);
  const [whole, setWhole] = useState(false);
  /** Which visitor of an exhibit it is: another finds the sliders as they were. */
  const [visit, setVisit] = useState(0);
  const frame = useRef<HTMLDivElement>(null);
  const root = useRef<HTMLElement>(null);
  const stage = useRef<Stage | null>(null);
  const feed = useRef<Feed | null>(null);
  const kiosk = query.has("kiosk");
  // names in the visitor's language; the stage keeps what came
  const speaks = useStore(language);
  const hello = useMemo(() => raw && { ...raw, species: named(raw.species) }, [raw, speaks]);
  const recorded = hello?.playback?.beside ?? null;
  const optics = useMemo(() => named(recorded?.eyes ?? known), [recorded, known, speaks]);
  /** Whom a stage that opens shows alone. */
  const chosen = useRef(only);
  chosen.current = only;

  useEffect(() => {
    let pending: Frame[] = [];
    let opening = false;
    let known: Hello | null = null;
    let gone = false;
    // whether there is a second world beside the first: said before the stage stands, or after
    let split = false;
    const counts: Seen["counts"] = [null, null];
    const draw = (one: Frame): void => {
      if (one.kind === FIELD) stage.current?.field(known?.fields[one.which]?.name ?? "", one);
      else if (stage.current && !stage.current.shot(one)) feed.current?.send({ do: "key" });
    };
    const open = async (told: Hello): Promise<void> => {
      opening = true;
      stage.current?.close();
      stage.current = null;
      try {
        await painted();
        const { Stage } = await import("./scene");
        if (gone || !frame.current) return;
        const made = new Stage(frame.current, told, coloursOf(told), { followed: (_, species) => setFollowed(species) });
        made.calm(calm());
        made.compare(split);
        made.only(chosen.current);
        if (kiosk && !calm()) made.orbit.drift = DRIFT;
        stage.current = made;
        // for tests, and for whoever is curious
        (window as unknown as { merianTwin: Stage }).merianTwin = made;
        for (const one of pending) draw(one);
      } catch {
        setFlat(true);
      }
      pending = [];
      opening = false;
    };
    const listener: Listener = {
      frame: (one) => {
        if (one.kind === HELLO) {
          known = one.hello;
          counts[0] = counts[1] = null;
          pending = [];
          setHello(one.hello);
          ready();
          void open(one.hello);
          return;
        }
        if (one.kind === STATS) {
          counts[one.world as 0 | 1] = one.stats;
          setSeen({ day: one.day, counts: [...counts] });
        } else if (opening) {
          // what came before the stage stood: fields, and the newest shots
          pending = pending.filter((old) => old.kind !== KEY || one.kind !== KEY || old.world !== one.world);
          if (one.kind === FIELD || one.kind === KEY) pending.push(one);
        } else draw(one);
        if ((one.kind === KEY || one.kind === DELTA) && one.world === 0) {
          const answer = (): void => feed.current?.drawn(one);
          if (document.hidden || !stage.current) answer();
          else requestAnimationFrame(answer);
        }
      },
      message: (told: Message) => {
        if (told.say === "state") {
          setState(told);
          if (!told.changes.length) counts[1] = null;
          split = told.changes.length > 0;
          stage.current?.compare(split);
        } else setFailure(new api.Refusal(capital(told.error), told.what_to_do, 400));
      },
      connected: setConnected,
    };
    // pages that stand alone have no twin that runs: the file comes
    if (run && !file) return;
    try {
      feed.current = file ? new FileFeed(file, listener) : new LiveFeed("/twin/live", listener);
    } catch {
      setFailure(new api.Refusal(t("twin.file.bad"), t("twin.file.do")));
    }
    return () => {
      gone = true;
      feed.current?.close();
      stage.current?.close();
      stage.current = feed.current = null;
    };
  }, [file]);
  useEffect(() => {
    if (run) fetch(run).then((answer) => answer.arrayBuffer()).then(setFile).catch(() => setFailure(new api.Refusal(t("twin.file.bad"), t("twin.file.do"))));
    else api.eyes<Optics>().then((told) => setOptics(told.species), () => undefined);
    // the shader held against numbers: for tests, and for whoever doubts
    (window as unknown as { merianProof(): Promise<unknown> }).merianProof = () => import("./proof");
    const whole = (): void => setWhole(document.fullscreenElement !== null);
    document.addEventListener("fullscreenchange", whole);
    document.documentElement.classList.toggle("kiosk", kiosk);
    ready();
    return () => {
      document.removeEventListener("fullscreenchange", whole);
      document.documentElement.classList.remove("kiosk");
    };
  }, []);
  const rest = (): void => {
    setLook(null);
    setOnly(-1);
    stage.current?.follow(null);
    stage.current?.orbit.reset();
    if (stage.current) stage.current.orbit.drift = 0;
  };
  useKiosk(kiosk ? aloneMs(query) : null, {
    rest,
    anew() {
      rest();
      setVisit((n) => n + 1);
      feed.current?.send({ do: "baseline" });
      feed.current?.send({ do: "go" });
    },
    show(turn) {
      const now = stage.current;
      if (!now) return;
      if (turn % 3 === 0) {
        rest();
        now.orbit.drift = DRIFT;
      } else if (turn % 3 === 1) now.next(animals.current[((turn - 1) / 3) % Math.max(animals.current.length, 1)] ?? -1);
      else if (own.current) setLook({ name: own.current, light: "day", zoom: 1 });
    },
  });
  useEffect(() => stage.current?.only(only), [only]);
  useEffect(() => {
    const eyes = look && optics.find((one) => one.name === look.name);
    stage.current?.look(eyes ?? null, look?.light ?? "day", look?.zoom ?? 1);
    if (!look) stage.current?.setLight("day");
  }, [look, optics]);

  const through = look && optics.find((one) => one.name === look.name);
  const colours = useMemo(() => (hello ? coloursOf(hello) : []), [hello]);
  const byName = useMemo(() => new Map(hello?.species.map((one, at) => [one.name, colours[at] ?? ""])), [hello, colours]);
  const live = useForesight(hello && state && feed.current?.live ? state.changes : null);
  const foreseen = hello?.playback ? (recorded?.foresight ?? null) : live.found;
  const asking = useMemo(() => {
    const found = foreseen && { ...foreseen, species: named(foreseen.species) };
    return hello?.playback ? { found, busy: false, failure: null } : { ...live, found };
  }, [foreseen, live, hello, speaks]);
  const warnings = hello ? beyond(hello, hello.playback?.altered ?? state?.changes ?? [], asking.found?.warnings ?? []) : [];
  const species = hello && followed >= 0 ? hello.species[followed] : undefined;
  // for the loop of an exhibit: whom there is to go with, and whose eyes the one that is followed has
  const animals = useRef<number[]>([]);
  animals.current = (hello?.species ?? []).flatMap((one, at) => (!one.plant && (seen.counts[0]?.[at * (hello?.stats.length ?? 2)] ?? 0) > 0 ? [at] : []));
  const own = useRef<string | null>(null);
  own.current = optics.some((one) => one.name === species?.name) ? (species?.name ?? null) : null;
  useEffect(() => {
    const first = asking.found?.species.filter((one) => one.effect).toSorted((a, b) => strength(b) - strength(a))[0];
    if (first?.effect) say(sentence(capital(first.common), first.effect));
  }, [asking.found]);
  const wanted = query.get("species");
  useEffect(() => {
    if (!hello || !wanted) return;
    const at = livesIn(hello, wanted);
    if (at >= 0) setOnly(at);
  }, [hello, wanted]);
  const paused = state?.paused ?? false;
  const toggle = (): void => {
    feed.current?.send({ do: paused ? "go" : "pause" });
    say(t(paused ? "twin.going" : "twin.paused"));
  };
  const key = (event: KeyboardEvent): void => {
    if (event.key === " ") toggle();
    else if (event.key === "Escape" && look) setLook(null);
    else if (event.key === "Escape") stage.current?.follow(null);
    else if (look && event.key.startsWith("Arrow")) {
      const [x, y] = [Number(event.key === "ArrowRight") - Number(event.key === "ArrowLeft"), Number(event.key === "ArrowUp") - Number(event.key === "ArrowDown")];
      stage.current?.turnHead(0.12 * x, 0.08 * y);
    } else if (!stage.current?.orbit.key(event)) return;
    event.preventDefault();
  };
  const drop = async (list: FileList | null | undefined): Promise<void> => {
    const first = list?.[0];
    if (!first) return;
    setFailure(null);
    setState(null);
    setSeen(NOTHING);
    setFile(await first.arrayBuffer());
  };
  const drag = useRef<[number, number] | null>(null);
  const change = (changes: Change[]): void => feed.current?.send(changes.length ? { do: "scenario", changes } : { do: "baseline" });
  const split = seen.counts[1] !== null && (state?.changes.length ?? 0) > 0;

  return (
    <section id="twin" class={kiosk ? "leaf wide kiosk" : "leaf wide"} ref={root} onDragOver={(event) => event.preventDefault()} onDrop={(event) => { event.preventDefault(); void drop(event.dataTransfer?.files); }}>
      <Caption tab="Tab. V" title={hello ? capital(word("twin.world", hello.title.replaceAll("-", " "))) : t("twin.title")}>
        <p class="hint">{t("twin.notice")}</p>
      </Caption>
      {failure ? <Refusal error={failure} /> : null}
      {hello && wanted ? <Met hello={hello} wanted={wanted} heads={(at) => seen.counts[0]?.[at * hello.stats.length] ?? 0} follow={(at) => stage.current?.next(at)} /> : null}
      <div class="window">
        <div class="view">
          <div
            class={look ? "glass looking" : "glass"}
            id="glass"
            ref={frame}
            tabIndex={0}
            role="application"
            aria-label={look ? t("twin.through", { name: species?.common ?? "" }) : t("twin.view")}
            aria-describedby="twin-help"
            onKeyDown={key}
            onPointerDown={(event) => (drag.current = [event.clientX, event.clientY])}
            onPointerMove={(event) => {
              const was = drag.current;
              if (!was || !look || !event.buttons) return;
              stage.current?.turnHead((was[0] - event.clientX) * (0.005 / look.zoom), (event.clientY - was[1]) * (0.004 / look.zoom));
              drag.current = [event.clientX, event.clientY];
            }}
          >
            {flat ? <p class="absent">{t("twin.flat")}</p> : null}
            {!hello && !failure ? <p class="absent waiting">{t(connected ? "twin.opening" : "twin.lost")}</p> : null}
            {through && look ? <Bounds eyes={through} shown={(through.facts["field_deg"]?.value as number) / look.zoom} tinted={look.tinted ?? false} /> : null}
          </div>
          <p class="clock" aria-hidden="true">
            <span>{t("twin.day", { n: figure(Math.floor(seen.day) + 1) })}</span>
            {!connected && hello ? <em>{t("twin.lost")}</em> : null}
          </p>
          {split && !look && !flat ? (
            <p class="sides" aria-hidden="true">
              <span>{t("twin.baseline")}</span>
              <span>{t("twin.scenario")}</span>
            </p>
          ) : null}
          {species ? (
            <Glance
              species={species}
              optics={optics}
              look={look}
              set={setLook}
              next={() => stage.current?.next(followed)}
              leave={() => {
                setLook(null);
                stage.current?.follow(null);
              }}
            />
          ) : null}
        </div>
        <div class="strip-controls">
          <button type="button" class="quiet" id="twin-pause" aria-pressed={paused} onClick={toggle}>
            {t(paused ? "twin.go" : "twin.pause")}
          </button>
          <label>
            <span>{t("twin.pace")}</span>
            <input
              type="range"
              min={Math.log2(LEAST_PACE)}
              max={Math.log2(MOST_PACE)}
              step="any"
              value={Math.log2(state?.hours_s ?? 6)}
              aria-valuetext={t("twin.pace.value", { n: figure(Number((state?.hours_s ?? 6).toPrecision(2))) })}
              onChange={(event) => feed.current?.send({ do: "pace", hours_s: 2 ** Number(event.currentTarget.value) })}
            />
            <output>{t("twin.pace.value", { n: figure(Number((state?.hours_s ?? 6).toPrecision(2))) })}</output>
          </label>
          <span class="push" />
          <button type="button" class="quiet" onClick={() => stage.current?.orbit.reset()}>
            {t("twin.reset")}
          </button>
          <button type="button" class="quiet" onClick={() => feed.current?.send({ do: "restart" })}>
            {t("twin.restart")}
          </button>
          <button type="button" class="quiet" aria-pressed={whole} onClick={() => void (whole ? document.exitFullscreen() : root.current?.requestFullscreen())}>
            {t(whole ? "twin.small" : "twin.whole")}
          </button>
          <label class="quiet upload">
            {t("twin.file")}
            <input type="file" accept=".twin" class="unseen" onChange={(event) => void drop(event.currentTarget.files)} />
          </label>
        </div>
        <p id="twin-help" class="hint">
          {t(look ? "twin.help.eyes" : "twin.help")}
        </p>
      </div>
      <div class="rail">
        {hello ? <Residents hello={hello} colours={colours} counts={seen.counts} split={split} only={only} setOnly={setOnly} follow={(at) => stage.current?.next(at)} /> : null}
        {hello && feed.current?.live ? <Sliders key={visit} hello={hello} state={state} change={change} /> : null}
        {hello?.playback ? <Recorded hello={hello} /> : null}
        {asking.found?.species.some((one) => one.effect) ? <Follows found={asking.found} /> : null}
        <p class="other">
          {run ? null : (
            <Link to={kiosk ? "/twin/spider?kiosk" : "/twin/spider"} id="to-spider">
              {t("spider.link")}
            </Link>
          )}
        </p>
      </div>
      {hello && (feed.current?.live || asking.found) ? (
        <Beside asking={asking} warnings={warnings} evidence={recorded?.evidence ?? null} colours={byName} only={hello.species[only]?.name ?? null} setOnly={(name) => setOnly(hello.species.findIndex((one) => one.name === name))} />
      ) : null}
    </section>
  );
}

function Recorded({ hello }: { hello: Hello }) {
  const told = hello.playback;
  if (!told) return null;
  return (
    <section class="part">
      <h2>{t("twin.recorded")}</h2>
      <p>{t("twin.recorded.of", { days: figure(told.days) })}</p>
      {told.altered
        ? told.altered.map((change) => <p key={JSON.stringify(change)}>{changeWords(hello, change)}</p>)
        : told.changes.map((words) => (
            <p key={words} lang="en">
              {words}
            </p>
          ))}
      <p class="hint">{t("twin.recorded.still")}</p>
      {told.beside?.foresight ? null : <p class="hint">{t("twin.recorded.bare")}</p>}
    </section>
  );
}
