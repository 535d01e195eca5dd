/** A number with its interval on a scale, and what the same procedure gives by chance beside it. */
import { fixed, t } from "../words";
import type { Interval } from "./data";

interface Props {
  id: string;
  label: string;
  value: Interval;
  from: number;
  to: number;
  control: number | null;
  controlled: string;
  digits?: number;
}

export function Gauge({ id, label, value, from, to, control, controlled, digits = 2 }: Props) {
  const at = (v: number): string => `${(100 * (Math.min(Math.max(v, from), to) - from)) / (to - from)}%`;
  const low = value.low ?? value.value;
  const high = value.high ?? value.value;
  return (
    <div class="gauge" id={id}>
      <p class="figure">
        <span>{label}</span>
        <strong>{fixed(value.value, digits)}</strong>
        <small>{t("interval", { low: fixed(low, digits), high: fixed(high, digits) })}</small>
      </p>
      <div class="track" aria-hidden="true">
        {from < 0 ? <span class="zero" style={{ left: at(0) }} /> : null}
        {control !== null ? <span class="chance" style={{ left: at(from < 0 ? 0 : from), width: `calc(${at(control)} - ${at(from < 0 ? 0 : from)})` }} /> : null}
        <span class="whisker" style={{ left: at(low), width: `calc(${at(high)} - ${at(low)})` }} />
        <span class="pip" style={{ left: at(value.value) }} />
      </div>
      {control !== null ? (
        <p class="facts">
          <span class="swatch" aria-hidden="true" /> {controlled.replace("{value}", fixed(control, digits))}
        </p>
      ) : null}
    </div>
  );
}
