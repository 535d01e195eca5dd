"""`merian names`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from merian.cli.flags import with_settings
from merian.cli.say import REFUSED, path_of, say
from merian.core.errors import BadSetting
from merian.names.settings import NamesSettings

if TYPE_CHECKING:
    import polars as pl

    from merian.names.backbone import Backbone
    from merian.names.files import NamesFile
    from merian.names.resolve import Resolution

__all__ = ["names"]

SHOWN = 10


@with_settings(NamesSettings, "names")
def names(
    file: Path | None = None,
    /,
    *,
    backbone: Path,
    crosswalk: Path | None = None,
    column: str | None = None,
    out: Path | None = None,
    explain: str | None = None,
    given: str = "",
    settings: NamesSettings,
) -> int:
    """Resolve a list of names against a taxonomy, offline, and say how each was decided.

    Synonyms become accepted names; a name that an animal and a plant share is decided by the higher ranks beside it; typos, Latin
    endings, hybrids, `cf.` and subspecies are understood; what is not there goes up to its species, genus or family. Nothing is
    guessed and nothing is lost: every row keeps its reason and its alternatives. Exit code 3: some rows stayed unresolved.

    Examples:

    merian names birds.csv --backbone coldp.zip

    merian names specimens.txt --backbone backbone.zip --languages en,de --out resolved.csv

    merian names --explain "Oenanthe oenanthe" --given class=Aves --backbone coldp.zip

    Parameters
    ----------
    file
        The names: CSV, TSV or Parquet with a column such as scientificName, or text with one name a line. Columns kingdom ... genus
        beside it are used as evidence.
    backbone
        The taxonomy: Catalogue of Life (ColDP), a Darwin Core archive such as the GBIF backbone, each a ZIP or a folder, or a table
        of lineages. It is compiled once and then kept.
    crosswalk
        Where the file's old identifiers (taxonKey, taxonID) lead: the old backbone, or a table with the columns old and new.
    column
        The column that holds the names, when its heading does not tell.
    out
        The file to write, .parquet or .csv; by default the file's name with .resolved.parquet, in this folder.
    explain
        One name to explain step by step: what was read, the candidates, which row of the decision table won.
    given
        What else is known of the name to explain: kingdom=Plantae,family=Apiaceae,authorship=L.
    """
    if file is None and explain is None:
        raise BadSetting("file", "", "give a file of names, or one name with --explain")
    if out is not None and out.suffix.lower() not in (".parquet", ".csv"):
        raise BadSetting("out", str(out), "must end in .parquet or .csv")
    if out is not None:
        _free(out, {"file": file, "backbone": backbone, "crosswalk": crosswalk})
    facts = _given(given, explain)
    from merian.names.backbone import Backbone

    opened = Backbone.open(backbone)
    if explain is not None:
        _explain({"verbatim_name": explain} | facts, opened, settings)
    return 0 if file is None else _file(file, opened, crosswalk, column, out, settings)


def _free(out: Path, read: Mapping[str, Path | None]) -> None:
    """Return quietly when `out` can be written without a loss; raises BadSetting."""
    if out.is_dir():
        raise BadSetting("out", str(out), "is a folder; name a file in it")
    for what, path in read.items():
        if path is not None and out.exists() and path.exists() and out.samefile(path):
            raise BadSetting("out", str(out), f"is the {what} that is read; name another file")


def _file(
    file: Path,
    backbone: Backbone,
    crosswalk: Path | None,
    column: str | None,
    out: Path | None,
    settings: NamesSettings,
) -> int:
    """Resolve a file, write its rows, print the report; the exit code."""
    from merian.names.files import read_names
    from merian.names.resolve import resolve

    read = read_names(file, column)
    table = read.input.drop("taxon_id", strict=False)
    crossed = ""
    if crosswalk is not None:
        table, crossed = _cross(read, crosswalk, backbone)
    resolution = resolve(table, backbone, settings)
    path = out if out is not None else Path(f"{file.stem}.resolved.parquet")
    _write(path, _rows(read, resolution, backbone, settings))
    print(_report(file, read, resolution, backbone) + crossed)
    say(f"{path_of(path)}  every row, with its reason and alternatives")
    return REFUSED if len(resolution.unresolved) or len(read.refused) else 0


def _given(text: str, explain: str | None) -> dict[str, str]:
    """The facts of `kingdom=Plantae,family=Apiaceae`."""
    from merian.names.resolve import INPUT

    if text and explain is None:
        raise BadSetting("given", text, "goes with --explain; a file has its own columns")
    facts = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        key, sign, value = (x.strip() for x in part.partition("="))
        if not sign or key not in INPUT:
            raise BadSetting("given", part, f"must be KEY=VALUE with a key of {', '.join(INPUT[1:])}", INPUT)
        facts[key] = value
    return facts


def _cross(read: NamesFile, path: Path, backbone: Backbone) -> tuple[pl.DataFrame, str]:
    """The input with the file's identifiers carried over to the backbone's, and a line about how many were."""
    import polars as pl

    from merian.names.backbone import Backbone
    from merian.names.crosswalk import crosswalk, read_crosswalk

    if "taxon_id" not in read.input.columns:
        raise BadSetting("crosswalk", str(path), "needs a column of identifiers in the file: taxonKey or taxonID")
    table = path.suffix.lower() in (".csv", ".tsv", ".txt", ".parquet") and path.is_file()
    walk = read_crosswalk(path) if table else crosswalk(Backbone.open(path), backbone)
    old = (
        pl.col("taxon_id").str.strip_chars().str.extract(r"(?i)^(?:gbif:|https?://(?:www\.)?gbif\.org/species/)?(\S+)$")
    )
    asked = read.input.with_columns(old.alias("old")).drop("taxon_id")
    crossed = asked.join(
        walk.unique("old", keep="first", maintain_order=True), on="old", how="left", maintain_order="left"
    )
    there = int(crossed["id"].is_not_null().sum())
    lines = [
        f"\n\nold identifiers: {there:,} of {int(asked['old'].is_not_null().sum()):,} rows lead to one in the backbone"
    ]
    reason = pl.coalesce("reason", pl.lit("not in the crosswalk"))
    left = crossed.filter(pl.col("old").is_not_null() & pl.col("id").is_null()).group_by(reason.alias("reason")).len()
    lines += [f"  {n:>10,}  {why}" for why, n in left.sort("len", "reason", descending=[True, False]).rows()]
    return crossed.rename({"id": "taxon_id"}).drop("old", "how", "reason"), "\n".join(lines)


def _rows(read: NamesFile, resolution: Resolution, backbone: Backbone, settings: NamesSettings) -> pl.DataFrame:
    """Line, the file's own columns (`_given` added where a name is taken), the resolved ones, the common name."""
    import polars as pl

    from merian.names.vernaculars import languages_of, vernacular_of

    resolved = resolution.frame
    at = backbone.usages.select(accepted_id="id", usage=pl.int_range(pl.len(), dtype=pl.Int32)).unique(
        "accepted_id", keep="first"
    )
    usage = resolved.select("accepted_id").join(at, on="accepted_id", how="left", maintain_order="left")["usage"]
    common = vernacular_of(backbone, usage, languages_of(settings.languages), settings.country)
    common = common.select(common_name="name", common_language="language", common_rank="rank")
    taken = {"line", *resolved.columns, *common.columns}
    own = read.table.rename({c: f"{c}_given" for c in read.table.columns if c in taken})
    return pl.concat([read.lines.alias("line").to_frame(), own, resolved, common], how="horizontal")


