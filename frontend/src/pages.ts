/** The pages: their addresses, and what of the store each needs. A page that is not there is not offered. Each is loaded when it is first opened. */
import type { ComponentType } from "preact";
import type { About } from "./api";
import type { Key } from "./words";

export interface PageProps {
  about: About;
  /** What follows the page's address, decoded: the id of a taxon. */
  rest: string;
  query: URLSearchParams;
}

export interface Page {
  /** The address; one that ends with a slash takes what follows it. */
  path: string;
  title: Key;
  /** Whether the navigation names it. */
  offered(about: About): boolean;
  load(): Promise<{ default: ComponentType<PageProps> }>;
}

export const PAGES: Page[] = [
  { path: "/", title: "identify", offered: () => true, load: () => import("./identify/page") },
  { path: "/life", title: "life", offered: (about) => about.taxa > 0, load: () => import("./life/page") },
  { path: "/taxon/", title: "life", offered: () => false, load: () => import("./taxon/page") },
  { path: "/search", title: "search", offered: (about) => about.catalog !== null, load: () => import("./search/page") },
  { path: "/explorer", title: "explorer", offered: (about) => about.points !== null, load: () => import("./explorer/page") },
  { path: "/twin", title: "twin", offered: () => true, load: () => import("./twin/page") },
  { path: "/twin/spider", title: "twin", offered: () => false, load: () => import("./twin/spider/page") },
  { path: "/twin/panel", title: "twin", offered: () => false, load: () => import("./twin/panel") },
];

/** The page at a path and what follows its address; null when there is none. */
export function pageAt(path: string): { page: Page; rest: string } | null {
  for (const page of PAGES) {
    if (path === page.path) return { page, rest: "" };
    if (page.path.length > 1 && page.path.endsWith("/") && path.startsWith(page.path)) {
      return { page, rest: decoded(path.slice(page.path.length)) };
    }
  }
  return null;
}

/** A part of an address as it was meant; as it stands when it was not encoded by the rules. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
