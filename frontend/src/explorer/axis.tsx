/** Species along a trait: where regressions that have not seen their clade place them, beside the value that is known, with the control beside the number. */
import { useEffect, useRef, useState } from "preact/hooks";
import * as api from "../api";
import { useAsked } from "../asking";
import { Absent, Refusal, Scientific } from "../names";
import { Link, taxonAddress } from "../router";
import { ready, say } from "../saying";
import { capital, figure, fixed, many, t, unitOf, word } from "../words";
import { ask } from "./asked";
import { Clade } from "./clade";
import * as data from "./data";
import { Gauge } from "./gauge";

/** A picture and the room that it needs, px. */
const SIDE = 52;
const ROOM = 58;
/** From this ratio of the largest to the smallest value on the scale is logarithmic. */
const WIDE = 50;
const LISTED = 400;

export function AxisView({ told, query }: { told: data.About; query: URLSearchParams }) {
  const trait = query.get("trait") ?? told.traits[0]?.trait ?? "";
  const clade = query.get("clade") ?? "";
  const key = `${trait} ${clade}`;
  const { value, failure } = useAsked(() => data.axis(trait, clade), key);
  const [last, setLast] = useState<data.Axis | null>(null);
  useEffect(() => {
    if (!value) return;
    setLast(value);
    ready();
    say(value.rho ? t("axis.said", { trait: value.trait ?? "", rho: fixed(value.rho.value, 2), n: value.known }) : (value.why ?? ""));
  }, [value]);
  useEffect(() => {
    if (failure) ready();
  }, [failure]);
  const turn = (next: Record<string, string>): void => ask("axis", { trait, clade, ...next });
  if (!told.traits.length) return <Absent>{t("axis.absent")}</Absent>;
  const shown = value ?? last;
  return (
    <>
      <div class="above">
        <label class="by">
          <span>{t("axis.trait")}</span>{" "}
          <select id="trait" value={trait} onChange={(event) => turn({ trait: event.currentTarget.value })}>
            {told.traits.map((one) => (
              <option key={one.trait} value={one.trait}>
                {`${capital(one.trait.replaceAll("_", " "))} (${one.species})`}
              </option>
            ))}
          </select>
        </label>
        <Clade id={clade} choose={(id) => turn({ clade: id })} />
      </div>
      {failure ? <Refusal error={failure} /> : null}
      {shown ? <Figure axis={shown} busy={value === null} /> : <p class="coming">{t("axis.reading")}</p>}
    </>
  );
}

function Figure({ axis, busy }: { axis: data.Axis; busy: boolean }) {
  if (axis.why !== null)
    return (
      <Absent>
        <span lang="en">{capital(axis.why)}.</span> {t("axis.too.few")}
      </Absent>
    );
  const unit = unitOf(axis.unit);
  const name = (axis.trait ?? "").replaceAll("_", " ");
  return (
    <div class="duo" aria-busy={busy}>
      <Field axis={axis} />
      <aside class="numbers" aria-label={t("axis.numbers")}>
        <h2>{capital(name)}</h2>
        {axis.rho ? (
          <Gauge
            id="axis-rho"
            label={t("axis.rho")}
            value={axis.rho}
            from={-1}
            to={1}
            control={axis.control?.rho ?? null}
            controlled={t("axis.control")}
          />
        ) : null}
        <dl>
          <dt>{t("axis.species")}</dt>
          <dd>{figure(axis.known)}</dd>
          <dt>{t("axis.left")}</dt>
          <dd>{t("axis.left.each", { rank: word("rank", axis.left_out ?? "") })}</dd>
          {axis.r2 ? (
            <>
              <dt>R²</dt>
              <dd>{`${fixed(axis.r2.value, 2)} (${fixed(axis.r2.low ?? NaN, 2)} … ${fixed(axis.r2.high ?? NaN, 2)})`}</dd>
            </>
          ) : null}
          {axis.control ? (
            <>
              <dt>p</dt>
              <dd>{fixed(axis.control.p, 2)}</dd>
            </>
          ) : null}
        </dl>
        <p class="facts">{verdict(axis)}</p>
        <p class="hint">{t("axis.how", { rank: word("rank", axis.left_out ?? "") })}</p>
        <details>
          <summary>{t("axis.list")}</summary>
          <ol class="along">
            {axis.species.slice(0, LISTED).map((one) => (
              <li key={one.taxon.id}>
                <Link class="taxon" to={taxonAddress(one.taxon.id)}>
                  <Scientific taxon={one.taxon} />
                </Link>{" "}
                <b>
                  {figure(one.value)}
                  {unit}
                </b>
              </li>
            ))}
          </ol>
        </details>
      </aside>
    </div>
  );
}

