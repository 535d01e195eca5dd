/** Where and when its photos were taken. */
import { useEffect, useState } from "preact/hooks";
import type * as api from "../api";
import { figure, language, many, t } from "../words";
import { HEIGHT, land, project, rim, WIDTH } from "./earth";

export function Sightings({ sightings }: { sightings: api.Sightings }) {
  return (
    <div class="sightings">
      {sightings.placed && sightings.bounds ? <Earth sightings={sightings} bounds={sightings.bounds} /> : null}
      {sightings.dated ? <Year months={sightings.months} dated={sightings.dated} /> : null}
    </div>
  );
}

function Earth({ sightings, bounds }: { sightings: api.Sightings; bounds: NonNullable<api.Sightings["bounds"]> }) {
  const [shores, setShores] = useState("");
  useEffect(() => {
    land().then(setShores, () => undefined);
  }, []);
  const most = Math.max(...sightings.places.map((place) => place.count));
  const degrees = (value: number): string => `${figure(value)}°`;
  const { south, north, west, east } = bounds;
  const told = { n: sightings.places.length, south: degrees(south), north: degrees(north), west: degrees(west), east: degrees(east) };
  return (
    <figure>
      <svg class="earth" viewBox={`-2 -2 ${WIDTH + 4} ${HEIGHT + 4}`} role="img" aria-label={t("taxon.where.alt", told)}>
        <path class="rim" d={rim()} />
        <path class="land" d={shores} />
        {sightings.places.map((place) => {
          const [x, y] = project(place.longitude, place.latitude);
          return <circle class="seen" key={`${place.longitude} ${place.latitude}`} cx={x} cy={y} r={1.8 + 3.4 * Math.sqrt(place.count / most)} />;
        })}
      </svg>
      <figcaption>{many("taxon.placed", sightings.placed)}</figcaption>
    </figure>
  );
}

/** The photos of each month as the leaves of a year. */
function Year({ months, dated }: { months: number[]; dated: number }) {
  const most = Math.max(...months, 1);
  const name = new Intl.DateTimeFormat(language.get(), { month: "narrow", timeZone: "UTC" });
  const whole = new Intl.DateTimeFormat(language.get(), { month: "long", timeZone: "UTC" });
  const day = (month: number): Date => new Date(Date.UTC(2001, month, 15));
  const said = months.map((count, month) => `${whole.format(day(month))} ${figure(count)}`).join(", ");
  return (
    <figure>
      <svg class="year" viewBox="0 0 240 118" role="img" aria-label={said}>
        <path class="ground" d="M4 96h232" />
        {months.map((count, month) => {
          const x = 14 + month * 19.3;
          const tall = 82 * (count / most);
          return (
            <g key={whole.format(day(month))}>
              {count ? <path class="leaf" d={`M${x} 96C${x - 7} ${96 - tall * 0.35} ${x - 6} ${96 - tall * 0.8} ${x} ${96 - tall}C${x + 6} ${96 - tall * 0.8} ${x + 7} ${96 - tall * 0.35} ${x} 96Z`} /> : null}
              {count ? <path class="vein" d={`M${x} 96V${96 - tall * 0.9}`} /> : null}
              <text x={x} y="112">
                {name.format(day(month))}
              </text>
            </g>
          );
        })}
      </svg>
      <figcaption>{many("taxon.dated", dated)}</figcaption>
    </figure>
  );
}
