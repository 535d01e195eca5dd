"""`merian concepts`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from merian.cli.evaluate import command_line
from merian.cli.flags import with_settings
from merian.cli.say import path_of, say
from merian.core.errors import BadData, BadSetting, Missing
from merian.explore.explain.autoencoder import ConceptSettings

if TYPE_CHECKING:
    from merian.core.vectors import Embeddings
    from merian.explore.explain.naming import Words

__all__ = ["concepts"]


@with_settings(ConceptSettings, "concepts")
def concepts(
    catalog: Path,
    embeddings: Path,
    out: Path,
    /,
    *,
    words: Path | None = None,
    model: Annotated[Path | None, Parameter(name=["--model", "-m"])] = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    settings: ConceptSettings,
) -> int:
    """Learn the concepts of a catalog's embedding: directions of which a few make up each image, named where a name holds.

    A name is a clade or a state of sex, life stage, health, habitat, behaviour or reproduction, told only where shuffled labels would not name as much; a
    word of a vocabulary where no label does; or none.

    Parameters
    ----------
    catalog
        A catalog made by `merian curate`.
    embeddings
        Its embeddings, made by `merian embed`.
    out
        The folder to write: concepts.parquet, autoencoder.safetensors, report.json; MODEL/concepts, where `merian explain` finds them.
    words
        A vocabulary, a text file with a word or phrase a line; needs --model.
    model
        The model that made the embeddings, to embed the words.
    overwrite
        Replace concepts of another run.
    """
    from merian.core.tables import Catalog
    from merian.core.vectors import Embeddings
    from merian.explore.explain.concepts import learn_concepts

    if (words is None) != (model is None):
        raise BadSetting("words", str(words or ""), "and --model belong together: the model embeds the words")
    vectors = Embeddings.load(embeddings)
    vocabulary = None if words is None or model is None else _words(words, model, vectors)
    sources = Catalog.open(catalog), vectors
    report = learn_concepts(sources, out, settings, command_line(), vocabulary, overwrite)
    for number in report.numbers:
        say(f"{number.name:<20} {number.text}" + (f"  [dim]{number.note}[/dim]" if number.note else ""))
    for remark in report.remarks:
        say(f"[yellow]remark[/yellow] {remark}")
    say(f"{path_of(out)}")
    return 0


def _words(path: Path, model: Path, vectors: Embeddings) -> Words:
    """The vocabulary in a file, embedded; raises Missing without the file, BadData for fewer than three words, Mismatch for another model's embeddings."""
    from merian.encode import open_encoder
    from merian.encode.hub import local
    from merian.explore.explain.naming import Words

    if not path.is_file():
        raise Missing("the words", path, "give a text file with a word or phrase in each line")
    lines = [line.strip() for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines()]
    texts = tuple(dict.fromkeys(line for line in lines if line))
    if len(texts) < 3:
        raise BadData(path, f"{len(texts)} words are too few: a word is near only beside others; give three or more")
    encoder = open_encoder(local(model))
    vectors.agree_with(encoder.fingerprint)
    return Words(texts, encoder.embed_texts(texts))
