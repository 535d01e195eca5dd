/** Beside the landscape: the food web, the fans of an ensemble, and on demand what all of it rests on. */
import { useState } from "preact/hooks";
import { Refusal } from "../names";
import { Link } from "../router";
import { capital, t } from "../words";
import { Evidence } from "./evidence";
import { Fans } from "./fans";
import { FoodWeb } from "./foodweb";
import type { Asking } from "./foresight";

interface Props {
  asking: Asking;
  colours: Map<string, string>;
  only: string | null;
  setOnly(name: string | null): void;
}

export function Beside({ asking: { found, busy, failure }, colours, only, setOnly }: Props) {
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
        {found?.warnings.map((warning) => (
          <p class="warning" lang="en" key={warning}>
            {capital(warning)}.
          </p>
        ))}
        {found ? <Fans found={found} only={only} all={all} setAll={setAll} /> : failure ? null : <p class="hint waiting">{t("twin.foreseeing")}</p>}
      </div>
      <div class="part rests">
        <details onToggle={(event) => setOpen(event.currentTarget.open)}>
          <summary>{t("twin.evidence")}</summary>
          {open ? <Evidence only={only} /> : null}
        </details>
        <p>
          <Link to="/twin/panel" id="to-panel">
            {t("twin.panel.link")}
          </Link>
        </p>
      </div>
    </section>
  );
}
