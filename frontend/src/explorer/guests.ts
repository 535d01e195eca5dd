/** Photos of the visitor that have a place on the map. */
import { createStore } from "../store";

export interface Placed {
  x: number;
  y: number;
  picture: string;
  /** Ids of the photos of the collection that are most like it. */
  neighbours: string[];
  label: string;
}

export interface Guests {
  all: Placed[];
  shown: Placed | null;
}

export const guests = createStore<Guests>({ all: [], shown: null });

/** Put a photo on the map, and go to it when the map is next seen. */
export function show(placed: Placed): void {
  const others = guests.get().all.filter((guest) => guest.picture !== placed.picture);
  guests.set({ all: [...others, placed], shown: placed });
}

export function clearGuests(): void {
  guests.set({ all: [], shown: null });
}
