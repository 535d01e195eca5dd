/** Pages at real addresses, without a reload between them. */
import type { ComponentChildren, JSX } from "preact";
import { createStore } from "./store";

export interface Place {
  path: string;
  query: URLSearchParams;
}

function here(): Place {
  return { path: location.pathname, query: new URLSearchParams(location.search) };
}

export const place = createStore<Place>(here());
addEventListener("popstate", () => place.set(here()));

/** Go to an address of the pages; `replace` leaves no step back, `stay` leaves the page where it is scrolled to. */
export function go(address: string, replace = false, stay = replace): void {
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  place.set(here());
  if (!stay) scrollTo(0, 0);
}

/** The address of a taxon's page. */
export const taxonAddress = (id: string): string => `/taxon/${encodeURIComponent(id)}`;

type Props = Omit<JSX.AnchorHTMLAttributes, "href"> & { to: string; children: ComponentChildren };

/** A link within the pages; with Ctrl, Shift or the middle button the browser does as ever. */
export function Link({ to, children, ...rest }: Props) {
  const follow = (event: MouseEvent): void => {
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a {...rest} href={to} onClick={follow}>
      {children}
    </a>
  );
}
