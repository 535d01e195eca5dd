/** When the page has first been seen: what keeps the card or the processor busy for long waits until then, or nothing is seen for as long. */

/** Browsers that tell of no paint, and pages that nobody looks at, wait no longer than this. */
const LONGEST_MS = 1500;

const seen = (): boolean => performance.getEntriesByName("first-contentful-paint").length > 0;

let once: Promise<void> | null = null;

export function painted(): Promise<void> {
  once ??= new Promise((done) => {
    if (seen() || document.hidden) return done();
    const watcher = new PerformanceObserver(() => seen() && done());
    watcher.observe({ type: "paint", buffered: true });
    setTimeout(done, LONGEST_MS);
  });
  return once;
}
