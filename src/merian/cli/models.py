"""`merian models`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

from merian.cli.convert import Conversion, converted
from merian.cli.say import bold, say
from merian.core.errors import BadSetting

__all__ = ["models"]


def models(
    action: Literal["list", "pull", "info", "convert", "rm"] = "list",
    name: str = "",
    /,
    *,
    how: Conversion = Conversion(),
) -> int:
    """List, fetch, describe, convert and remove models of the Hugging Face hub: BioCLIP, BioCLIP 2 and 2.5, BioCAP, any in open_clip's layout.

    They lie in the hub's own cache (HF_HOME), shared with open_clip. A fetch that was cut off goes on; large files are held to
    their SHA-256. HF_ENDPOINT names a mirror, HF_HUB_OFFLINE=1 asks no network. Only safetensors are taken.

    Parameters
    ----------
    action
        list: what is known and what is here; pull: fetch NAME; info: what NAME is; rm: take NAME off this machine;
        convert: make a form of NAME that opens faster or computes faster, and measure how well it agrees.
    name
        bioclip-2, bioclip-2.5, bioclip, biocap, a repository as hf-hub:owner/name, a model of open_clip's list as
        ARCHITECTURE/TAG, or for info and convert a model folder.
    """
    if (action == "list") == bool(name):
        told = "takes no name" if name else f"needs a name: merian models {action} bioclip-2"
        raise BadSetting("name", name, f"'{action}' {told}")
    if action != "convert" and how != Conversion():
        raise BadSetting("action", action, "takes no --precision, --photos, --output or --taxa: these are for convert")
    if action == "list":
        _list()
    elif action == "convert":
        converted(name, how)
    else:
        {"pull": _pull, "info": _info, "rm": _remove}[action](name)
    return 0


def _list() -> None:
    from merian.encode import hub

    if size := sum(path.stat().st_size for path in hub.pocket().rglob("*") if path.is_file()):
        say(f"{hub.POCKET:<12} {_state(size, ()):<18} a small model of real organisms, in the package")
    here = {model.repository: model for model in hub.present()}
    for known in hub.KNOWN.values():
        model = here.pop(known.repository, None)
        state = "not here" if model is None else _state(model.size, model.lacks)
        say(f"{known.name:<12} {state:<18} {known.about}; {hub.HUB}{known.repository}")
    for model in here.values():
        say(f"{hub.HUB}{model.repository}  {_state(model.size, model.lacks)}")


def _state(size: int, lacks: tuple[str, ...]) -> str:
    return f"{size / 1e6:,.0f} MB here" if not lacks else f"[yellow]lacks {', '.join(lacks)}[/yellow]"


def _pull(name: str) -> None:
    from merian.encode import hub

    folder = hub.pull(name)
    say(f"{bold(str(folder))}  name photos with: merian identify PHOTO --model {name} --taxa TAXA")


def _info(name: str) -> None:
    from merian.encode.hub import resolve
    from merian.encode.info import described

    for key, value in described(resolve(Path(name) if Path(name).is_dir() else name)).items():
        say(f"{key:<14} {value}")


def _remove(name: str) -> None:
    from merian.encode import hub
    from merian.encode.convert import CONVERSIONS
    from merian.encode.folder import read_folder
    from merian.encode.openvino import converted_place

    folder = hub.find(name)
    places = [] if folder is None else [converted_place(read_folder(folder), kind) for kind in CONVERSIONS]
    freed = hub.remove(name)
    for place in places:
        freed += sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
        shutil.rmtree(place, ignore_errors=True)
    say(f"{name}: {freed / 1e6:,.0f} MB freed")
