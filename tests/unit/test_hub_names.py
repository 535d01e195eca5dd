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


def test_the_default_is_bioclip_2_when_it_is_here_or_nothing_else_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("merian.encode.hub.find", lambda name: None)
    assert hub.default(tmp_path) == tmp_path
    assert hub.default(tmp_path / "none") == "bioclip-2"
    monkeypatch.setattr("merian.encode.hub.find", lambda name: tmp_path)
    assert hub.default(tmp_path) == "bioclip-2"
