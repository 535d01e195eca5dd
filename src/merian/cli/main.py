"""`merian`: the verbs, what they say when something is wrong, and the exit code.

0 done, 1 failed, 2 misused, 3 done with refused rows. No traceback for a user's mistake.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from merian import __version__
from merian.core.errors import BadSetting, MerianError

__all__ = ["app", "main", "run"]

FAILED, MISUSED = 1, 2

app = App(
    name="merian",
    help="Biology from pixels to populations: curate photos, train, identify, evaluate, explore, serve.\n\n"
    "New here? Run `merian tour`: the whole path on drawn organisms, in minutes, offline.",
    version=__version__,
    help_flags=["--help", "-h"],
    help_epilogue="`merian VERB --help` explains each. Long runs can be stopped and given again: they go on where they stopped.",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
VERBS = {
    "tour": "The whole path at once, on the drawn tree of life, ending with a report and a web page.",
    "draw": "Draw a tree of life whose truth is known: photos of made-up organisms with Darwin Core tables.",
    "names": "Resolve messy names against a taxonomy, offline, and say how each was decided.",
    "download": "Fetch the images that a table or archive links to, politely; what comes is a source for curate.",
    "curate": "Make a catalog of a folder or table of photos: check, refuse with reasons, split, shard.",
    "card": "Write the data card of a catalog: a page, Croissant metadata, and who is to be credited.",
    "leakage": "Count the images that two data sets, or the splits of a catalog, share.",
    "train": "Train an image tower and a text tower on a catalog; export for OpenVINO and ONNX.",
    "models": "List, fetch, describe and remove models of the Hugging Face hub, such as BioCLIP 2.",
    "embed": "Turn a catalog's images or photos into vectors, as Parquet.",
    "identify": "Name the organism in photos: the safe answer, the likely ones, and the chance of none.",
    "bioclip": "pybioclip's commands on Merian's engine: predict, embed, list-models, list-tol-taxa.",
    "evaluate": "Measure a model on held-out images at every rank, with intervals, against baselines.",
    "traits": "Fill gaps in trait tables from relatives and pictures, with intervals and the skill they deserve.",
    "explore": "Lay the embedding out as a map, and ask what it knows beyond names (explore emergence).",
    "explain": "Show why a photo is called what it is called: maps that are tested, nearest training images, concepts.",
    "concepts": "Learn the concepts of an embedding, and name those that a name holds for.",
    "twin": "The ecosystem twin: make it (build), watch it by cameras and learn (watch, calibrate), hold it against theory (validate), describe it (odd).",
    "index": "Make the images of a catalog searchable by photo and by words.",
    "search": "Find images like a photo, like words, or like both, within a clade, a place, a time or a licence.",
    "simulate": "Ask what-if of an ecosystem: a change and none in pairs of runs, answered by ranges, sentences and a page.",
    "serve": "Open the web page: drop a photo, see its names; walk through the embedding.",
    "settings": "Print every setting of a verb as a TOML file to edit.",
}
for verb, line in VERBS.items():
    own = "app" if verb in ("explore", "twin") else verb
    app.command(f"merian.cli.{verb}:{own}", name=verb, help=line)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    raise SystemExit(run(sys.argv[1:] if arguments is None else list(arguments)))


def run(arguments: Sequence[str]) -> int:
    """The exit code of one command line."""
    if arguments and arguments[0] in VERBS and app[arguments[0]].default_command is not None:
        app[arguments[0]].help = None  # the verb's own page opens with all of its docstring
    try:
        if list(arguments[:1]) == ["bioclip"]:
            from merian.cli.bioclip import command

            return command(arguments[1:])  # its flags are its own, --help and --version too
        code = app(arguments, exit_on_error=False, print_error=True)
        return code if isinstance(code, int) else 0
    except CycloptsError:
        return MISUSED  # cyclopts has already said what is wrong
    except BadSetting as error:
        return _say(error, MISUSED)
    except MerianError as error:
        return _say(error, FAILED)
    except KeyboardInterrupt:
        return _say("stopped. Nothing finished is lost: give the same command again to go on", FAILED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _say(
                f"the disk is full ({error.filename or 'while writing'}). Make room, then give the same command again",
                FAILED,
            )
        return _say(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "), FAILED)


def _say(message: object, code: int) -> int:
    from rich.console import Console
    from rich.text import Text

    # names and paths come from outside: what would steer the terminal is shown, not sent
    text = "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in str(message))
    Console(stderr=True).print(Text("merian: ", style="bold red") + Text(text), soft_wrap=True)
    return code


if __name__ == "__main__":
    main()
