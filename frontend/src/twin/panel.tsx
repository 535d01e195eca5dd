/** The validation panel: what theory and field data demand, what the twin gives, and whether it holds; misses are not hidden. */
import { useEffect, useState } from "preact/hooks";
import { ask } from "../api";
import { Caption, Refusal } from "../names";
import { Link } from "../router";
import { Said } from "../said";
import { ready, say } from "../saying";
import { capital, figure, t } from "../words";
import "../styles/twin.css";

interface PanelRow {
  name: string;
  statement: string;
  source: string;
  target: number | null;
  found: number | null;
  tolerance: number | null;
  missing: string;
  state: "holds" | "misses" | "not run";
}
interface Told {
  state: string;
  computed: boolean;
  doing: string;
  done: number;
  of: number;
  page: boolean;
  groups: { key: string; title: string; command: string; rows: PanelRow[] }[];
  counts: Record<PanelRow["state"], number>;
}

const AGAIN_MS = 1500;
const STATES = ["misses", "holds", "not run"] as const;
const KEYS = { holds: "twin.panel.holds", misses: "twin.panel.misses", "not run": "twin.panel.notrun" } as const;
const MARKS = { holds: "✓", misses: "✗", "not run": "–" };

export default function PanelPage() {
  const [told, setTold] = useState<Told | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const [only, setOnly] = useState<PanelRow["state"] | null>(null);
  useEffect(() => {
    let timer = 0;
    let gone = false;
    const look = async (): Promise<void> => {
      try {
        const now = await ask<Told>("/api/twin/panel");
        if (gone) return;
        setTold(now);
        ready();
        if (now.state === "running") timer = window.setTimeout(() => void look(), AGAIN_MS);
        else say(t("twin.panel.counts", counted(now)));
      } catch (error) {
        if (!gone) setFailure(error);
        ready();
      }
    };
    void look();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, []);
  return (
    <section id="panel" class="leaf wide">
      <Caption tab="Tab. V" title={t("twin.panel")}>
        <p class="hint">
          <Link to="/twin">{t("twin.panel.back")}</Link>
        </p>
      </Caption>
      {failure ? <Refusal error={failure} /> : null}
      <p class="lead">{t("twin.panel.lead")}</p>
      {told ? (
        <>
          <div class="tally">
            {STATES.map((state) => (
              <button type="button" key={state} class={`quiet ${state.replace(" ", "-")}`} aria-pressed={only === state} onClick={() => setOnly(only === state ? null : state)}>
                <b>{figure(told.counts[state])}</b> {t(KEYS[state])}
              </button>
            ))}
          </div>
          {told.state === "running" ? (
            <p class="hint">
              <progress max={Math.max(told.of, 1)} value={told.done} aria-label={t("twin.panel.computing")} /> {t("twin.panel.computing")} <Said text={told.doing} />
            </p>
          ) : null}
          {told.state.startsWith("failed") ? (
            <p class="refusal" lang="en">
              {told.state}
            </p>
          ) : null}
          <p class="hint">
            {told.computed ? t("twin.panel.computed") : t("twin.panel.read")} {told.page ? <a href="/panel" hreflang="en">{t("twin.panel.page")}</a> : null}
          </p>
          {told.groups.map((group) => (
            <Group group={group} only={only} key={group.title} />
          ))}
        </>
      ) : (
        <p class="hint waiting">{t("twin.panel.opening")}</p>
      )}
    </section>
  );
}

const counted = (told: Told): Record<string, string> => ({ holds: figure(told.counts.holds), misses: figure(told.counts.misses), notrun: figure(told.counts["not run"]) });

/** A number; a very small one by its power of ten. */
function written(value: number | null): string {
  if (value === null) return "–";
  if (value === 0 || Math.abs(value) >= 1e-4) return figure(value).replace("-", "−");
  const [digits, power] = value.toExponential(1).split("e") as [string, string];
  const raised = [...power].map((mark) => (mark === "-" ? "⁻" : ("⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(mark)] ?? ""))).join("");
  return `${figure(Number(digits)).replace("-", "−")}·10${raised}`;
}

function Group({ group, only }: { group: Told["groups"][number]; only: PanelRow["state"] | null }) {
  const rows = group.rows.filter((row) => !only || row.state === only);
  if (!rows.length) return null;
  const held = group.rows.filter((row) => row.state === "holds").length;
  const ran = group.rows.filter((row) => row.state !== "not run").length;
  return (
    <section class="part rows">
      <h2>
        <Said text={group.title} /> <small>{ran ? t("twin.panel.of", { held: figure(held), ran: figure(ran) }) : t("twin.panel.notrun")}</small>
      </h2>
      <table>
        <caption class="unseen">
          <Said text={group.title} />
        </caption>
        <thead>
          <tr>
            <th scope="col">{t("twin.panel.what")}</th>
            <th scope="col" class="number">{t("twin.panel.target")}</th>
            <th scope="col" class="number">{t("twin.panel.found")}</th>
            <th scope="col">{t("twin.panel.state")}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.name} class={row.state.replace(" ", "-")}>
              <th scope="row">
                <Said text={row.name} as={capital} />: <Said text={row.statement} />
                <small>
                  {row.missing ? (
                    <>
                      {t("twin.panel.needs")}: <Said text={row.missing} />
                    </>
                  ) : (
                    <span lang="en">{row.source}</span>
                  )}
                </small>
              </th>
              <td class="number">
                {written(row.target)}
                {row.tolerance ? <small> ± {written(row.tolerance)}</small> : null}
              </td>
              <td class="number">{written(row.found)}</td>
              <td class="verdict">
                <span aria-hidden="true">{MARKS[row.state]}</span> {t(KEYS[row.state])}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="hint">
        <code>{group.command}</code>
      </p>
    </section>
  );
}
