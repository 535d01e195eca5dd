/** Be a jumping spider: its eight eyes as a panel, on a scratching post a centimetre above the furrows. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import * as api from "../../api";
import { Caption, Refusal } from "../../names";
import type { PageProps } from "../../pages";
import { Link, go } from "../../router";
import { Said } from "../../said";
import { ready, say } from "../../saying";
import { calm } from "../../theme";
import { capital, figure, t, word } from "../../words";
import type { Optics } from "../eyes";
import type { Pair } from "../frames";
import { aloneMs, useKiosk } from "../kiosk";
import type { Eight } from "./eight";
import "../../styles/twin.css";
import "../../styles/spider.css";

const SPIDER = "jumping spider";
/** Degrees of a key, and of a pixel that is dragged. */
const KEY_DEG = 3;
const DRAG_DEG = 0.15;
const HIGH_DEG = 140;
const WIDE_DEG = 360;
/** How far off steps are drawn as felt, centimetres. From taste: how far a fly's steps carry in bark, nobody measured. */
const FELT_CM = 12;

/** An exhibit that nobody touches shows so many pictures of it, then the landscape again. */
const TURNS = 6;

/** The eyes from left to right as they stand in the panel, by pair and side. */
const order = (pairs: Pair[]): [number, -1 | 1][] => {
  const by = pairs.map((pair, k) => [k, pair.scans_deg ? -1 : pair.ahead_deg] as const).toSorted((a, b) => b[1] - a[1]);
  return [...by.map(([k]) => [k, -1] as [number, -1]), ...by.toReversed().map(([k]) => [k, 1] as [number, 1])];
};

export default function SpiderPage({ query }: PageProps) {
  const [optics, setOptics] = useState<Optics | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const [flat, setFlat] = useState(false);
  const [paused, setPaused] = useState(calm());
  const [felt, setFelt] = useState(true);
  const [fly, setFly] = useState({ right: 0, away: 0, walks: false });
  const [scan, setScan] = useState({ right: 0, up: 0 });
  const glass = useRef<HTMLDivElement>(null);
  const eight = useRef<Eight | null>(null);
  const drag = useRef<[number, number] | null>(null);
  const kiosk = query.has("kiosk");

  useEffect(() => {
    api.eyes<Optics>().then((told) => setOptics(told.species.find((one) => one.common === SPIDER) ?? null), setFailure).finally(ready);
    document.documentElement.classList.toggle("kiosk", kiosk);
    return () => document.documentElement.classList.remove("kiosk");
  }, []);
  useEffect(() => {
    if (!optics) return;
    let gone = false;
    let told = 0;
    const open = async (): Promise<void> => {
      try {
        const { Eight } = await import("./eight");
        if (gone || !glass.current) return;
        const element = glass.current;
        const slots = (): HTMLElement[] => {
          const own = made.eyes.map((eye) => element.querySelector<HTMLElement>(`[data-eye="${eye.pair} ${eye.side}"]`));
          return [...own, element.querySelector<HTMLElement>(".around")].filter((one) => one !== null);
        };
        const made: Eight = new Eight(element, optics, slots, (now) => {
          if (performance.now() - told < 120) return;
          told = performance.now();
          setFly(now);
          setScan({ ...made.scan });
        });
        made.paused = calm();
        eight.current = made;
        // for tests, and for whoever is curious
        (window as unknown as { merianSpider: Eight }).merianSpider = made;
      } catch {
        setFlat(true);
      }
    };
    void open();
    return () => {
      gone = true;
      eight.current?.close();
      eight.current = null;
    };
  }, [optics]);
  const home = (): void => go(`/twin?kiosk${query.get("kiosk") ? `=${query.get("kiosk")}` : ""}`);
  useKiosk(kiosk ? aloneMs(query) : null, {
    rest: () => undefined,
    anew: home,
    show(turn) {
      if (turn > TURNS) home();
      else if (turn % 2) eight.current?.face();
      else eight.current?.steer(turn % 4 ? 24 : -24, 3);
    },
  });

  const eyes = useMemo(() => (optics ? order(optics.pairs) : []), [optics]);
  const pause = (): void => {
    if (eight.current) eight.current.paused = !paused;
    setPaused(!paused);
    say(t(paused ? "twin.going" : "twin.paused"));
  };
  const face = (): void => {
    eight.current?.face();
    say(t("spider.faced", { away: figure(Number(fly.away.toFixed(1))) }));
  };
  const steer = (right: number, up: number): void => {
    eight.current?.steer(right, up);
    if (eight.current) setScan({ ...eight.current.scan });
  };
  const key = (event: KeyboardEvent): void => {
    const [x, y] = ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] } as Record<string, [number, number]>)[event.key] ?? [0, 0];
    if (event.shiftKey && x) eight.current?.turn(x * 0.15);
    else if (x || y) steer(KEY_DEG * x, KEY_DEG * y);
    else if (event.key === " ") pause();
    else if (event.key === "Enter") face();
    else return;
    event.preventDefault();
  };
  const feels = felt && fly.walks && fly.away < FELT_CM;
  return (
    <section id="spider" class={kiosk ? "leaf wide kiosk" : "leaf wide"}>
      <Caption tab="Tab. V" title={t("spider.title")}>
        <p class="hint">
          <Link to={kiosk ? "/twin?kiosk" : "/twin"}>{t("twin.panel.back")}</Link>
        </p>
      </Caption>
      {failure ? <Refusal error={failure} /> : null}
      <div class="post">
        <div
          class="eight"
          ref={glass}
          tabIndex={0}
          role="application"
          aria-label={t("spider.view")}
          aria-describedby="spider-help"
          onKeyDown={key}
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            drag.current = [event.clientX, event.clientY];
          }}
          onPointerMove={(event) => {
            const was = drag.current;
            if (!was || !event.buttons) return;
            steer((event.clientX - was[0]) * DRAG_DEG, (was[1] - event.clientY) * DRAG_DEG);
            drag.current = [event.clientX, event.clientY];
          }}
        >
          <div class="around">
            {flat ? <p class="absent">{t("spider.flat")}</p> : null}
            {optics ? <Overlay optics={optics} scan={scan} fly={feels ? fly : null} /> : null}
          </div>
          <div class="pairs">
            {eyes.map(([k, side]) => {
              const pair = optics?.pairs[k] as Pair;
              return (
                <figure key={`${k} ${side}`} style={{ "--wide": pair.wide_deg, "--high": pair.high_deg }}>
                  <div class="eye" data-eye={`${k} ${side}`} />
                  <figcaption data-pair={k + 1}>
                    {t(side < 0 ? "spider.left" : "spider.right", { eye: word("spider.eye", String(k)) })}
                    <small>
                      {figure(pair.wide_deg)}° × {figure(pair.high_deg)}°
                    </small>
                  </figcaption>
                </figure>
              );
            })}
          </div>
        </div>
        <div class="strip-controls">
          <button type="button" class="quiet" id="spider-face" onClick={face}>
            {t("spider.face")}
          </button>
          <button type="button" class="quiet" onClick={() => eight.current?.turn(-0.35)}>
            {t("spider.turn.left")}
          </button>
          <button type="button" class="quiet" onClick={() => eight.current?.turn(0.35)}>
            {t("spider.turn.right")}
          </button>
          <label>
            <span>{t("spider.scan")}</span>
            <input
              type="range"
              id="spider-scan"
              min="-28"
              max="28"
              step="0.5"
              value={scan.right}
              aria-valuetext={t("twin.degrees", { n: figure(Math.round(scan.right)) })}
              onInput={(event) => steer(Number(event.currentTarget.value) - (eight.current?.scan.right ?? 0), 0)}
            />
          </label>
          <span class="push" />
          <label>
            <input type="checkbox" id="spider-felt" checked={felt} onChange={() => setFelt(!felt)} />
            <span>{t("spider.felt")}</span>
          </label>
          <button type="button" class="quiet" id="spider-pause" aria-pressed={paused} onClick={pause}>
            {t(paused ? "twin.go" : "twin.pause")}
          </button>
        </div>
        <p id="spider-help" class="hint">
          {t("spider.help")}
        </p>
        <p class="oath">{t("spider.oath")}</p>
      </div>
      {optics ? <Known optics={optics} /> : null}
    </section>
  );
}