def _write(path: Path, rows: pl.DataFrame) -> None:
    import polars as pl

    from merian.core.store import atomic

    with atomic(path) as stream:
        if path.suffix.lower() == ".csv":
            rows = rows.with_columns(pl.col(pl.List(pl.String)).list.join(" | "))
            rows.with_columns(_written(c) for c in rows if c.dtype.is_nested() or c.dtype == pl.Binary).write_csv(
                stream
            )
        else:
            rows.write_parquet(stream)


def _written(column: pl.Series) -> pl.Series:
    """A column of lists, structs or bytes (of a Parquet file) as text."""
    import polars as pl

    if column.dtype == pl.Binary:
        return column.bin.encode("hex")
    return pl.Series(column.name, [None if v is None else str(v) for v in column.to_list()], pl.String)


def _report(file: Path, read: NamesFile, resolution: Resolution, backbone: Backbone) -> str:
    """How many names were resolved how, the worst, the unresolved, and against what."""
    import polars as pl

    frame = resolution.frame.with_columns(
        read.input.get_column("verbatim_name").alias("text")
        if "verbatim_name" in read.input.columns
        else pl.lit("").alias("text"),
        read.lines.alias("line"),
    )
    total = len(frame)
    first = frame.unique("decision", keep="first", maintain_order=True)
    example = {
        d: f"{t or '(no name)'} -> {n or 'nothing'}"
        for d, t, n in first.select("decision", "text", "accepted_name").rows()
    }
    lines = [
        f"{file}: {total:,} rows, {frame['text'].drop_nulls().n_unique():,} different names",
        f"backbone: {resolution.version}",
    ]
    unused = backbone.refused
    if len(unused):
        which = "; ".join(f"{f} line {n}: {r}" for f, n, r in unused.head(2).select("file", "row", "reason").rows())
        lines.append(
            f"{len(unused):,} row{'s' * (len(unused) != 1)} of it cannot be used: {which}" + " ..." * (len(unused) > 2)
        )
    lines.append("")
    lines.append(f"{'decision':<26} {'rows':>10} {'share':>7} {'score':>5}  example")
    for decision, _, rows, score in resolution.counts.rows():
        lines.append(f"{decision:<26} {rows:>10,} {rows / total:>7.1%} {score:>5.2f}  {example[decision]}")
    outcome = dict(frame["outcome"].value_counts().rows())
    words = {
        "taken": "are the taxon named",
        "raised": "a higher taxon",
        "undecided": "undecided between several",
        "unresolved": "unresolved",
    }
    lines += ["", ", ".join(f"{outcome.get(o, 0):,} {w}" for o, w in words.items())]
    weak = frame.filter(pl.col("outcome").is_in(["taken", "raised"])).unique("text", keep="first", maintain_order=True)
    weak = weak.filter(pl.col("score") < 0.9).sort("score", "line").head(SHOWN)
    lost = _left(frame)
    for title, part in (("The least certain", weak), (f"Not resolved ({len(lost):,} different)", lost.head(SHOWN))):
        if len(part):
            lines += ["", title]
            lines += [
                f"  line {n:>7} {t or '(no name)'}: {r}" for n, t, r in part.select("line", "text", "reason").rows()
            ]
    if len(read.refused):
        lines += ["", f"{len(read.refused):,} lines could not be read"]
        lines += [f"  line {n:>7}: {r}" for n, r in read.refused.head(SHOWN).select("row", "reason").rows()]
    return "\n".join(lines)


