/** The card of the animal that is followed, and the way into its eyes, or another's. */
import { capital, figure, t, word } from "../words";
import { Said } from "../said";
import type { Optics } from "./eyes";
import type { Species } from "./frames";
import { Rose } from "./rose";
import type { Light } from "./scene";

export interface Look {
  name: string;
  light: Light;
  /** How many times nearer than its whole field. */
  zoom: number;
  /** Whether what both eyes see is tinted. */
  tinted?: boolean;
}
const LIGHTS: Light[] = ["day", "twilight", "night"];

interface Props {
  species: Species;
  optics: Optics[];
  look: Look | null;
  set(look: Look | null): void;
  next(): void;
  leave(): void;
}

export function Glance({ species, optics, look, set, next, leave }: Props) {
  const own = optics.find((one) => one.name === species.name);
  const eyes = look ? optics.find((one) => one.name === look.name) : own;
  const start = eyes ?? optics[0];
  return (
    <aside class={look ? "glance looking" : "glance"} aria-label={species.common || species.name}>
      <header>
        <h2>{species.common || species.name}</h2>
        <i lang="la" class="name">
          {species.name}
        </i>
        <button type="button" class="close" aria-label={t("close")} onClick={leave}>
          ×
        </button>
      </header>
      <p class="ways">
        {look ? (
          <button type="button" class="quiet" id="twin-outside" onClick={() => set(null)}>
            {t("twin.outside")}
          </button>
        ) : (
          <button type="button" class="quiet" id="twin-eyes" disabled={!start} onClick={() => start && set({ name: start.name, light: "day", zoom: 1 })}>
            {t("twin.eyes")}
          </button>
        )}
        <button type="button" class="quiet" onClick={next}>
          {t("twin.next")}
        </button>
      </p>
      {look && eyes ? <Facts eyes={eyes} own={own} optics={optics} look={look} set={set} /> : null}
    </aside>
  );
}

function Facts({ eyes, own, optics, look, set }: { eyes: Optics; own: Optics | undefined; optics: Optics[]; look: Look; set(look: Look): void }) {
  const field = eyes.facts["field_deg"]?.value as number;
  const shown = ["acuity_cpd", "receptors_nm", "eye_height_m"].flatMap((name) => {
    const fact = eyes.facts[name];
    return fact ? [{ name, fact }] : [];
  });
  const told = (value: number | number[]): string => (Array.isArray(value) ? value.map(figure).join(", ") : figure(value));
  return (
    <>
      <div class="turns">
        <label>
          <span>{t("twin.eyes.of")}</span>
          <select id="twin-whose" value={look.name} onChange={(event) => set({ ...look, name: event.currentTarget.value })}>
            {optics.toSorted((a, b) => a.common.localeCompare(b.common)).map((one) => (
              <option value={one.name} key={one.name}>
                {capital(one.common)}
                {one === own ? ` (${t("twin.eyes.own")})` : ""}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span>{t("twin.light")}</span>
          <select value={look.light} onChange={(event) => set({ ...look, light: event.currentTarget.value as Light })}>
            {LIGHTS.map((light) => (
              <option value={light} key={light}>
                {t(`twin.light.${light}`)}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span>{t("twin.zoom")}</span>
          <input
            type="range"
            min="0"
            max="6"
            step="0.1"
            value={Math.log2(look.zoom)}
            aria-valuetext={t("twin.degrees", { n: figure(Number((field / look.zoom).toPrecision(2))) })}
            onInput={(event) => set({ ...look, zoom: 2 ** Number(event.currentTarget.value) })}
          />
          <output>{t("twin.degrees", { n: figure(Number((field / look.zoom).toPrecision(2))) })}</output>
        </label>
      </div>
      <div class="field-of-view">
        <Rose eyes={eyes} shown={field / look.zoom} />
        {eyes.facts["binocular_deg"] ? (
          <button type="button" class="quiet" id="twin-tint" aria-pressed={look.tinted ?? false} onClick={() => set({ ...look, tinted: !look.tinted })}>
            {t("twin.rose.show")}
          </button>
        ) : null}
      </div>
      <dl>
        {shown.map(({ name, fact }) => (
          <div key={name} title={fact.source} data-fact={name}>
            <dt>{word("twin.fact", name)}</dt>
            <dd>
              {told(fact.value)} {word("twin.unit", fact.unit)} <small>{word("twin.grade", fact.grade)}</small>
            </dd>
          </div>
        ))}
      </dl>
      {look.light === "night" && eyes.rods ? (
        <p class="hint">{t("twin.rods")}</p>
      ) : (
        <p class="hint">
          <Said text={eyes.translation} />
        </p>
      )}
      <p class="oath">{t("twin.oath")}</p>
    </>
  );
}
