/** What the food web is made of, on demand: each value and link with how it is known and from where. */
import { useState } from "preact/hooks";
import { ask } from "../api";
import { useAsked } from "../asking";
import { Refusal } from "../names";
import { Said, named } from "../said";
import { capital, figure, t, word } from "../words";

interface Value {
  species: string;
  what: string;
  meaning: string;
  unit: string;
  value: number | null;
  low: number | null;
  high: number | null;
  evidence: string;
  source: string;
}
export interface Evidenced {
  species: { name: string; common: string }[];
  rows: Value[];
  links: { eater: string; eaten: string; probability: number; evidence: string; source: string | null }[];
  changes: { what: string; unit: string; measured: [number, number]; low: number; high: number }[];
  remarks: string[];
}

/** `given`: of a recorded run; else the server is asked. */
export function Evidence({ only, given }: { only: string | null; given: Evidenced | null }) {
  const { value: found, failure } = useAsked(() => (given ? Promise.resolve(given) : ask<Evidenced>("/api/twin/evidence")), given ? "given" : "evidence");
  const told = found && { ...found, species: named(found.species) };
  const [whose, setWhose] = useState<string | null>(null);
  if (failure) return <Refusal error={failure} />;
  if (!told) return <p class="hint">{t("twin.evidence.opening")}</p>;
  const chosen = whose ?? only ?? told.species[0]?.name ?? "";
  const called = new Map(told.species.map((one) => [one.name, one.common]));
  const rows = told.rows.filter((row) => row.species === chosen);
  const links = told.links.filter((link) => link.eater === chosen || link.eaten === chosen);
  const range = (row: Value): string => (row.low === null || row.high === null ? "" : ` (${figure(row.low)} – ${figure(row.high)})`);
  return (
    <div class="evidence">
      <label>
        <span>{t("twin.species")}</span>
        <select value={chosen} onChange={(event) => setWhose(event.currentTarget.value)}>
          {told.species.map((one) => (
            <option value={one.name} key={one.name}>
              {capital(one.common)}
            </option>
          ))}
        </select>
      </label>
      <div class="scrolls" tabIndex={0} role="region" aria-label={t("twin.evidence.values")}>
        <table>
          <caption class="unseen">{t("twin.evidence.values")}</caption>
          <thead>
            <tr>
              <th scope="col">{t("twin.evidence.what")}</th>
              <th scope="col">{t("twin.evidence.value")}</th>
              <th scope="col">{t("twin.evidence.how")}</th>
              <th scope="col">{t("twin.evidence.source")}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.what} class={row.evidence}>
                <th scope="row">
                  <Said text={row.meaning} />
                </th>
                <td>
                  {row.value === null ? "–" : figure(row.value)}
                  {range(row)} {row.unit === "1" ? "" : word("twin.unit", row.unit)}
                </td>
                <td>{word("twin.evidence", row.evidence)}</td>
                <td>
                  <Said text={row.source} />
                </td>
              </tr>
            ))}
            {links.map((link) => (
              <tr key={`${link.eater} ${link.eaten}`} class={link.evidence}>
                <th scope="row">{t("twin.evidence.eats", { eater: called.get(link.eater) ?? link.eater, eaten: called.get(link.eaten) ?? link.eaten })}</th>
                <td>{t("twin.evidence.likely", { n: figure(Math.round(100 * link.probability)) })}</td>
                <td>{word("twin.evidence", link.evidence)}</td>
                <td>
                  <Said text={link.source ?? ""} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <ul class="remarks">
        {told.remarks.map((remark) => (
          <li class="hint" key={remark}>
            <Said text={remark} as={capital} />
          </li>
        ))}
      </ul>
    </div>
  );
}
