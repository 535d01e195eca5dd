"""`merian twin`: the ecosystem twin. `merian twin build` makes the ecosystem that it simulates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from merian.cli.calibrate import calibrate
from merian.cli.evaluate import command_line
from merian.cli.eyes import eyes
from merian.cli.flags import with_settings
from merian.cli.odd import odd
from merian.cli.record import record
from merian.cli.say import REFUSED, bold, escaped, path_of, say
from merian.cli.validate import validate
from merian.cli.watch import watch
from merian.core.errors import BadSetting
from merian.twin.settings import TwinSettings

__all__ = ["app", "build"]

SHOWN = 12
"""Remarks that are said; all are in the report."""

app = App(
    name="twin",
    help="The ecosystem twin: make an ecosystem of species, traits and ground, to simulate.",
    result_action="return_value",
)
app.command(validate, name="validate")
app.command(watch, name="watch")
app.command(calibrate, name="calibrate")
app.command(odd, name="odd")
app.command(eyes, name="eyes")
app.command(record, name="record")


@app.command(name="build")
@with_settings(TwinSettings, "twin")
def build(
    species: str,
    out: Path,
    /,
    *,
    traits: Annotated[tuple[Path, ...], Parameter(negative=(), consume_multiple=False)] = (),
    links: Path | None = None,
    raster: Annotated[tuple[str, ...], Parameter(negative=(), consume_multiple=False)] = (),
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    settings: TwinSettings,
) -> int:
    """Make an ecosystem of a list of species: traits from tables, feeding links with a probability each, ground, and a food web that is tried.

    Each value says whether it was observed, inferred from relatives or assumed from body mass, and where it is from. The report says which species persist.

    Parameters
    ----------
    species
        A list or records with scientificName (CSV, TSV, Parquet); or savanna, isle-royale, drawn; or a TOML file in the form of these.
    out
        The folder to write: species, traits, links, pools, refused and persistence as Parquet, landscape/, report.json.
    traits
        A table of traits: EltonTraits, PanTHERIA, AVONET and their like, long tables, or imputed.parquet of `merian traits impute`. May be given several times;
        the first that knows a value wins, what is observed before what is inferred.
    links
        Observed links: columns eater and eaten, perhaps eats (1 or 0), share (of the eater's energy) and source. They are never overruled.
    raster
        A layer of the ground, LAYER=FILE with LAYER elevation, water, rain, trees or fences and FILE a GeoTIFF (.tif), .asc or .npy, in metres; rain may be a
        folder of twelve, a month each. May be given several times.
    overwrite
        Replace an ecosystem of other settings.
    """
    from merian.twin.build import Inputs
    from merian.twin.build import build as run

    layers = {}
    for text in raster:
        layer, sign, file = text.partition("=")
        if not sign or not file.strip() or layer.strip() in layers:
            raise BadSetting("raster", text, "must read LAYER=FILE, each layer once")
        layers[layer.strip()] = Path(file.strip())
    report = run(species, out, settings, Inputs(traits, links, layers), command_line(), overwrite)
    for group, numbers in report.groups():
        say(f"\n{bold(group)}")
        for number in numbers:
            note = f"  [dim]{escaped(number.note)}[/dim]" if number.note else ""
            shown = f"{number.value:,.0f}" if number.unit == "count" else number.text
            say(f"  {escaped(number.name):<24} {shown}{note}")
    if report.remarks:
        say("")
    for remark in report.remarks[:SHOWN]:
        say(f"  [yellow]{escaped(remark)}[/yellow]")
    if len(report.remarks) > SHOWN:
        say(f"  and {len(report.remarks) - SHOWN} more in the report")
    say(f"\n{path_of(out)}")
    return REFUSED if report["refused"].value else 0
