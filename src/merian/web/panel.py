"""The validation panel of the twin as JSON: read from a folder that `merian twin validate` wrote, or computed in the background when it is first asked for.

What is computed here are all rows that need no table; those that need one are shown as not run, and misses like the rest.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from merian.core import store
from merian.core.errors import MerianError
from merian.web.guard import REPORT_POLICY
from merian.web.uploads import Refused

if TYPE_CHECKING:
    from merian.twin.fields.groups import Group

__all__ = ["STORE", "Panel"]

Json = dict[str, Any]
STORE = ("validation panel", 2)
"""Kind and format of the folder, as `merian.twin.validate` writes it."""
PAGE = "panel.html"
TOLD = ("name", "statement", "source", "target", "found", "tolerance", "missing", "state")
"""What is told of a row."""


def _all_groups() -> Mapping[str, Group]:
    from merian.twin.fields.groups import groups

    return groups()


class Panel:
    """The routes. `folder`: one that `merian twin validate` wrote; None to compute the rows of the groups that `asked` gives. Raises Missing or Mismatch for a
    folder that is none."""

    def __init__(self, folder: Path | None = None, asked: Callable[[], Mapping[str, Group]] = _all_groups) -> None:
        self.folder, self._asked = folder, asked
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._state, self._doing, self._done, self._of = "waiting", "", 0, 0
        self._groups: list[Json] = []
        if folder is not None:
            store.read(folder, *STORE)
            self._groups, self._state = _read(folder), "done"

    def routes(self) -> list[BaseRoute]:
        """All of them."""
        return [Route("/api/twin/panel", self.told), Route("/panel", self.page)]

    async def told(self, request: Request) -> Response:
        """The rows so far; the first request begins the computing."""
        self._begin()
        with self._lock:
            groups = [group | {"rows": list(group["rows"])} for group in self._groups]
            answer = {
                "state": self._state,
                "computed": self.folder is None,
                "doing": self._doing,
                "done": self._done,
                "of": self._of,
                "page": self.folder is not None,
                "groups": groups,
            }
        rows = [row for group in groups for row in group["rows"]]
        counts = {name: sum(row["state"] == name for row in rows) for name in ("holds", "misses", "not run")}
        return JSONResponse(answer | {"counts": counts})

    async def page(self, request: Request) -> Response:
        """The page that `merian twin validate` wrote, figures and all."""
        if self.folder is None or not (self.folder / PAGE).is_file():
            what = "merian twin validate panel --tables FOLDER writes one; then merian serve --panel panel"
            raise Refused(404, "this server was given no panel", what)
        headers = {"content-security-policy": REPORT_POLICY, "cache-control": "no-cache"}
        return FileResponse(self.folder / PAGE, media_type="text/html; charset=utf-8", headers=headers)

    def end(self) -> None:
        """Stop after the family of rows under way."""
        self._stop.set()

    # ---- in a thread -----------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        with self._lock:
            if self._state != "waiting":
                return
            self._state = "running"
        self._thread = threading.Thread(target=self._run, name="merian-panel", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._compute()
        except MerianError as error:
            self._end(f"failed: {error}")
        except Exception:
            self._end("failed by a fault of its own")
            logging.getLogger("uvicorn.error").exception("the validation panel failed")

    def _end(self, state: str) -> None:
        with self._lock:
            self._state, self._doing = state, ""

    def _compute(self) -> None:
        from merian.core.progress import listen
        from merian.twin.theory import Row
        from merian.twin.validate import again, state

        asked = self._asked()
        with self._lock:
            self._of = sum(len(group.families) for group in asked.values())
        with listen(lambda *_: None):
            for key, group in asked.items():
                own: Json = {"key": key, "title": group.title, "command": again(key, group), "rows": []}
                with self._lock:
                    self._groups.append(own)
                    self._doing = group.title
                for family in group.families:
                    if self._stop.is_set():
                        return
                    rows = [row for row in family() if isinstance(row, Row)]
                    told = [_plain({**store.plain(row), "state": state(row)}) for row in rows]
                    with self._lock:
                        own["rows"] += told
                        self._done += 1
        self._end("done")


def _plain(row: Mapping[str, Any]) -> Json:
    """What is told of a row; a number that is none is None (JSON has no NaN)."""
    told = {name: row[name] for name in TOLD}
    for name in ("target", "found", "tolerance"):
        value = told[name]
        told[name] = float(f"{value:.4g}") if value is not None and math.isfinite(value) else None
    return told


def _read(folder: Path) -> list[Json]:
    """The groups in a panel's table, in its order."""
    import polars as pl

    groups: dict[str, Json] = {}
    for row in pl.read_parquet(folder / "panel.parquet", glob=False).iter_rows(named=True):
        title = row["group"]
        plain = {"key": str(row["command"]).partition("--only ")[2].split(" ")[0], "title": title}
        groups.setdefault(title, plain | {"command": row["command"], "rows": []})["rows"].append(_plain(row))
    return list(groups.values())
