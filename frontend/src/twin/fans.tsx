/** Fans of biomass over years: nine runs in ten, half of them, and the median, without the changes and with them. */
import { capital, figure, t } from "../words";
import { type Foresight, type Foreseen, MARKS, sentence, share, strength, way } from "./foresight";

const WIDE = 250;
const HIGH = 128;
const LEFT = 50;
const RIGHT = 8;
const TOP = 8;
const BOTTOM = 20;
const SHOWN = 6;

/** Round numbers from 0 to at least `top`, three or four of them. */
function ticks(top: number): number[] {
  if (!(top > 0)) return [0, 1];
  const size = 10 ** Math.floor(Math.log10(top / 3));
  const step = ([1, 2, 2.5, 5, 10].find((by) => size * by >= (top / 3) * 0.999) ?? 10) * size;
  return Array.from({ length: Math.ceil(top / step - 1e-9) + 1 }, (_, k) => k * step);
}

const short = (value: number): string => (value === 0 || (value >= 0.0001 && value < 1e5) ? figure(Number(value.toPrecision(3))) : value.toExponential(0).replace("e-", "e−").replace("e+", "e"));

export function Fan({ found, one }: { found: Foresight; one: Foreseen }) {
  const { years } = found;
  const top = Math.max(...(one.baseline[4] ?? []), ...(one.scenario?.[4] ?? []));
  const marks = ticks(top);
  const most = marks.at(-1) || 1;
  const end = years.at(-1) || 1;
  const x = (year: number): number => LEFT + ((WIDE - LEFT - RIGHT) * year) / end;
  const y = (value: number): number => TOP + (HIGH - TOP - BOTTOM) * (1 - value / most);
  const line = (values: number[]): string => values.map((value, k) => `${k ? "L" : "M"}${x(years[k] as number).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const band = (low: number[], high: number[]): string =>
    `${line(high)}${low.map((_, k) => `L${x(years.at(-1 - k) as number).toFixed(1)} ${y(low.at(-1 - k) as number).toFixed(1)}`).join("")}Z`;
  const sides = [["baseline", one.baseline] as const, ...(one.scenario ? [["scenario", one.scenario] as const] : [])];
  return (
    <figure class="fan" data-species={one.name}>
      <svg viewBox={`0 0 ${WIDE} ${HIGH}`} role="img" aria-label={t("twin.fan.label", { name: one.common, years: figure(end) })}>
        {marks.map((mark) => (
          <g key={mark}>
            <path class="grid" d={`M${LEFT} ${y(mark).toFixed(1)}H${WIDE - RIGHT}`} />
            <text class="tick" x={LEFT - 5} y={y(mark) + 4.5} text-anchor="end">
              {short(mark)}
            </text>
          </g>
        ))}
        {ticks(end).filter((year) => year <= end).map((year) => (
          <text class="tick" key={year} x={x(year)} y={HIGH - 4} text-anchor={year === end ? "end" : "middle"}>
            {short(year)}
          </text>
        ))}
        {sides.map(([name, values]) => (
          <g class={name} key={name}>
            <path class="band" d={band(values[0] as number[], values[4] as number[])} />
            <path class="band" d={band(values[1] as number[], values[3] as number[])} />
            <path class="mid" d={line(values[2] as number[])} />
          </g>
        ))}
        {found.warnings.length ? (
          <text class="beyond" x={WIDE - RIGHT} y={TOP + 9} text-anchor="end">
            {t("twin.beyond")}
          </text>
        ) : null}
      </svg>
      <figcaption>
        <b>{capital(one.common)}</b>
        {one.effect ? <span title={sentence(capital(one.common), one.effect)}> {MARKS[way(one.effect)]} {share(one.effect.median)}</span> : null}
      </figcaption>
    </figure>
  );
}

/** The fans of those that change most; of whoever was chosen first. Without changes, of those that weigh most. */
export function Fans({ found, only, all, setAll }: { found: Foresight; only: string | null; all: boolean; setAll(yes: boolean): void }) {
  const weight = (one: Foreseen): number => (one.effect ? strength(one) : (one.plant ? 0 : 1) + (one.baseline[2]?.at(-1) ?? 0) * 1e-6);
  const order = found.species.toSorted((a, b) => Number(b.name === only) - Number(a.name === only) || weight(b) - weight(a));
  return (
    <div class="fans-part">
      <p class="hint">
        <span class="keys">
          <span class="baseline">
            <svg viewBox="0 0 30 8" aria-hidden="true">
              <path class="mid" d="M1 4H29" />
            </svg>
            {t("twin.baseline")}
          </span>
          {found.species.some((one) => one.scenario) ? (
            <span class="scenario">
              <svg viewBox="0 0 30 8" aria-hidden="true">
                <path class="mid" d="M1 4H29" />
              </svg>
              {t("twin.scenario")}
            </span>
          ) : null}
        </span>
        {t("twin.fans.how", { members: figure(found.members), years: figure(found.over_years) })}
      </p>
      <div class="fans">
        {order.slice(0, all ? order.length : SHOWN).map((one) => (
          <Fan found={found} one={one} key={one.name} />
        ))}
      </div>
      <button type="button" class="quiet" onClick={() => setAll(!all)}>
        {t(all ? "twin.fewer" : "twin.more", { n: figure(order.length) })}
      </button>
    </div>
  );
}