def _left(frame: pl.DataFrame) -> pl.DataFrame:
    """The undecided and unresolved rows, each name once."""
    import polars as pl

    left = frame.filter(pl.col("outcome").is_in(["undecided", "unresolved"]))
    return left.unique("text", keep="first", maintain_order=True)


def _explain(given: Mapping[str, str], backbone: Backbone, settings: NamesSettings) -> None:
    """Print what was read, the candidates, the table's rows that hold, the result."""
    from merian.names.decisions import DECISIONS
    from merian.names.resolve import explain

    trace = explain(given, backbone, settings)
    facts, result = trace.evidence, trace.result
    print(f"{facts['text'] or '(no name)'}\nbackbone: {backbone.version}\n\nread as")
    print(f"  {'kind':<12} {facts['kind']}")
    for key in ("canonical", "qualifier", "author", "kingdom", "phylum", "class", "order", "family", "genus"):
        if facts.get(key):
            print(f"  {key:<12} {facts[key]}")
    print(f"\ncandidates: {len(trace.candidates)}")
    for row in trace.candidates.rows(named=True):
        mark = "*" if row["kept"] else " "
        name = " ".join(filter(None, (row["name"], row["authorship"])))
        stands = "" if row["accepted"] else f" = {row['accepted_name']}"
        print(f"{mark} {row['id'] or '-':<12} {name} [{row['rank']}, {row['status']}{stands}; {row['kingdom'] or '?'}]")
        author = {2: "same", 1: "compatible", 0: "not known", -1: "another"}[row["author"]]
        off = f"{row['distance']} letter{' differs' if row['distance'] == 1 else 's differ'}"
        print(
            f"    {row['match']} match of the {row['target']}, {off}; given ranks: {row['agree']} fit, "
            f"{row['contradict']} do not; author {author}"
        )
    print("\nrows of the decision table that hold (the first one wins)")
    for i in trace.holding[:5]:
        print(f"  {i + 1:>3}  {DECISIONS[i].code:<26} {DECISIONS[i].outcome:<10} score {DECISIONS[i].score}")
    line = " > ".join(
        str(result[r]) for r in ("kingdom", "phylum", "class", "order", "family", "genus", "species") if result[r]
    )
    print(f"\n{result['decision']}: {result['reason']}")
    print(f"-> {result['accepted_id'] or '(no identifier)'}  {result['accepted_name'] or 'nothing'}\n   {line}")