/** Whether the trait is read at all, in words. */
function verdict({ rho, control }: data.Axis): string {
  if (!rho || !control || control.rho === null) return "";
  if (rho.value > control.rho && (rho.low ?? -1) > 0) return t("axis.holds");
  return t(rho.value > control.rho ? "axis.unsure" : "axis.fails");
}

/** The figure: along the axis from left to right, the known value upwards. */
function Field({ axis }: { axis: data.Axis }) {
  const field = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  useEffect(() => {
    const watcher = new ResizeObserver(() => field.current && setSize({ width: field.current.clientWidth, height: field.current.clientHeight }));
    watcher.observe(field.current as HTMLElement);
    return () => watcher.disconnect();
  }, []);
  const { up, ticks } = scale(axis.species.map((one) => one.value));
  const place = (one: data.AlongTrait): [number, number] => [
    SIDE / 2 + 8 + one.at * (size.width - SIDE - 16),
    size.height - SIDE / 2 - 8 - up(one.value) * (size.height - SIDE - 16),
  ];
  const pictured = room(axis.species, place);
  const unit = unitOf(axis.unit);
  const name = (axis.trait ?? "").replaceAll("_", " ");
  return (
    <figure class="finches">
      <div class="scale" aria-hidden="true">
        {ticks.map((tick) => (
          <span key={tick} style={{ top: `${size.height - SIDE / 2 - 8 - up(tick) * (size.height - SIDE - 16)}px` }}>
            {figure(tick)}
            {unit}
          </span>
        ))}
      </div>
      <div class="field" ref={field} role="group" aria-label={t("axis.figure", { trait: name, n: axis.known })}>
        <svg width={size.width} height={size.height} aria-hidden="true">
          {ticks.map((tick) => {
            const y = size.height - SIDE / 2 - 8 - up(tick) * (size.height - SIDE - 16);
            return <line key={tick} x1={0} x2={size.width} y1={y} y2={y} class="rule" />;
          })}
          {axis.species.map((one) => {
            const [x, y] = place(one);
            return <circle key={one.taxon.id} cx={x} cy={y} r={3} class="seed" />;
          })}
        </svg>
        {size.width
          ? pictured.map((one) => {
              const [x, y] = place(one);
              const label = `${one.taxon.name}: ${figure(one.value)}${unit}`;
              return (
                <Link key={one.taxon.id} class="finch" to={taxonAddress(one.taxon.id)} title={label} aria-label={label} style={{ left: `${x}px`, top: `${y}px` }}>
                  <img src={api.imageUrl(one.image as string, 128)} alt="" width={SIDE} height={SIDE} loading="lazy" />
                  <i lang="la">{one.taxon.name}</i>
                </Link>
              );
            })
          : null}
      </div>
      <figcaption>
        <span>{t("axis.less", { trait: name })}</span>
        <span class="arrow" aria-hidden="true" />
        <span>{t("axis.more", { trait: name })}</span>
      </figcaption>
      <p class="facts">{t("axis.pictures", { shown: figure(pictured.length), all: many("species", axis.species.length) })}</p>
    </figure>
  );
}

/** The species that get a picture: the ends first, then others that do not cover them. */
function room(species: data.AlongTrait[], place: (one: data.AlongTrait) => [number, number]): data.AlongTrait[] {
  const taken: [number, number][] = [];
  const last = species.length - 1;
  const order = [0, last, ...species.keys()].filter((k, i, all) => k >= 0 && all.indexOf(k) === i);
  return order.flatMap((k) => {
    const one = species[k] as data.AlongTrait;
    const [x, y] = place(one);
    if (one.image === null || taken.some(([ax, ay]) => Math.abs(ax - x) < ROOM && Math.abs(ay - y) < ROOM + 14)) return [];
    taken.push([x, y]);
    return [one];
  });
}

/** From values to the share of the height, and where lines are drawn; logarithmic where values span much. */
function scale(values: number[]): { up(v: number): number; ticks: number[] } {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const log = low > 0 && high / low > WIDE;
  const f = log ? Math.log10 : (v: number): number => v;
  const up = (v: number): number => (f(v) - f(low)) / (f(high) - f(low) || 1);
  if (log) {
    const ticks = [];
    for (let p = Math.ceil(Math.log10(low)); 10 ** p <= high; p++) ticks.push(10 ** p);
    return { up, ticks };
  }
  const step = [1, 2, 5, 10].map((m) => m * 10 ** Math.floor(Math.log10((high - low) / 4 || 1))).find((s) => (high - low) / s <= 5) ?? 1;
  const ticks = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6; v += step) ticks.push(Number(v.toPrecision(6)));
  return { up, ticks };
}
