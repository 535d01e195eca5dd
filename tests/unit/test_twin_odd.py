"""The ODD page says what the model has and does; the model of the docs runs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from merian.cli.main import run
from merian.core.errors import BadData
from merian.twin.engine import Engine
from merian.twin.grid.land import GridSettings, gridded
from merian.twin.landscape import generated
from merian.twin.ledger import Ledger, Variable
from merian.twin.odd import Purpose, odd, odd_page
from merian.twin.theory import _enrichment
from merian.twin.world import World

PAGE = Path(__file__).parents[2] / "docs" / "how" / "model.md"


def test_the_model_of_the_docs_runs_and_describes_itself(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    names: dict[str, object] = {"__name__": "model"}
    assert len(blocks[0].splitlines()) <= 100
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    said = capsys.readouterr().out
    kg = int(re.search(r"(\d+) kg after 365 days", said)[1])
    assert 2_000 < kg < 20_000
    engine = names["engine"]
    assert [process.name for process in engine.processes] == ["grazing", "flight", "sun", "growth"]
    page = odd(engine, Purpose("Geese on a shore"))
    assert "| sun | 1 | cell | 0 to 1 | made | Sun of the day |" in page
    assert "### grazing\n\nGeese eat a twentieth of their mass a day" in page


def test_the_page_of_the_gridded_tier_names_every_variable_and_process() -> None:
    months = (60.0,) * 12
    engine = gridded(
        _enrichment(2.2), np.ones(2), np.zeros(2), generated("plain", 1, 4, 1000.0, months), 20.0, GridSettings(seed=9)
    )
    page = odd(engine, Purpose("Two species", patterns=["cycles"]))
    heads = re.findall(r"^## (\d)", page, re.M)
    assert heads == list("1234567")
    for name in engine.world.ledger.variables:
        assert f"| {name} |" in page
    for process in engine.processes:
        assert f"### {process.name}\n" in page
    assert "**Conservation of biomass** (kg; All that lives)" in page
    assert "The seed here is 9." in page
    assert "y (4), x (4)" in page
    assert "A step lasts 7 days." in page
    assert "y × x | 0 or more |" in page or "y × x | 0 to " in page
    assert "- cycles" in page


@pytest.mark.parametrize("tier", ["grid", "cohorts", "herds"])
def test_the_verb_writes_the_page_as_markdown_and_html(
    tier: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["twin", "odd", "isle-royale", str(tmp_path / "out"), "--tier", tier]
    assert run(line) == 0
    assert "odd.html" in capsys.readouterr().err
    text, page = ((tmp_path / "out" / name).read_text(encoding="utf-8") for name in ("odd.md", "odd.html"))
    for name in ("1. Purpose and patterns", "7. Submodels"):
        assert f"## {name}\n" in text
        assert f"<h2>{name}</h2>" in page
    heads = re.findall(r"^### (.+)$", text, re.M)
    assert heads == re.findall(r"<h3>(.+?)</h3>", page)
    assert {"grid": "moving", "cohorts": "breeding", "herds": "roaming"}[tier] in heads
    assert text.count("\n| ") == page.count("<tr>") + 2  # Markdown has a rule below each head
    assert "Canis lupus" in text
    assert ("A step lasts 1 hour." if tier == "herds" else "A step lasts 7") in text
    assert "4 feeding links, all of them observed;" in text
    assert "`threads`" not in text  # of the machine, not of the model
    assert not re.search(r"\binf\b", text.split("## 3.")[0])
    before = (tmp_path / "out/odd.html").stat().st_mtime_ns
    assert run(line) == 0
    assert (tmp_path / "out/odd.html").stat().st_mtime_ns == before
    assert run(["twin", "odd", "nowhere", str(tmp_path / "other")]) == 2


def test_words_become_html_and_nothing_else_does() -> None:
    class Quoting:
        """Rises **only** by `a < b`.

            x = a & b

        And falls.
        """

        name, reads, writes = "quoting", (), ("x",)

        def step(self, values, moment):
            return {}

    engine = Engine(World(Ledger.of([Variable("x", "1", (), "A <b> | c")]), {"x": np.array(1.0)}, 0), [Quoting()], 1)
    page = odd_page(engine, Purpose("Less < more"))
    assert "<h1>Less &lt; more</h1>" in page
    assert (
        "<p>Rises <strong>only</strong> by <code>a &lt; b</code>.</p>\n<pre>    x = a &amp; b</pre>\n<p>And falls.</p>"
        in page
    )
    assert "<td>A &lt;b&gt; | c</td>" in page
    assert "A <b> \\| c |" in odd(engine, Purpose("Less < more"))


def test_what_does_not_describe_itself_is_refused() -> None:
    class Silent:
        name, reads, writes = "silent", (), ("x",)

        def step(self, values, moment):
            return {}

    ledger = Ledger.of([Variable("x", "1", (), " ")])
    engine = Engine(World(ledger, {"x": np.array(1.0)}, 0), [Silent()], 1)
    with pytest.raises(BadData, match=r"\(silent, x\)"):
        odd(engine, Purpose("Nothing"))


def test_the_page_of_a_scenario_describes_what_people_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes = (
        '[[change]]\nwhat = "livestock"\namount = 5\npath = [0.5, 0.5]\n',
        '[[change]]\nwhat = "road"\namount = 500\npath = [0.0, 0.5, 1.0, 0.5]\n',
        '[[change]]\nwhat = "poaching"\npath = [0.5, 0.5]\nhow = { males = 1 }\n',
    )
    file = tmp_path / "people.toml"
    file.write_text('title = "People"\n' + "".join(changes))
    for tier in ("grid", "herds"):
        out = tmp_path / tier
        assert run(["twin", "odd", "savanna", str(out), "--tier", tier, "--scenario", str(file)]) == 0
        page = (out / "odd.md").read_text()
        for name in ("scenario", "livestock", "disturbance", "roads", "poaching"):
            assert f"### {name}\n" in page
        for variable, unit in (("stock", "km-2"), ("shunned", "1")):
            assert f"| {variable} | {unit} |" in page
        assert ("| male_bias |" in page) == (tier == "herds")
        assert "F' = -n i m F / (F + half)" in page
        assert "Changes: livestock: 5 km-2" in page
    file.write_text('title = "People"\n[[change]]\nwhat = "harvest"\namount = 0.1\n')
    assert run(["twin", "odd", "savanna", str(tmp_path / "c"), "--tier", "cohorts", "--scenario", str(file)]) == 2
    assert "none of their processes" in " ".join(capsys.readouterr().err.split())


def test_the_page_of_cohorts_describes_what_threatens_them(tmp_path: Path) -> None:
    file = tmp_path / "ill.toml"
    changes = [
        f'[[change]]\nwhat = "disease"\nspecies = "{name}"\namount = 4\n'
        for name in ("blue wildebeest", "plains zebra")
    ]
    rest = '[[change]]\nwhat = "fire"\n[[change]]\nwhat = "livestock"\namount = 5\n'
    file.write_text('title = "Ill"\n' + "".join(changes) + rest)
    out = tmp_path / "out"
    assert run(["twin", "odd", "savanna", str(out), "--tier", "cohorts", "--scenario", str(file)]) == 0
    page = (out / "odd.md").read_text()
    for name in ("outbreak", "outbreak_2", "fire", "livestock", "merging"):
        assert f"### {name}\n" in page
    for line in ("| exposed | 1 | cohort | 0 to 1 |", "| immune_2 | 1 | cohort | 0 to 1 |", "| stock | km-2 | y × x |"):
        assert line in page
