"""`merian explore emergence`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from merian.cli.embed import embed_store
from merian.cli.evaluate import command_line
from merian.cli.flags import with_settings
from merian.cli.say import bold, escaped, path_of, say
from merian.core.errors import BadSetting
from merian.explore.emergence.settings import EmergenceSettings

if TYPE_CHECKING:
    from merian.core.vectors import Embeddings

__all__ = ["emergence", "emergence_store", "named"]


@with_settings(EmergenceSettings, "emergence")
def emergence(
    catalog: Path,
    out: Path,
    /,
    *,
    model: Annotated[str, Parameter(name=["--model", "-m"])],
    control: Annotated[tuple[str, ...], Parameter(negative=(), consume_multiple=False)] = (),
    series: Annotated[tuple[str, ...], Parameter(negative=(), consume_multiple=False)] = (),
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    settings: EmergenceSettings,
) -> int:
    """Ask what a model has learnt beyond names: traits, sex, stage and health, the taxonomy; and say which claims hold, fail or stay open.

    Everything is held against chance and against vectors that know nothing of it. OUT/study.html shows it with figures; OUT/claims.md says what was
    decided, by which rule. To begin with:

        merian explore emergence catalog out --model model --control histogram=descriptor

    Parameters
    ----------
    catalog
        A catalog made by `merian curate`.
    out
        The folder to write: study.html with the figures, claims.md, report.json, and tables as Parquet.
    model
        The model under study: a model's folder or name, or embeddings of the catalog made by `merian embed`; as NAME=MODEL to name it.
    control
        Vectors to hold it against, as NAME=MODEL or NAME=EMBEDDINGS: untrained=FOLDER, histogram=descriptor. May be given several times.
    series
        Models in order, as steps of a data ladder or temperatures: 5%=FOLDER, 25%=FOLDER ... May be given several times.
    overwrite
        Replace a study of other settings.
    """
    for line in emergence_store(catalog, out, (model, control, series), settings, overwrite, command_line()):
        say(escaped(line))
    page = (out / "claims.md").read_text(encoding="utf-8")
    for line in page.partition("## By subject")[0].splitlines()[1:]:
        if line:
            say(escaped(line.removeprefix("- ")))
    say(
        f"{path_of(out / 'study.html')}  by which rule: {bold('claims.md')}; the numbers: measures.parquet, report.json"
    )
    return 0


def named(given: str, flag: str, default: str = "") -> tuple[str, str]:
    """The name and the place of NAME=PLACE; without a name the `default`, raises BadSetting where there is none."""
    name, sign, place = given.partition("=")
    if not sign and default:
        return default, given
    if not sign or not name.strip() or not place.strip():
        raise BadSetting(flag, given, "needs a name: NAME=MODEL or NAME=EMBEDDINGS, as untrained=models/untrained")
    return name.strip(), place.strip()


def emergence_store(
    catalog: Path,
    out: Path,
    given: tuple[str, tuple[str, ...], tuple[str, ...]],
    settings: EmergenceSettings,
    overwrite: bool,
    command: str,
) -> tuple[str, ...]:
    """Study what lies in these folders; `given` are the flags --model, --control and --series. Returns what is known of what the models were taught."""
    from merian.core.tables import Catalog
    from merian.explore.emergence.run import Subjects
    from merian.explore.emergence.run import emergence as run

    model, *rest = named(given[0], "model", "model"), *(named(g, "control") for g in given[1])
    ordered = [named(g, "series") for g in given[2]]
    for flag, pairs in (("control", rest), ("series", ordered)):
        twice = [name for k, (name, _) in enumerate(pairs) if name in [n for n, _ in pairs[:k]]]
        if twice:
            raise BadSetting(flag, twice[0], "is named twice")
    vectors = {place: _vectors(catalog, place, out, overwrite) for _, place in (model, *rest, *ordered)}
    subjects = Subjects(
        (model[0], vectors[model[1]]),
        {name: vectors[place] for name, place in rest},
        {name: vectors[place] for name, place in ordered},
        tuple(told for name, place in (model, *ordered) if (told := _taught(name, Path(place)))),
    )
    run(Catalog.open(catalog), subjects, out, settings, command=command, overwrite=overwrite)
    return subjects.told


def _taught(name: str, place: Path) -> str:
    """What the model in a folder was taught beside names, in words: of that nothing emerged. Empty when nothing is known of it."""
    from merian.core import store

    if not (place / store.MANIFEST).is_file():
        return ""
    weight = store.read(place).settings.get("traits", 0)
    if not weight:
        return ""
    return f"{name} may have been taught sex, life stage, habitat and behaviour: it was trained with captions that tell them (--traits {weight:g})"


def _vectors(catalog: Path, place: str, out: Path, overwrite: bool) -> Embeddings:
    """The embeddings at a place; where it is a model, those of the catalog by it, kept beside the study."""
    from merian.core.store import MANIFEST, digest_bytes
    from merian.core.vectors import Embeddings

    path = Path(place)
    if path.is_file() or (path / "embeddings.parquet").is_file():
        return Embeddings.load(path)
    kept = out.with_name(f"{out.name}-embeddings") / f"{path.name}-{digest_bytes(place.encode())[:6]}"
    if not (kept / MANIFEST).is_file():
        say(f"Embedding the catalog with {bold(place)}")
    embed_store(catalog, path, kept, overwrite=overwrite)
    return Embeddings.load(kept)
