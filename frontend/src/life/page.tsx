/** The tree of life: a list of rows that opens and closes, drawn as far as it is seen, however long it is. */
import { Component } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import * as api from "../api";
import { useAsked } from "../asking";
import { Finder } from "../finder";
import { Absent, Called, Caption, Scientific } from "../names";
import type { PageProps } from "../pages";
import { go, Link, taxonAddress } from "../router";
import { ready } from "../saying";
import { useStore } from "../store";
import { figure, type Language, language, many, t, word } from "../words";
import { PAGE, type Placed, Rows } from "./rows";
import { Scroll } from "./scroll";
import { Said } from "../said";
import "../styles/life.css";

const ROW_REM = 2;
const OVER = 6;
/** Rows are fetched half a page ahead, and as far as they pass in so many frames. */
const AHEAD_FRAMES = 8;
const PLATES = 16;

export default function Life({ about, query }: PageProps) {
  useEffect(() => {
    if (!about.taxa) ready();
  }, []);
  return (
    <section class="leaf life">
      <Caption tab="Tab. II" title={t("life.title")} />
      {about.catalog ? <Leaves /> : null}
      {about.taxa ? <Tree about={about} at={query.get("at")} /> : <Absent>{about.absent.catalog ? <Said text={about.absent.catalog} /> : t("absent")}</Absent>}
    </section>
  );
}

/** Some species with a picture, to begin with. */
function Leaves() {
  const { value } = useAsked(() => api.samples(PLATES), "plates");
  const shown = value?.flatMap((photo) => (photo.taxon ? [{ id: photo.id, taxon: photo.taxon }] : []));
  return (
    <ul class="leaves" aria-label={t("life.leaf")}>
      {shown?.map(({ id, taxon }) => (
        <li key={id}>
          <Link to={taxonAddress(taxon.id)}>
            <img src={api.imageUrl(id, 256)} alt="" width={128} height={128} />
            <Scientific taxon={taxon} />
            <Called taxon={taxon} />
          </Link>
        </li>
      ))}
    </ul>
  );
}

function Tree({ about, at }: { about: api.About; at: string | null }) {
  const [, redraw] = useState(0);
  const told = useRef(() => redraw((n) => n + 1));
  const rows = useMemo(() => new Rows(api.branch, () => told.current()), []);
  const frame = useRef<HTMLDivElement>(null);
  const [scroll] = useState(() => new Scroll(() => told.current()));
  const [focus, setFocus] = useState(0);
  const wanted = useRef(false);
  const speaks = useStore(language);
  scroll.rows = rows.height;

  useLayoutEffect(() => {
    const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
    return scroll.hold(frame.current as HTMLElement, ROW_REM * rem);
  }, []);
  const begun = useRef(false);
  useEffect(() => {
    if (begun.current || !rows.at(0).row) return;
    begun.current = true;
    ready();
  });
  useEffect(() => {
    if (at === null) return;
    api
      .taxon(at)
      .then((taxon) => rows.reveal(taxon.lineage.map((above) => above.id)))
      .then((place) => {
        if (place < 0) return;
        setFocus(place);
        told.current();
        requestAnimationFrame(() => scroll.to(place, true));
      })
      .catch(() => undefined);
  }, [at]);
  // who scrolls the row that they are at out of sight stays in the tree, and at that row when it comes again
  const held = frame.current?.contains(document.activeElement) ?? false;
  useLayoutEffect(() => {
    const tree = frame.current as HTMLElement;
    if (!held && !wanted.current) return;
    const row = tree.querySelector<HTMLElement>(`[data-place="${focus}"]`);
    if (row || held) wanted.current = false;
    if (row && !row.contains(document.activeElement)) row.focus({ preventScroll: true });
    else if (!row && document.activeElement !== tree) tree.focus({ preventScroll: true });
  });

  const [first, last] = scroll.seen(OVER);
  const [top, bottom] = scroll.seen(0);
  // a row that comes takes the elements of one that went: to write other words into them costs half of making new ones
  const drawn = scroll.most(OVER);
  // the tree is entered at the row that was last dealt with, or, when that is out of sight, at the first that is wholly seen
  const entry = focus >= top && focus < bottom ? focus : Math.min(top + 1, rows.height - 1);
  const before = useRef(first);
  const pace = first - before.current;
  before.current = first;
  if (pace) {
    const next = pace > 0 ? last + PAGE / 2 : first - PAGE / 2;
    rows.prepare(next + AHEAD_FRAMES * pace);
    rows.prepare(next);
  }
  const shown: { place: number; placed: Placed }[] = [];
  for (let place = first; place < last; place++) shown.push({ place, placed: rows.at(place) });

  const move = (place: number): void => {
    wanted.current = true;
    const to = Math.min(Math.max(place, 0), rows.height - 1);
    setFocus(to);
    scroll.to(to);
  };
  const toggle = (place: number, placed: Placed): void => (placed.open === "shut" ? rows.open(place) : rows.close(place));
  const placeOf = (event: Event): number => Number((event.target as Element).closest<HTMLElement>(".row")?.dataset.place ?? -1);
  const enter = (event: FocusEvent): void => {
    const place = placeOf(event);
    if (place >= 0 && place !== focus) setFocus(place);
  };
  const press = (event: MouseEvent): void => {
    const place = placeOf(event);
    const target = event.target as Element;
    if (place < 0 || target.closest("a")) return;
    setFocus(place);
    if (target.closest("button")) rows.open(place, true);
    else if (!rows.whole) toggle(place, rows.at(place));
  };
  const key = (event: KeyboardEvent): void => {
    const placed = rows.at(focus);
    const screen = Math.max(Math.floor(scroll.height / scroll.row) - 1, 1);
    const steps: Record<string, number> = { ArrowDown: focus + 1, ArrowUp: focus - 1, PageDown: focus + screen, PageUp: focus - screen, Home: 0, End: rows.height - 1 };
    const to = steps[event.key];
    if (to !== undefined) move(to);
    else if (event.key === "ArrowRight" && placed.open === "shut") rows.open(focus);
    else if (event.key === "ArrowRight") move(focus + 1);
    else if (event.key === "ArrowLeft" && placed.open !== "shut" && !rows.whole) rows.close(focus);
    else if (event.key === "ArrowLeft") move(Math.max(rows.above(focus), 0));
    else if (event.key === "*") rows.open(focus, true);
    else if (event.key === "Enter" && placed.row) go(taxonAddress(placed.row.id));
    else return;
    event.preventDefault();
  };
  return (
    <>
      <p class="lead">{t("life.lead", { taxa: many("taxa", about.taxa), species: many("species", about.species) })}</p>
      <div class="above-tree">
        <Finder label={t("life.find")} none={t("life.none")} choose={(taxon) => go(`/life?at=${encodeURIComponent(taxon.id)}`)} />
        <button type="button" class="quiet" id="whole-tree" onClick={() => rows.everything(rows.whole ? 0 : about.taxa)}>
          {t(rows.whole ? "life.fold" : "life.whole")}
        </button>
      </div>
      <div class="tree" ref={frame} role="tree" aria-label={t("life.tree")} tabIndex={-1} onKeyDown={key} onFocusIn={enter} onClick={press}>
        <div class="spacer" role="presentation" style={{ height: `${scroll.full}px` }}>
          <div class="window" role="presentation" style={{ transform: `translateY(${scroll.shift(first)}px)` }}>
            {shown.map(({ place, placed }) => (
              <TreeItem
                key={place % drawn}
                place={place}
                row={placed.row}
                depth={placed.depth}
                open={placed.open}
                focused={place === entry}
                language={speaks}
              />
            ))}
          </div>
        </div>
      </div>
    </>
  );
}

