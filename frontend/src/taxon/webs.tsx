/** Who eats it and whom it eats, in the ecosystems of the store. */
import type * as api from "../api";
import { Bar, Called, Scientific } from "../names";
import { Link, taxonAddress } from "../router";
import { percent, t, word } from "../words";

export function Webs({ webs, name }: { webs: api.Web[]; name: string }) {
  return (
    <>
      {webs.map((web) => (
        <div class="web" key={web.ecosystem}>
          <p class="hint">{t("taxon.web.in", { name: web.ecosystem })}</p>
          <div class="sides">
            <Side title={t("taxon.eats")} links={web.eats} share="taxon.web.own" />
            <span class="middle" aria-hidden="true">
              <i>{name}</i>
            </span>
            <Side title={t("taxon.eaten")} links={web.eaten_by} share="taxon.web.its" />
          </div>
        </div>
      ))}
    </>
  );
}

function Side({ title, links, share }: { title: string; links: api.Link[]; share: "taxon.web.own" | "taxon.web.its" }) {
  return (
    <div class="side">
      <h3>{title}</h3>
      {links.length ? (
        <ul>
          {links.map((link) => (
            <li key={link.name} class={link.evidence}>
              <span class="who">
                {link.id ? (
                  <Link class="taxon" to={taxonAddress(link.id)}>
                    <Scientific taxon={{ name: link.name, rank: "species" }} />
                  </Link>
                ) : (
                  link.name
                )}
                <Called taxon={link} />
              </span>
              <Bar share={link.share} kind={link.evidence === "observed" ? "" : "hatched"} />
              <small class="how">
                {t(share, { share: percent(link.share) })} · {word("taxon", link.evidence)}
                {link.evidence === "observed" ? "" : `, ${t("taxon.web.likely", { share: percent(link.probability) })}`}
              </small>
            </li>
          ))}
        </ul>
      ) : (
        <p class="hint">{t("taxon.web.nobody")}</p>
      )}
    </div>
  );
}
