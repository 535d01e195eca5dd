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


def write_exhibit(run: Path, folder: Path) -> None:
    """Write the pages and a recorded run into a new or empty folder: index.html opens the twin and plays the run.

    Raises Missing where the pages were not built, BadSetting for a folder that holds something else.
    """
    files = read_static()
    if "index.html" not in files:
        raise Missing("the pages", "merian/web/static", "build them: npm ci && npm run build in frontend/")
    if folder.exists() and any(folder.iterdir()) and not (folder / RUN).is_file():
        raise BadSetting("pages", str(folder), "is a folder that is new, empty, or was written by this command")
    if folder.exists():
        shutil.rmtree(folder)
    for name, file in files.items():
        if name == "index.html":
            continue
        path = folder / "static" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
    shutil.copyfile(run, folder / RUN)
    page = files["index.html"].data.decode("utf-8").replace(STATIC, "static/")
    page = page.replace("<head>", f'<head>\n    <meta name="merian-run" content="{RUN}">', 1)
    with store.atomic(folder / "index.html") as out:
        out.write(page.encode("utf-8"))
