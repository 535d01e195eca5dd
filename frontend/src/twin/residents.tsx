/** Who lives in the window: the legend of colours, and how many there are, in words and numbers for whoever cannot see them walk. */
import { figure, t } from "../words";
import type { Hello } from "./frames";

interface Props {
  hello: Hello;
  colours: string[];
  /** Heads and kg km-2 of each species, of baseline and scenario. */
  counts: [Float32Array | null, Float32Array | null];
  split: boolean;
  only: number;
  setOnly(species: number): void;
  follow(species: number): void;
}

export function Residents({ hello, colours, counts, split, only, setOnly, follow }: Props) {
  const heads = (world: 0 | 1, at: number): number => counts[world]?.[at * hello.stats.length] ?? Number.NaN;
  const kg = (world: 0 | 1, at: number): number => counts[world]?.[at * hello.stats.length + 1] ?? Number.NaN;
  const rows = hello.species.map((species, at) => ({ species, at }));
  const shown = (world: 0 | 1, at: number, plant: boolean): string => {
    const value = plant ? kg(world, at) : heads(world, at);
    return Number.isNaN(value) ? "–" : figure(plant ? Math.round(value / 1000) : Math.round(value));
  };
  return (
    <section class="part">
      <h2>{t("twin.residents")}</h2>
      <table class="residents">
        <caption class="unseen">{t("twin.residents.caption")}</caption>
        <thead>
          <tr>
            <th scope="col">{t("twin.species")}</th>
            <th scope="col" class="number">
              {t(split ? "twin.baseline" : "twin.heads")}
            </th>
            {split ? (
              <th scope="col" class="number">
                {t("twin.scenario")}
              </th>
            ) : null}
            <th scope="col">
              <span class="unseen">{t("twin.follow")}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ species, at }) => (
            <tr key={species.name} class={only >= 0 && only !== at ? "faint" : ""} data-species={species.name}>
              <th scope="row">
                {species.plant ? (
                  <span class="key still">
                    <i class="swatch" style={{ "--dot": colours[at] }} aria-hidden="true" />
                    {species.common || species.name}
                  </span>
                ) : (
                  <button type="button" class="key" title={species.name} aria-pressed={only === at} onClick={() => setOnly(only === at ? -1 : at)}>
                    <i class="swatch" style={{ "--dot": colours[at] }} aria-hidden="true" />
                    {species.common || species.name}
                  </button>
                )}
              </th>
              <td class="number">
                {shown(0, at, species.plant)}
                {species.plant ? <small> t/km²</small> : null}
              </td>
              {split ? <td class="number">{shown(1, at, species.plant)}</td> : null}
              <td>
                {species.plant ? null : (
                  <button type="button" class="goto" aria-label={`${t("twin.follow")}: ${species.common || species.name}`} title={t("twin.follow")} disabled={!(heads(0, at) > 0)} onClick={() => follow(at)}>
                    →
                  </button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
