/** Whoever comes from a species' page: it is shown where it lives here, else where it lives. */
import { ask } from "../api";
import { useAsked } from "../asking";
import { capital, figure, t } from "../words";
import type { Hello } from "./frames";

interface World {
  name: string;
  title: string;
  served: boolean;
  species: { name: string; common: string }[];
}

const same = (one: { name: string; common: string }, wanted: string): boolean => [one.name, one.common].some((name) => name.toLowerCase() === wanted.trim().toLowerCase());

/** The number of a species in this world by its scientific or common name, -1 where it does not live. */
export const livesIn = (hello: Hello, wanted: string): number => hello.species.findIndex((one) => same(one, wanted));

export function Met({ hello, wanted, heads, follow }: { hello: Hello; wanted: string; heads(at: number): number; follow(at: number): void }) {
  const at = livesIn(hello, wanted);
  const one = hello.species[at];
  const { value: about } = useAsked(() => ask<{ worlds: World[] }>("/api/twin"), "worlds");
  const name = capital(one?.common || one?.name || wanted);
  if (one && (one.plant || heads(at) > 0)) {
    return (
      <p class="met" role="status">
        {t("twin.met", { name })}{" "}
        {one.plant ? null : (
          <button type="button" class="quiet" id="met-follow" onClick={() => follow(at)}>
            {t("twin.met.go", { n: figure(Math.round(heads(at))) })}
          </button>
        )}
      </p>
    );
  }
  if (one) {
    return (
      <p class="met" role="status">
        {t("twin.met.none", { name })}
      </p>
    );
  }
  if (!about) return null;
  const others = about.worlds.filter((world) => world.species.some((own) => same(own, wanted)));
  return (
    <p class="met" role="status">
      {t("twin.met.not", { name })}{" "}
      {others.length ? t("twin.met.elsewhere", { worlds: others.map((world) => world.name).join(", "), command: `merian serve --twin ${others[0]?.name}` }) : t("twin.met.nowhere")}
    </p>
  );
}