/** On the panorama: where the scanning windows are, and the steps of the fly as they would be felt. */
function Overlay({ optics, scan, fly }: { optics: Optics; scan: { right: number; up: number }; fly: { right: number; away: number } | null }) {
  const narrow = optics.pairs.find((pair) => pair.scans_deg > 0);
  const x = (right: number): number => right + WIDE_DEG / 2;
  return (
    <svg viewBox={`0 0 ${WIDE_DEG} ${HIGH_DEG}`} preserveAspectRatio="none" aria-hidden="true">
      {narrow ? (
        <rect class="window" x={x(scan.right) - narrow.wide_deg} y={HIGH_DEG / 2 - scan.up - narrow.high_deg / 2} width={2 * narrow.wide_deg} height={narrow.high_deg} />
      ) : null}
      {fly
        ? [1, 2, 3].map((ring) => (
            <ellipse key={ring} class="felt" style={{ "--ring": ring }} cx={x(fly.right)} cy={HIGH_DEG - 22} rx={ring * (26 - 1.6 * fly.away)} ry={ring * (8 - 0.4 * fly.away)} />
          ))
        : null}
    </svg>
  );
}

/** What is known of each pair, and how well. */
function Known({ optics }: { optics: Optics }) {
  const receptors = optics.facts["receptors_nm"];
  return (
    <section class="part rows known">
      <h2>{t("spider.known")}</h2>
      <table>
        <caption class="unseen">{t("spider.known")}</caption>
        <thead>
          <tr>
            <th scope="col">{t("spider.pair")}</th>
            <th scope="col" class="number">{word("twin.fact", "field_deg")}</th>
            <th scope="col" class="number">{word("twin.fact", "acuity_cpd")}</th>
            <th scope="col">{t("spider.colours")}</th>
            <th scope="col">{t("twin.evidence.how")}</th>
          </tr>
        </thead>
        <tbody>
          {optics.pairs.map((pair, k) => (
            <tr key={pair.called}>
              <th scope="row" data-pair={k + 1}>
                {capital(word("spider.eye", String(k)))}
                <small>
                  <Said text={pair.called} as={(own) => capital(own.split(": ").slice(1).join(": ") || own)} />
                </small>
              </th>
              <td class="number">
                {figure(pair.wide_deg)}° × {figure(pair.high_deg)}°{pair.scans_deg ? <small> ± {figure(pair.scans_deg)}°</small> : null}
              </td>
              <td class="number">
                {figure(pair.acuity_cpd)} <small>{word("twin.unit", "cycles per degree")}</small>
              </td>
              <td>{pair.colour && receptors ? `${(receptors.value as number[]).map(figure).join(", ")} nm` : t("spider.grey")}</td>
              <td>
                {word("twin.grade", pair.grade)}
                <small>
                  <Said text={pair.source} />
                </small>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="hint">{t("spider.assumed")}</p>
    </section>
  );
}
