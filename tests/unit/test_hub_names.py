"""What a name stands for: a model of open_clip's list, and the model that is taken when none is named."""

from pathlib import Path

import pytest

from merian.core.errors import BadSetting
from merian.encode import hub


def test_a_model_of_open_clips_list_is_a_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hub.repo_of("ViT-B-16/laion2b_s34b_b88k") == "laion/CLIP-ViT-B-16-laion2B-s34B-b88K"
    assert hub.repo_of("merian-tour/model") is None
    with pytest.raises(BadSetting, match="known are .*laion2b_s34b_b88k"):
        hub.repo_of("ViT-B-16/no_such_tag")
    hub._tagged.cache_clear()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert hub.repo_of("ViT-B-16/laion2b_s34b_b88k") is None  # without open_clip there is no list to look in
    hub._tagged.cache_clear()


def test_the_default_is_a_known_model_that_is_here_with_its_labels_else_the_one_in_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here: set[str] = set()
    labels: set[str] = set()
    monkeypatch.setattr("merian.encode.hub.find", lambda name: tmp_path if name in here else None)
    monkeypatch.setattr("merian.encode.hub._labels_here", lambda known: tmp_path if known.name in labels else None)
    monkeypatch.setattr("merian.encode.hub.pocket", lambda: tmp_path)
    assert hub.default() == "bioclip-2"  # built without one
    (tmp_path / "open_clip_config.json").write_text("{}")
    assert hub.default() == "pocket"
    here |= {"bioclip", "biocap", "bioclip-2"}
    assert hub.default() == "pocket"  # offline, a model that cannot say which taxa it knows names nothing
    labels |= {"bioclip"}
    assert hub.default() == "bioclip"
    labels |= {"bioclip-2"}
    assert hub.default() == "bioclip-2"


def test_pocket_is_the_model_in_the_package_unless_a_folder_has_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert hub.local("pocket") == hub.pocket()
    assert hub.local(Path("other")) == Path("other")
    (tmp_path / "pocket").mkdir()
    assert hub.local(Path("pocket")) == Path("pocket")