interface ItemProps {
  place: number;
  row: api.TreeRow | null;
  depth: number;
  open: Placed["open"];
  focused: boolean;
  language: Language;
}

/** One row, drawn anew only when it is another: what is done with it is heard by the tree. */
class TreeItem extends Component<ItemProps> {
  /** What was said last: kept, unseen, while the next row is waited for, for its elements are written anew faster than made. */
  private last: ToldProps | null = null;

  override shouldComponentUpdate(next: ItemProps): boolean {
    const now = this.props;
    return (Object.keys(next) as (keyof ItemProps)[]).some((key) => next[key] !== now[key]);
  }

  override render({ place, row, depth, open, focused, language }: ItemProps) {
    const inner = row !== null && row.child_count > 0;
    if (row) this.last = { row, open: inner ? open : null, language };
    return (
      <div
        class={row ? "row" : "row blank"}
        role="treeitem"
        data-place={place}
        aria-level={depth + 1}
        {...(row ? {} : { "aria-label": t("loading") })}
        {...(inner ? { "aria-expanded": open !== "shut" } : {})}
        tabIndex={focused ? 0 : -1}
        style={{ "--depth": depth }}
      >
        {row ? null : <span class="waiting" />}
        {this.last ? <Told key="told" {...this.last} /> : null}
      </div>
    );
  }
}

interface ToldProps {
  row: api.TreeRow;
  open: Placed["open"] | null;
  language: Language;
}

/** What a row says; `open` is null for a taxon with nothing below it. */
class Told extends Component<ToldProps> {
  override shouldComponentUpdate(next: ToldProps): boolean {
    const now = this.props;
    return next.row !== now.row || next.open !== now.open || next.language !== now.language;
  }

  override render({ row, open }: ToldProps) {
    return (
      <>
        <span class={`twig ${open ?? "tip-end"}`} aria-hidden="true">
          {open === null ? "·" : open === "shut" ? "+" : "–"}
        </span>
        <Link class="name-of" to={taxonAddress(row.id)} tabIndex={-1}>
          <Scientific taxon={row} />
          <Called taxon={row} />
        </Link>
        <span class="rank">{word("rank", row.rank)}</span>
        <span class="count">{row.rank === "species" ? "" : many("species", row.species_count)}</span>
        <span class="count pictures">{row.image_count ? many("photos", row.image_count) : ""}</span>
        {open === "shut" && row.below > row.child_count ? (
          <button type="button" class="all" tabIndex={-1} aria-hidden="true" title={t("life.all", { name: row.name })}>
            +{figure(row.below)}
          </button>
        ) : (
          <span class="all" />
        )}
      </>
    );
  }
}
