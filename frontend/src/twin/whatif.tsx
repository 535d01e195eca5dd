/** What if: sliders within what was measured, and what follows from them, in sentences and with their uncertainty. */
import { useEffect, useRef, useState } from "preact/hooks";
import { capital, figure, t, word } from "../words";
import { amountOf, beyond } from "./changes";
import { Said } from "../said";
import type { Change, State } from "./feed";
import { type Foresight, sentence, strength } from "./foresight";
import type { Hello, Slider } from "./frames";

const WAIT_MS = 300;
const SHOWN = 8;
/** Ends of the axis of effects: a fiftieth, fifty times. */
const AXIS = Math.log(50);

const neutral = (slider: Slider): number => (slider.what === "rain" ? 1 : 0);
/** Whether a change concerns species, of which one may be chosen. */
const chosen = (slider: Slider): boolean => ["harvest", "protect", "refuge", "remove"].includes(slider.what);

export function Sliders({ hello, state, change }: { hello: Hello; state: State | null; change(changes: Change[]): void }) {
  const animals = hello.species.filter((species) => !species.plant);
  const biggest = animals.toSorted((a, b) => (b.mass_g ?? 0) - (a.mass_g ?? 0))[0]?.name ?? "";
  const [amounts, setAmounts] = useState<Record<string, number>>({});
  const [whom, setWhom] = useState<Record<string, string>>({});
  const timer = useRef(0);
  const touched = useRef(false);
  useEffect(() => {
    if (!touched.current) return;
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      const changes = hello.sliders.flatMap((slider): Change[] => {
        const amount = amounts[slider.what] ?? neutral(slider);
        if (amount === neutral(slider)) return [];
        const species = whom[slider.what] ?? (slider.of_one ? biggest : "");
        return [{ what: slider.what, amount, ...(chosen(slider) && species ? { species } : {}) }];
      });
      change(changes);
    }, WAIT_MS);
    return () => clearTimeout(timer.current);
  }, [amounts, whom]);
  const set = (what: string, amount: number): void => {
    touched.current = true;
    setAmounts((now) => ({ ...now, [what]: amount }));
  };
  return (
    <section class="part">
      <h2>{t("twin.whatif")}</h2>
      <div class="sliders">
        {hello.sliders.map((slider) => {
          const [low, high] = slider.measured;
          const value = amounts[slider.what] ?? neutral(slider);
          const told = amountOf(slider, value);
          return (
            <div class={value === neutral(slider) ? "slider" : "slider turned"} key={slider.what}>
              <label for={`what-${slider.what}`} title={word("twin.meaning", slider.what)}>
                {word("twin.what", slider.what)}
              </label>
              <input
                type="range"
                id={`what-${slider.what}`}
                min={low}
                max={high}
                step={(high - low) / 50}
                value={value}
                aria-valuetext={told}
                onInput={(event) => set(slider.what, round(Number(event.currentTarget.value)))}
              />
              <output for={`what-${slider.what}`}>{told}</output>
              {chosen(slider) && value !== neutral(slider) ? (
                <select
                  aria-label={`${word("twin.what", slider.what)}: ${t("twin.whom")}`}
                  value={whom[slider.what] ?? (slider.of_one ? biggest : "")}
                  onChange={(event) => {
                    const name = event.currentTarget.value;
                    setWhom((now) => ({ ...now, [slider.what]: name }));
                  }}
                >
                  {slider.of_one ? null : <option value="">{t("twin.all")}</option>}
                  {animals.map((species) => (
                    <option value={species.name} key={species.name}>
                      {species.common || species.name}
                    </option>
                  ))}
                </select>
              ) : null}
            </div>
          );
        })}
      </div>
      <button type="button" class="quiet" id="twin-baseline" disabled={!state?.changes.length} onClick={() => { touched.current = true; setAmounts({}); }}>
        {t("twin.undo")}
      </button>
      {beyond(hello, state?.changes ?? [], state?.warnings ?? []).map(({ text, own }) => (
        <p class="hint" key={text}>
          {own ? text : <Said text={text} />}
        </p>
      ))}
    </section>
  );
}

const round = (value: number): number => Math.round(value * 1000) / 1000;

/** What the changes do, the strongest first: sentences, and on a line the range of nine runs in ten. */
export function Follows({ found }: { found: Foresight }) {
  const [all, setAll] = useState(false);
  const rows = found.species.filter((one) => one.effect).toSorted((a, b) => strength(b) - strength(a));
  const place = (value: number | null): number => 100 * Math.min(Math.max(0.5 + Math.log(Math.max(value ?? 1, 1e-6)) / (2 * AXIS), 0), 1);
  return (
    <section class="part" aria-live="off">
      <h2>{t("twin.follows")}</h2>
      <p class="hint">{t("twin.follows.how", { members: figure(found.members), years: figure(found.over_years) })}</p>
      <ul class="follows">
        {rows.slice(0, all ? rows.length : SHOWN).map(({ name, common, effect }) =>
          effect ? (
            <li key={name}>
              <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
                <path class="one" d="M50 0v8" />
                <path d={`M${place(effect.low)} 4H${Math.max(place(effect.high), place(effect.low) + 0.6)}`} />
                <path class="mid" d={`M${place(effect.median)} 1v6`} />
              </svg>
              <p>{sentence(capital(common), effect)}</p>
            </li>
          ) : null,
        )}
      </ul>
      {rows.length > SHOWN ? (
        <button type="button" class="quiet" onClick={() => setAll(!all)}>
          {t(all ? "twin.fewer" : "twin.more", { n: figure(rows.length) })}
        </button>
      ) : null}
    </section>
  );
}
