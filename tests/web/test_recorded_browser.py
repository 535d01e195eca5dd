"""A recorded run in a real browser: food web, fans and sentences come out of the file; pages that stand alone need no server of ours."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from test_twin_browser import COUNTED, SMALL, software  # noqa: F401 - a fixture
from test_twin_pages_browser import clean, plain  # noqa: F401 - a fixture among them
from tiny_site import Site, served

from merian.core.errors import BadSetting
from merian.twin.frames.playback import beside, record
from merian.twin.frames.settings import RecordSettings
from merian.twin.scenario import Change, Scenario
from merian.twin.worked import opened
from merian.web.app import Options
from merian.web.exhibit import write_exhibit

SHORT = {"window_km": 6.0, "rows": 8, "herds": 60, "step_hours": 6.0, "days": 2.0, "shot_hours": 6.0}
TOLD = RecordSettings(**SHORT, members=6, years=6)
DRY = Scenario(
    "dry", (Change(what="drought", amount=0.7, until=3.0), Change(what="harvest", species="lion", amount=0.3))
)
FANS = "() => document.querySelectorAll('.fan .scenario .mid').length > 2"


def numbers(text: str) -> list[str]:
    """All numbers of a text."""
    return re.findall(r"[-+]?[\d.,]*\d", text)


class Silent(SimpleHTTPRequestHandler):
    """A server of files, as any is."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with all that is shown beside it under a scenario, and one as they were before."""
    folder = tmp_path_factory.mktemp("runs")
    record(opened("savanna", 0), folder / "dry.twin", TOLD, DRY)
    record(opened("savanna", 0), folder / "old.twin", RecordSettings(**SHORT, members=0))
    return folder


@pytest.fixture(scope="module")
def hall(runs: Path) -> Iterator[str]:
    """The folder of an exhibit behind a plain server of files, below an address of its own."""
    write_exhibit(runs / "dry.twin", runs / "hall")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(runs)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hall/"
    server.shutdown()
    server.server_close()
    thread.join(30)


def test_an_exhibit_without_python_shows_fans_food_web_sentences_and_evidence(
    plain: Callable[..., Any],  # noqa: F811
    hall: str,
) -> None:
    page = plain(f"{hall}index.html?kiosk", locale="de", bypass_csp=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_function(FANS)
    page.wait_for_function(COUNTED)
    assert page.locator(".foodweb .node").count() == page.locator(".residents tbody tr").count()
    assert "von 6 Läufen" in page.locator(".follows li p").first.inner_text()
    rail = page.locator(".rail").inner_text()
    assert "Dürre: 70 %" in rail
    assert "Jagd (Löwe): 30 % im Jahr" in rail
    assert "Änderungen brauchen den laufenden Zwilling" in rail
    assert page.locator(".sliders").count() == 0
    assert "liegt außerhalb von 0 % bis 50 %" in page.locator(".beside .warning").inner_text()
    assert page.locator("#to-panel, #to-spider").count() == 0
    assert clean(page) == []
    page = plain(hall, locale="en")
    page.wait_for_function(FANS)
    page.click(".rests summary")
    page.wait_for_selector(".evidence tbody tr.observed")
    assert [url for url in asked if not url.startswith(hall)] == []


def test_sentences_say_what_those_of_a_report_say(plain: Callable[..., Any], hall: str) -> None:  # noqa: F811
    """In the page's own words: what most runs do first, how far, who is gone, and when it was furthest off."""
    page = plain(hall, locale="en")
    page.wait_for_function(FANS)
    if page.locator(".follows + .quiet").count():
        page.click(".follows + .quiet")
    shown = [text.replace("\xa0", " ").replace("−", "-") for text in page.locator(".follows li p").all_inner_texts()]
    told = beside(opened("savanna", 0), TOLD, DRY)["foresight"]["species"]
    words = [one["effect"]["words"] for one in told if one["effect"]]
    assert any("; in year " in one for one in words), "something passes by"
    assert len(shown) == len(words)
    signs = {"less": ("fall", "less of"), "more": ("rise", "more of"), "as without": ("stay",)}
    for one in words:
        plain_words = re.sub(r"all (\d+) runs", r"\1 of \1 runs", one).replace("9 in 10", "nine in ten")
        own = next(
            text for text in shown if numbers(re.sub(r"all (\d+) runs", r"\1 of \1 runs", text)) == numbers(plain_words)
        )
        assert own.split(":")[0].split(" ")[0] == one.split(" ")[0]
        for sign, said in signs.items():
            assert (sign in own) == any(verb in one for verb in said), (own, one)


def test_a_folder_of_something_else_is_not_written_over(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(BadSetting, match="new, empty"):
        write_exhibit(runs / "old.twin", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    (tmp_path / "run.twin").write_bytes((runs / "old.twin").read_bytes())
    with pytest.raises(BadSetting, match="new, empty"):
        write_exhibit(tmp_path / "run.twin", tmp_path)
    (tmp_path / "thesis.txt").rename(runs / "thesis.txt")
    for _ in range(2):  # the run may lie in the folder already, and the folder be an exhibit
        write_exhibit(tmp_path / "run.twin", tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {"index.html", "static", "run.twin"}
        assert (tmp_path / "run.twin").read_bytes() == (runs / "old.twin").read_bytes()
    (tmp_path / "static" / "old.js").write_text("", encoding="utf-8")
    write_exhibit(runs / "dry.twin", tmp_path)
    assert not (tmp_path / "static" / "old.js").exists()


def test_recordings_of_before_play_and_say_what_they_lack(
    plain: Callable[..., Any],  # noqa: F811
    site: Site,
    runs: Path,
) -> None:
    with served(site.store, site.identifier, options=Options(live=SMALL)) as address:
        page = plain(f"{address}twin", locale="en")
        page.wait_for_selector(".sliders")
        page.locator(".upload input").set_input_files(runs / "old.twin")
        page.wait_for_function("() => document.querySelector('.rail').innerText.includes('recorded without them')")
        page.wait_for_function(COUNTED)
        assert page.locator(".fan, .sliders").count() == 0
        page.locator(".upload input").set_input_files(runs / "dry.twin")
        page.wait_for_function(FANS)
        assert "Hunting (lion): 30 % a year" in page.locator(".rail").inner_text()
        page.close()
