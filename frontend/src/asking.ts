/** Questions to the server from within a page. */
import { useEffect, useRef, useState } from "preact/hooks";

interface Answer<T> {
  key: string;
  value: T | null;
  failure: unknown;
}

/** Something asked of the server, again whenever `key` changes; the answer to an older question is dropped. */
export function useAsked<T>(ask: () => Promise<T>, key: string): Answer<T> {
  const [answer, set] = useState<Answer<T>>({ key, value: null, failure: null });
  const turn = useRef(0);
  useEffect(() => {
    const mine = ++turn.current;
    ask().then(
      (value) => mine === turn.current && set({ key, value, failure: null }),
      (failure: unknown) => mine === turn.current && set({ key, value: null, failure }),
    );
  }, [key]);
  return answer.key === key ? answer : { key, value: null, failure: null };
}
