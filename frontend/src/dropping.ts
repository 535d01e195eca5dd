/** Files that are dropped or pasted anywhere in the window. */
import { useEffect, useRef, useState } from "preact/hooks";

interface Dropping {
  /** Whether something is held over the window that may be dropped. */
  over: boolean;
  /** Whether what came last held no file: text, or a picture of another page. */
  bare: boolean;
}

/** Whether a text goes where it is meant to go. */
const typed = (event: Event): boolean => event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;

/** Hand on the files that are dropped or pasted. Nothing that is dropped leads away from the page. */
export function useDropping(take: (files: File[]) => void): Dropping {
  const [over, setOver] = useState(false);
  const [bare, setBare] = useState(false);
  const now = useRef(take);
  now.current = take;
  useEffect(() => {
    let depth = 0;
    const hands = new AbortController();
    const options = { signal: hands.signal };
    const hold = (event: DragEvent, step: number): void => {
      depth = Math.max(0, depth + step);
      setOver(depth > 0 && (event.dataTransfer?.types.includes("Files") ?? false));
    };
    const receive = (event: Event, moved: DataTransfer | null): void => {
      const files = [...(moved?.files ?? [])];
      if (!files.length && typed(event)) return;
      event.preventDefault();
      setBare(!files.length);
      if (files.length) now.current(files);
    };
    addEventListener("dragenter", (event) => hold(event, 1), options);
    addEventListener("dragleave", (event) => hold(event, -1), options);
    addEventListener("dragover", (event) => typed(event) || event.preventDefault(), options);
    addEventListener(
      "drop",
      (event) => {
        depth = 0;
        setOver(false);
        receive(event, event.dataTransfer);
      },
      options,
    );
    addEventListener("paste", (event) => receive(event, event.clipboardData), options);
    return () => hands.abort();
  }, []);
  return { over, bare };
}
