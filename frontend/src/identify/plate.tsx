/** One photo and what is said of it. */
import type * as api from "../api";
import { show } from "../explorer/guests";
import { Bar, Called, Refusal, Strip, TaxonLink } from "../names";
import { go } from "../router";
import { capital, percent, t, word } from "../words";
import { Apart } from "./apart";
import { Confirm, Correct } from "./correct";
import { Said } from "../said";
import { again, type Plate, sentence } from "./plates";

export function PlateOf({ plate, about }: { plate: Plate; about: api.About }) {
  const { row, name } = plate;
  const onMap = row?.place && about.points !== null ? row.place : null;
  return (
    <article class={plate.state === "unread" ? "plate unread" : "plate"} aria-busy={plate.state === "waiting" ? "true" : "false"}>
      <figure>
        <img
          src={plate.picture}
          alt={name ? t("photo.yours", { name }) : t("photo")}
          onError={(event) => event.currentTarget.classList.add("broken")}
        />
        {name ? <figcaption title={name}>{name}</figcaption> : null}
        {row && onMap ? (
          <button
            type="button"
            class="quiet"
            onClick={() => {
              show({ x: onMap.x, y: onMap.y, picture: plate.picture, neighbours: onMap.neighbours.map((n) => n.id), label: sentence(row) });
              go("/explorer");
            }}
          >
            {t("onmap")}
          </button>
        ) : null}
      </figure>
      <div class="answer">
        {plate.state === "waiting" ? <p class="looking">{t("looking")}</p> : null}
        {plate.state === "refused" ? (
          <>
            <Refusal error={plate.error} />
            <button type="button" class="quiet" onClick={() => void again(plate)}>
              {t("retry")}
            </button>
          </>
        ) : null}
        {plate.state === "unread" ? <Unread reason={plate.reason} /> : null}
        {row ? <Answer plate={plate} row={row} about={about} /> : null}
      </div>
    </article>
  );
}

function Unread({ reason }: { reason: string }) {
  return (
    <p class="refusal" role="alert">
      <strong>{t("unread", { reason })}</strong> {t("unread.do")}
    </p>
  );
}

function Answer({ plate, row, about }: { plate: Plate; row: api.Row; about: api.About }) {
  const neighbours = row.place?.neighbours ?? [];
  return (
    <>
      <Verdict row={row} />
      {plate.photo?.taxon ? (
        <p class="label">
          {t("label")} <TaxonLink taxon={plate.photo.taxon} />
        </p>
      ) : null}
      <Path row={row} sure={about.sure_from} />
      <section>
        <h3>{t("ranked")}</h3>
        {about.records ? <p class="hint">{t("confirm.help")}</p> : null}
        <ol class="ranked">
          {row.best.map((taxon) => (
            <li key={taxon.id} title={taxon.lineage.map((above) => above.name).join(" › ")}>
              <span class="who">
                <TaxonLink taxon={taxon} />
                <Called taxon={taxon} />
                <span class="above">
                  {taxon.lineage
                    .slice(0, -1)
                    .map((above) => above.name)
                    .join(" › ")}
                </span>
              </span>
              <Bar share={taxon.probability} />
              <span class="share">{percent(taxon.probability)}</span>
              {about.records ? <Confirm plate={plate} taxon={taxon} /> : null}
            </li>
          ))}
        </ol>
        {about.records ? <Correct plate={plate} /> : null}
      </section>
      <Apart plate={plate} best={row.best} />
      {neighbours.length ? (
        <section>
          <h3>{t("alike")}</h3>
          <Strip photos={neighbours} open={(id) => go(`/explorer?photo=${encodeURIComponent(id)}`)} />
        </section>
      ) : null}
      {row.place || about.points === null ? null : <p class="facts"><Said text={about.absent.placing ?? ""} /></p>}
    </>
  );
}

/** The deepest name that is sure, large; what is less sure, below it. */
function Verdict({ row }: { row: api.Row }) {
  const said: [string, api.LikelyTaxon | null][] = [
    ["sure", row.sure],
    [t("probably"), row.probably],
    [t("perhaps"), row.perhaps],
  ];
  const [first, ...more] = said.filter((one): one is [string, api.LikelyTaxon] => one[1] !== null);
  let start = t("sure.nothing");
  if (first) {
    const rank = word("rank", first[1].rank);
    start = first[0] === "sure" ? t("sure.to", { rank }) : t("sure.not", { word: first[0], rank });
  }
  return (
    <header class="verdict">
      <p class="sure">{row.none ? `${t("none.first")} ${start}` : start}</p>
      {first ? (
        <h2>
          <TaxonLink taxon={first[1]} />
          <Called taxon={first[1]} />
        </h2>
      ) : null}
      {more.length ? (
        <p class="next">
          {more.map(([how, taxon], k) => (
            <>
              {k ? `; ${how}` : capital(how)} {word("rank", taxon.rank)} <TaxonLink taxon={taxon} />
            </>
          ))}
        </p>
      ) : null}
    </header>
  );
}

function Path({ row, sure }: { row: api.Row; sure: number }) {
  return (
    <ol class="path" aria-label={t("lineage")}>
      {row.path.map((taxon) => (
        <li key={taxon.id} class={taxon.probability >= sure ? "sure" : ""}>
          <span class="rank">{word("rank", taxon.rank)}</span>
          <span class="who">
            <TaxonLink taxon={taxon} />
          </span>
          <Bar share={taxon.probability} />
          <span class="share">{percent(taxon.probability)}</span>
        </li>
      ))}
      <li class="none">
        <span class="who rank">{t("none")}</span>
        <Bar share={row.unknown} kind="hatched" />
        <span class="share">{percent(row.unknown)}</span>
      </li>
    </ol>
  );
}
