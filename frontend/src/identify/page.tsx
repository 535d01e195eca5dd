/** What is it? Photos in by drop, paste or choice, and one plate per photo with what is said of it. */
import { useEffect, useRef } from "preact/hooks";
import * as api from "../api";
import { useAsked } from "../asking";
import { useDropping } from "../dropping";
import { Absent, Caption, calledOf, Refusal } from "../names";
import type { PageProps } from "../pages";
import { ready } from "../saying";
import { useStore } from "../store";
import { calm } from "../theme";
import { capital, t } from "../words";
import { PlateOf } from "./plate";
import { clear, plates, take, takeKnown } from "./plates";
import { Sprig } from "./sprig";
import { Said } from "../said";
import "../styles/identify.css";

export default function Identify({ about }: PageProps) {
  const mine = useStore(plates);
  const list = useRef<HTMLDivElement>(null);
  const first = mine[0]?.key;
  useEffect(() => {
    if (first !== undefined) list.current?.scrollIntoView({ behavior: calm() ? "auto" : "smooth", block: "nearest" });
  }, [first]);
  useEffect(() => {
    if (!about.model) ready();
  }, []);
  if (!about.model) {
    return (
      <section id="identify" class="leaf">
        <Caption tab="Tab. I" title={t("what")} />
        <Absent>{about.absent.identify ? <Said text={about.absent.identify} /> : t("absent")}</Absent>
      </section>
    );
  }
  return (
    <div class={mine.length ? "spread answered" : "spread"}>
      <section id="identify" class="leaf">
        <Caption tab="Tab. I" title={t("what")} />
        <Drop limits={about.limits} />
        {about.model.says ? (
          <p id="says" class="says" lang="en">
            {about.model.says}
          </p>
        ) : null}
        <Samples wanted={about.catalog !== null} />
      </section>
      <section class="leaf answers" hidden={!mine.length} aria-label={t("lineage")}>
        <button id="clear" type="button" class="quiet" onClick={clear}>
          {t("begin")}
        </button>
        <div id="plates" ref={list}>
          {mine.map((plate) => (
            <PlateOf key={plate.key} plate={plate} about={about} />
          ))}
        </div>
      </section>
    </div>
  );
}

/** The place to drop photos on; a drop or a paste anywhere in the window counts too. */
function Drop({ limits }: { limits: api.About["limits"] }) {
  const { over, bare } = useDropping((files) => void take(files, limits));
  return (
    <>
      <label id="drop" class={over ? "drop over" : "drop"} for="files">
        <Sprig />
        <span class="ask">{t("drop")}</span>
        <span class="or">
          <span class="paste">{t("or")}</span>
          <span class="choose">{t("choose")}</span>
        </span>
        <input
          id="files"
          type="file"
          accept="image/*"
          multiple
          onChange={(event) => {
            const input = event.currentTarget;
            void take([...(input.files ?? [])], limits);
            input.value = "";
          }}
        />
      </label>
      {bare ? <Refusal error={new api.Refusal(t("nofile"), t("nofile.do"))} /> : null}
    </>
  );
}

const named = (sample: api.Brief): string => (sample.taxon && calledOf(sample.taxon)) ?? "";

/** A strip of photos to try. */
function Samples({ wanted }: { wanted: boolean }) {
  const { value, failure } = useAsked(() => (wanted ? api.samples(18) : Promise.resolve([])), "samples");
  useEffect(() => {
    if (value || failure) ready();
  }, [value, failure]);
  if (!value?.length) return null;
  return (
    <div id="try" class="try">
      <p>{t(value[0]?.held_out ? "samples.held" : "samples.any")}</p>
      <div id="samples" class="strip">
        {value.map((sample) => (
          <button
            type="button"
            class="thumb"
            key={sample.id}
            aria-label={named(sample) ? t("sample.named", { name: named(sample) }) : t("sample")}
            title={capital(named(sample) || (sample.taxon?.name ?? t("photo")))}
            onClick={() => void takeKnown(sample.id)}
          >
            <img src={api.imageUrl(sample.id, 192)} alt="" width={96} height={96} />
          </button>
        ))}
      </div>
    </div>
  );
}
