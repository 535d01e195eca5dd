/**
 * The rows of a tree that is too large to hold: which rows are open, how many rows that makes, and which row stands at a place.
 *
 * A branch is one list: the children of a taxon, or with `deep` all that is below it. Of a list only the pages that were looked at are held.
 */
import type { TreeRow, TreeRows } from "../api";
import { Latest } from "./latest";

export const PAGE = 200;
/** Pages that one branch holds; the ones seen longest ago are let go. */
const HELD = 60;
/** Pages that are asked for at the same time, and those that may wait for their turn: a screen is in two of them, and one lies ahead. */
const TOGETHER = 3;
const WAITING = 4;
/** After a page that did not come its turn is held for so long, so that a server in trouble is not pressed. */
const REST_MS = 1000;

export type Ask = (id: string | null, start: number, count: number, deep: boolean) => Promise<TreeRows>;

/** How pages come: by whom they are asked for, who hears that they are there, and in which order. */
interface Asking {
  ask: Ask;
  told(): void;
  queue: Latest;
}

/** One open list of rows, and the open lists between them. */
class Branch {
  readonly id: string | null;
  readonly deep: boolean;
  readonly depth: number;
  /** Rows of the list itself. */
  total: number;
  /** The open branches below rows of the list, by the row's place in it, ascending. */
  readonly open: { at: number; branch: Branch }[] = [];
  private readonly pages = new Map<number, TreeRow[]>();
  private readonly asked = new Set<number>();

  constructor(id: string | null, depth: number, total: number, deep: boolean) {
    this.id = id;
    this.depth = depth;
    this.total = total;
    this.deep = deep;
  }

  /** Rows with all that is open between them. */
  get height(): number {
    return this.open.reduce((sum, { branch }) => sum + branch.height, this.total);
  }

  /** Hold a page that has come. */
  put(number: number, found: TreeRows): void {
    this.total = found.total;
    this.pages.set(number, found.rows);
    const oldest = this.pages.keys().next().value;
    if (this.pages.size > HELD && oldest !== undefined) this.pages.delete(oldest);
  }

  row(at: number, asking: Asking): TreeRow | null {
    const number = Math.floor(at / PAGE);
    const page = this.pages.get(number);
    if (page) {
      this.pages.delete(number);
      this.pages.set(number, page);
      return page[at % PAGE] ?? null;
    }
    if (!this.asked.has(number)) {
      this.asked.add(number);
      const forget = (): void => void this.asked.delete(number);
      const run = (): Promise<void> =>
        asking
          .ask(this.id, number * PAGE, PAGE, this.deep)
          .then((found) => this.put(number, found))
          .catch(() => new Promise<void>((rested) => setTimeout(rested, REST_MS)))
          .finally(() => {
            forget();
            asking.told();
          });
      asking.queue.add({ run, drop: forget });
    }
    return null;
  }
}

/** A row where it is shown: null while it is being fetched. */
export interface Placed {
  row: TreeRow | null;
  depth: number;
  open: "shut" | "children" | "deep";
}

interface Found {
  branch: Branch;
  at: number;
}

export class Rows {
  private root: Branch;
  private readonly asking: Asking;

  /** `told` hears when rows have come. */
  constructor(ask: Ask, told: () => void) {
    this.asking = { ask, told, queue: new Latest(TOGETHER, WAITING) };
    this.root = new Branch(null, 0, 1, false);
  }

  /** How many rows there are. */
  get height(): number {
    return this.root.height;
  }

  /** Whether the whole tree is one open list. */
  get whole(): boolean {
    return this.root.deep;
  }

  /** Open all `taxa` of the tree, or shut everything (0). */
  everything(taxa: number): void {
    this.root = new Branch(null, 0, taxa || 1, taxa > 0);
    this.asking.told();
  }

  /** The row at a place. */
  at(place: number): Placed {
    const { branch, at } = this.find(place);
    const row = branch.row(at, this.asking);
    const opened = branch.open.find((one) => one.at === at)?.branch;
    const open = opened ? (opened.deep ? "deep" : "children") : "shut";
    return { row, depth: branch.deep && row ? row.depth : branch.depth, open: branch.deep && row?.child_count ? "deep" : open };
  }

  /** Have the row at a place at hand before it is seen. */
  prepare(place: number): void {
    if (place < 0 || place >= this.height) return;
    const { branch, at } = this.find(place);
    branch.row(at, this.asking);
  }

  /** Open the row at a place: its children, or with `deep` all below it. A row of a list that is all open already stays as it is. */
  open(place: number, deep = false): void {
    const { branch, at } = this.find(place);
    const row = branch.row(at, this.asking);
    if (!row?.child_count || branch.deep) return;
    this.close(place);
    branch.open.push({ at, branch: new Branch(row.id, branch.depth + 1, deep ? row.below : row.child_count, deep) });
    branch.open.sort((a, b) => a.at - b.at);
    this.asking.told();
  }

  close(place: number): void {
    const { branch, at } = this.find(place);
    const which = branch.open.findIndex((one) => one.at === at);
    if (which >= 0) branch.open.splice(which, 1);
    this.asking.told();
  }

  /** The place of the row that the row at a place hangs below, -1 for a root. */
  above(place: number): number {
    const { depth } = this.at(place);
    for (let i = place - 1; i >= 0 && depth > 0; i--) if (this.at(i).depth < depth) return i;
    return -1;
  }

  /** Open the branches along a path of ids, root first, and give the place of its last; -1 when it is not there. */
  async reveal(path: string[]): Promise<number> {
    if (this.root.deep) this.everything(0);
    let place = -1;
    let branch = this.root;
    let before = 0;
    for (const [step, id] of path.entries()) {
      const at = await this.search(branch, id);
      if (at < 0) return -1;
      place = before + at + branch.open.filter((one) => one.at < at).reduce((sum, one) => sum + one.branch.height, 0);
      if (step === path.length - 1) break;
      let next = branch.open.find((one) => one.at === at)?.branch;
      if (!next || next.deep) {
        this.open(place);
        next = branch.open.find((one) => one.at === at)?.branch;
      }
      if (!next) return -1;
      branch = next;
      before = place + 1;
    }
    return place;
  }

  /** Where in a list a taxon stands, page by page. */
  private async search(branch: Branch, id: string): Promise<number> {
    for (let start = 0; start === 0 || start < branch.total; start += PAGE) {
      const found = await this.asking.ask(branch.id, start, PAGE, branch.deep);
      branch.put(start / PAGE, found);
      const at = found.rows.findIndex((row) => row.id === id);
      if (at >= 0) return start + at;
    }
    return -1;
  }

  /** The list that the row at a place belongs to, and its place in that list. */
  private find(place: number): Found {
    let branch = this.root;
    let left = place;
    descend: for (;;) {
      let passed = 0;
      for (const { at, branch: inner } of branch.open) {
        const own = left - passed;
        if (own <= at) break;
        const { height } = inner;
        if (own - at - 1 < height) {
          left = own - at - 1;
          branch = inner;
          continue descend;
        }
        passed += height;
      }
      return { branch, at: left - passed };
    }
  }
}
