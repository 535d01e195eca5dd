/** What a view of the explorer is asked, in the address. */
import { go } from "../router";

/** Ask a view another thing in place of the present one; what is empty is left out. */
export function ask(view: string, asked: Record<string, string>): void {
  const query = new URLSearchParams({ view });
  for (const [name, text] of Object.entries(asked)) if (text) query.set(name, text);
  go(`/explorer?${query}`, true);
}
