"""The command line: exit codes, messages, help, which photos are meant, and what comes out."""

from __future__ import annotations

import csv
import errno
import functools
import importlib
import importlib.util
import inspect
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from photos import REASONS, bad_folder, encoded, good_folder, noise

from merian.cli import main
from merian.cli.photos import expand
from merian.core.errors import BadData
from merian.core.tree import Tree
from merian.core.vectors import Embeddings
from merian.encode import open_encoder
from merian.encode.hub import pocket
from merian.identify import Head, Identifier
from merian.web.app import Options

embed_module, identify_module = (importlib.import_module(f"merian.cli.{verb}") for verb in ("embed", "identify"))

TAXA = (
    "kingdom,genus,species,common_name\nAnimalia,Pica,pica,magpie\nAnimalia,Corvus,corax,raven\nAnimalia,Larus,,gull\n"
)
HEADER = (
    "file_name,kingdom,phylum,class,order,family,genus,species_epithet,species,common_name,score,"
    "rank,safe_rank,safe_name,safe_score,unknown,none,inside,reason"
)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command line in an empty folder and gives back exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    # its console is made once, and would hold on to another test's standard error
    importlib.import_module("merian.cli.say")._console.cache_clear()

    def one(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main.run([str(a) for a in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return one


@pytest.fixture
def toy(tmp_path: Path) -> tuple[str, ...]:
    """The flags that make `identify` use the toy encoder and three taxa."""
    (tmp_path / "taxa.csv").write_text(TAXA)
    return "--model", "toy", "--taxa", str(tmp_path / "taxa.csv")


def test_every_verb_has_help_and_every_flag_its_words(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    for verb in main.VERBS:
        assert verb in out
        code, page, _ = run(verb, "--help")
        assert code == 0
        if verb == "bioclip":  # its page is that of another parser
            continue
        module = importlib.import_module(f"merian.cli.{verb}")
        below = [(verb, name) for name in main.app[verb] if not name.startswith("-")]
        assert all(name in page for _, name in below)
        for path in [*([(verb,)] if hasattr(module, verb) else []), *below]:
            page = run(*path, "--help")[1]
            for paragraph in (inspect.getdoc(getattr(module, path[-1])) or "").split("\n\n")[:2]:
                if not paragraph.startswith("Parameters"):
                    assert " ".join(paragraph.replace("`", "").split()) in " ".join(page.split())
            arguments = list(
                functools.reduce(lambda app, name: app[name], path, main.app).assemble_argument_collection(
                    parse_docstring=True
                )
            )
            assert arguments
            for argument in arguments:
                assert argument.parameter.help, f"merian {' '.join(path)} {argument.name}"
                assert argument.name == "*" or argument.name.lstrip("-") in page
    assert run("--version")[1].strip() == importlib.import_module("merian").__version__


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("nonsense", 'Unknown command "nonsense"'),
        ("curate", "parameter SOURCE requires an argument"),
        (
            "identify x.jpg --bogus 3",
            "merian: setting 'option' = '--bogus': is not an option of this verb; --help lists them\n",
        ),
        (
            "identify x.jpg --modle toy",
            "merian: setting 'option' = '--modle': is not an option of this verb; did you mean '--model'?\n",
        ),
        ("embed x.jpg --model toy --out o --backnd=toy", "Unknown option: --backnd."),
        ("serve --port 65536", "merian: setting 'port' = 65536: must be >= 0 and <= 65535\n"),
        ("identify x.jpg --k two", 'unable to convert "two" into int'),
        ("identify x.jpg --k 0", "merian: setting 'k' = 0: must be at least 1\n"),
        ("identify x.jpg --batch 0", "merian: setting 'batch' = 0: must be at least 1\n"),
        ("identify x.jpg --threshold 0.5", "merian: setting 'threshold' = 0.5: must be above 0.5 and at most 1\n"),
        ("identify x.jpg --rank tribe", '"kingdom", "phylum"'),
        ("curate a b --min-side 0", "merian: setting 'min_side' = 0: must be >= 1 and <= 4096\n"),
        ("curate a b --settings s.toml", "merian: setting 'min_sides' = 9: is not a setting; known are min_side"),
        ("settings fly", '"fly"'),
    ],
)
def test_misuse_is_2_and_said_in_a_line(run: Run, line: str, text: str) -> None:
    Path("s.toml").write_text("[curate]\nmin_sides = 9\n")
    code, out, err = run(*line.split())
    assert code == 2
    assert out == ""
    assert text in " ".join(err.replace("│", "").split()) + "\n" or text in err
    assert "Traceback" not in err


def test_a_model_that_is_not_named_is_the_one_in_the_package_and_a_model_that_is_not_there_is_said(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("merian.encode.hub.find", lambda name: None)
    if (pocket() / "card.json").is_file():
        code, out, err = run("identify", "x.jpg")
        assert code == 3
        assert out.splitlines()[1].endswith("not found")
        assert err.startswith("with pocket; --model names another\n")
    monkeypatch.setattr("merian.encode.hub.pocket", lambda: tmp_path)  # a package that was built without one
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))

    def unreachable(*_: object, **__: object) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    code, out, err = run("identify", "x.jpg")
    assert (code, out) == (1, "")
    assert err.startswith(
        "no model is here: fetching bioclip-2 and its labels, some 4 GB, once\nmerian: a model not found"
    )
    assert "`merian tour` makes a small one of drawn organisms offline" in err
    assert "no route to host" in err


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (
            "curate nowhere out",
            "merian: the source not found at nowhere; give a folder of photos, a table with a path column, or a Darwin Core folder\n",
        ),
        ("curate empty out", "merian: empty: no images in this folder, it is empty; looked for"),
        ("identify empty", "merian: empty: no photos there (looked for"),
        ("identify @list.txt", "merian: list.txt: this list of photos does not exist\n"),
        ("identify x.jpg --model toy --taxa t.csv", "merian: the taxonomy not found at t.csv; give a tree.parquet"),
        ("embed x.jpg --model nowhere --out out", "merian: a model not found at nowhere;"),
        (
            "curate a b --settings gone.toml",
            "merian: the settings file not found at gone.toml; give the path of a TOML file\n",
        ),
    ],
)
def test_failure_is_1_and_said_in_a_line(run: Run, line: str, text: str) -> None:
    Path("empty").mkdir()
    code, out, err = run(*line.split())
    assert code == 1
    assert out == ""
    assert err.startswith(text)
    assert err.count("\n") == 1
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "the disk is full (while writing). Make room, then give the same command again",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "x/y"),
            "the disk is full (x/y). Make room, then give the same command again",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "x/y"), "x/y: Permission denied"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (ChildProcessError("a worker was ended"), "a worker was ended"),
        (KeyboardInterrupt(), "stopped. Nothing finished is lost: give the same command again to go on"),
    ],
)
def test_a_full_disk_and_ctrl_c_are_1(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException, text: str
) -> None:
    good_folder(Path("photos"))

    def fail(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr("merian.curate.pack.write_shard", fail)
        assert run("curate", "photos", "out") == (1, "", f"merian: {text}\n")
    assert run("curate", "photos", "out")[0] == 0


def test_curate_says_what_it_kept_and_3_when_it_refused(run: Run) -> None:
    good_folder(Path("good"))
    code, out, err = run("curate", "good", "out", "--val", "0", "--test", "0.5")
    assert (code, out) == (0, "")
    told = (
        "out\n   12 of 12 images kept (6 test, 6 train); 3 species in the taxonomy\n   what is in it: out/card.html\n"
    )
    assert err == told
    assert run("curate", "good", "out", "--val", "0", "--test", "0.5")[0] == 0
    code, _, err = run("curate", "good", "out", "--val", "0", "--test", "0.4")
    assert code == 1
    assert "test: 0.5 -> 0.4" in err
    assert "--overwrite to replace it" in err
    bad_folder(Path("bad"))
    code, _, err = run("curate", "bad", "out2")
    assert code == 3
    assert "6 of 13 images kept" in err
    for reason in REASONS.values():
        assert f"1 {reason}" in err
    Path("taxa.csv").write_text(
        "taxonID,parentNameUsageID,scientificName,taxonRank\n1,9,Pica aensis,species\n2,,Pica bensis,species\n"
    )
    code, _, err = run("curate", "good", "out3", "--taxa", "taxa.csv")
    assert code == 3
    assert "some rows of the taxonomy could not be used: out3/refused_taxa.csv" in err


def test_settings_print_a_file_that_curate_takes(run: Run) -> None:
    good_folder(Path("good"))
    code, out, _ = run("settings", "curate")
    assert code == 0
    Path("s.toml").write_text(out.replace("min_side = 32", "min_side = 60"))
    code, _, err = run("curate", "good", "out", "--settings", "s.toml")
    assert code == 1
    assert "no image could be kept (12 too small)" in err
    assert run("curate", "good", "out", "--settings", "s.toml", "--min-side", "10")[0] == 0


def names(photos: object) -> list[str]:
    return [p.as_posix() for p in photos.paths]  # type: ignore[attr-defined]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """a.jpg, b.PNG, notes.txt, sub/c.tif, sub/.hidden.jpg, [x].jpg and an empty folder."""
    monkeypatch.chdir(tmp_path)
    Path("sub").mkdir()
    Path("empty").mkdir()
    for name in ("a.jpg", "b.PNG", "notes.txt", "sub/c.tif", "sub/.hidden.jpg", "[x].jpg"):
        Path(name).write_text("x")
    return tmp_path


def test_files_folders_and_globs_are_photos(folder: Path) -> None:
    assert names(expand([Path("a.jpg"), Path("sub")])) == ["a.jpg", "sub/c.tif"]
    assert names(expand([Path()])) == ["[x].jpg", "a.jpg", "b.PNG", "sub/c.tif"]
    assert names(expand([Path("*.jpg")])) == ["[x].jpg", "a.jpg"]
    assert names(expand([Path("**/*.tif")])) == ["sub/c.tif"]
    assert names(expand([folder / "?.jpg"])) == [(folder / "a.jpg").as_posix()]
    # brackets in a real name are no glob, and a named file is taken whatever it is called
    assert names(expand([Path("[x].jpg"), Path("notes.txt")])) == ["[x].jpg", "notes.txt"]
    # what is not there stays, to become a row with a reason
    assert names(expand([Path("gone.jpg")])) == ["gone.jpg"]


@pytest.mark.usefixtures("folder")
def test_lists_and_standard_input_are_photos() -> None:
    Path("sub/list.txt").write_bytes("\ufeff# my photos\r\nc.tif\r\n\r\n../a.jpg\r\n".encode())
    assert names(expand([Path("@sub/list.txt")])) == ["sub/c.tif", "sub/../a.jpg"]
    assert names(expand([Path("-")], io.StringIO("a.jpg\n\n b.PNG \n"))) == ["a.jpg", "b.PNG"]
    Path("@odd.jpg").write_text("x")
    assert names(expand([Path("@odd.jpg")])) == ["@odd.jpg"]
    Path("raw.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadData, match="a path in each line"):
        expand([Path("@raw.txt")])


@pytest.mark.usefixtures("folder")
def test_what_is_named_twice_or_names_nothing_is_refused() -> None:
    photos = expand([Path("a.jpg"), Path("*.jpg"), Path("a.jpg").absolute(), Path("empty"), Path("*.bmp")])
    assert names(photos) == ["a.jpg", "[x].jpg"]
    assert photos.refused == [
        ("a.jpg", "named twice"),
        (str(Path("a.jpg").absolute()), "named twice"),
        ("empty", "no photos there"),
        ("*.bmp", "no photos there"),
    ]
    for nothing in ([Path("empty")], [Path("*.bmp")], []):
        with pytest.raises(BadData, match="no photos there"):
            expand(nothing)
    with pytest.raises(BadData):
        expand([Path("-")], io.StringIO(""))


def test_identify_writes_a_row_for_every_answer_and_every_refusal(run: Run, toy: tuple[str, ...]) -> None:
    bad_folder(Path("photos"))
    code, out, err = run("identify", "photos", "gone.jpg", "gone.jpg", "--k", 2, "--batch", 3, *toy)
    assert code == 3
    assert err == "7 of 15 photos have no answer; the column 'reason' says why\n"
    assert out.splitlines()[0] == HEADER
    rows = list(csv.DictReader(io.StringIO(out)))
    unreadable = {"truncated.jpg", "zero.jpg", "one.png", "huge.png", "text.jpg"}
    reasons = [(Path(r["file_name"]).name, r["reason"]) for r in rows if r["reason"]]
    expected = [(name, REASONS[name]) for name in sorted(unreadable)]
    assert reasons == [*expected, ("gone.jpg", "not found"), ("gone.jpg", "named twice")]
    good = [r for r in rows if not r["reason"]]
    assert len(good) == 2 * 8
    for first, second in zip(good[::2], good[1::2], strict=True):
        assert first["file_name"] == second["file_name"]
        assert float(first["score"]) >= float(second["score"])
        assert {first["species"], second["species"]} == {"Pica pica", "Corvus corax"}
        assert first["genus"] == first["species"].split()[0]
        assert first["species_epithet"] == first["species"].split()[1]
        assert first["common_name"] in ("magpie", "raven")
        assert (first["kingdom"], first["rank"]) == ("Animalia", "species")
        assert float(first["unknown"]) < 1e-6


def test_identify_as_json_lines(run: Run, toy: tuple[str, ...]) -> None:
    Path("a.png").write_bytes(encoded(noise(0), "PNG"))
    code, out, _ = run("identify", "a.png", "gone.jpg", "--rank", "genus", "--k", 9, "-f", "jsonl", *toy)
    assert code == 3
    first, second = (json.loads(line) for line in out.splitlines())
    assert list(first) == ["file_name", "safe", "unknown", "none", "predictions", "reason", "model"]
    assert sorted(p["name"] for p in first["predictions"]) == ["Corvus", "Larus", "Pica"]
    assert sum(p["probability"] for p in first["predictions"]) == pytest.approx(1, abs=1e-5)
    assert "taxon" not in first["predictions"][0]
    assert first["safe"]["rank"] in ("kingdom", "genus")
    assert first["model"] == open_encoder("toy").fingerprint
    assert (second["file_name"], second["reason"], second["predictions"]) == ("gone.jpg", "not found", [])


def test_identify_as_a_table_to_read(run: Run, toy: tuple[str, ...]) -> None:
    Path("a.png").write_bytes(encoded(noise(0), "PNG"))
    code, out, _ = run("identify", "a.png", "gone.jpg", "--format", "table", *toy)
    assert code == 3
    assert "sure of" in out
    assert "Corvus corax" in out
    assert "raven" in out
    assert "not read: not found" in out


def test_identify_within_a_clade_or_a_checklist(run: Run, toy: tuple[str, ...]) -> None:
    Path("a.png").write_bytes(encoded(noise(0), "PNG"))
    code, out, _ = run("identify", "a.png", "--only", "Corvus", "--only", "magpie", "--k", 3, *toy)
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert sorted(r["species"] for r in rows) == ["Corvus corax", "Pica pica"]
    assert sum(float(r["score"]) for r in rows) == pytest.approx(1, abs=1e-5)
    assert 0 < float(rows[0]["inside"]) < 1
    code, whole, _ = run("identify", "a.png", "--k", 3, *toy)
    every = {r["species"]: float(r["score"]) for r in csv.DictReader(io.StringIO(whole))}
    assert float(rows[0]["inside"]) == pytest.approx(every["Corvus corax"] + every["Pica pica"], abs=1e-5)
    Path("list.txt").write_text("# mine\nPica pica\nCorvus corix\n\n")
    Path("list.csv").write_text("scientificName,country\nPica pica,CH\n,CH\n")
    code, out, err = run("identify", "a.png", "--only", "list.txt", "--rank", "genus", "-f", "jsonl", *toy)
    assert code == 3
    assert "Corvus corax" in err
    assert [p["name"] for p in json.loads(out)["predictions"]] == ["Pica"]
    code, out, _ = run("identify", "a.png", "--only", "list.csv", "-f", "table", *toy)
    assert code == 0
    assert "within --only" in out
    code, _, err = run("identify", "a.png", "--only", "Insecta", *toy)
    assert code == 1
    assert "nothing to choose from" in err
    Path("list.csv").write_text("country\nCH\n")
    code, _, err = run("identify", "a.png", "--only", "list.csv", *toy)
    assert code == 1
    assert "scientificName" in err


def test_a_photo_without_an_answer_at_the_rank_still_has_its_row(run: Run, toy: tuple[str, ...]) -> None:
    Path("a.png").write_bytes(encoded(noise(0), "PNG"))
    code, out, _ = run("identify", "a.png", "--rank", "family", *toy)
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(r["file_name"], r["safe_name"], r["score"]) for r in rows] == [("a.png", "Animalia", "")]


@pytest.mark.parametrize("format_", ["csv", "jsonl", "table"])
def test_a_file_name_that_is_no_text_gets_its_row(run: Run, toy: tuple[str, ...], format_: str) -> None:
    Path(os.fsdecode(b"\xff.png")).write_bytes(encoded(noise(0), "PNG"))
    code, out, _ = run("identify", ".", "-f", format_, *toy)
    assert code == 0
    assert "xff.png" in out
    assert run("embed", ".", "--model", "toy", "--out", "vectors")[0] == 0
    assert Embeddings.load(Path("vectors")).ids.to_list() == ["\\xff.png"]


def test_identify_from_standard_input_and_into_a_file(
    run: Run, toy: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("a.png").write_bytes(encoded(noise(0), "PNG"))
    monkeypatch.setattr("sys.stdin", io.StringIO("a.png\n"))
    code, out, err = run("identify", "-", "--output", "deep/out.csv", *toy)
    assert (code, out, err) == (0, "", "")
    assert [p.name for p in Path("deep").iterdir()] == ["out.csv"]
    assert Path("deep/out.csv").read_text().startswith(HEADER)


def test_ctrl_c_leaves_whole_rows_beside_the_old_file(
    run: Run, toy: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    good_folder(Path("photos"))
    Path("out.csv").write_text("old")
    calls: list[int] = []
    true = open_encoder("toy")

    class Stopped:
        """The toy encoder, and somebody at the keyboard."""

        def __getattr__(self, name: str) -> object:
            return getattr(true, name)

        def embed_images(self, pixels: object) -> object:
            calls.append(1)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return true.embed_images(pixels)  # type: ignore[arg-type]

    monkeypatch.setattr("merian.identify.engine.open_encoder", lambda *_: Stopped())
    code, _, err = run("identify", "photos", "--k", 1, "--batch", 2, "-o", "out.csv", *toy)
    assert code == 1
    assert err.startswith("merian: stopped.")
    assert Path("out.csv").read_text() == "old"
    text = Path("out.csv.partial").read_text()
    assert text.endswith("\n")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [Path(r["file_name"]).name for r in rows] == ["0.png", "1.png", "2.png", "3.png"]
    assert all(r["unknown"] for r in rows)


def test_identify_with_a_model_folder_and_its_head(run: Run) -> None:
    Path("a.png").write_bytes(encoded(noise(0), "PNG"))
    Path("model").mkdir()
    tree = Tree.from_lineages(pl.DataFrame({"genus": ["Pica", "Corvus"], "species": ["pica", "corax"]}))
    Head.build(open_encoder("toy"), tree).save(Path("model/head"))
    code, out, _ = run("identify", "a.png", "--model", "model", "--backend", "toy", "--k", 1)
    assert code == 0
    assert len(out.splitlines()) == 2
    code, _, err = run("identify", "a.png", "--model", "model", "--backend", "abacus")
    assert code == 2
    assert "'abacus'" in err


def test_embed_texts_and_arrays(run: Run) -> None:
    bad_folder(Path("photos"))
    Path("names.txt").write_text("Pica pica\n\nraven \n", encoding="utf-8")
    assert run("embed", "--texts", "names.txt", "--model", "toy", "--out", "words")[0] == 0
    words = Embeddings.load(Path("words"))
    assert words.ids.to_list() == ["Pica pica", "raven"]
    assert np.allclose(words.vectors, open_encoder("toy").embed_texts(["Pica pica", "raven"]))
    assert run("embed", "photos", "--model", "toy", "--out", "array", "--format", "npy")[0] == 3
    assert run("embed", "photos", "--model", "toy", "--out", "table")[0] == 3
    table = Embeddings.load(Path("table"))
    assert np.array_equal(np.load("array/vectors.npy"), table.vectors)
    assert pl.read_csv("array/ids.csv")["id"].to_list() == table.ids.to_list()
    Path("empty.txt").write_text("\n")
    run("curate", "photos", "catalog")
    for words_, code, told in (
        (("--out", "x"), 2, "exactly one"),
        (("photos", "--texts", "names.txt", "--out", "x"), 2, "exactly one"),
        (("photos", "--raw", "--out", "x"), 2, "--format npy"),
        (("photos", "--raw", "--format", "npy", "--out", "x", "--backend", "toy"), 2, "not by toy"),
        (("catalog", "--format", "npy", "--out", "x"), 2, "parquet"),
        (("--texts", "none.txt", "--out", "x"), 1, "none.txt"),
        (("--texts", "empty.txt", "--out", "x"), 1, "no line"),
    ):
        found, _, err = run("embed", *words_, "--model", "toy")
        assert (found, told in err) == (code, True), err


def test_embed_photos_and_catalogs(run: Run) -> None:
    bad_folder(Path("photos"))
    code, _, err = run("embed", "photos", "gone.jpg", "--model", "toy", "--out", "vectors")
    assert code == 3
    assert "8 vectors, 6 refused: vectors/refused.csv" in err
    embeddings = Embeddings.load(Path("vectors"))
    assert len(embeddings) == 8
    assert embeddings.fingerprint == open_encoder("toy").fingerprint
    assert all(Path(p).is_file() for p in embeddings.ids)
    refused = dict(pl.read_csv("vectors/refused.csv").rows())
    assert refused["gone.jpg"] == "not found"
    assert run("embed", "photos", "gone.jpg", "--model", "toy", "--out", "vectors")[0] == 3
    code, _, err = run("embed", "photos", "--model", "toy", "--out", "vectors")
    assert code == 1
    assert "input photos changed" in err
    assert run("curate", "photos", "catalog")[0] == 3
    code, _, err = run("embed", "catalog", "--model", "toy", "--out", "of_catalog")
    assert (code, err) == (0, "of_catalog  6 vectors\n")
    code, _, err = run("embed", "gone.jpg", "--model", "toy", "--out", "none")
    assert code == 3
    assert len(Embeddings.load(Path("none"))) == 0


def test_brackets_in_names_are_neither_markup_nor_globs_nor_json(run: Run, toy: tuple[str, ...]) -> None:
    good_folder(Path("photos"))
    code, _, err = run("curate", "photos", "[/b]o*t")
    assert (code, err.splitlines()[0]) == (0, "[/b]o*t")
    Path("[br]ack.png").write_bytes(encoded(noise(0), "PNG"))
    code, out, _ = run("identify", "[br]*.png", "[br]ack.png", "--k", 1, *toy)
    assert code == 3  # as a glob it matches nothing
    assert [row["reason"] for row in csv.DictReader(io.StringIO(out))] == ["", "no photos there"]


def test_an_output_that_is_a_folder_is_said_before_any_work(run: Run, toy: tuple[str, ...]) -> None:
    Path("a.png").write_bytes(encoded(noise(0), "PNG"))
    Path("folder").mkdir()
    for output in ("folder", "a.png/out.csv"):
        assert run("identify", "a.png", "--output", output, *toy) == (
            1,
            "",
            f"merian: {output}: the output must be a file in a folder; give another path\n",
        )
    assert sorted(p.name for p in Path().iterdir()) == ["a.png", "folder", "taxa.csv"]


def test_the_tour_refuses_before_it_draws_when_it_could_not_train(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    true = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "torch" else true(name))
    text = "merian: this needs torch and open_clip; install it with: pip install 'merian[train]'\n"
    assert run("tour", "out", "--no-serve") == (1, "", text)
    assert not Path("out").exists()


def test_replay_and_its_share_of_a_batch_go_together(run: Run) -> None:
    code, _, err = run("train", "catalog", "model", "--replay", "general")
    assert (code, "say how many a step" in err) == (2, True)
    code, _, err = run("train", "catalog", "model", "--replay-batch", "16")
    assert (code, "give --replay, or --replay-batch 0" in err) == (2, True)
    assert not Path("model").exists()


@pytest.mark.parametrize("words", [("--batch", 0), ("--port", 70_000), ("--taxa", "t.csv")])
def test_serve_refuses_what_cannot_be(run: Run, words: tuple[object, ...]) -> None:
    code, _, err = run("serve", *words)
    assert code == 2
    assert f"setting '{str(words[0])[2:]}'" in err


def test_serve_takes_a_model_without_a_store(run: Run, toy: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def serve(store: Path, host: str, port: int, ready: object, identifier: Identifier, options: Options) -> None:
        asked.append((store.exists(), host, port, len(identifier.head.labels), options.batch, options.twin))

    monkeypatch.setattr("merian.web.app.serve", serve)
    assert run("serve", "nowhere", "--batch", 3, "--port", 0, *toy)[0] == 0
    assert asked == [(False, "127.0.0.1", 0, 3, 3, "savanna")]
