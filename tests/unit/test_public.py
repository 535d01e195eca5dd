"""The public names of the package, loaded on first use."""

from __future__ import annotations

import pytest

import merian


@pytest.mark.parametrize("name", merian.__all__)
def test_every_public_name_can_be_had(name: str) -> None:
    assert getattr(merian, name).__name__ == name


def test_a_wrong_name_says_which_there_are() -> None:
    with pytest.raises(AttributeError, match="Identifier"):
        _ = merian.Identifyer
