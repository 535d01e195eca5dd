/** What a screen reader is told of changes that the eye sees. */
import { createStore } from "./store";

export const said = createStore("");

export function say(text: string): void {
  said.set(text);
}

/** The page is drawn with its first facts: tests wait for it. */
export function ready(): void {
  document.body.dataset.ready = "yes";
}
