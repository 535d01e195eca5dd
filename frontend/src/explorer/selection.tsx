/** What a loop holds: how many photos of which taxa, a table of them, and all of it as CSV. */
import { useEffect, useState } from "preact/hooks";
import * as api from "../api";
import { useAsked } from "../asking";
import { Refusal, Scientific, TaxonLink } from "../names";
import { say } from "../saying";
import { figure, many, percent, t } from "../words";
import { csvAddress, type Chosen, type Question, selection } from "./data";

const ROWS = 25;
const TAXA = 12;

interface Props {
  question: Question;
  open(id: string): void;
  over(point: number): void;
  close(): void;
}

export function Chosens({ question, open, over, close }: Props) {
  const [start, setStart] = useState(0);
  const key = JSON.stringify(question);
  const [asked, setAsked] = useState(key);
  if (asked !== key) {
    setAsked(key);
    setStart(0);
  }
  const { value, failure } = useAsked(() => selection(question, start, ROWS), `${key} ${start}`);
  const [last, setLast] = useState(value);
  useEffect(() => {
    if (!value) return;
    setLast(value);
    if (value.start === 0) say(t("chosen.said", { photos: many("photos", value.count), taxa: many("taxa", value.taxa_count) }));
  }, [value]);
  const shown = value ?? last;
  if (failure) return <Refusal error={failure} />;
  if (!shown) return null;
  const most = shown.taxa[0]?.count ?? 1;
  return (
    <section id="chosen" class="chosen" aria-labelledby="chosen-title" aria-busy={value === null}>
      <header>
        <h2 id="chosen-title">
          {many("photos", shown.count)} <small>{t("chosen.of", { taxa: many("taxa", shown.taxa_count), share: percent(shown.count / Math.max(shown.of, 1)) })}</small>
        </h2>
        <a id="csv" class="quiet" href={csvAddress(question)} download="merian-selection.csv" title={shown.count > shown.most_csv ? t("chosen.first", { n: figure(shown.most_csv) }) : undefined}>
          {t("chosen.csv")}
        </a>
        <button type="button" id="unchoose" class="quiet" onClick={close}>
          {t("chosen.clear")}
        </button>
      </header>
      {shown.count ? (
        <div class="spread">
          <ol class="tally" aria-label={t("chosen.taxa")}>
            {shown.taxa.slice(0, TAXA).map(({ taxon, count }) => (
              <li key={taxon?.id ?? ""} style={{ "--share": count / most }}>
                {taxon ? <TaxonLink taxon={taxon} /> : <i>{t("unnamed")}</i>}
                <b>{figure(count)}</b>
              </li>
            ))}
            {shown.taxa_count > TAXA ? <li class="rest">{t("chosen.more", { n: figure(shown.taxa_count - TAXA) })}</li> : null}
          </ol>
          <div class="sheet" tabIndex={0} role="region" aria-label={t("chosen.table")}>
            <table>
              <thead>
                <tr>
                  {(["photo", "name", "probability", "place", "date", "source", "licence"] as const).map((column) => (
                    <th scope="col" key={column} class={column}>
                      {t(`chosen.${column}`)}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {shown.photos.map((photo) => (
                  <Row key={photo.point} photo={photo} open={open} over={over} />
                ))}
              </tbody>
            </table>
            <Pages start={shown.start} count={shown.count} turn={setStart} />
          </div>
        </div>
      ) : (
        <p class="hint">{t("chosen.none")}</p>
      )}
    </section>
  );
}

function Row({ photo, open, over }: { photo: Chosen; open(id: string): void; over(point: number): void }) {
  const { taxon, latitude, longitude } = photo;
  const name = taxon?.name ?? t("photo");
  return (
    <tr onPointerEnter={() => over(photo.point)} onPointerLeave={() => over(-1)}>
      <td class="photo">
        <button type="button" aria-label={t("chosen.open", { name })} onClick={() => open(photo.id)}>
          <img src={api.imageUrl(photo.id, 96)} alt="" width={40} height={40} loading="lazy" />
        </button>
      </td>
      <td>
        {taxon ? <Scientific taxon={taxon} /> : t("unnamed")}
        {taxon?.common ? <small>{taxon.common}</small> : null}
      </td>
      <td class="number">{photo.probability === null ? "–" : percent(photo.probability)}</td>
      <td class="number">
        {latitude === null || longitude === null ? (photo.country ?? "–") : `${latitude.toFixed(2)}°, ${longitude.toFixed(2)}°`}
      </td>
      <td class="number">{photo.event_date?.slice(0, 10) ?? "–"}</td>
      <td>{photo.source ?? "–"}</td>
      <td title={photo.rights_holder ?? ""}>{photo.licence ?? "–"}</td>
    </tr>
  );
}

function Pages({ start, count, turn }: { start: number; count: number; turn(start: number): void }) {
  if (count <= ROWS) return null;
  return (
    <p class="turn">
      <button type="button" class="quiet" disabled={start === 0} onClick={() => turn(Math.max(start - ROWS, 0))}>
        {t("chosen.back")}
      </button>
      <span>{t("chosen.rows", { from: figure(start + 1), to: figure(Math.min(start + ROWS, count)), of: figure(count) })}</span>
      <button type="button" class="quiet" disabled={start + ROWS >= count} onClick={() => turn(start + ROWS)}>
        {t("chosen.on")}
      </button>
    </p>
  );
}
