/** The names or the measure that colours stand for. */
import type { Colouring } from "../api";
import { say } from "../saying";
import { figure, many, t, unitOf } from "../words";
import { css, type Painted } from "./colours";
import { isItalic } from "./painting";

interface Props {
  by: Colouring;
  painted: Painted;
  only: number | null;
  choose(code: number | null): void;
}

export function Legend({ by, painted, only, choose }: Props) {
  const { ramp, entries } = painted;
  return (
    <div id="legend" class="legend" role="group" aria-label={t("legend")}>
      {ramp ? (
        <span class="ramp">
          {figure(ramp.low)}
          <span class="wash" style={{ background: `linear-gradient(to right, ${ramp.colours.join(", ")})` }} />
          {figure(ramp.high)}
          {unitOf(ramp.unit)} <i>{t("legend.faint")}</i>
        </span>
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
              onClick={() => {
                choose(only === entry.code ? null : entry.code);
                say(only === entry.code ? t("map.all") : `${entry.label}: ${photos}`);
              }}
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
