/**
 * A scrolled list of any length. Browsers lay out no more than some 17 to 33 million pixels, so a longer list is scaled onto LONGEST: the bar then stands for
 * a share of the list, while wheel and keys still move by pixels.
 */
const LONGEST = 8_000_000;

export class Scroll {
  rows = 1;
  row = 36;
  height = 600;
  private top = 0;
  private frame: HTMLElement | null = null;
  private set = 0;
  private readonly told: () => void;

  constructor(told: () => void) {
    this.told = told;
  }

  /** Height of all rows, px. */
  private get whole(): number {
    return this.rows * this.row;
  }

  /** Height of what the browser scrolls, px. */
  get full(): number {
    return Math.min(this.whole, LONGEST);
  }

  /** Pixels of the list for each pixel that the browser scrolls. */
  private get scale(): number {
    return this.whole <= LONGEST ? 1 : (this.whole - this.height) / (LONGEST - this.height);
  }

  /** The first row that is drawn and the one after the last, `over` rows more on either side than are seen. */
  seen(over: number): [number, number] {
    const most = Math.max(this.whole - this.height, 0);
    this.top = Math.min(this.top, most);
    const first = Math.max(Math.floor(this.top / this.row) - over, 0);
    return [first, Math.min(Math.ceil((this.top + this.height) / this.row) + over, this.rows)];
  }

  /** So many rows are drawn at most. */
  most(over: number): number {
    return Math.ceil(this.height / this.row) + 1 + 2 * over;
  }

  /** Where, within what the browser scrolls, the row `first` is drawn, px. */
  shift(first: number): number {
    return this.top / this.scale + (first * this.row - this.top);
  }

  /** Bring a row into sight; with `middle` to the middle. */
  to(place: number, middle = false): void {
    const at = place * this.row;
    if (middle) this.move(at - this.height / 2);
    else if (at < this.top) this.move(at);
    else if (at + this.row > this.top + this.height) this.move(at + this.row - this.height);
  }

  private move(top: number): void {
    this.top = Math.min(Math.max(top, 0), Math.max(this.whole - this.height, 0));
    if (this.frame) {
      this.frame.scrollTop = this.top / this.scale;
      this.set = this.frame.scrollTop;
    }
    this.told();
  }

  /** Follow a frame with rows of `row` px; what is given back lets it go. */
  hold(frame: HTMLElement, row: number): () => void {
    this.frame = frame;
    this.row = row;
    const hands = new AbortController();
    frame.addEventListener(
      "scroll",
      () => {
        if (frame.scrollTop === this.set) return;
        this.set = frame.scrollTop;
        this.top = frame.scrollTop * this.scale;
        this.told();
      },
      { signal: hands.signal, passive: true },
    );
    frame.addEventListener(
      "wheel",
      (event) => {
        if (this.scale === 1 || event.ctrlKey) return;
        event.preventDefault();
        this.move(this.top + event.deltaY * (event.deltaMode === 1 ? this.row : event.deltaMode === 2 ? this.height : 1));
      },
      { signal: hands.signal, passive: false },
    );
    const watcher = new ResizeObserver(() => {
      this.height = frame.clientHeight;
      this.told();
    });
    watcher.observe(frame);
    return () => {
      hands.abort();
      watcher.disconnect();
    };
  }
}
