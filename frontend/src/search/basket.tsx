/** Photos that were chosen from what was found, of this and of earlier questions, and saved as a table. */
import type * as api from "../api";
import { calledOf } from "../names";
import { say } from "../saying";
import { saveCsv } from "../saving";
import { createStore, useStore } from "../store";
import { many, t } from "../words";

const chosen = createStore<ReadonlyMap<string, api.Hit>>(new Map());

/** The box that a photo is chosen by. */
export function Choose({ hit }: { hit: api.Hit }) {
  const all = useStore(chosen);
  const name = hit.taxon?.name ?? t("photo.unnamed");
  const turn = (): void => {
    const next = new Map(all);
    if (!next.delete(hit.id)) next.set(hit.id, hit);
    chosen.set(next);
    say(many("search.chosen", next.size));
  };
  return (
    <label class="pick">
      <input type="checkbox" checked={all.has(hit.id)} aria-label={`${t("search.choose.it")}: ${name}`} onChange={turn} />
      <span aria-hidden="true">{t("search.choose.it")}</span>
    </label>
  );
}

const COLUMNS = ["id", "scientific_name", "rank", "common_name", "cosine", "date", "rights_holder", "licence", "source"];

function rowOf(hit: api.Hit): (string | number | null)[] {
  const { taxon } = hit;
  const named = taxon ? [taxon.name, taxon.rank, calledOf(taxon)] : [null, null, null];
  return [hit.id, ...named, hit.cosine, hit.date, hit.rights_holder, hit.licence, hit.source];
}

/** How many were chosen, and what can be done with them. */
export function Basket() {
  const all = useStore(chosen);
  if (!all.size) return null;
  return (
    <p class="basket">
      <span>{many("search.chosen", all.size)}</span>
      <button type="button" class="quiet" id="save" onClick={() => saveCsv("merian-search.csv", COLUMNS, [...all.values()].map(rowOf))}>
        {t("search.save")}
      </button>
      <button type="button" class="quiet" onClick={() => chosen.set(new Map())}>
        {t("search.drop.all")}
      </button>
    </p>
  );
}
