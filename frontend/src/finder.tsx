/** A field that finds taxa by the beginning of a scientific or common name: a combobox, as the ARIA practices describe it. */
import { useEffect, useId, useRef, useState } from "preact/hooks";
import * as api from "./api";
import { calledOf, Refusal, Scientific } from "./names";
import { word } from "./words";

const PAUSE_MS = 120;

interface Props {
  label: string;
  none: string;
  choose(taxon: api.Taxon): void;
  focus?: boolean;
}

export function Finder({ label, none, choose, focus = false }: Props) {
  const [text, setText] = useState("");
  const [found, setFound] = useState<api.Taxon[] | null>(null);
  const [at, setAt] = useState(0);
  const [failure, setFailure] = useState<unknown>(null);
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const asked = text.trim();
  useEffect(() => {
    if (focus) input.current?.focus();
  }, []);
  useEffect(() => {
    setFound(null);
    setFailure(null);
    if (asked.length < 2) return;
    const hangUp = new AbortController();
    const timer = setTimeout(() => {
      api.find(asked, hangUp.signal).then(
        (taxa) => {
          setFound(taxa);
          setAt(0);
        },
        (error: unknown) => hangUp.signal.aborted || setFailure(error),
      );
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      hangUp.abort();
    };
  }, [asked]);
  const take = (taxon: api.Taxon): void => {
    setText("");
    choose(taxon);
  };
  const key = (event: KeyboardEvent): void => {
    const count = found?.length ?? 0;
    if (event.key === "ArrowDown" && count) setAt((at + 1) % count);
    else if (event.key === "ArrowUp" && count) setAt((at + count - 1) % count);
    else if (event.key === "Enter" && found?.[at]) take(found[at]);
    else if (event.key === "Escape") setText("");
    else return;
    event.preventDefault();
  };
  const open = found !== null && found.length > 0;
  return (
    <div class="finder">
      <label for={`${id}-text`} class="unseen">
        {label}
      </label>
      <input
        ref={input}
        id={`${id}-text`}
        type="text"
        role="combobox"
        autocomplete="off"
        spellcheck={false}
        placeholder={`${label} …`}
        aria-expanded={open}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        {...(open ? { "aria-activedescendant": `${id}-${at}` } : {})}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={key}
      />
      <ul id={`${id}-list`} role="listbox" aria-label={label} hidden={!open}>
        {found?.map((taxon, k) => (
          <li
            key={taxon.id}
            id={`${id}-${k}`}
            role="option"
            aria-selected={k === at}
            onPointerDown={(event) => {
              event.preventDefault();
              take(taxon);
            }}
          >
            <Scientific taxon={taxon} />
            <small>
              {calledOf(taxon) ? `${calledOf(taxon)}, ` : ""}
              {word("rank", taxon.rank)}
            </small>
          </li>
        ))}
      </ul>
      {failure ? <Refusal error={failure} /> : null}
      {found?.length === 0 ? (
        <p class="facts" role="status">
          {none}
        </p>
      ) : null}
    </div>
  );
}
