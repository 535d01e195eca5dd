"""`merian leakage`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from merian.cli.flags import with_settings
from merian.cli.say import bold, path_of, say
from merian.curate.leakage import LeakageSettings

if TYPE_CHECKING:
    from merian.curate.leakage import Leakage

__all__ = ["leakage"]

FOUND = 3
"""Exit code with --fail: done, and something is shared."""


@with_settings(LeakageSettings, "leakage")
def leakage(
    a: Path,
    b: Path | None = None,
    /,
    *,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    embeddings_a: Path | None = None,
    embeddings_b: Path | None = None,
    fail: Annotated[bool, Parameter(negative=())] = False,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    settings: LeakageSettings,
) -> int:
    """Count the images of B that A holds as well: by record, web address, bytes, near duplicate, embedding, specimen, individual, event and camera.

    A is what was trained on, B what is to be tested on. Each may be a catalog, a source of images, or a table of ids or hashes. With A alone, a catalog, its
    splits are held against one another.

    Parameters
    ----------
    a
        The data set that was trained on.
    b
        The data set to be tested on.
    out
        A folder for leaks.parquet (who, where, how near), clean.csv (the images of B that A does not hold) and report.json.
    embeddings_a
        The embeddings of A, made by `merian embed`.
    embeddings_b
        The embeddings of B, made with the same model.
    fail
        End with exit code 3 when anything is shared.
    overwrite
        Replace the results of another run.
    """
    from merian.cli.evaluate import command_line
    from merian.core import store
    from merian.core.errors import Mismatch
    from merian.curate.leakage import leakage as run
    from merian.curate.sides import open_side

    one = open_side(a, embeddings_a)
    two = None if b is None else open_side(b, embeddings_b)
    if two is None and (embeddings_b is not None or "split" not in one.rows.columns):
        wanted = "give a second data set B, or a catalog, whose splits are compared"
        raise Mismatch(f"{a} alone and this verb", "one data set without splits", "two data sets", wanted)
    found = run(one, two, settings, command_line())
    if out is not None:
        vectors = {"embeddings_a": one.vectors, "embeddings_b": None if two is None else two.vectors}
        inputs = found.report.inputs | {
            k: v.fingerprint + store.digest_bytes(v.vectors.tobytes()) for k, v in vectors.items() if v is not None
        }
        _write(found, out, settings, inputs, overwrite)
    _tell(found, None if two is None else two.name, one.name, out)
    return FOUND if fail and found.found else 0


def _write(found: Leakage, out: Path, settings: LeakageSettings, inputs: dict[str, str], overwrite: bool) -> None:
    from merian.core import store

    work = store.begin(out, "leakage", 1, settings, inputs, overwrite)
    if work.done:
        return
    with store.atomic(out / "leaks.parquet") as stream:
        found.leaks.write_parquet(stream)
    with store.atomic(out / "clean.csv") as stream:
        found.clean.to_frame("id").write_csv(stream)
    found.report.save(out / "report.json")
    work.finish()


def _tell(found: Leakage, b: str | None, a: str, out: Path | None) -> None:
    """Say what is shared, the part that matters most first."""
    from merian.curate.leakage import WAYS

    for group, numbers in found.report.groups():
        known = {n.name.removeprefix(f"{group}."): n for n in numbers}
        if b is None:
            title = f"images of {group.replace(' in ', ' share something with ')}"
        else:
            title = f"images of {bold(b)} are in {bold(a)}" + ("" if group == "all" else f", split {group}")
        whole = known["any"]
        if not whole.value:
            say(f"   none of the {whole.n:,} {title}")
            continue
        count = whole.note.removesuffix(" images")
        say(
            f"   [bold]{count} {title}[/bold] ({whole.value:.1%}); {known['image'].note.split(' of ')[0]} the image or record itself"
        )
        for way, n in known.items():
            if way in WAYS:
                say(f"      {n.note.split(' of ')[0]:>9}  {WAYS[way]}")
    for remark in found.report.remarks:
        say(f"   [dim]{remark}[/dim]")
    if out is not None:
        say(f"{path_of(out)}  {len(found.leaks):,} leaks, {len(found.clean):,} clean images")
