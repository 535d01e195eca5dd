/** Where photos must be from: a box drawn on a small map of the earth, or its four sides in degrees. */
import { useEffect, useRef, useState } from "preact/hooks";
import { land } from "../taxon/earth";
import { type Key, t } from "../words";
import { type Asked, boxOf } from "./asked";

type Box = NonNullable<Asked["box"]>;
const SIDES: { key: Key; most: number }[] = [
  { key: "search.west", most: 180 },
  { key: "search.south", most: 90 },
  { key: "search.east", most: 180 },
  { key: "search.north", most: 90 },
];
const LEAST_DEGREES = 0.5;

const texts = (box: Box | null): string[] => box?.map(String) ?? ["", "", "", ""];

export function Place({ box, choose }: { box: Box | null; choose(box: Box | null): void }) {
  const [sides, setSides] = useState(texts(box));
  const now = box?.join();
  useEffect(() => setSides(texts(box)), [now]);
  const empty = sides.every((side) => side.trim() === "");
  const [left, setLeft] = useState(false);
  const bad = left && !empty && boxOf(sides) === null;
  const give = (): void => {
    setLeft(true);
    if (empty) choose(null);
    else if (boxOf(sides)) choose(boxOf(sides));
  };
  return (
    <>
      <Chart box={box} choose={choose} />
      <p class="hint" id="place-help">
        {t("search.place.map")}
      </p>
      <div
        class="sides-of"
        onFocusOut={(event) => {
          if (!event.currentTarget.contains(event.relatedTarget as Node | null)) give();
        }}
      >
        {SIDES.map(({ key, most }, k) => (
          <label key={key}>
            <span>{t(key)}</span>
            <input
              type="number"
              step="any"
              min={-most}
              max={most}
              value={sides[k]}
              aria-invalid={bad}
              onInput={(event) => {
                const value = event.currentTarget.value;
                setSides((before) => before.map((side, i) => (i === k ? value : side)));
              }}
              onKeyDown={(event) => event.key === "Enter" && give()}
            />
          </label>
        ))}
      </div>
      {bad ? (
        <p class="hint bad" role="status">
          {t("search.place.bad")}
        </p>
      ) : null}
      {box ? (
        <button type="button" class="quiet" onClick={() => choose(null)}>
          {t("search.place.clear")}
        </button>
      ) : null}
    </>
  );
}

/** The earth with a degree as its unit, so that a box is a rectangle; whoever has no pointer uses the fields. */
function Chart({ box, choose }: { box: Box | null; choose(box: Box): void }) {
  const [shores, setShores] = useState("");
  const [drawn, setDrawn] = useState<Box | null>(null);
  const start = useRef<[number, number] | null>(null);
  useEffect(() => {
    land((longitude, latitude) => [longitude, -latitude]).then(setShores, () => undefined);
  }, []);
  const at = (event: PointerEvent): [number, number] => {
    const frame = (event.currentTarget as SVGElement).getBoundingClientRect();
    const within = (share: number): number => Math.min(1, Math.max(0, share));
    const longitude = within((event.clientX - frame.left) / frame.width) * 360 - 180;
    return [longitude, 90 - within((event.clientY - frame.top) / frame.height) * 180];
  };
  const between = (a: [number, number], b: [number, number]): Box => {
    const tenth = (value: number): number => Math.round(value * 10) / 10;
    return [tenth(Math.min(a[0], b[0])), tenth(Math.min(a[1], b[1])), tenth(Math.max(a[0], b[0])), tenth(Math.max(a[1], b[1]))];
  };
  const shown = drawn ?? box;
  return (
    <svg
      class="chart"
      viewBox="-180 -90 360 180"
      aria-hidden="true"
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        start.current = at(event);
      }}
      onPointerMove={(event) => start.current && setDrawn(between(start.current, at(event)))}
      onPointerCancel={() => {
        start.current = null;
        setDrawn(null);
      }}
      onPointerUp={(event) => {
        const made = start.current ? between(start.current, at(event)) : null;
        start.current = null;
        setDrawn(null);
        if (made && made[2] - made[0] >= LEAST_DEGREES && made[3] - made[1] >= LEAST_DEGREES) choose(made);
      }}
    >
      <path class="land" d={shores} />
      {shown ? rectangles(shown).map(([west, east]) => <rect class="box" key={west} x={west} y={-shown[3]} width={east - west} height={shown[3] - shown[1]} />) : null}
    </svg>
  );
}

/** A box that crosses the date line is two. */
function rectangles([west, , east]: Box): [number, number][] {
  return west <= east
    ? [[west, east]]
    : [
        [west, 180],
        [-180, east],
      ];
}
