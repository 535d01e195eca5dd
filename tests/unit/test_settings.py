"""Settings: one description per knob, and a plain word for every wrong value."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from merian.core.errors import BadSetting, Missing
from merian.core.settings import as_toml, knob, knobs, load, read_toml, table, type_name
from merian.curate.settings import CurateSettings
from merian.train import TrainSettings


@dataclass(frozen=True, kw_only=True)
class Sample:
    epochs: int = knob(10, "Passes", ge=1, le=100)
    rate: float = knob(0.5, "Rate", unit="1/d", gt=0, lt=1, source="Smith 1999")
    name: str = knob("x", "Name")
    flip: bool = knob(True, "Mirror images")
    mode: Literal["a", "b"] = knob("a", "Mode")
    where: Path | None = knob(None, "Where")  # noqa: RUF009 - a knob is a field
    words: tuple[str, ...] = knob(("p", "q"), "Words")
    sizes: tuple[int, ...] = knob((1, 2), "Sizes", ge=1)


def message(given_: dict[str, object]) -> str:
    with pytest.raises(BadSetting) as caught:
        load(Sample, None, given_)
    return str(caught.value)


def test_defaults_then_file_then_what_was_given(tmp_path: Path) -> None:
    toml = tmp_path / "s.toml"
    toml.write_text('[sample]\nepochs = 20\nname = "file"\n[other]\nepochs = 99\n')
    found = load(Sample, toml, {"name": "flag", "rate": None}, "sample")
    assert found == Sample(epochs=20, name="flag")
    assert load(Sample) == Sample()


GOLDEN = [
    (
        {"epoch": 3},
        "setting 'epoch' = 3: is not a setting; known are epochs, rate, name, flip, mode, where, words, sizes; did you mean 'epochs'?",
    ),
    ({"epochs": 0}, "setting 'epochs' = 0: must be >= 1 and <= 100"),
    ({"epochs": 101}, "setting 'epochs' = 101: must be >= 1 and <= 100"),
    ({"epochs": True}, "setting 'epochs' = True: must be of type int"),
    ({"epochs": 3.0}, "setting 'epochs' = 3.0: must be of type int"),
    ({"epochs": "3"}, "setting 'epochs' = '3': must be of type int"),
    ({"rate": 1}, "setting 'rate' = 1.0: must be > 0 and < 1"),
    ({"rate": float("nan")}, "setting 'rate' = nan: must be > 0 and < 1"),
    ({"rate": True}, "setting 'rate' = True: must be of type float"),
    ({"flip": 1}, "setting 'flip' = 1: must be of type bool"),
    ({"name": 7}, "setting 'name' = 7: must be of type str"),
    ({"mode": "c"}, "setting 'mode' = 'c': must be one of a, b"),
    ({"where": 7}, "setting 'where' = 7: must be a path"),
    ({"words": 7}, "setting 'words' = 7: must be a list of str"),
    ({"words": ["a", 7]}, "setting 'words' = 7: must be of type str"),
    ({"sizes": [1, 0]}, "setting 'sizes' = 0: must be >= 1"),
    ({"sizes": [True]}, "setting 'sizes' = True: must be of type int"),
]


@pytest.mark.parametrize(("given_", "text"), GOLDEN, ids=[str(g) for g, _ in GOLDEN])
def test_what_is_wrong_is_said(given_: dict[str, object], text: str) -> None:
    assert message(given_) == text


def test_right_values_become_the_right_types() -> None:
    found = load(Sample, None, {"rate": 0.25, "words": "one", "where": "a/b", "sizes": [3], "flip": False})
    assert found == Sample(rate=0.25, words=("one",), where=Path("a/b"), sizes=(3,), flip=False)


def test_the_file_is_looked_at_closely(tmp_path: Path) -> None:
    toml = tmp_path / "s.toml"
    with pytest.raises(Missing, match=r"s\.toml"):
        read_toml(toml)
    toml.write_text("epochs = = 3")
    with pytest.raises(BadSetting, match="is not valid TOML"):
        read_toml(toml)
    toml.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadSetting, match="is not valid TOML"):
        read_toml(toml)
    toml.write_text("epochs = 3\n")
    assert read_toml(toml, "train") == read_toml(toml) == {"epochs": 3}
    toml.write_text("[draw]\nepochs = 3\n")
    assert read_toml(toml, "curate") == {}
    toml.write_text("[trian]\nepochs = 3\n")
    with pytest.raises(BadSetting, match=r"is not the table \[train\]; did you mean 'train'"):
        read_toml(toml, "train")
    toml.write_text("train = 3\n")
    with pytest.raises(BadSetting, match=r"is not the table \[train\]"):
        read_toml(toml, "train")


NAMES = st.text(st.characters(codec="utf-8"), max_size=12)


@hypothesis_settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.builds(
        Sample,
        epochs=st.integers(1, 100),
        rate=st.floats(0, 1, exclude_min=True, exclude_max=True),
        name=NAMES,
        flip=st.booleans(),
        mode=st.sampled_from(["a", "b"]),
        where=st.one_of(st.none(), st.sampled_from([Path("a b"), Path("/x/é")])),
        words=st.lists(NAMES, max_size=3).map(tuple),
        sizes=st.lists(st.integers(1, 9), max_size=3).map(tuple),
    )
)
def test_written_and_read_they_are_the_same(tmp_path_factory: pytest.TempPathFactory, given_: Sample) -> None:
    path = tmp_path_factory.mktemp("s") / "s.toml"
    path.write_bytes(("[sample]\n" + as_toml(given_)).encode())
    assert load(Sample, path, section="sample") == given_


@pytest.mark.parametrize("cls", [CurateSettings, TrainSettings])
def test_every_real_class_goes_to_toml_and_back(tmp_path: Path, cls: type) -> None:
    path = tmp_path / "s.toml"
    path.write_text(as_toml(cls()), encoding="utf-8")
    assert load(cls, path) == cls()
    described = knobs(cls)
    assert list(described) == [f.name for f in fields(cls)]
    for name, (hint, default, about) in described.items():
        assert about.help, name
        assert load(cls, None, {name: default}) == cls()
        assert type_name(hint)


def test_the_table_for_the_docs() -> None:
    assert table(Sample).splitlines()[3] == "| `rate` | float | `0.5` | > 0 and < 1 | Rate [1/d] (source: Smith 1999) |"
    assert table(Sample).splitlines()[6] == '| `mode` | a or b | `"a"` |  | Mode |'
    assert table(Sample).splitlines()[8] == '| `words` | list of str | `["p", "q"]` |  | Words |'
    assert as_toml(Sample()).splitlines()[2] == "# Rate [1/d] (> 0 and < 1)"
    assert "# where =" in as_toml(Sample()).splitlines()
