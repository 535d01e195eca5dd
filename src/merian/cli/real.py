"""The tour's last step: real photos, named by the model in the package: sample images that other libraries install, and the user's own."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Sequence
from pathlib import Path

from merian.cli.say import escaped, heading, path_of, say

__all__ = ["SAMPLES", "real_photos", "samples"]

SAMPLES = {
    "sklearn": {
        "datasets/images/flower.jpg": "a dahlia",
        "datasets/images/china.jpg": "a palace",
    },
    "skimage": {
        "data/chelsea.png": "a cat",
        "data/astronaut.png": "a person",
        "data/coffee.png": "a cup of coffee",
        "data/rocket.jpg": "a rocket",
    },
}
"""Package -> its sample photos, and what they show."""
BEST = 3


def samples() -> dict[Path, str]:
    """The sample photos on this machine -> what they show."""
    found: dict[Path, str] = {}
    for package, photos in SAMPLES.items():
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            continue
        folder = Path(spec.origin).parent
        found |= {folder / name: words for name, words in photos.items() if (folder / name).is_file()}
    return found


def real_photos(number: int, out: Path, own: Sequence[Path] = ()) -> None:
    """Name the sample photos and the user's `own` with the model in the package, into OUT/real.csv, and say what came out."""
    from merian.cli.identify import identify
    from merian.encode.folder import CONFIG
    from merian.encode.hub import POCKET, pocket

    heading(
        number,
        "Real photos",
        "The drawn organisms do not exist. A small model of real ones, in the package, names photos that other libraries bring\n"
        "   along as samples, some of which show no organism at all, and photos of your own (--photos).",
    )
    shown = samples()
    if not shown and not own:
        say("   no sample photos are on this machine; name some of your own with --photos")
        return
    if not (pocket() / CONFIG).is_file():
        say("   this package was built without the small model; merian models pull bioclip-2 fetches a large one")
        return
    table = out / "real.csv"
    identify([*shown, *own], model=Path(POCKET), k=BEST, output=table)
    rows: dict[str, list[dict[str, str]]] = {}
    with table.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            rows.setdefault(row["file_name"], []).append(row)
    for path, words in shown.items():
        say(f"   {escaped(path.name)} ({words}): {_answer(rows[str(path)])}")
    for name in [name for name in rows if name not in {str(path) for path in shown}]:
        say(f"   {escaped(Path(name).name)}: {_answer(rows[name])}")
    say(f"   {path_of(table)}")


def _answer(rows: list[dict[str, str]]) -> str:
    """What was said of one photo, in words."""
    first = rows[0]
    if first["reason"]:
        return f"[yellow]{escaped(first['reason'])}[/yellow]"
    if first["none"]:
        return f"none of the organisms that it knows ({float(first['unknown']):.0%})"
    sure = f"sure of {first['safe_rank']} {first['safe_name']}" if first["safe_name"] else "sure of nothing"
    guess = first["species"] or first["family"] or first["order"]
    return f"{sure}; perhaps [italic]{escaped(guess)}[/italic] ({float(first['score']):.0%})"
