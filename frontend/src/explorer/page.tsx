/** Who is like whom: the map of the embedding, species along a trait, variation inside species; each view is made when it is first opened. */
import { useEffect, useState } from "preact/hooks";
import { useAsked } from "../asking";
import { Absent, Caption, Refusal } from "../names";
import type { PageProps } from "../pages";
import { go } from "../router";
import { ready } from "../saying";
import { t } from "../words";
import { AxisView } from "./axis";
import * as data from "./data";
import { early } from "./points";
import { MapView } from "./stage";
import { WithinView } from "./within";
import { Said } from "../said";
import "../styles/explorer.css";

export const VIEWS = ["map", "axis", "within"] as const;
export type View = (typeof VIEWS)[number];

export default function Explorer({ about, query }: PageProps) {
  const { value, failure } = useAsked(() => (about.points === null ? Promise.resolve(null) : data.about()), "explorer");
  const asked = query.get("view") ?? "map";
  const view = VIEWS.find((one) => one === asked) ?? "map";
  useEffect(() => {
    if (failure || about.points === null) ready();
  }, [failure]);
  return (
    <section id="explore" class="leaf wide">
      <Caption tab="Tab. IV" title={t("alike.title")}>
        {value ? <Views view={view} query={query} /> : null}
      </Caption>
      {about.points === null ? <Absent>{about.absent.layout ? <Said text={about.absent.layout} /> : t("absent")}</Absent> : null}
      {failure ? <Refusal error={failure} /> : null}
      {about.points !== null && !failure && view === "map" ? <Mapped told={value} about={about} query={query} /> : null}
      {value && view === "axis" ? <AxisView told={value} query={query} /> : null}
      {value && view === "within" ? <WithinView told={value} query={query} /> : null}
    </section>
  );
}

/** The way between the views: their addresses differ, so that each can be linked. */
function Views({ view, query }: { view: View; query: URLSearchParams }) {
  const to = (one: View): string => {
    const next = new URLSearchParams();
    const clade = query.get("clade");
    if (one !== "map") next.set("view", one);
    if (clade) next.set("clade", clade);
    return `/explorer${next.size ? `?${next}` : ""}`;
  };
  return (
    <div class="views" role="group" aria-label={t("views")}>
      {VIEWS.map((one) => (
        <button type="button" key={one} id={`view-${one}`} aria-pressed={one === view} onClick={() => one !== view && go(to(one), false, true)}>
          {t(`view.${one}`)}
        </button>
      ))}
    </div>
  );
}

/** The map, once its points have come; they, and what draws them, are asked for together with what is told of them. */
function Mapped({ told, about, query }: { told: data.About | null } & Pick<PageProps, "about" | "query">) {
  const [share, setShare] = useState(0);
  const { value, failure } = useAsked(() => data.points(setShare), "points");
  useEffect(early, []);
  useEffect(() => {
    if (failure) ready();
  }, [failure]);
  if (failure) return <Refusal error={failure} />;
  if (value && told) return <MapView told={told} points={value} about={about} query={query} />;
  return <Progress share={share} what={t("map.loading")} />;
}

/** How much has come. */
export function Progress({ share, what }: { share: number; what: string }) {
  return (
    <p class="coming">
      <label>
        {what} <progress value={share} max={1} />
      </label>
    </p>
  );
}
