/** The clade that a figure is of: all, or one that is found by name. */
import { useEffect, useState } from "preact/hooks";
import * as api from "../api";
import { Finder } from "../finder";
import { Scientific } from "../names";
import { t } from "../words";

export function Clade({ id, choose }: { id: string; choose(id: string): void }) {
  const [taxon, setTaxon] = useState<api.Taxon | null>(null);
  useEffect(() => {
    if (!id) return setTaxon(null);
    let mine = true;
    api.taxon(id).then(
      (page) => mine && setTaxon(page),
      () => undefined,
    );
    return () => {
      mine = false;
    };
  }, [id]);
  return (
    <div class="clade">
      {id ? (
        <span class="chip">
          {taxon ? <Scientific taxon={taxon} /> : id}
          <button type="button" aria-label={t("clade.all")} onClick={() => choose("")}>
            ×
          </button>
        </span>
      ) : null}
      <Finder label={t("clade.find")} none={t("life.none")} choose={(found) => choose(found.id)} />
    </div>
  );
}
