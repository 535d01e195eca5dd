/** The card of a picked photo, and what the pointer is over. */
import { useEffect, useState } from "preact/hooks";
import * as api from "../api";
import { Crumbs, Scientific, Strip, TaxonLink } from "../names";
import { capital, t, word } from "../words";
import { photos, type Told } from "./data";

interface Props {
  photo: api.Photo;
  neighbours: api.Near[];
  about: api.About;
  open(id: string): void;
  over(id: string): void;
  ask: ((id: string) => void) | null;
}

export function PhotoCard({ photo, neighbours, about, open, over, ask }: Props) {
  return (
    <>
      <img class="portrait" src={api.imageUrl(photo.id)} alt={photo.taxon ? t("photo.of", { name: photo.taxon.name }) : t("photo")} />
      <h2>{photo.taxon ? <TaxonLink taxon={photo.taxon} /> : t("photo.unnamed")}</h2>
      {photo.taxon?.common ? <p class="common">{photo.taxon.common}</p> : null}
      <Crumbs lineage={photo.lineage.slice(0, -1)} />
      <dl>
        {Object.entries(photo.facts).map(([key, value]) => (
          <>
            <dt>{capital(word("fact", key))}</dt>
            <dd>{String(value)}</dd>
          </>
        ))}
      </dl>
      {ask ? (
        <button type="button" class="quiet" onClick={() => ask(photo.id)}>
          {t("ask")}
        </button>
      ) : null}
      {neighbours.length ? <h3>{t("alike.most")}</h3> : <p class="facts">{about.absent.neighbours ?? ""}</p>}
      <Strip photos={neighbours} open={open} over={over} />
    </>
  );
}

/** Who points are, as far as it was asked. */
const told = new Map<number, Told>();
const REMEMBERED = 2000;
/** A pointer that rests for so long is asking. */
const PAUSE_MS = 60;

/** A thumbnail and a name beside the pointer. */
export function Tip({ point, x, y, frame }: { point: number; x: number; y: number; frame: HTMLElement }) {
  const [, redraw] = useState(0);
  useEffect(() => {
    if (told.has(point)) return;
    const timer = setTimeout(() => {
      photos([point]).then(
        ([one]) => {
          if (told.size > REMEMBERED) told.clear();
          if (one) told.set(point, one);
          redraw((n) => n + 1);
        },
        () => undefined,
      );
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [point]);
  const one = told.get(point);
  if (!one) return null;
  const right = x < frame.clientWidth - 150;
  const style = { left: `${right ? x + 16 : x - 16}px`, top: `${Math.min(Math.max(y - 30, 6), frame.clientHeight - 150)}px` };
  return (
    <div id="tip" class={right ? "tip" : "tip left"} style={style} aria-hidden="true">
      <img src={api.imageUrl(one.id, 192)} alt="" width={96} height={96} />
      {one.taxon ? <Scientific taxon={one.taxon} /> : t("unnamed")}
      {one.taxon?.common ? <small>{one.taxon.common}</small> : null}
    </div>
  );
}
