/** An exhibit: shows itself while nobody is there, and begins anew when it was left alone. */
import { useEffect, useRef } from "preact/hooks";
import { calm } from "../theme";

/** After so long without a touch it begins anew; ?kiosk=SECONDS says otherwise. */
const ALONE_S = 90;
const LEAST_S = 2;
const MOST_S = 3600;
/** How long each picture of the loop stays. */
const SCENE_MS = 12_000;
const TOUCHES = ["pointerdown", "keydown", "wheel"] as const;

export const aloneMs = (query: URLSearchParams): number => 1000 * Math.min(Math.max(Number(query.get("kiosk")) || ALONE_S, LEAST_S), MOST_S);

interface Acts {
  /** Stand as it did at first: somebody came. */
  rest(): void;
  /** Take all back that a visitor did: everybody left. */
  anew(): void;
  /** Show one picture of the loop after the other. */
  show(turn: number): void;
}

/** `alone`: milliseconds without a touch after which nobody is there; null where it is no exhibit. Who asked for less motion is shown no loop. */
export function useKiosk(alone: number | null, acts: Acts): void {
  const now = useRef(acts);
  now.current = acts;
  useEffect(() => {
    if (alone === null) return;
    let [timer, loop, turn] = [0, 0, 0];
    const begin = (): void => {
      if (calm()) return;
      loop = window.setInterval(() => now.current.show(++turn), Math.min(SCENE_MS, alone));
    };
    const touched = (): void => {
      if (loop) now.current.rest();
      clearInterval(loop);
      clearTimeout(timer);
      loop = 0;
      timer = window.setTimeout(() => {
        now.current.anew();
        begin();
      }, alone);
    };
    for (const what of TOUCHES) addEventListener(what, touched, true);
    begin();
    return () => {
      clearInterval(loop);
      clearTimeout(timer);
      for (const what of TOUCHES) removeEventListener(what, touched, true);
    };
  }, [alone]);
}
