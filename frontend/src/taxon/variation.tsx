/** What individuals of a species differ in: photos by sex, stage, health, and how far the model tells them apart. */
import * as api from "../api";
import { go } from "../router";
import { capital, figure, percent, t, word } from "../words";

export function Variation({ variation }: { variation: api.Variation[] }) {
  return (
    <>
      {variation.map((one) => (
        <div class="variation" key={one.column}>
          <h3>
            {capital(word("fact", one.column))}
            {one.apart === null ? null : <small>{t("taxon.apart", { share: percent(one.apart) })}</small>}
          </h3>
          <ul>
            {one.groups.map((group) => (
              <li key={group.name}>
                <p>
                  {word("group", group.name)} <small>{figure(group.count)}</small>
                </p>
                <div class="strip">
                  {group.images.map((id) => (
                    <button
                      type="button"
                      class="thumb"
                      key={id}
                      aria-label={`${t("photo")}: ${word("group", group.name)}`}
                      onClick={() => go(`/explorer?photo=${encodeURIComponent(id)}`)}
                    >
                      <img src={api.imageUrl(id, 128)} alt="" width={56} height={56} loading="lazy" />
                    </button>
                  ))}
                </div>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </>
  );
}
