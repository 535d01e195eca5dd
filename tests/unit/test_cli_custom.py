"""Labels of one's own: how they are read, what their vectors are, and the run over photos in every format."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from photos import encoded, noise

from merian.cli import main
from merian.cli.identify import identify
from merian.cli.photos import options_of
from merian.core.errors import BadData, BadSetting, Missing
from merian.encode import open_encoder
from merian.encode.seam import unit_rows
from merian.identify import custom

TOY = open_encoder("toy")
NAMES = ["duck", "fish", "bear", "cat"]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`merian identify` on 12 photos in the working folder, one of them broken, by the toy encoder: exit code, output, what was said."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for number in range(11):
        (tmp_path / "photos" / f"{number:02}.png").write_bytes(encoded(noise(number), "PNG"))
    (tmp_path / "photos" / "05b.jpg").write_bytes(b"no image")
    (tmp_path / "bins.csv").write_text("cls,bin\nduck,bird\ncat,mammal\nfish,other\nbear,mammal\n")

    def one(*words: object) -> tuple[int, str, str]:
        code = main.run(["identify", "photos", "--model", "toy", *map(str, words)])
        out, err = capsys.readouterr()
        return code, out, err

    return one


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# ---- labels, bins and templates --------------------------------------------------------------------------------------------


def test_labels_from_a_flag_and_from_a_file(tmp_path: Path) -> None:
    assert custom.read_labels(" duck, fish,,bear ") == ["duck", "fish", "bear"]
    file = tmp_path / "labels.txt"
    file.write_text("\ufeffduck, wild\n\n  Käfer\n", encoding="utf-8")
    assert custom.read_labels(str(file)) == ["duck, wild", "Käfer"]
    assert len(custom.read_labels(",".join(f"label number {k}" for k in range(500)))) == 500
    with pytest.raises(Missing, match=r"gone\.txt"):
        custom.read_labels("gone.txt")
    with pytest.raises(BadData, match="hold no label"):
        custom.read_labels(" , ")
    file.write_bytes("Käfer".encode("latin-1"))
    with pytest.raises(BadData, match="no text in UTF-8"):
        custom.read_labels(str(file))
    (tmp_path / "bins.csv").write_text("a,b\n")
    with pytest.raises(BadData, match="give it as --bins"):
        custom.read_labels(str(tmp_path / "bins.csv"))


def test_bins_from_tables(tmp_path: Path) -> None:
    file = tmp_path / "bins.csv"
    file.write_text('what,ever,more\n"duck, wild", bird,1\ncat,mammal,2\n')
    assert custom.read_bins(file) == (["duck, wild", "cat"], ["bird", "mammal"])
    pl.DataFrame({"l": ["duck", "cat"], "b": [1.0, 2.0]}).write_parquet(tmp_path / "bins.parquet")
    assert custom.read_bins(tmp_path / "bins.parquet") == (["duck", "cat"], ["1.0", "2.0"])
    file.write_text("l,b\nduck,bird\ncat,\nraven,NaN\n,bird\ndog, \n")
    with pytest.raises(
        BadData, match=r"row 3: 'cat' in '', row 4: 'raven' in 'NaN', row 5: '' in 'bird', row 6: 'dog' in ''"
    ):
        custom.read_bins(file)
    pl.DataFrame({"l": ["duck", "cat"], "b": [1.0, float("nan")]}).write_parquet(tmp_path / "bins.parquet")
    with pytest.raises(BadData, match="row 2: 'cat' in 'NaN'"):
        custom.read_bins(tmp_path / "bins.parquet")
    for text, rule in (
        ("l,b\nduck,a\nduck,b\n", "row 2: 'duck' in 'a', row 3"),
        ("l\nduck\n", "two columns"),
        ("l,b\n", "no label"),
    ):
        file.write_text(text)
        with pytest.raises(BadData, match=rule):
            custom.read_bins(file)
    with pytest.raises(Missing):
        custom.read_bins(tmp_path / "gone.csv")


def test_a_label_is_the_mean_of_its_filled_templates() -> None:
    sentences = ["a photo of a {}.", "{} in the wild"]
    found = custom.label_vectors(TOY, ["duck", "bear"], sentences)
    for row, name in zip(found, ("duck", "bear"), strict=True):
        mean = TOY.embed_texts([f"a photo of a {name}.", f"{name} in the wild"]).mean(axis=0)
        np.testing.assert_allclose(row, unit_rows(mean[None])[0], atol=1e-6)
    for bad in ("a photo", "{} and {}", "{0}"):
        with pytest.raises(BadSetting, match="exactly one"):
            custom.label_vectors(TOY, ["duck"], [bad])
    assert all(template.count("{}") == 1 for template in custom.templates())
    many = [f"label {k}" for k in range(30)]
    np.testing.assert_array_equal(custom.label_vectors(TOY, many)[7:9], custom.label_vectors(TOY, many[7:9]))


def test_bins_sum_their_labels_and_rows_do_not_depend_on_each_other() -> None:
    vectors = unit_rows(np.random.default_rng(0).normal(size=(70, TOY.dim)))
    each = custom.Labels.build(TOY, NAMES, sentences=["{}"])
    bins = custom.Labels.build(TOY, NAMES, ["b", "a", "b", "c"], ["{}"])
    assert (each.names, bins.names) == (tuple(NAMES), ("b", "a", "c"))
    own = each.probabilities(vectors)
    np.testing.assert_allclose(own.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(own, custom_softmax(vectors, each), atol=1e-6)
    summed = np.stack([own[:, 0] + own[:, 2], own[:, 1], own[:, 3]], 1)
    np.testing.assert_allclose(bins.probabilities(vectors), summed, atol=1e-6)
    for few in (1, 3, 33):
        np.testing.assert_array_equal(each.probabilities(vectors[:few]), own[:few])
        np.testing.assert_array_equal(each.probabilities(vectors[-few:]), own[-few:])
    assert each.probabilities(vectors[:0]).shape == (0, 4)
    with pytest.raises(BadData, match="must stand once.*duck"):
        custom.Labels.build(TOY, ["duck", "cat", "duck"])
    with pytest.raises(BadData, match="none to choose from"):
        custom.Labels.build(TOY, [])


def custom_softmax(vectors: np.ndarray, labels: custom.Labels) -> np.ndarray:
    odds = np.exp(TOY.logit_scale * (vectors.astype(np.float64) @ labels.vectors.T.astype(np.float64)))
    return np.asarray(odds / odds.sum(1, keepdims=True))


# ---- the run ---------------------------------------------------------------------------------------------------------------


def test_every_format_tells_the_same(run: Run) -> None:
    labels = ("--labels", ",".join(NAMES))
    code, out, err = run(*labels)
    assert code == 3
    assert "1 of 12 photos have no answer" in err
    rows = rows_of(out)
    assert list(rows[0]) == ["file_name", "classification", "score", "reason"]
    assert len(rows) == 11 * 4 + 1
    assert [row["reason"] for row in rows if not row["score"]] == ["not an image"]
    first = [row for row in rows if row["file_name"] == "photos/00.png"]
    assert sum(float(row["score"]) for row in first) == pytest.approx(1, abs=1e-5)
    assert [float(row["score"]) for row in first] == sorted((float(row["score"]) for row in first), reverse=True)
    code, out, _ = run(*labels, "-f", "jsonl")
    told = [json.loads(line) for line in out.splitlines()]
    assert [list(document) for document in told] == [["file_name", "predictions", "reason", "model"]] * 12
    assert [(p["classification"], f"{p['probability']:.6g}") for d in told for p in d["predictions"]] == [
        (row["classification"], row["score"]) for row in rows if row["score"]
    ]
    code, out, err = run(*labels, "-f", "pybioclip", "--k", 2)
    assert code == 3
    assert "photos/05b.jpg: not an image" in err
    theirs = rows_of(out)
    assert list(theirs[0]) == ["file_name", "classification", "score"]
    exact = [(d["file_name"], p["classification"], p["probability"]) for d in told for p in d["predictions"][:2]]
    assert [(row["file_name"], row["classification"], float(row["score"])) for row in theirs] == exact
    assert run(*labels, "-o", "a.parquet")[0] == 3
    table = pl.read_parquet("a.parquet")
    assert table.schema == {
        "file_name": pl.String,
        "classification": pl.String,
        "score": pl.Float64,
        "reason": pl.String,
    }
    assert table["score"].drop_nulls().to_list() == [float(row["score"]) for row in rows if row["score"]]


def test_a_table_shows_the_first_and_says_what_is_left(run: Run) -> None:
    Path("many.txt").write_text("\n".join(f"label {k}" for k in range(30)))
    _, out, _ = run("--labels", "many.txt", "-f", "table")
    assert "20 more (--k 30 shows all)" in out
    assert out.count("label ") == 110
    assert "not read: not an image" in out
    _, out, _ = run("--labels", "many.txt", "-f", "table", "--k", 99)
    assert "more" not in out
    assert out.count("label ") == 330


def test_bins_are_the_answers(run: Run) -> None:
    _, out, _ = run("--bins", "bins.csv")
    bins, each = rows_of(out), rows_of(run("--labels", "duck,cat,fish,bear")[1])
    assert {row["classification"] for row in bins} == {"bird", "mammal", "other", ""}
    own = {row["classification"]: float(row["score"]) for row in each[:4]}
    found = {row["classification"]: float(row["score"]) for row in bins[:3]}
    assert found == pytest.approx(
        {"bird": own["duck"], "other": own["fish"], "mammal": own["cat"] + own["bear"]}, abs=1e-5
    )


def test_how_many_at_a_time_changes_nothing(run: Run) -> None:
    for batch in (1, 3, 64):
        run("--bins", "bins.csv", "-o", f"{batch}.csv", "--batch", batch)
    assert Path("1.csv").read_bytes() == Path("3.csv").read_bytes() == Path("64.csv").read_bytes()


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("share", [0.05, 0.6, 0.97])
def test_a_run_that_stopped_goes_on_to_the_same_bytes(run: Run, suffix: str, share: float) -> None:
    words = ("--labels", ",".join(NAMES), "--template", "the {}", "--batch", 4)
    text = "jsonl" if suffix == "jsonl" else "csv"
    for whole_suffix in {suffix, text}:
        assert run(*words, "-o", f"whole.{whole_suffix}")[0] == 3
    whole = Path(f"whole.{text}").read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("merian.cli.answers.Run._write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert run(*words, "-o", f"again.{suffix}")[0] == 1
    partial = Path(f"again.{suffix}.partial")
    partial.write_bytes(whole[: int(len(whole) * share)])
    code, _, err = run(*words[:2], "--template", "a {}", "--batch", 4, "-o", f"again.{suffix}", "--resume")
    assert (code, "stopped run" in err) == (1, True)
    code, _, err = run(*words, "-o", f"again.{suffix}", "--resume")
    assert (code, err.startswith("going on behind")) == (3, True)
    assert Path(f"again.{suffix}").read_bytes() == Path(f"whole.{suffix}").read_bytes()
    assert not partial.exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--taxa", "t.csv"), "'taxa' = 't.csv': is for taxa"),
        (("--head", "linear"), "'head'"),
        (("--only", "Aves", "--only", "Insecta"), "'only' = 'Aves Insecta': is for taxa"),
        (("--rank", "species"), "'rank'"),
        (("--threshold", "0.9"), "'threshold'"),
        (("--place", "47,8"), "'place'"),
        (("--records", "r.csv"), "'records'"),
        (("--bins", "bins.csv"), "leave out --labels"),
        (("--template", "a photo"), "exactly one {}"),
        (("--k", "0"), "must be at least 1"),
    ],
)
def test_what_does_not_go_with_labels_is_refused(run: Run, words: tuple[str, ...], told: str) -> None:
    code, out, err = run("--labels", "duck,cat", *words)
    assert (code, out) == (2, "")
    assert told in err


def test_what_is_said_of_labels(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, err = run("--template", "a {}")
    assert (code, "is for --labels or --bins" in err) == (2, True)
    code, _, err = run("--labels", "duck,cat,duck")
    assert (code, "must stand once" in err) == (1, True)
    assert "always 1" in run("--labels", "duck")[2]
    monkeypatch.setattr(custom, "templates", lambda: ("a photo of a {}.",))
    assert "one sentence around each label: 'a photo of a {}.'" in run("--labels", "duck,cat")[2]
    assert main.run(["identify", "photos", "--labls", "duck"]) == 2
    assert {"--labels", "--bins", "--template", "--only", "--place", "--records", "--rank"} <= set(options_of(identify))
