"""`merian bioclip`: the command line that users of pybioclip know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from merian.cli.say import escaped, say

__all__ = ["bioclip", "command"]


def bioclip(
    *words: Annotated[
        str, Parameter(allow_leading_hyphen=True, help="The command and its options, exactly as for bioclip.")
    ],
) -> int:
    """pybioclip's commands on Merian's engine"""
    return command(words)


def command(words: Sequence[str]) -> int:
    """The exit code of one command line of pybioclip: 0, 1 for what cannot be done, 2 for what is misused."""
    from merian.compat.bioclip.__main__ import main

    try:
        main(list(words))
    except (ValueError, FileNotFoundError) as error:
        say(f"bioclip: {escaped(str(error))}")
        return 1
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else 0
    return 0
