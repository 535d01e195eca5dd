/** Beside the landscape: the food web, the fans of an ensemble, and on demand what all of it rests on. */
import { useState } from "preact/hooks";
import { Refusal } from "../names";
import { run } from "../alone";
import { Link } from "../router";
import { Said } from "../said";
import { capital, t } from "../words";
import { Evidence, type Evidenced } from "./evidence";
import { Fans } from "./fans";
import { FoodWeb } from "./foodweb";
import type { Asking } from "./foresight";

interface Props {
  asking: Asking;
  /** What lies beyond the measured range, in words. */
  warnings: { text: string; own: boolean }[];
  /** What a recorded run rests on; null to ask the server. */
  evidence: Evidenced | null;
  colours: Map<string, string>;
  only: string | null;
  setOnly(name: string | null): void;
}

export function Beside({ asking: { found, busy, failure }, warnings, evidence, colours, only, setOnly }: Props) {
  const [all, setAll] = useState(false);
  const [open, setOpen] = useState(false);
  return (
    <section class={busy ? "beside busy" : "beside"} aria-busy={busy} aria-label={t("twin.beside")}>
      <div class="part">
        <h2>{t("twin.web")}</h2>
        {failure ? <Refusal error={failure} /> : null}
        {found ? <FoodWeb found={found} colours={colours} only={only} setOnly={setOnly} /> : failure ? null : <p class="hint waiting">{t("twin.foreseeing")}</p>}
      </div>
      <div class="part">
        <h2>{t("twin.years")}</h2>
        {warnings.map(({ text, own }) => (
          <p class="warning" key={text}>
            {own ? text : <Said text={text} as={capital} />}.
          </p>
        ))}
        {found ? <Fans found={found} only={only} all={all} setAll={setAll} /> : failure ? null : <p class="hint waiting">{t("twin.foreseeing")}</p>}
      </div>
      <div class="part rests">
        <details onToggle={(event) => setOpen(event.currentTarget.open)}>
          <summary>{t("twin.evidence")}</summary>
          {open ? <Evidence only={only} given={evidence} key={evidence ? 1 : 0} /> : null}
        </details>
        {run ? null : (
          <p>
            <Link to="/twin/panel" id="to-panel">
              {t("twin.panel.link")}
            </Link>
          </p>
        )}
      </div>
    </section>
  );
}
