"""The build hook builds the pages when what they are made of has changed, whatever the clocks of files say."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

import pytest

HOOK = Path(__file__).parents[2] / "hatch_build.py"
T = TypeVar("T")


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The hook's module; hatchling itself is there only while a package is built."""

    class Interface(Generic[T]):
        root = ""

    names = ["hatchling", *(f"hatchling.{part}" for part in ("builders", "builders.hooks", "builders.hooks.plugin"))]
    for name in [*names, "hatchling.builders.hooks.plugin.interface"]:
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    sys.modules["hatchling.builders.hooks.plugin.interface"].BuildHookInterface = Interface
    spec = importlib.util.spec_from_file_location("hatch_build", HOOK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("package.json", "src/main.tsx", "node_modules/preact/index.js"):
        (tmp_path / "frontend" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "frontend" / name).write_text(name, encoding="utf-8")
    return tmp_path


def built(hook: Any, root: Path) -> None:
    (root / hook.BUILT).mkdir(parents=True, exist_ok=True)
    (root / hook.BUILT / hook.STAMP).write_text(hook.sources_hash(root) + "\n", encoding="utf-8")


def test_what_was_built_of_these_sources_is_not_built_again(hook: Any, root: Path) -> None:
    assert hook.needed(root)
    built(hook, root)
    assert not hook.needed(root)
    os.utime(root / "frontend" / "src" / "main.tsx", (2e9, 2e9))
    (root / "frontend" / "node_modules" / "preact" / "index.js").write_text("other", encoding="utf-8")
    assert not hook.needed(root)


@pytest.mark.parametrize("change", ["content", "name", "more", "less"])
def test_any_change_of_the_sources_is_built(hook: Any, root: Path, change: str) -> None:
    built(hook, root)
    main = root / "frontend" / "src" / "main.tsx"
    if change == "content":
        main.write_text("src/main.tsy", encoding="utf-8")
    elif change == "name":
        main.rename(main.with_name("other.tsx"))
    elif change == "more":
        main.with_name("empty.ts").touch()
    else:
        main.unlink()
    assert hook.needed(root)


def test_built_pages_without_their_sources_are_taken_and_neither_is_said(hook: Any, root: Path, tmp_path: Path) -> None:
    built(hook, root)
    (root / "frontend").rename(tmp_path / "elsewhere")
    assert not hook.needed(root)
    (root / hook.BUILT / hook.STAMP).unlink()
    with pytest.raises(FileNotFoundError, match="whole source"):
        hook.needed(root)


@pytest.mark.parametrize(
    ("version", "taken"), [("v20.19.0", True), ("v24.1.0", True), ("v18.20.1", False), ("", False)]
)
def test_only_a_node_that_is_new_enough_is_taken(
    hook: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, taken: bool
) -> None:
    for name in ("node", "npm"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {version}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = hook.system_node()
    assert (found is not None) == taken
    assert found is None or found.folder == tmp_path
