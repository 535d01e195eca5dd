/** What to search with: a photo, words, or both and what counts more. */
import { useEffect, useState } from "preact/hooks";
import * as api from "../api";
import { useAsked } from "../asking";
import { useDropping } from "../dropping";
import { Refusal } from "../names";
import { createStore, useStore } from "../store";
import { percent, t } from "../words";
import type { Asked } from "./asked";

const PAUSE_MS = 400;

/** The visitor's own photo; it stays while other pages are read. */
export interface Own {
  file: File;
  picture: string;
  key: number;
}
export const own = createStore<Own | null>(null);
let last = 0;

export function takeOwn(file: File | null): void {
  const before = own.get();
  if (before) URL.revokeObjectURL(before.picture);
  own.set(file ? { file, picture: URL.createObjectURL(file), key: ++last } : null);
}

interface Props {
  asked: Asked;
  change(what: Partial<Asked>): void;
}

export function Question({ asked, change }: Props) {
  const photo = useStore(own);
  const { value: kin } = useAsked(() => (asked.alike ? api.taxon(asked.alike) : Promise.resolve(null)), asked.alike);
  const shown = asked.like || kin?.credits[0]?.id;
  const picture = photo?.picture ?? (shown ? api.imageUrl(shown, 256) : null);
  const likeIt = kin && !asked.like ? t("search.alike", { name: kin.name }) : t("search.like");
  const told = photo ? t("photo.yours", { name: photo.file.name }) : likeIt;
  return (
    <section class="question" aria-label={t("search.question")}>
      {picture ? (
        <figure class="asked">
          <img src={picture} alt={told} />
          <figcaption>
            <span>{told}</span>
            <button
              type="button"
              class="quiet"
              id="forget"
              onClick={() => {
                takeOwn(null);
                if (asked.like || asked.alike) change({ like: "", alike: "" });
              }}
            >
              {t("search.forget")}
            </button>
          </figcaption>
        </figure>
      ) : null}
      <Drop small={picture !== null} taken={() => (asked.like || asked.alike) && change({ like: "", alike: "" })} />
      <Words asked={asked} change={change} />
      {picture && asked.words ? <Weight asked={asked} change={change} /> : null}
      {photo ? <p class="hint">{t("search.unshared")}</p> : null}
    </section>
  );
}

/** The place to drop a photo on; a drop or a paste anywhere in the window counts too. */
function Drop({ small, taken }: { small: boolean; taken(): void }) {
  const pick = (file: File | undefined): void => {
    if (!file) return;
    takeOwn(file);
    taken();
  };
  const { over, bare } = useDropping((files) => pick(files[0]));
  return (
    <>
      <label class={`dropped${over ? " over" : ""}${small ? " small" : ""}`} for="own">
        {small ? null : <span class="ask">{t("search.drop")}</span>}
        <span class="or">
          {small ? null : t("search.or")}
          <span class="choose">{t(small ? "search.other" : "search.choose")}</span>
        </span>
        <input
          id="own"
          type="file"
          accept="image/*"
          onChange={(event) => {
            pick(event.currentTarget.files?.[0]);
            event.currentTarget.value = "";
          }}
        />
      </label>
      {bare ? <Refusal error={new api.Refusal(t("nofile"), t("nofile.do"))} /> : null}
    </>
  );
}

function Words({ asked, change }: Props) {
  const [text, setText] = useState(asked.words);
  useEffect(() => setText(asked.words), [asked.words]);
  useEffect(() => {
    if (text.trim() === asked.words) return;
    const timer = setTimeout(() => change({ words: text.trim() }), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <form
      class="said-words"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        change({ words: text.trim() });
      }}
    >
      <label for="words">{t("search.words")}</label>
      <input
        id="words"
        type="search"
        autocomplete="off"
        maxLength={1000}
        placeholder={t("search.words.example")}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
    </form>
  );
}

function Weight({ asked, change }: Props) {
  const told = t("search.weight.value", { words: percent(asked.weight), photo: percent(1 - asked.weight) });
  return (
    <div class="weight">
      <label for="weight">{t("search.weight")}</label>
      <input
        id="weight"
        type="range"
        min={0}
        max={1}
        step={0.05}
        value={asked.weight}
        aria-valuetext={told}
        onChange={(event) => change({ weight: Number(event.currentTarget.value) })}
      />
      <span class="ends" aria-hidden="true">
        <span>{t("search.weight.photo")}</span>
        <span>{t("search.weight.words")}</span>
      </span>
    </div>
  );
}
