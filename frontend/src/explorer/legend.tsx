/** The names or the measure that colours stand for; a press shows one alone. */
import { say } from "../saying";
import { figure, many, percent, t, unitOf } from "../words";
import { css, type Painted, STEPS } from "./colours";
import type { Colouring } from "./data";
import { isItalic } from "./painting";

interface Props {
  by: Colouring;
  painted: Painted;
  only: number | null;
  choose(code: number | null): void;
}

export function Legend({ by, painted, only, choose }: Props) {
  const { ramp, entries } = painted;
  const press = (code: number, label: string): void => {
    choose(only === code ? null : code);
    say(only === code ? t("map.all") : label);
  };
  return (
    <div id="legend" class="legend" role="group" aria-label={t("legend")}>
      {ramp ? (
        <Wash by={by} ramp={ramp} only={only} press={press} n={painted.shades.length} />
      ) : (
        entries.map((entry) => {
          const photos = many("photos", entry.points);
          const Name = isItalic(by, entry) ? "i" : "span";
          return (
            <button
              type="button"
              class="key"
              key={entry.code}
              title={entry.common ? `${entry.common}: ${photos}` : photos}
              aria-pressed={only === entry.code}
              onClick={() => press(entry.code, `${entry.label}: ${photos}`)}
            >
              <span class="dot" style={{ "--dot": css(entry.rgb) }} />
              <Name>{entry.label}</Name>
            </button>
          );
        })
      )}
    </div>
  );
}

interface WashProps {
  by: Colouring;
  ramp: NonNullable<Painted["ramp"]>;
  only: number | null;
  n: number;
  press(code: number, label: string): void;
}

/** The wash in steps; the ends hold what lies beyond them too. */
function Wash({ by, ramp, only, n, press }: WashProps) {
  const { low, high, unit, colours, points, known } = ramp;
  // told as finely as steps differ
  const grain = 10 ** (Math.floor(Math.log10((high - low) / STEPS || 1)) - 1);
  const edge = (k: number): number => Number((Math.round((low + ((high - low) * k) / STEPS) / grain) * grain).toPrecision(6));
  return (
    <div class="ramp">
      <div class="steps" style={{ background: `linear-gradient(to right, ${colours.join(", ")})` }}>
        {points.map((count, k) => {
          const label = `${figure(edge(k))}–${figure(edge(k + 1))}${unitOf(unit)}: ${many("photos", count)}`;
          return <button type="button" key={k} class="step" title={label} aria-label={label} aria-pressed={only === k} onClick={() => press(k, label)} />;
        })}
      </div>
      <div class="ticks" aria-hidden="true">
        <span>{figure(edge(0))}</span>
        <span>{figure(edge(STEPS / 2))}</span>
        <span>
          {figure(edge(STEPS))}
          {unitOf(unit)}
        </span>
      </div>
      <i class="said">
        {known < n ? `${t("legend.known", { share: percent(known / n) })} ` : ""}
        {by.kind === "uncertainty" ? t(by.key === "probability" ? "legend.probability" : "legend.distance") : ""}
      </i>
    </div>
  );
}
