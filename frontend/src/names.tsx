/** Small pieces of every page: names of taxa, bars, photos in a strip, refusals. */
import type { ComponentChildren } from "preact";
import * as api from "./api";
import { Link, taxonAddress } from "./router";
import { useStore } from "./store";
import { capital, fixed, language, t, word } from "./words";

/** A scientific name: italic for genus and species, as the codes of nomenclature want it. */
export function Scientific({ taxon }: { taxon: { name: string; rank: string } }) {
  const Name = taxon.rank === "genus" || taxon.rank === "species" ? "i" : "span";
  return (
    <Name class="name" lang="la">
      {taxon.name}
    </Name>
  );
}

type Known = Pick<api.Taxon, "common" | "called">;

/** The common name of a taxon in the visitor's language, else in English; null where it has none. */
export const calledOf = (taxon: Known): string | null => taxon.called?.[language.get()] ?? taxon.common;

/** The same beside a scientific name, marked with the language that it is in. */
export function Called({ taxon }: { taxon: Known }) {
  const name = calledOf(taxon);
  if (!name) return null;
  return <small lang={taxon.called?.[language.get()] ? language.get() : "en"}>{name}</small>;
}

/** A scientific name that leads to its page. */
export function TaxonLink({ taxon }: { taxon: api.Taxon }) {
  const called = calledOf(taxon);
  const title = `${word("rank", taxon.rank)}${called ? `: ${called}` : ""}`;
  return (
    <Link class="taxon" to={taxonAddress(taxon.id)} title={title}>
      <Scientific taxon={taxon} />
    </Link>
  );
}

/** The path above a taxon. */
export function Crumbs({ lineage }: { lineage: api.Taxon[] }) {
  if (!lineage.length) return null;
  return (
    <p class="crumbs">
      {lineage.map((taxon, k) => (
        <>
          {k ? <span aria-hidden="true"> › </span> : null}
          <TaxonLink taxon={taxon} key={taxon.id} />
        </>
      ))}
    </p>
  );
}

/** A quiet bar of a share of one. */
export function Bar({ share, kind = "" }: { share: number; kind?: string }) {
  return <span class={`bar ${kind}`} style={{ "--share": share }} aria-hidden="true" />;
}

interface Shown {
  id: string;
  taxon: api.Taxon | null;
  cosine?: number;
}

/** Photos of the collection in a row; each is a button. */
export function Strip({ photos, open, over }: { photos: Shown[]; open(id: string): void; over?(id: string): void }) {
  return (
    <div class="strip">
      {photos.map((photo) => {
        const name = photo.taxon?.name ?? t("photo");
        const label = photo.cosine === undefined ? name : t("cosine", { name, value: fixed(photo.cosine, 2) });
        return (
          <button
            type="button"
            class="thumb"
            key={photo.id}
            title={label}
            aria-label={label}
            onClick={() => open(photo.id)}
            onPointerEnter={() => over?.(photo.id)}
            onPointerLeave={() => over?.("")}
          >
            <img src={api.imageUrl(photo.id, 128)} alt="" width={64} height={64} loading="lazy" />
          </button>
        );
      })}
    </div>
  );
}

/** A sentence as it is written: with a capital and a full stop. */
const sentence = (text: string): string => capital(text) + (/[.!?…]$/.test(text) ? "" : ".");

/** What went wrong, and what to do. The server speaks English: in another language its words stand below ours. */
export function Refusal({ error }: { error: unknown }) {
  const plain = useStore(language) === "en";
  const refused = error instanceof api.Refusal ? error : null;
  const what = error instanceof Error ? error.message : String(error);
  const advice = refused ? refused.advice : t("reload");
  if (plain || !refused?.status) {
    return (
      <p class="refusal" role="alert">
        <strong>{sentence(what)}</strong> {sentence(advice)}
      </p>
    );
  }
  const kind = refusedAs(refused.status);
  return (
    <p class="refusal" role="alert">
      <strong>{t(`refused.${kind}`)}</strong> {t(`refused.${kind}.do`)}
      <small lang="en">
        {sentence(what)} {sentence(advice)}
      </small>
    </p>
  );
}

/** The kind of a refusal, as the strings have it. */
function refusedAs(status: number): "absent" | "large" | "many" | "busy" | "asked" | "failed" {
  const known = { 404: "absent", 413: "large", 429: "many", 503: "busy" } as const;
  return known[status as keyof typeof known] ?? (status < 500 ? "asked" : "failed");
}

/** A page that cannot be shown. */
export function Failed({ error }: { error: unknown }) {
  return (
    <section class="leaf failed">
      <h1>{t("failed")}</h1>
      <Refusal error={error} />
    </section>
  );
}

/** What stands in the place of a part that the store lacks. */
export function Absent({ children }: { children: ComponentChildren }) {
  return <p class="absent">{children}</p>;
}

/** The heading of a page: its plate number, its title, and what else stands in that line. */
export function Caption({ tab, title, children }: { tab: string; title: string; children?: ComponentChildren }) {
  return (
    <header class="caption">
      <span class="tab" aria-hidden="true">
        {tab}
      </span>
      <h1>{title}</h1>
      {children}
    </header>
  );
}
