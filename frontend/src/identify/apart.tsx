/** What tells the first answer from a look-alike: the places of the photo that speak for one rather than for the other, and whether that stood its test. */
import { useEffect, useRef, useState } from "preact/hooks";
import * as api from "../api";
import { useAsked } from "../asking";
import { Refusal, Scientific, TaxonLink } from "../names";
import { fixed, percent, t } from "../words";
import { type Plate, type Telling, tellApart, toldApart } from "./plates";

/** Pixels across of the drawn photo, at most. */
const ACROSS = 560;
/** Red, green and blue of what speaks for the first, and for the other: apart for colour-blind eyes, and on grey of any lightness. */
const FOR = [236, 158, 24] as const;
const AGAINST = [52, 86, 196] as const;
const OPAQUE = 0.82;

export function Apart({ plate, best }: { plate: Plate; best: api.RankedTaxon[] }) {
  const first = best[0];
  const others = first ? best.slice(1).filter((one) => !holds(one, first) && !holds(first, one)) : [];
  const [chosen, choose] = useState("");
  const other = others.find((one) => one.id === chosen) ?? others[0];
  if (!first || !other) return null;
  const telling = plate.telling[other.id];
  return (
    <section class="apart">
      <h3>{t("apart.title")}</h3>
      <div class="whom">
        <label>
          <span>{t("apart.other", { name: first.name })}</span>
          <select value={other.id} onChange={(event) => choose(event.currentTarget.value)}>
            {others.map((one) => (
              <option key={one.id} value={one.id}>
                {one.name} ({percent(one.probability)})
              </option>
            ))}
          </select>
        </label>
        {telling && telling.state !== "refused" ? null : (
          <button type="button" class="show" onClick={() => void tellApart(plate.key, first, other)}>
            {t("apart.show")}
          </button>
        )}
      </div>
      {telling ? <Told key={other.id} plate={plate} telling={telling} /> : null}
    </section>
  );
}

const holds = (below: api.RankedTaxon, above: api.Taxon): boolean => below.lineage.some((one) => one.id === above.id);

function Told({ plate, telling }: { plate: Plate; telling: Telling }) {
  if (telling.state === "refused") return <Refusal error={telling.error} />;
  if (telling.state === "asked") {
    return (
      <p class="underway">
        <progress aria-label={t("apart.asked")} {...(telling.of ? { value: telling.done, max: telling.of } : {})} />
        <span>{t("apart.asked")}</span>
      </p>
    );
  }
  return <Found picture={plate.picture} found={telling.answer} />;
}

function Found({ picture, found }: { picture: string; found: api.Explained }) {
  const { value: other } = useAsked(() => api.taxon(found.against.id).catch(() => null), found.against.id);
  const credit = other?.credits[0];
  return (
    <div class="told">
      <div class="beside">
        {found.tells_apart ? (
          <figure class="mapped">
            <Map picture={picture} found={found} />
            <figcaption>
              <Key kind="for" taxon={found.taxon} />
              <Key kind="against" taxon={found.against} />
            </figcaption>
          </figure>
        ) : null}
        {credit ? (
          <figure class="other">
            <img src={api.imageUrl(credit.id, 512)} alt={t("photo.of", { name: found.against.name })} loading="lazy" />
            <figcaption>
              <TaxonLink taxon={found.against} />
              <small>{[t("taxon.credit", { who: credit.rights_holder ?? t("taxon.credit.none") }), credit.licence].filter(Boolean).join(", ")}</small>
            </figcaption>
          </figure>
        ) : null}
      </div>
      <p class={found.tells_apart ? "words" : "words none"}>
        <Italic text={toldApart(found)} names={[found.taxon, found.against]} />
      </p>
      <p class="hint">{tested(found)}</p>
    </div>
  );
}

