/** What a view of the explorer is asked, in the address. */
import { go } from "../router";

/** Ask a view another thing in place of the present one; what is empty is left out. */
export function ask(view: string, asked: Record<string, string>): void {
  const query = new URLSearchParams({ view });
  for (const [name, text] of Object.entries(asked)) if (text) query.set(name, text);
  go(`/explorer?${query}`, true);
}

/** Keep in the address what is looked at on the map, so that it can be shared; null takes it out. A page that was left meanwhile keeps its own. */
export function note(looked: Record<string, string | null>): void {
  if (location.pathname !== "/explorer") return;
  const query = new URLSearchParams(location.search);
  for (const [name, text] of Object.entries(looked)) {
    if (text === null) query.delete(name);
    else query.set(name, text);
  }
  if (query.toString() !== new URLSearchParams(location.search).toString()) go(`/explorer${query.size ? `?${query}` : ""}`, true);
}
