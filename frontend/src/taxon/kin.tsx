/** The nearest relatives by descent and by looks, side by side, and where the two disagree. */
import * as api from "../api";
import { Called, TaxonLink } from "../names";
import { t, word } from "../words";

export function Kin({ relatives, about }: { relatives: api.Relatives; about: api.About }) {
  const compared = relatives.looks.length > 0;
  const disagree = relatives.far.length + relatives.near.length > 0;
  return (
    <div class="kin">
      <div>
        <h3>{t("taxon.kin.tree")}</h3>
        <List relatives={relatives.tree} compared={relatives.compared} />
      </div>
      {compared ? (
        <div>
          <h3>{t("taxon.kin.looks")}</h3>
          <List relatives={relatives.looks} compared={relatives.compared} />
        </div>
      ) : (
        <p class="facts">{t("taxon.kin.nophotos", { why: about.absent.neighbours ?? t("taxon.kin.nophotos.why") })}</p>
      )}
      {compared ? (
        <div>
          <h3>{t("taxon.kin.disagree")}</h3>
          {disagree ? (
            <ul class="disagree">
              {relatives.far.map((kin) => (
                <li key={kin.taxon.id}>
                  <TaxonLink taxon={kin.taxon} /> <Called taxon={kin.taxon} /> {t("taxon.kin.far", { place: kin.place ?? 0, n: relatives.compared })}
                </li>
              ))}
              {relatives.near.map((kin) => (
                <li key={kin.taxon.id}>
                  <TaxonLink taxon={kin.taxon} /> <Called taxon={kin.taxon} />{" "}
                  {kin.shared ? t("taxon.kin.near", { rank: word("rank", kin.shared) }) : t("taxon.kin.nearnot")}
                </li>
              ))}
            </ul>
          ) : (
            <p class="hint">{t("taxon.kin.agree")}</p>
          )}
        </div>
      ) : null}
    </div>
  );
}

function List({ relatives, compared }: { relatives: api.Relative[]; compared: number }) {
  return (
    <ol class="relatives">
      {relatives.map((kin) => (
        <li key={kin.taxon.id}>
          {kin.image ? <img src={api.imageUrl(kin.image, 128)} alt="" width={48} height={48} loading="lazy" /> : null}
          <span class="who">
            <TaxonLink taxon={kin.taxon} />
            <Called taxon={kin.taxon} />
            <small class="how">
              {kin.shared ? t("taxon.kin.shared", { rank: word("rank", kin.shared) }) : t("taxon.kin.apart")}
              {kin.place === null ? "" : ` · ${t("taxon.kin.away", { place: kin.place, n: compared })}`}
            </small>
          </span>
        </li>
      ))}
    </ol>
  );
}
