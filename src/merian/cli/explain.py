"""`merian explain`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from merian.cli.evaluate import command_line
from merian.cli.photos import Photos, expand, options_of, shown
from merian.cli.say import REFUSED, bold, escaped, path_of, say
from merian.core import store
from merian.core.errors import BadData, BadSetting
from merian.explore.explain.saliency import Method

if TYPE_CHECKING:
    from merian.explore.explain.concepts import Concepts
    from merian.explore.explain.explanation import Evidence, Explanation
    from merian.explore.explain.nearest import Gallery
    from merian.identify import Identifier

__all__ = ["Beside", "explain"]

KIND, FORMAT = "explanation", 1
OWN = "concepts"
"""The folder of a model with concepts of its own."""
AT_ONCE = 65_536
"""Vectors of labels hashed at once."""


@Parameter(name="*", help="What a photo is shown beside.")
@dataclass(frozen=True)
class Beside:
    """What a photo is shown beside."""

    catalog: Annotated[
        Path | None,
        Parameter(
            help="A catalog whose training images the nearest are looked for among, shown with licence and rights holder."
        ),
    ] = None
    embeddings: Annotated[
        Path | None, Parameter(help="The catalog's embeddings by the same model (`merian embed`).")
    ] = None
    concepts: Annotated[
        Path | None,
        Parameter(
            help="Concepts learnt from embeddings by the same model (`merian concepts`), with the gallery of its training images where they were made with "
            "--gallery; MODEL/concepts unless given."
        ),
    ] = None
    neighbours: Annotated[int, Parameter(help="How many of the nearest images are shown.")] = 6

    def check(self) -> None:
        """Raise BadSetting when one of the flags that belong together is missing, or nothing is to be shown."""
        if self.neighbours < 1:
            raise BadSetting("neighbours", self.neighbours, "must be at least 1")
        if (self.catalog is None) != (self.embeddings is None):
            absent = "embeddings" if self.embeddings is None else "catalog"
            raise BadSetting(absent, "", "must be given too: --catalog and --embeddings belong together")

    def known(self, model: Path, fingerprint: str) -> tuple[Path | None, Concepts | None]:
        """The concepts to take and where they are: those given, else the model's own; these are left out, and it is said, when they are another form's."""
        from merian.explore.explain.concepts import Concepts

        if self.concepts is not None:
            return self.concepts, Concepts.load(self.concepts)
        own = model / OWN
        if not own.is_dir():
            return None, None
        found = Concepts.load(own)
        if found.fingerprint != fingerprint:
            say(f"[yellow]left out[/yellow] {path_of(own)}: of {found.fingerprint}, and this is {fingerprint}")
            return None, None
        return own, found

    def gallery(self, place: Path | None, fingerprint: str) -> Gallery | None:
        """The images to look among: the catalog's, else those kept with the concepts at `place`; None where there are none."""
        from merian.core.tables import Catalog
        from merian.core.vectors import Embeddings
        from merian.explore.explain.nearest import Gallery

        if self.catalog is not None and self.embeddings is not None:
            return Gallery.of(Catalog.open(self.catalog), Embeddings.load(self.embeddings), fingerprint)
        return None if place is None else Gallery.kept(place)


AsMethod = Annotated[
    Method,
    Parameter(
        help="occlusion: parts are blurred one at a time, for any model; gradient: relevance (transformers) or Grad-CAM (convolutions), and attention: "
        "rollout, which asks no question, both with torch and the model's weights.",
    ),
]
Out = Annotated[
    Path,
    Parameter(
        name=["--out", "-o"],
        help="The folder to write: explanation.html, explanation.json, maps.safetensors and the maps on the photos as PNG; explanation-PHOTO unless given, "
        "explanation for several photos.",
    ),
]
Tested = Annotated[bool, Parameter(help="Test the maps by deletion and insertion.")]
Overwrite = Annotated[bool, Parameter(negative=(), help="Replace an explanation of another run.")]
ALONE = Beside()


def explain(
    photos: Annotated[list[Path], Parameter(allow_leading_hyphen=True, json_list=False)],
    /,
    *,
    model: Annotated[Path | None, Parameter(name=["--model", "-m"])] = None,
    taxon: str = "",
    against: str = "",
    method: AsMethod = "occlusion",
    beside: Beside = ALONE,
    test: Tested = True,
    taxa: Path | None = None,
    head: Path | None = None,
    backend: str = "auto",
    out: Out | None = None,
    overwrite: Overwrite = False,
) -> int:
    """Show why a photo is called what it is called: where in it the answer lies, what tells it from the next, what it resembles, what is active in it.

    `merian explain PHOTO` writes one page, which fetches nothing. Each map is tested: the photo is blurred away, and brought back, in its order, beside a blob
    in the middle and maps of chance. A photo that cannot be read is told with the reason, and the exit code is 3.

    Parameters
    ----------
    photos
        Files, folders, globs, lists (@list.txt: a path per line), or - for a list on standard input.
    model
        A model folder, or a model by its name; as for `merian identify` unless given.
    taxon
        Why this taxon, of any rank, by its scientific or common name; the most probable label unless given.
    against
        And why not this one; the most probable other label unless given.
    taxa
        Another list of taxa to choose from, as for `merian identify`.
    head
        Which vectors stand for the taxa, as for `merian identify`.
    backend
        openvino, onnx, torch, toy, or auto.
    """
    from merian.cli.identify import chosen_model
    from merian.identify import Identifier

    beside.check()
    chosen = expand(photos, options=options_of(explain))
    place = chosen_model(model)
    asked = _Asked(taxon, against, method, test)
    return asked.run(
        chosen, (place, Identifier.open(place, taxa, backend, head)), beside, out or _out(chosen), overwrite
    )