/** A sentence in which names of taxa stand as the codes of nomenclature want them. */
function Italic({ text, names }: { text: string; names: api.Taxon[] }) {
  let parts: (string | api.Taxon)[] = [text];
  for (const taxon of names) {
    parts = parts.flatMap((part) => (typeof part === "string" ? part.split(taxon.name).flatMap((rest, k) => (k ? [taxon, rest] : [rest])) : [part]));
  }
  return <>{parts.map((part) => (typeof part === "string" ? part : <Scientific taxon={part} />))}</>;
}

function Key({ kind, taxon }: { kind: "for" | "against"; taxon: api.Taxon }) {
  return (
    <span class={`key ${kind}`}>
      <span>{t("apart.key")} </span>
      <Scientific taxon={taxon} />
    </span>
  );
}

/** What the test of the map gave. */
function tested({ test }: api.Explained): string {
  if (test.gap === null) return t("apart.flat");
  const [gap, centre] = [test.gap, test.centre].map((value) => fixed(value, 3)) as [string, string];
  return t("apart.tested", { gap, centre, beaten: test.beaten, of: test.of });
}

/** The photo in grey with the map on it. */
function Map({ picture, found }: { picture: string; found: api.Explained }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const image = new Image();
    const draw = (seen: boolean): void => {
      if (canvas.current) drawMap(canvas.current, seen ? image : null, found);
    };
    image.onload = () => draw(true);
    image.onerror = () => draw(false);
    image.src = picture;
    return () => {
      image.onload = null;
      image.onerror = null;
    };
  }, [picture, found]);
  return <canvas ref={canvas} role="img" aria-label={`${t("apart.map", { name: found.taxon.name, other: found.against.name })} ${toldApart(found)}`} />;
}

function drawMap(canvas: HTMLCanvasElement, image: HTMLImageElement | null, found: api.Explained): void {
  const [wide, high] = image ? [image.naturalWidth, image.naturalHeight] : [ACROSS, ACROSS];
  const scale = Math.min(1, ACROSS / Math.max(wide, high));
  canvas.width = Math.max(1, Math.round(wide * scale));
  canvas.height = Math.max(1, Math.round(high * scale));
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  if (!pen) return;
  if (image) pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  const photo = pen.getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 0; i < photo.data.length; i += 4) {
    const [red, green, blue] = [photo.data[i] ?? 0, photo.data[i + 1] ?? 0, photo.data[i + 2] ?? 0];
    const grey = 40 + 0.72 * (0.299 * red + 0.587 * green + 0.114 * blue);
    photo.data.fill(grey, i, i + 3);
    photo.data[i + 3] = 255;
  }
  pen.putImageData(photo, 0, 0);
  const side = Math.min(canvas.width, canvas.height);
  const box = found.covers === "whole" ? [0, 0, canvas.width, canvas.height] : [(canvas.width - side) / 2, (canvas.height - side) / 2, side, side];
  const [left, top, across, down] = box as [number, number, number, number];
  pen.imageSmoothingQuality = "high";
  pen.drawImage(veil(found.map), left, top, across, down);
}

/** A map as a small picture: its size as opacity, its sign as colour. A few places with the largest values get the full colour together. */
function veil(map: number[][]): HTMLCanvasElement {
  const cells = map.length;
  const made = document.createElement("canvas");
  made.width = cells;
  made.height = cells;
  const sizes = map.flat().map(Math.abs).sort((a, b) => a - b);
  const full = sizes[Math.floor(0.98 * (sizes.length - 1))] || 1;
  const pen = made.getContext("2d");
  const drawn = pen?.createImageData(cells, cells);
  if (!pen || !drawn) return made;
  map.flat().forEach((value, k) => {
    const share = Math.min(1, Math.abs(value) / full);
    drawn.data.set([...(value >= 0 ? FOR : AGAINST), Math.round(255 * OPAQUE * share ** 1.3)], 4 * k);
  });
  pen.putImageData(drawn, 0, 0);
  return made;
}
