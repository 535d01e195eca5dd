/** Light or dark: as the system has it, unless the visitor chose. */
import { createStore } from "./store";

export type Theme = "system" | "light" | "dark";

const KEPT = "merian.theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const kept = localStorage.getItem(KEPT);

export const theme = createStore<Theme>(kept === "light" || kept === "dark" ? kept : "system");

/** Whether the page is dark now. */
export const dark = createStore(false);

function apply(): void {
  const chosen = theme.get();
  document.documentElement.dataset.theme = chosen;
  const now = chosen === "system" ? system.matches : chosen === "dark";
  if (now !== dark.get()) dark.set(now);
}

theme.subscribe((chosen) => {
  localStorage.setItem(KEPT, chosen);
  apply();
});
system.addEventListener("change", apply);
apply();

/** Whether the visitor asked for less motion. */
export const calm = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;
