/** When the page has first been seen: what keeps the card or the processor busy for long waits until then, or nothing is seen for as long. */

/** A browser that tells of no paint waits no longer than this. Where all is slow the first paint is too: a short wait would be over before it. */
const LONGEST_MS = 8000;

const seen = (): boolean => performance.getEntriesByName("first-contentful-paint").length > 0;

let once: Promise<void> | null = null;

export function painted(): Promise<void> {
  once ??= new Promise((done) => {
    if (seen() || document.hidden) return done();
    const watcher = new PerformanceObserver(() => seen() && done());
    watcher.observe({ type: "paint", buffered: true });
    document.addEventListener("visibilitychange", () => done(), { once: true });
    setTimeout(done, LONGEST_MS);
  });
  return once;
}
