/** Who eats it and whom it eats, in the ecosystems of the store. */
import type * as api from "../api";
import { Bar, Scientific } from "../names";
import { Link, taxonAddress } from "../router";
import { percent, t, word } from "../words";

export function Webs({ webs, name }: { webs: api.Web[]; name: string }) {
  return (
    <>
      {webs.map((web) => (
        <div class="web" key={web.ecosystem}>
          <p class="hint">{t("taxon.web.in", { name: web.ecosystem })}</p>
          <div class="sides">
            <Side title={t("taxon.eats")} links={web.eats} />
            <span class="middle" aria-hidden="true">
              <i>{name}</i>
            </span>
            <Side title={t("taxon.eaten")} links={web.eaten_by} />
          </div>
        </div>
      ))}
    </>
  );
}

function Side({ title, links }: { title: string; links: api.Link[] }) {
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
                {link.common ? <small>{link.common}</small> : null}
              </span>
              <Bar share={link.share ?? link.probability} kind={link.share === null ? "hatched" : ""} />
              <small class="how">
                {percent(link.share ?? link.probability)} · {word("taxon", link.evidence)}
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
