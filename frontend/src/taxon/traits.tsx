/** Traits with what they rest on: known values, imputed ones with their interval, ranges of a clade. */
import type * as api from "../api";
import { capital, figure, many, percent, t, unitOf, word } from "../words";

export function Traits({ traits }: { traits: api.TraitRow[] }) {
  const told = traits.filter((trait) => trait.source !== "withheld");
  const withheld = traits.filter((trait) => trait.source === "withheld");
  return (
    <>
      {told.length ? <Table traits={told} /> : null}
      {withheld.length ? (
        <details class="withheld">
          <summary>{many("taxon.withheld", withheld.length)}</summary>
          <Table traits={withheld} />
        </details>
      ) : null}
    </>
  );
}

function Table({ traits }: { traits: api.TraitRow[] }) {
  return (
    <table class="traits">
      <thead class="unseen">
        <tr>
          <th scope="col">{t("taxon.trait")}</th>
          <th scope="col">{t("taxon.value")}</th>
          <th scope="col">{t("taxon.evidence")}</th>
        </tr>
      </thead>
      <tbody>
        {traits.map((trait) => (
          <tr key={trait.trait} class={trait.source}>
            <th scope="row">{capital(trait.trait.replaceAll("_", " "))}</th>
            <td>
              <Value trait={trait} />
            </td>
            <td>
              <Evidence trait={trait} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Value({ trait }: { trait: api.TraitRow }) {
  const unit = unitOf(trait.unit);
  if (trait.state) return <>{trait.state}</>;
  if (trait.source === "range" && trait.states.length) return <span class="states">{trait.states.join(", ")}</span>;
  if (trait.value === null) return <>–</>;
  const bounds = trait.low !== null && trait.high !== null ? ([trait.low, trait.high] as const) : null;
  return (
    <>
      {figure(trait.value)}
      {unit}
      {bounds ? <Span low={bounds[0]} value={trait.value} high={bounds[1]} /> : null}
    </>
  );
}

/** The interval as a line with the value on it; what it says stands beside it in words. */
function Span({ low, value, high }: { low: number; value: number; high: number }) {
  const at = high > low ? (value - low) / (high - low) : 0.5;
  return (
    <svg class="span" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
      <path d="M1 1v6M99 1v6M1 4h98" />
      <ellipse cx={2 + 96 * Math.min(Math.max(at, 0), 1)} cy="4" rx="2.4" ry="3" />
    </svg>
  );
}

function Evidence({ trait }: { trait: api.TraitRow }) {
  const unit = unitOf(trait.unit);
  const ends = { low: `${figure(trait.low ?? 0)}${unit}`, high: `${figure(trait.high ?? 0)}${unit}` };
  const level = trait.level === null ? "" : percent(trait.level);
  const notes: string[] = [];
  if (trait.source === "range" && trait.value !== null) {
    notes.push(t("taxon.range", { ...ends, median: figure(trait.value), n: trait.species ?? 0 }));
  } else if (trait.source === "range") notes.push(t("taxon.range.states", { n: trait.species ?? 0 }));
  else if (trait.low !== null && trait.high !== null) notes.push(t("taxon.interval", { ...ends, level }));
  else if (trait.states.length) notes.push(t("taxon.sets", { level, states: trait.states.join(", ") }));
  if (trait.source === "imputed" && trait.nearest) notes.push(t("taxon.nearest", { rank: word("rank", trait.nearest) }));
  if (trait.flag) notes.push(trait.flag);
  return (
    <>
      {trait.source === "known" || trait.source === "imputed" ? <span class={`badge ${trait.source}`}>{t(`taxon.${trait.source}`)}</span> : null}
      {notes.length ? <small>{notes.join("; ")}</small> : null}
    </>
  );
}
