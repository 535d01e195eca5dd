/** The map with its colours and legend, the card of what was picked, and what a loop holds. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import * as api from "../api";
import { takeKnown } from "../identify/plates";
import { Refusal } from "../names";
import { go } from "../router";
import { ready, say } from "../saying";
import { useStore } from "../store";
import { calm, dark } from "../theme";
import { capital, figure, many, t, word } from "../words";
import { note } from "./asked";
import { PhotoCard, Tip } from "./card";
import type { Painted } from "./colours";
import * as data from "./data";
import { guests } from "./guests";
import { Legend } from "./legend";
import { LikenessMap } from "./map";
import { firstColouring, paint, within } from "./painting";
import { Chosens } from "./selection";

const KIN = 8;
const WIDE_PX = 900;

interface Props {
  told: data.About;
  points: data.Points;
  about: api.About;
  query: URLSearchParams;
}

interface Picked {
  photo: api.Photo;
  neighbours: api.Near[];
}

export function MapView({ told, points, about, query }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const card = useRef<HTMLElement>(null);
  const map = useRef<LikenessMap | null>(null);
  const asked = useRef(0);
  const looked = useRef<string | null>(null);
  const known = useRef(new Map<string, number>());
  const [key, setKey] = useState<string | null>(null);
  const [by, setBy] = useState<data.Colouring | null>(null);
  const [share, setShare] = useState(1);
  const [only, setOnly] = useState<number | null>(null);
  const [shown, setShown] = useState<{ by: data.Colouring; painted: Painted } | null>(null);
  const [picked, setPicked] = useState<Picked | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const [tip, setTip] = useState<{ i: number; x: number; y: number } | null>(null);
  const [loop, setLoop] = useState<number[] | null>(null);
  const [armed, setArmed] = useState(false);
  const night = useStore(dark);
  const placed = useStore(guests);

  /** The points of photos, as far as they are on the map. */
  const places = async (ids: string[]): Promise<number[]> => {
    const unknown = ids.filter((id) => !known.current.has(id));
    if (unknown.length) for (const one of await data.photos([], unknown)) known.current.set(one.id, one.point);
    return ids.flatMap((id) => known.current.get(id) ?? []);
  };
  const close = (): void => {
    asked.current++;
    setPicked(null);
    setFailure(null);
    map.current?.yieldRight(0);
    map.current?.pick(-1);
    looked.current = null;
    note({ photo: null });
  };
  const open = async (id: string, point = known.current.get(id) ?? -1): Promise<void> => {
    const turn = ++asked.current;
    looked.current = id;
    if (point >= 0) map.current?.pick(point);
    try {
      const found = await api.neighbours(id, KIN);
      const kin = await places(found.neighbours.map((near) => near.id));
      const [own = -1] = await places([id]);
      if (turn !== asked.current) return;
      map.current?.pick(own, kin);
      setFailure(null);
      setPicked(found);
      note({ photo: id });
      say(`${found.photo.taxon?.name ?? t("photo.unnamed")}. ${many("lookalikes", found.neighbours.length)}.`);
    } catch (error) {
      if (turn === asked.current) setFailure(error);
    }
  };
  const openPoint = async (point: number): Promise<void> => {
    map.current?.pick(point);
    const [one] = await data.photos([point]).catch(() => []);
    if (one) await open(one.id, point);
  };

  useEffect(() => {
    const made = new LikenessMap(frame.current as HTMLElement, {
      picked: (i) => (i < 0 ? close() : void openPoint(i)),
      pointed: (i, x, y) => setTip(i < 0 ? null : { i, x, y }),
      looped: setLoop,
      armed: setArmed,
    });
    made.place(points);
    map.current = made;
    return () => made.close();
  }, [points]);
  const photo = query.get("photo");
  // at once, lest a card that is closed meanwhile is opened again
  useLayoutEffect(() => {
    if (photo && photo !== looked.current) void open(photo);
  }, [points, photo]);
  const wanted = query.get("by") ?? (query.has("taxon") ? query.get("rank") : null);
  useEffect(() => {
    const one = told.colourings.find((colouring) => colouring.key === wanted) ?? firstColouring(told);
    setKey(one?.key ?? null);
    if (!told.colourings.length) ready();
  }, [points, wanted]);
  useEffect(() => {
    if (key === null) return;
    let mine = true;
    setShare(0);
    data.colouring(key, (part) => mine && setShare(part)).then(
      (found) => {
        if (!mine) return;
        setShare(1);
        const code = found.taxa?.indexOf(query.get("taxon") ?? "") ?? -1;
        setOnly(code >= 0 ? code : null);
        setBy(found);
      },
      (error: unknown) => mine && (setFailure(error), setShare(1), ready()),
    );
    return () => {
      mine = false;
    };
  }, [key, points]);
  useEffect(() => {
    if (!map.current || !by) return;
    const inside = loop ? within(points.xy, loop) : null;
    if (inside) map.current.frame.dataset.inside = String(inside.reduce((all, one) => all + one, 0));
    setShown({ by, painted: paint(map.current, by, only, inside) });
    ready();
  }, [points, by, only, night, loop]);
  useEffect(() => {
    let mine = true;
    const welcome = async (): Promise<void> => {
      const all = await Promise.all(placed.all.map(async (guest) => ({ ...guest, neighbours: await places(guest.neighbours) })));
      if (!map.current || !mine) return;
      map.current.guests = all;
      const shown = all.find((guest) => guest.picture === placed.shown?.picture);
      if (shown) map.current.welcome(shown);
      else map.current.redraw();
    };
    if (placed.all.length) void welcome().catch(setFailure);
    return () => {
      mine = false;
    };
  }, [placed, points]);
  useEffect(() => {
    if (!card.current) return;
    card.current.scrollTop = 0;
    map.current?.yieldRight(innerWidth < WIDE_PX ? 0 : card.current.offsetWidth + 12);
    if (innerWidth < WIDE_PX) card.current.scrollIntoView({ behavior: calm() ? "auto" : "smooth", block: "nearest" });
  }, [picked, failure]);

  const hover = (point: number): void => {
    if (!map.current) return;
    map.current.hovered = point;
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
      <div class="above">
        <Choice told={told} value={key} choose={(by) => note({ by })} />
        {share < 1 ? <progress class="thin" value={share} max={1} aria-label={t("map.colouring")} /> : null}
        <span class="grow" />
        <button id="lasso" type="button" class="quiet" aria-pressed={armed} onClick={() => map.current?.arm(!armed)}>
          {t("lasso")}
        </button>
        <button id="choose-view" type="button" class="quiet" onClick={() => map.current?.loopView()}>
          {t("lasso.view")}
        </button>
      </div>
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
          <Tools map={() => map.current} />
          {tip && frame.current ? <Tip point={tip.i} x={tip.x} y={tip.y} frame={frame.current} /> : null}
        </div>
        {picked || failure ? (
          <aside id="card" class="card" ref={card} aria-label={t("picked")}>
            <button type="button" class="close" aria-label={t("close")} onClick={close}>
              ×
            </button>
            {failure ? <Refusal error={failure} /> : null}
            {picked && !failure ? (
              <PhotoCard {...picked} about={about} open={(id) => void open(id)} over={(id) => hover(known.current.get(id) ?? -1)} ask={ask} />
            ) : null}
          </aside>
        ) : null}
      </div>
      <p class="below">
        <span id="map-count">{told.points < told.total ? t("map.some", { shown: figure(told.points), all: figure(told.total) }) : many("photos", told.points)}</span>
        <span id="map-help">{t(armed ? "lasso.help" : "map.help")}</span>
      </p>
      {shown && shown.by.key === key ? <Legend {...shown} only={only} choose={setOnly} /> : null}
      {loop && by ? (
        <Chosens
          question={{ loop, by: by.codes ? by.key : null, only: only !== null && only >= 0 ? only : null }}
          open={(id) => {
            void open(id);
            frame.current?.scrollIntoView({ behavior: calm() ? "auto" : "smooth", block: "nearest" });
          }}
          over={hover}
          close={() => {
            map.current?.unloop();
            setLoop(null);
            map.current?.over.focus();
          }}
        />
      ) : null}
    </>
  );
}

function Tools({ map }: { map(): LikenessMap | null }) {
  return (
    <div class="tools">
      <button id="closer" type="button" aria-label={t("zoom.in")} onClick={() => map()?.zoom(1.5)}>
        +
      </button>
      <button id="farther" type="button" aria-label={t("zoom.out")} onClick={() => map()?.zoom(1 / 1.5)}>
        −
      </button>
      <button id="whole" type="button" aria-label={t("zoom.all")} onClick={() => map()?.home()}>
        ○
      </button>
    </div>
  );
}

const KINDS = ["rank", "trait", "place", "uncertainty", "text", "number"] as const;

/** What to colour by. */
function Choice({ told, value, choose }: { told: data.About; value: string | null; choose(key: string): void }) {
  const label = ({ kind, key, label: plain }: data.Offered): string => capital(kind === "rank" ? word("rank", key) : kind === "trait" ? plain : word("fact", key));
  return (
    <label class="by">
      <span>{t("by")}</span>{" "}
      <select id="by" aria-label={t("by")} value={value ?? ""} onChange={(event) => choose(event.currentTarget.value)}>
        {KINDS.map((kind) => {
          const some = told.colourings.filter((colouring) => colouring.kind === kind);
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
