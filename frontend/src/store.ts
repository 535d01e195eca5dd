/** Values that outlive a page: whoever subscribes hears of each change. */
import { useEffect, useState } from "preact/hooks";

export interface Store<T> {
  get(): T;
  set(value: T): void;
  subscribe(hear: (value: T) => void): () => void;
}

export function createStore<T>(initial: T): Store<T> {
  let value = initial;
  const heard = new Set<(value: T) => void>();
  return {
    get: () => value,
    set(next) {
      value = next;
      for (const hear of heard) hear(next);
    },
    subscribe(hear) {
      heard.add(hear);
      return () => heard.delete(hear);
    },
  };
}

/** The present value, and a redraw at each change. */
export function useStore<T>(store: Store<T>): T {
  const [value, set] = useState(store.get());
  useEffect(() => {
    set(() => store.get());
    return store.subscribe((next) => set(() => next));
  }, [store]);
  return value;
}
