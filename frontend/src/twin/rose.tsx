/** The field of a pair of eyes: a rose seen from above by the picture, and on the picture where both eyes see and where its degrees lie. */
import { figure, t, word } from "../words";
import { placeAt, sectorsOf } from "./field";
import type { Eyes } from "./frames";

const R = 50;
const HOLE = 15;
/** Degrees between two marks of the scale, by how much is shown. */
const STEPS: [number, number][] = [[200, 45], [100, 30], [40, 10], [15, 5], [5, 1], [0, 0.5]];

/** A sector of a ring, clockwise from `from` to `to` degrees, 0 at the top. */
function sector(from: number, to: number): string {
  const at = (degrees: number, r: number): string => {
    const turn = (degrees * Math.PI) / 180;
    return `${(r * Math.sin(turn)).toFixed(2)} ${(-r * Math.cos(turn)).toFixed(2)}`;
  };
  const middle = (from + to) / 2;
  // two arcs, so that a sector may be a whole turn
  return `M${at(from, HOLE)}L${at(from, R)}A${R} ${R} 0 0 1 ${at(middle, R)}A${R} ${R} 0 0 1 ${at(to, R)}L${at(to, HOLE)}A${HOLE} ${HOLE} 0 0 0 ${at(middle, HOLE)}A${HOLE} ${HOLE} 0 0 0 ${at(from, HOLE)}Z`;
}

/** The rose: the head looks up the page. `shown`: the degrees on the picture. */
export function Rose({ eyes, shown }: { eyes: Eyes; shown: number }) {
  const { seen, both, blind } = sectorsOf(eyes);
  const grade = (fact: string): string => word("twin.grade", eyes.facts[fact]?.grade ?? "");
  const said = t("twin.rose", { field: figure(seen), both: both === null ? "?" : figure(both), blind: figure(blind) });
  return (
    <figure class="rose">
      <svg viewBox="-54 -54 108 108" role="img" aria-label={said}>
        <path class="one" d={sector(-seen / 2, seen / 2)} />
        {both === null || both <= 0 ? null : <path class="both" d={sector(-both / 2, both / 2)} />}
        {blind > 0 ? <path class="none" d={sector(180 - blind / 2, 180 + blind / 2)} /> : null}
        {shown < seen - 0.5 ? <path class="shown" d={sector(-shown / 2, shown / 2)} /> : null}
        <path class="head" d="M0 -12C5 -6 7 0 6 6C4 11 -4 11 -6 6C-7 0 -5 -6 0 -12Z" />
      </svg>
      <figcaption>
        <span class="one">{t("twin.rose.seen", { n: figure(seen) })}</span>
        <small>{grade("field_deg")}</small>
        {both === null ? <span class="unknown">{t("twin.rose.unknown")}</span> : <span class="both">{t("twin.rose.both", { n: figure(both) })}</span>}
        {both === null ? null : <small>{grade("binocular_deg")}</small>}
        <span class="none">{t("twin.rose.blind", { n: figure(blind) })}</span>
        {blind > 0 ? <small>{grade("field_deg")}</small> : null}
      </figcaption>
    </figure>
  );
}

/** On the picture: a scale of degrees along its lower edge, where both eyes see between two lines (tinted on demand), and hatched edges where the blind sector begins. */
export function Bounds({ eyes, shown, tinted }: { eyes: Eyes; shown: number; tinted: boolean }) {
  const { seen, both, blind } = sectorsOf(eyes);
  const half = (both ?? 0) / 2;
  const ups = Array.from({ length: 29 }, (_, k) => -70 + 5 * k);
  const line = (right: number): [number, number][] => ups.map((up) => placeAt(right, up, shown));
  const path = (points: [number, number][]): string => points.map(([x, y], k) => `${k ? "L" : "M"}${x.toFixed(4)} ${(-y).toFixed(4)}`).join("");
  const inside = both !== null && half > 0 && half < shown / 2;
  const every = (STEPS.find(([from]) => shown > from) ?? [0, 0.5])[1];
  const marks = Array.from({ length: 2 * Math.floor(shown / 2 / every - 1e-9) + 1 }, (_, k) => (k - Math.floor(shown / 2 / every - 1e-9)) * every);
  const whole = shown > seen - 0.5 && blind > 0;
  const left = (degrees: number): string => `${(50 * (1 + placeAt(degrees, 0, shown)[0])).toFixed(3)}%`;
  return (
    <div class="bounds" aria-hidden="true">
      <svg viewBox="-1 -1 2 2" preserveAspectRatio="xMidYMid slice">
        {inside ? (
          <>
            {tinted ? <path class="tint" d={`${path(line(-half))}${path(line(half).toReversed()).replace("M", "L")}Z`} /> : null}
            <path class="edge" d={path(line(-half))} />
            <path class="edge" d={path(line(half))} />
          </>
        ) : tinted && both !== null && half >= shown / 2 ? (
          <path class="tint" d="M-1 -1H1V1H-1Z" />
        ) : null}
      </svg>
      <ol class="scale">
        {marks.map((degrees) => (
          <li key={degrees} data-degrees={degrees} style={{ left: left(degrees) }}>
            {figure(Math.abs(degrees))}°
          </li>
        ))}
        {inside ? <li class="both" data-from={-half} data-to={half} style={{ left: left(-half), right: `calc(100% - ${left(half)})` }} /> : null}
      </ol>
      {whole ? (
        <>
          <i class="blind" />
          <i class="blind right" />
        </>
      ) : null}
    </div>
  );
}
