"""The pages of the documentation that walk through the web app: their commands can be given, their addresses answer, their program runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from test_api import matches
from tiny_site import Ask, Site, served

from merian.cli.main import app
from merian.web.openapi import describe

HOW = Path(__file__).parents[2] / "docs" / "how"
WALKS = ("museum.md", "researcher.md")
HERE = "http://127.0.0.1:8765"


def blocks(name: str, language: str) -> list[str]:
    """The blocks of code of a page."""
    return re.findall(rf"```{language}\n(.*?)```", (HOW / name).read_text(encoding="utf-8"), re.S)


def lines(name: str, program: str) -> list[list[str]]:
    """The commands of a page that call a program, as words; settings before it are left out."""
    every = [shlex.split(line) for block in blocks(name, "sh") for line in block.splitlines()]
    words = [[word for k, word in enumerate(line) if k or "=" not in word] for line in every]
    return [line for line in words if line and line[0] == program]


@pytest.mark.parametrize("name", WALKS)
def test_the_commands_can_be_given(name: str) -> None:
    commands = lines(name, "merian")
    assert commands
    for words in commands:
        app.parse_args(words[1:], exit_on_error=False, print_error=False)


def known(site: Site) -> dict[str, str]:
    """What stands for the ids of the pages."""
    tree, labels = site.identifier.head.tree, site.identifier.head.labels
    one, other = (tree.ids[int(labels[k])] for k in (0, 1))
    return {"PHOTO": quote(site.photo()[0], safe=""), "TAXON": quote(one, safe=""), "OTHER": quote(other, safe="")}


@pytest.mark.parametrize("words", lines("researcher.md", "curl"), ids=lambda words: words[-1].removeprefix(HERE))
def test_each_address_answers_as_it_is_described(site: Site, ask: Ask, words: list[str]) -> None:
    path = words[-1].removeprefix(HERE)
    assert path != words[-1]
    for word, meant in known(site).items():
        path = path.replace(word, meant)
    sends = words[1] == "-F"
    if sends:
        assert words[2].startswith("photo=@")
    files: Any = {"files": {"photo": ("a.jpg", site.photo()[1])}} if sends else {}
    reply = ask("POST" if sends else "GET", path, **files)
    assert reply.status_code == 200, reply.text
    place = (
        re.sub(r"(/api/\w+)/.*", r"\1/{id}", path.partition("?")[0]) if "openapi" not in path else "/api/openapi.json"
    )
    told = describe()["paths"][place]["post" if sends else "get"]
    assert matches(reply.json(), told["responses"]["200"]["content"]["application/json"]["schema"]) == []
    rows = reply.json().get("rows", [])
    assert all(row.get("reason") is None for row in rows)


def test_the_program_runs(site: Site) -> None:
    (program,) = blocks("researcher.md", "python")
    assert HERE in program
    with served(site.store, site.identifier) as address:
        own = program.replace(HERE, address.rstrip("/"))
        ran = subprocess.run([sys.executable, "-c", own], capture_output=True, text=True, timeout=300, check=False)
    said = ran.stdout.splitlines()
    assert said, ran.stderr
    assert said[0] == f"model {site.identifier.encoder.fingerprint}"
    assert re.fullmatch(r"\d of 5 told apart by a place in the photo", said[-1])


def test_the_addresses_of_the_museum_are_pages(ask: Ask) -> None:
    text = (HOW / "museum.md").read_text(encoding="utf-8")
    pages = set(re.findall(r"`(/[a-z]*)`", text)) | {
        found.removeprefix(HERE) for found in re.findall(rf"{HERE}[^'\s`]*", text)
    }
    assert len(pages) >= 4
    for path in pages:
        assert ask("GET", path).status_code == 200, path
