/** Who is like whom: the map of the embedding with its colours and legend, and the card of what was picked. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import * as api from "../api";
import { useAsked } from "../asking";
import { takeKnown } from "../identify/plates";
import { Absent, Caption, Refusal } from "../names";
import type { PageProps } from "../pages";
import { go } from "../router";
import { ready, say } from "../saying";
import { useStore } from "../store";
import { calm, dark } from "../theme";
import { capital, figure, many, t, word } from "../words";
import { PhotoCard, Tip } from "./card";
import type { Painted } from "./colours";
import { guests } from "./guests";
import { Legend } from "./legend";
import { LikenessMap } from "./map";
import { alone, firstColouring, nameOf, paint } from "./painting";
import "../styles/explorer.css";

const KIN = 8;
const WIDE_PX = 900;

export default function Explorer({ about, query }: PageProps) {
  const { value, failure } = useAsked(() => (about.points === null ? Promise.resolve(null) : api.layout()), "layout");
  useEffect(() => {
    if (failure || about.points === null) ready();
  }, [failure]);
  return (
    <section id="explore" class="leaf wide">
      {about.points === null ? (
        <>
          <Caption tab="Tab. III" title={t("alike.title")} />
          <Absent>{about.absent.layout ?? t("absent")}</Absent>
        </>
      ) : null}
      {failure ? <Refusal error={failure} /> : null}
      {value ? <Stage layout={value} about={about} query={query} /> : null}
    </section>
  );
}

interface Picked {
  photo: api.Photo;
  neighbours: api.Near[];
}

function Stage({ layout, about, query }: { layout: api.Layout; about: api.About; query: URLSearchParams }) {
  const frame = useRef<HTMLDivElement>(null);
  const card = useRef<HTMLElement>(null);
  const map = useRef<LikenessMap | null>(null);
  const asked = useRef(0);
  const index = useMemo(() => new Map(layout.ids.map((id, i) => [id, i])), [layout]);
  const [by, setBy] = useState(firstColouring(layout));
  const [only, setOnly] = useState<number | null>(null);
  const [painted, setPainted] = useState<Painted | null>(null);
  const [picked, setPicked] = useState<Picked | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const [tip, setTip] = useState<{ i: number; x: number; y: number } | null>(null);
  const night = useStore(dark);
  const placed = useStore(guests);
  const points = (ids: string[]): number[] => ids.map((id) => index.get(id) ?? -1).filter((i) => i >= 0);

  const close = (): void => {
    asked.current++;
    setPicked(null);
    setFailure(null);
    map.current?.yieldRight(0);
    map.current?.pick(-1);
  };
  const open = async (id: string): Promise<void> => {
    const turn = ++asked.current;
    map.current?.pick(index.get(id) ?? -1);
    try {
      const found = await api.neighbours(id, KIN);
      if (turn !== asked.current) return;
      map.current?.pick(index.get(id) ?? -1, points(found.neighbours.map((near) => near.id)));
      setFailure(null);
      setPicked(found);
      say(`${found.photo.taxon?.name ?? t("photo.unnamed")}. ${many("lookalikes", found.neighbours.length)}.`);
    } catch (error) {
      if (turn === asked.current) setFailure(error);
    }
  };

  useEffect(() => {
    const made = new LikenessMap(frame.current as HTMLElement, {
      picked: (i) => (i < 0 ? close() : void open(layout.ids[i] as string)),
      pointed: (i, x, y) => setTip(i < 0 ? null : { i, x, y }),
    });
    made.place(layout.x, layout.y);
    map.current = made;
    ready();
    return () => made.close();
  }, [layout]);
  useEffect(() => {
    if (map.current && by) setPainted(paint(map.current, by, only));
  }, [layout, by, only, night]);
  useEffect(() => {
    const photo = query.get("photo");
    const taxon = query.get("taxon");
    const rank = query.get("rank");
    if (photo) void open(photo);
    const found = taxon && rank ? alone(layout, { id: taxon, rank }) : null;
    if (found) {
      setBy(found.by);
      setOnly(found.only);
    }
  }, [layout, query]);
  useEffect(() => {
    if (!map.current) return;
    map.current.guests = placed.all.map((guest) => ({ ...guest, neighbours: points(guest.neighbours) }));
    const shown = map.current.guests.find((guest) => guest.picture === placed.shown?.picture);
    if (shown) map.current.welcome(shown);
    else map.current.redraw();
  }, [placed, layout]);
  useEffect(() => {
    if (!card.current) return;
    card.current.scrollTop = 0;
    map.current?.yieldRight(innerWidth < WIDE_PX ? 0 : card.current.offsetWidth + 12);
    if (innerWidth < WIDE_PX) card.current.scrollIntoView({ behavior: calm() ? "auto" : "smooth", block: "nearest" });
  }, [picked, failure]);

  const hover = (id: string): void => {
    if (!map.current) return;
    map.current.hovered = index.get(id) ?? -1;
    map.current.redraw();
  };
  const ask = about.model
    ? (id: string): void => {
        void takeKnown(id);
        go("/");
      }
    : null;
  return (
    <>
      <Caption tab="Tab. III" title={t("alike.title")}>
        <Choice
          layout={layout}
          by={by}
          choose={(next) => {
            setBy(next);
            setOnly(null);
          }}
        />
      </Caption>
      <div class="stage">
        <div id="map" class="map" ref={frame}>
          <canvas class="points" aria-hidden="true" />
          <canvas
            class="over"
            tabIndex={0}
            role="application"
            aria-roledescription={t("map.role")}
            aria-describedby="map-help"
            aria-label={t("map")}
          />
          <div class="tools">
            <button id="closer" type="button" aria-label={t("zoom.in")} onClick={() => map.current?.zoom(1.5)}>
              +
            </button>
            <button id="farther" type="button" aria-label={t("zoom.out")} onClick={() => map.current?.zoom(1 / 1.5)}>
              −
            </button>
            <button id="whole" type="button" aria-label={t("zoom.all")} onClick={() => map.current?.home()}>
              ○
            </button>
          </div>
          {tip && frame.current ? (
            <Tip id={layout.ids[tip.i] as string} named={nameOf(layout, tip.i)} x={tip.x} y={tip.y} frame={frame.current} />
          ) : null}
        </div>
        {picked || failure ? (
          <aside id="card" class="card" ref={card} aria-label={t("picked")}>
            <button type="button" class="close" aria-label={t("close")} onClick={close}>
              ×
            </button>
            {failure ? <Refusal error={failure} /> : null}
            {picked && !failure ? <PhotoCard {...picked} about={about} open={(id) => void open(id)} over={hover} ask={ask} /> : null}
          </aside>
        ) : null}
      </div>
      <p class="below">
        <span id="map-count">{count(layout)}</span>
        <span id="map-help">{t("map.help")}</span>
      </p>
      {by && painted ? <Legend by={by} painted={painted} only={only} choose={setOnly} /> : null}
    </>
  );
}

function count(layout: api.Layout): string {
  const shown = layout.ids.length;
  return shown < layout.total ? t("map.some", { shown: figure(shown), all: figure(layout.total) }) : many("photos", shown);
}

/** What to colour by. */
function Choice({ layout, by, choose }: { layout: api.Layout; by: api.Colouring | null; choose(by: api.Colouring): void }) {
  const label = (colouring: api.Colouring): string => capital(word(colouring.kind === "rank" ? "rank" : "fact", colouring.key));
  return (
    <label class="by">
      <span>{t("by")}</span>{" "}
      <select
        id="by"
        aria-label={t("by")}
        value={by?.key ?? ""}
        onChange={(event) => {
          const key = event.currentTarget.value;
          const next = layout.colourings.find((colouring) => colouring.key === key);
          if (next) choose(next);
        }}
      >
        {(["rank", "text", "number"] as const).map((kind) => {
          const some = layout.colourings.filter((colouring) => colouring.kind === kind);
          return some.length ? (
            <optgroup key={kind} label={t(`by.${kind}`)}>
              {some.map((colouring) => (
                <option key={colouring.key} value={colouring.key}>
                  {label(colouring)}
                </option>
              ))}
            </optgroup>
          ) : null;
        })}
      </select>
    </label>
  );
}
