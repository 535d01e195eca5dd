"""A folder of pages that play one recorded run: any web server of files will do, with no Python behind it."""

from __future__ import annotations

import shutil
from pathlib import Path

from merian.core import store
from merian.core.errors import BadSetting, Missing
from merian.web.pages import read_static

__all__ = ["RUN", "write_exhibit"]

RUN = "run.twin"
"""How the run is called in the folder."""
STATIC = "/static/"
"""Where index.html says that the pages' files lie, on a server of ours."""
MARK = f'<meta name="merian-run" content="{RUN}">'
"""What tells the pages that they stand alone, and with which run."""


def write_exhibit(run: Path, folder: Path) -> None:
    """Write the pages and a recorded run into a folder that is new, empty or an exhibit already: index.html opens the twin and plays the run.

    Raises Missing where the pages were not built, BadSetting for a folder that holds something else; nothing of that is touched.
    """
    files = read_static()
    if "index.html" not in files:
        raise Missing("the pages", "merian/web/static", "build them: npm ci && npm run build in frontend/")
    if not _ours(folder):
        raise BadSetting("pages", str(folder), "is a folder that is new, empty, or was written by this command")
    if (folder / "static").is_dir():
        shutil.rmtree(folder / "static")
    for name, file in files.items():
        if name == "index.html":
            continue
        path = folder / "static" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
    if run.resolve() != (folder / RUN).resolve():
        shutil.copyfile(run, folder / RUN)
    page = files["index.html"].data.decode("utf-8").replace(STATIC, "static/")
    page = page.replace("<head>", f"<head>\n    {MARK}", 1)
    with store.atomic(folder / "index.html") as out:
        out.write(page.encode("utf-8"))


def _ours(folder: Path) -> bool:
    """Whether a folder is not there, is empty but for a run, or holds an exhibit and nothing else."""
    if not folder.exists():
        return True
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else {""}
    if names <= {RUN}:
        return True
    index = folder / "index.html"
    return names <= {"index.html", "static", RUN} and index.is_file() and MARK in index.read_text(encoding="utf-8")
