/** Confirm a name by one tap, or find the right one: kept by the server as a verified record. */
import { useState } from "preact/hooks";
import * as api from "../api";
import { Finder } from "../finder";
import { Refusal, TaxonLink } from "../names";
import { say } from "../saying";
import { t } from "../words";
import { change, type Plate } from "./plates";

/** Keep what the visitor says a photo shows. */
async function keep(plate: Plate, taxon: api.Taxon): Promise<void> {
  const guess = plate.row?.best[0]?.id ?? null;
  const which = plate.image !== null ? { image: plate.image } : { hash: plate.row?.hash ?? "", name: plate.name };
  const kept = await api.keep({ ...which, taxon: taxon.id, guess });
  change(plate.key, { kept, error: null });
  say(`${t("kept")} ${kept.taxon.name}`);
}

/** The tap beside a ranked name. */
export function Confirm({ plate, taxon }: { plate: Plate; taxon: api.Taxon }) {
  const label = t("confirm", { name: taxon.name });
  return (
    <button
      type="button"
      class="confirm"
      title={label}
      aria-label={label}
      aria-pressed={plate.kept?.taxon.id === taxon.id}
      onClick={() => keep(plate, taxon).catch((error: unknown) => change(plate.key, { error }))}
    >
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d="M3 8.6 6.6 12 13 4.4" />
      </svg>
    </button>
  );
}

/** What was kept, with the way back; or the way to another name. */
export function Correct({ plate }: { plate: Plate }) {
  const [asking, setAsking] = useState(false);
  const back = async (id: string): Promise<void> => {
    await api.takeBack(id).catch((error: unknown) => {
      // taken back already, in another window
      if (!(error instanceof api.Refusal && error.status === 404)) throw error;
    });
    change(plate.key, { kept: null, error: null });
    say(t("undone"));
  };
  const { kept } = plate;
  return (
    <div class="correct">
      {plate.state === "done" && plate.error ? <Refusal error={plate.error} /> : null}
      {kept ? (
        <p class="kept" role="status">
          <span>
            {t("kept")} <TaxonLink taxon={kept.taxon} />
          </span>
          <button type="button" class="quiet" onClick={() => back(kept.id).catch((error: unknown) => change(plate.key, { error }))}>
            {t("undo")}
          </button>
        </p>
      ) : null}
      {asking ? (
        <Finder
          label={t("other.find")}
          none={t("other.none")}
          focus
          choose={(taxon) => {
            setAsking(false);
            keep(plate, taxon).catch((error: unknown) => change(plate.key, { error }));
          }}
        />
      ) : (
        <button type="button" class="quiet" onClick={() => setAsking(true)}>
          {t("other")}
        </button>
      )}
    </div>
  );
}
