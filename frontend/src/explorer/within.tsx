/** Variation inside species, standing upright on the plane of the differences between them; numbers beside it. */
import { useEffect, useRef, useState } from "preact/hooks";
import * as api from "../api";
import { useAsked } from "../asking";
import { Absent, Refusal, Scientific } from "../names";
import { go, taxonAddress } from "../router";
import { ready, say } from "../saying";
import { useStore } from "../store";
import { dark } from "../theme";
import { capital, figure, fixed, many, percent, t, word } from "../words";
import { ask } from "./asked";
import { Clade } from "./clade";
import { pigmentsNow } from "./colours";
import * as data from "./data";
import { Gauge } from "./gauge";
import type { Turning } from "./turning";

export function WithinView({ told, query }: { told: data.About; query: URLSearchParams }) {
  const column = query.get("column") ?? told.inside[0] ?? "";
  const clade = query.get("clade") ?? "";
  const { value, failure } = useAsked(() => data.within(column, clade), `${column} ${clade}`);
  const [last, setLast] = useState<data.Within | null>(null);
  useEffect(() => {
    if (value) setLast(value);
    if (value?.why || failure) ready();
    if (value) say(value.rho ? t("within.said", { rho: fixed(value.rho.value, 3), chance: fixed(value.chance ?? 0, 3) }) : (value.why ?? ""));
  }, [value, failure]);
  useEffect(() => {
    if (!told.inside.length) ready();
  }, []);
  const turn = (next: Record<string, string>): void => ask("within", { column, clade, ...next });
  if (!told.inside.length) return <Absent>{t("within.absent")}</Absent>;
  const shown = value ?? last;
  return (
    <>
      <div class="above">
        <label class="by">
          <span>{t("within.column")}</span>{" "}
          <select id="column" value={column} onChange={(event) => turn({ column: event.currentTarget.value })}>
            {told.inside.map((one) => (
              <option key={one} value={one}>
                {capital(word("fact", one))}
              </option>
            ))}
          </select>
        </label>
        <Clade id={clade} choose={(id) => turn({ clade: id })} />
      </div>
      {failure ? <Refusal error={failure} /> : null}
      {shown ? shown.why === null ? <Figure within={shown} /> : <Absent><span lang="en">{`${capital(shown.why)}.`}</span></Absent> : <p class="coming">{t("within.reading")}</p>}
    </>
  );
}

function Figure({ within }: { within: data.Within }) {
  const frame = useRef<HTMLDivElement>(null);
  const made = useRef<Turning | null>(null);
  const [begun, setBegun] = useState(false);
  const [only, setOnly] = useState<number | null>(null);
  const [tip, setTip] = useState<{ i: number; x: number; y: number } | null>(null);
  const [lacks, setLacks] = useState(false);
  const night = useStore(dark);
  const shown = useRef(within);
  shown.current = within;
  useEffect(() => setOnly(null), [within]);
  useEffect(() => {
    let left = false;
    const begin = async (): Promise<void> => {
      if (!document.createElement("canvas").getContext("webgl2")) return setLacks(true);
      const { Turning: Made } = await import("./turning");
      if (left || !frame.current) return;
      made.current = new Made(frame.current, {
        pointed: (i, x, y) => setTip(i < 0 ? null : { i, x, y }),
        picked(i) {
          const one = shown.current.species[shown.current.photos?.species[i] ?? -1];
          if (one) go(taxonAddress(one.taxon.id));
        },
      });
      setBegun(true);
    };
    void begin().finally(ready);
    return () => {
      left = true;
      made.current?.close();
      made.current = null;
    };
  }, []);
  useEffect(() => {
    made.current?.show(within, only);
  }, [within, only, night, begun]);
  const { rho, chance, plane, upright, dimensions, k, species, variants, photos, measured } = within;
  return (
    <div class="duo">
      <div>
        <div class="turning map" ref={frame} hidden={lacks}>
          <canvas id="turning" tabIndex={0} role="application" aria-roledescription={t("within.role")} aria-label={t("within.figure")} aria-describedby="turn-help" />
          <div class="tools">
            <button type="button" aria-label={t("zoom.in")} onClick={() => made.current?.scale(1.3)}>
              +
            </button>
            <button type="button" aria-label={t("zoom.out")} onClick={() => made.current?.scale(1 / 1.3)}>
              −
            </button>
            <button type="button" aria-label={t("within.home")} onClick={() => made.current?.home()}>
              ○
            </button>
          </div>
          {tip && photos ? <Hover within={within} tip={tip} /> : null}
        </div>
        {lacks ? <Absent>{t("within.lacks")}</Absent> : null}
        <p class="below">
          <span>
            {t("within.shown", { photos: many("photos", photos?.ids.length ?? 0), species: many("species", species.length) })}
          </span>
          <span id="turn-help">{t("within.help")}</span>
        </p>
        <div class="legend" role="group" aria-label={t("legend")}>
          {species.map(({ taxon, count }, place) => (
            <button type="button" key={taxon.id} class="key" aria-pressed={only === place} title={many("photos", count)} onClick={() => setOnly(only === place ? null : place)}>
              <span class="dot" style={{ "--dot": pigmentsNow()[place % pigmentsNow().length] as string }} />
              <Scientific taxon={taxon} />
            </button>
          ))}
        </div>
      </div>
      <aside class="numbers" aria-label={t("axis.numbers")}>
        <h2>{capital(word("fact", within.column))}</h2>
        <ul class="marks">
          {variants.map((variant, place) => (
            <li key={variant}>
              <span class={`mark m${place % 4}`} aria-hidden="true" />
              {word("group", variant)}
            </li>
          ))}
        </ul>
        {rho ? (
          <Gauge id="within-rho" label={t("within.rho")} value={rho} from={0} to={1} control={chance} controlled={t("within.chance", { k: k ?? 0, d: dimensions ?? 0 })} digits={3} />
        ) : null}
        <dl>
          <dt>{t("within.measured")}</dt>
          <dd>{t("within.over", { photos: many("photos", measured?.photos ?? 0), species: many("species", measured?.species ?? 0) })}</dd>
          <dt>{t("within.plane")}</dt>
          <dd>{percent(plane ?? 0)}</dd>
          <dt>{t("within.upright")}</dt>
          <dd>{percent(upright ?? 0)}</dd>
          <dt>{t("within.dimensions")}</dt>
          <dd>{figure(dimensions ?? 0)}</dd>
        </dl>
        <p class="hint">{t("within.how")}</p>
      </aside>
    </div>
  );
}

function Hover({ within, tip }: { within: data.Within; tip: { i: number; x: number; y: number } }) {
  const { photos, species, variants } = within;
  const one = species[photos?.species[tip.i] ?? -1];
  if (!photos || !one) return null;
  return (
    <div class="tip" style={{ left: `${tip.x + 16}px`, top: `${Math.max(tip.y - 40, 6)}px` }} aria-hidden="true">
      <img src={api.imageUrl(photos.ids[tip.i] as string, 192)} alt="" width={96} height={96} />
      <Scientific taxon={one.taxon} />
      <small>{word("group", variants[photos.variant[tip.i] ?? -1] ?? "")}</small>
    </div>
  );
}