def _out(chosen: Photos) -> Path:
    return Path(f"explanation-{chosen.paths[0].stem}" if len(chosen.paths) == 1 else "explanation")


@dataclass(frozen=True)
class _Asked:
    """What is asked of every photo, and how."""

    taxon: str
    against: str
    method: Method
    test: bool

    def run(self, chosen: Photos, model: tuple[Path, Identifier], beside: Beside, out: Path, overwrite: bool) -> int:
        """Explain the photos into the store `out`; the exit code."""
        identifier = model[1]
        place, concepts = beside.known(model[0], identifier.encoder.fingerprint)
        evidence = self.evidence(identifier, beside, (beside.gallery(place, identifier.encoder.fingerprint), concepts))
        settings = {**vars(self), "neighbours": beside.neighbours}
        stores = {"catalog": beside.catalog, "embeddings": beside.embeddings, "concepts": place}
        work = store.begin(out, KIND, FORMAT, settings, _inputs(chosen, identifier, stores), overwrite)
        if work.done:
            say(f"{path_of(out / 'explanation.html')}  is already done")
            return REFUSED if json.loads((out / "explanation.json").read_text(encoding="utf-8"))["refused"] else 0
        refused = _explained(chosen, evidence, (self.taxon, self.against), out, _about(identifier, self.method))
        work.finish()
        say(f"{path_of(out / 'explanation.html')}")
        return REFUSED if refused else 0

    def evidence(
        self, identifier: Identifier, beside: Beside, known: tuple[Gallery | None, Concepts | None]
    ) -> Evidence:
        """What the photos are explained with; names that cannot be asked for are refused here, before the first photo."""
        from merian.explore.explain.explanation import Candidates, Evidence
        from merian.explore.explain.faithful import Trial
        from merian.explore.explain.saliency import open_lens

        candidates = Candidates(identifier.head.tree, identifier.head.labels, identifier.head.vectors)
        for name in (self.taxon, self.against):
            if name:
                candidates.find(name)
        return Evidence(
            encoder=identifier.encoder,
            candidates=candidates,
            chances=identifier.head.probabilities,
            lens=open_lens(self.method, identifier.encoder),
            gallery=known[0],
            concepts=known[1],
            trial=Trial() if self.test else None,
            neighbours=beside.neighbours,
        )


def _inputs(chosen: Photos, identifier: Identifier, stores: Mapping[str, Path | None]) -> dict[str, str]:
    """What the explanation depends on, as hashes."""
    photos = [f"{shown(path)} {store.digest(path) if path.is_file() else 'missing'}" for path in chosen.paths]
    head = identifier.head
    parts = (head.vectors[at : at + AT_ONCE].tobytes() for at in range(0, len(head.vectors), AT_ONCE))
    names = [head.fingerprint, head.tree.version, str(head.calibration), store.digest_bytes(head.labels.tobytes())]
    found = {
        "photos": store.digest_bytes("\n".join(photos).encode())[:24],
        "encoder": identifier.encoder.fingerprint,
        "labels": store.digest_bytes("\n".join([*names, *map(store.digest_bytes, parts)]).encode())[:24],
    }
    given = {name: path for name, path in stores.items() if path is not None}
    return found | {
        name: store.read(path).hash if path.is_dir() else store.digest(path)[:24] for name, path in given.items()
    }


def _about(identifier: Identifier, method: str) -> dict[str, str]:
    encoder = identifier.encoder
    return {
        "model": encoder.fingerprint,
        "labels": f"{len(identifier.head.labels):,}, tree {identifier.head.tree.version}",
        "sees": f"{encoder.preprocess.size} x {encoder.preprocess.size} pixels",
        "method": method,
    }


def _explained(
    chosen: Photos, evidence: Evidence, asked: tuple[str, str], out: Path, about: dict[str, str]
) -> dict[str, str]:
    """Explain the photos and write what was found; those that could not be, with the reason. Raises BadData when none could be."""
    from merian.core.progress import track
    from merian.encode import Unreadable
    from merian.explore.explain.explanation import explain as run
    from merian.explore.explain.page import write

    found: dict[str, Explanation] = {}
    refused = dict(chosen.refused)
    with track("Explaining", len(chosen.paths), "photos") as advance:
        for path in chosen.paths:
            name = shown(path)
            try:
                found[name] = run(path, evidence, *asked)
            except Unreadable as error:
                refused[name] = error.reason
            else:
                _told(name, found[name])
            advance()
    for name, reason in refused.items():
        say(f"[yellow]not explained[/yellow] {escaped(name)}: {reason}")
    if not found:
        raise BadData("photos", "none could be read", [f"{name}: {reason}" for name, reason in refused.items()])
    write(out, found, refused, command_line(), about)
    return refused


def _told(name: str, one: Explanation) -> None:
    """Say in a line what was found of a photo."""
    chance, other = (f"{value:.0%}".replace("%", " %") for value in one.question.chances)
    against = f" against {one.names[1]} ({other})" if one.names[1] else ""
    say(
        f"{bold(name)}  {escaped(one.names[0])} ({chance}){escaped(against)}; {one.maps.method}, {one.maps.passes} passes"
    )
    for test, kind in zip(one.tests, ("for it", "against the other"), strict=False):
        say(f"   map {kind}: {test.words}")
