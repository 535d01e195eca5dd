/** Whether these pages stand alone: a folder that `merian twin record --pages` wrote, with one recorded run and no server behind it. */
import type { About } from "./api";

/** The address of its run; null on a server. */
export const run: string | null = document.querySelector<HTMLMetaElement>('meta[name="merian-run"]')?.content ?? null;

/** What there is beside the run: nothing. */
export const NOTHING: About = {
  merian: "",
  store: null,
  model: null,
  catalog: null,
  points: null,
  report: false,
  records: false,
  taxa: 0,
  species: 0,
  absent: {},
  limits: { photos: 0, photo_mb: 0, request_mb: 0, found: 0 },
  sure_from: 1,
};
