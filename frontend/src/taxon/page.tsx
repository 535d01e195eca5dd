/** A page of the encyclopedia. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import * as api from "../api";
import { useAsked } from "../asking";
import { Called, Crumbs, calledOf, Failed, Scientific, TaxonLink } from "../names";
import type { PageProps } from "../pages";
import { Link } from "../router";
import { ready } from "../saying";
import { figure, language, languageName, many, t, word } from "../words";
import { Kin } from "./kin";
import { Sightings } from "./sightings";
import { Traits } from "./traits";
import { Variation } from "./variation";
import { Webs } from "./webs";
import "../styles/taxon.css";

export default function Page({ about, rest }: PageProps) {
  const { value, failure } = useAsked(() => api.taxon(rest), rest);
  useEffect(() => {
    if (!value && !failure) return;
    if (value) document.title = `${value.name} · Merian`;
    ready();
  }, [value, failure]);
  if (failure) return <Failed error={failure} />;
  if (!value) return <p class="looking">{t("loading")}</p>;
  return <Folio key={value.id} taxon={value} about={about} />;
}

function Folio({ taxon, about }: { taxon: api.TaxonPage; about: api.About }) {
  const seen = taxon.sightings.dated + taxon.sightings.placed > 0;
  return (
    <article class="folio">
      <div class="opening">
        <Pictures taxon={taxon} />
        <Head taxon={taxon} about={about} />
      </div>
      <div class="sections">
        <Section title={t("taxon.kin")} show={taxon.relatives.tree.length > 0} wide>
          <Kin relatives={taxon.relatives} about={about} />
        </Section>
        <Section title={t("taxon.variation")} show={taxon.variation.length > 0}>
          <Variation variation={taxon.variation} />
        </Section>
        <Section title={t("taxon.traits")} show={taxon.traits.length > 0}>
          <Traits traits={taxon.traits} />
        </Section>
        <Section title={`${t("taxon.where")} · ${t("taxon.when")}`} show={seen}>
          <Sightings sightings={taxon.sightings} />
        </Section>
        <Section title={t("taxon.web")} show={taxon.webs.length > 0}>
          <Webs webs={taxon.webs} name={taxon.name} />
        </Section>
        <Section title={t("taxon.below")} show={taxon.children.length > 0} wide>
          <Below taxon={taxon} />
        </Section>
      </div>
    </article>
  );
}

function Section({ title, show, wide = false, children }: { title: string; show: boolean; wide?: boolean; children: ComponentChildren }) {
  if (!show) return null;
  return (
    <section class={wide ? "section wide" : "section"}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

/** The photo that is looked at, with its credit, and the others. */
function Pictures({ taxon }: { taxon: api.TaxonPage }) {
  const [at, setAt] = useState(0);
  const credit = taxon.credits[at];
  if (!credit) return <p class="absent">{t("taxon.nophotos")}</p>;
  const who = credit.rights_holder ?? t("taxon.credit.none");
  return (
    <figure class="pictures">
      <div class="mat">
        <img class="portrait" src={api.imageUrl(credit.id)} alt={t("photo.of", { name: taxon.name })} />
      </div>
      <figcaption>
        {t("taxon.credit", { who })}
        {credit.licence ? `, ${credit.licence}` : ""}
      </figcaption>
      {taxon.credits.length > 1 ? (
        <div class="strip">
          {taxon.credits.map((one, k) => (
            <button
              type="button"
              class="thumb"
              key={one.id}
              aria-label={`${t("photo.of", { name: taxon.name })} ${k + 1}`}
              aria-pressed={k === at}
              onClick={() => setAt(k)}
            >
              <img src={api.imageUrl(one.id, 128)} alt="" width={64} height={64} loading="lazy" />
            </button>
          ))}
        </div>
      ) : null}
    </figure>
  );
}

function Head({ taxon, about }: { taxon: api.TaxonPage; about: api.About }) {
  const species = taxon.rank === "species";
  const known = taxon.known_to_model;
  const served = taxon.twins.find((twin) => twin.served);
  const elsewhere = served ? undefined : taxon.twins[0];
  const called = taxon.names.find((one) => one.language === language.get())?.name ?? calledOf(taxon);
  const facts = [many("photos", taxon.image_count)];
  if (!species) facts.push(many("species", taxon.species_count));
  if (known !== null) {
    facts.push(species ? t(known ? "taxon.model.yes" : "taxon.model.no") : t("taxon.model.some", { n: figure(known) }));
  }
  return (
    <header class="head">
      <p class="rank">{word("rank", taxon.rank)}</p>
      <h1>
        <Scientific taxon={taxon} />
      </h1>
      {called ? <p class="called">{called}</p> : null}
      <Crumbs lineage={taxon.lineage.slice(0, -1)} />
      <p class="facts">{facts.join(" · ")}</p>
      {taxon.names.length ? (
        <dl class="names">
          {taxon.names.map((one) => (
            <div key={one.language + one.name}>
              <dt>{languageName(one.language)}</dt>
              <dd lang={one.language}>{one.name}</dd>
            </div>
          ))}
        </dl>
      ) : null}
      <p class="ways">
        {about.points !== null && taxon.image_count ? (
          <Link class="quiet" to={`/explorer?taxon=${encodeURIComponent(taxon.id)}&rank=${taxon.rank}`}>
            {t("taxon.find")}
          </Link>
        ) : null}
        {taxon.image_count ? (
          <Link class="quiet" to={`/search?alike=${encodeURIComponent(taxon.id)}`}>
            {t("taxon.alike")}
          </Link>
        ) : null}
        {taxon.image_count > taxon.credits.length ? (
          <Link class="quiet" to={`/search?taxon=${encodeURIComponent(taxon.id)}`}>
            {t("taxon.photos", { n: figure(taxon.image_count) })}
          </Link>
        ) : null}
        {served ? (
          <Link class="quiet" to={`/twin?species=${encodeURIComponent(taxon.name)}`}>
            {t("taxon.twin")}
          </Link>
        ) : null}
        <Link class="quiet" to={`/life?at=${encodeURIComponent(taxon.id)}`}>
          {t("taxon.tree")}
        </Link>
        <a class="quiet" href={`/api/taxon/${encodeURIComponent(taxon.id)}`}>
          {t("taxon.json")}
        </a>
      </p>
      {elsewhere ? (
        <p class="hint elsewhere">
          {t("taxon.twin.elsewhere", { name: elsewhere.ecosystem })} <code>merian serve --twin {elsewhere.ecosystem}</code>
        </p>
      ) : null}
    </header>
  );
}

function Below({ taxon }: { taxon: api.TaxonPage }) {
  return (
    <>
      <ul class="below-it">
        {taxon.children.map((child) => (
          <li key={child.id}>
            <TaxonLink taxon={child} />
            <Called taxon={child} />
          </li>
        ))}
      </ul>
      {taxon.child_count > taxon.children.length ? (
        <Link class="quiet" to={`/life?at=${encodeURIComponent(taxon.id)}`}>
          {t("taxon.more", { n: figure(taxon.child_count) })}
        </Link>
      ) : null}
    </>
  );
}
