"""`merian twin eyes`: a photo as animals take it in, on one sheet with its evidence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from photos import encoded
from PIL import Image

from merian.cli.main import run
from merian.twin.senses.eyes import eyes_of
from merian.twin.senses.montage import CAPTION, EyesSettings, captions, sheet, views


def stripes(wide: int = 120, high: int = 80, period: int = 6) -> np.ndarray:
    """Black and white stripes, uint8 [y, x, 3]."""
    row = np.where(np.arange(wide) // (period // 2) % 2, 255, 0)
    return np.repeat(np.broadcast_to(row, (high, wide))[..., None], 3, 2).astype(np.uint8)


def contrast(picture: np.ndarray) -> float:
    """Of the middle of a picture, as its bits say."""
    part = picture[picture.shape[0] // 4 : -picture.shape[0] // 4, picture.shape[1] // 4 : -picture.shape[1] // 4]
    return float(np.ptp(part.mean((0, 2))) / 255)


def test_a_sheet_is_written_and_says_what_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "zebra.png").write_bytes(encoded(Image.fromarray(stripes()), "PNG"))
    out = tmp_path / "eyes.jpg"
    who = ["--as", "zebra", "--as", "lion", "--as", "human", "--as", "spider"]
    assert run(["twin", "eyes", str(tmp_path / "zebra.png"), str(out), *who, "--distance", "60", "--facts"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert CAPTION in said
    assert "Stripes that repeat within 8.1 cm are gone at 60 m" in said
    assert "taken from a relative" in said
    assert "Melin et al. 2016" in said
    with Image.open(out) as page:
        assert page.width > 3 * 120
        assert not page.getexif()


def test_stripes_are_gone_for_the_lion_and_there_for_the_human() -> None:
    """Stripes of 15 cm in a photo 3 m wide, 150 m off."""
    settings = EyesSettings(distance=150.0)
    lion, human = views(stripes(), [eyes_of("lion"), eyes_of("human")], settings)
    assert contrast(lion) < 0.02
    assert contrast(human) > 0.8


def test_a_sheet_has_a_place_for_everyone() -> None:
    settings = EyesSettings(side_px=64)
    who = [eyes_of(name) for name in ("zebra", "lion", "human", "honeybee")]
    for count, columns in ((0, 1), (1, 2), (2, 3), (3, 2), (4, 3)):
        page = sheet(stripes(640, 480), who[:count], settings)
        assert page.width == 2 * 40 + columns * 64 + (columns - 1) * 24


def test_captions_say_evidence_and_what_light_leaves() -> None:
    told = captions(eyes_of("Panthera pardus"), EyesSettings(light="night", distance=20.0))
    assert told[0] == "Panthera pardus"
    assert "13 (10 to 13), taken from a relative; 2.3 in this light" in told[2]
    assert told[4] == "By rods alone: no colour"


def test_what_cannot_be_done_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = tmp_path / "a.png"
    photo.write_bytes(encoded(Image.fromarray(stripes()), "PNG"))
    for arguments, said in (
        ([str(photo), str(tmp_path / "a.gif")], "ends in one of"),
        ([str(photo), str(tmp_path / "b.png"), "--as", "unicorn"], "no species whose eyes are in the table"),
        ([str(photo), str(tmp_path / "b.png"), "--distance", "0"], "distance"),
        ([str(tmp_path / "none.png"), str(tmp_path / "b.png")], "none.png"),
    ):
        assert run(["twin", "eyes", *arguments]) in (1, 2)
        assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "b.png").exists()


def test_the_sheet_is_called_after_the_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bird.png").write_bytes(encoded(Image.fromarray(stripes()), "PNG"))
    assert run(["twin", "eyes", "bird.png", "--as", "blue tit", "--light", "twilight"]) == 0
    assert Path("bird-eyes.png").is_file()
