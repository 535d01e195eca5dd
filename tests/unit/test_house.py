"""The house rules that a machine can check: what is imported when, what is public, how long a module is."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from photos import encoded, noise

import merian
from merian.core.tree import Tree
from merian.encode import open_encoder
from merian.identify import Head

SRC = Path(__file__).parents[2] / "src" / "merian"
MODULES = sorted(SRC.rglob("*.py"))
HEAVY = (
    "torch",
    "open_clip",
    "pandas",
    "polars",
    "numpy",
    "openvino",
    "onnxruntime",
    "PIL",
    "skia",
    "matplotlib",
    "sklearn",
    "starlette",
)
IMPORT_MODULES = 45
"""Modules that `import merian` may add: itself and small ones of the standard library (re, typing)."""
HELP_MODULES = 700
"""Modules loaded for `merian --help`: 0.3 s on a slow core, counted so that the machine's load does not matter."""


def python(
    code: str, *arguments: str, cwd: Path | None = None, flags: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, *flags, "-c", code, *arguments], capture_output=True, text=True, cwd=cwd, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def loaded(code: str, *arguments: str, cwd: Path | None = None) -> set[str]:
    """The heavy libraries that are loaded after `code` ran in a fresh Python."""
    tail = "\nimport sys; print('LOADED', *[m for m in sys.modules if '.' not in m])"
    line = python(code + tail, *arguments, cwd=cwd).stdout.splitlines()[-1]
    assert line.startswith("LOADED")
    return set(line.split()) & set(HEAVY)


def test_import_merian_is_light() -> None:
    """A millisecond (docs/numbers.md), told by what it loads: a clock would tell how busy the machine is."""
    assert loaded("import merian") == set()
    code = "import sys; before = set(sys.modules); import merian; print(len(set(sys.modules) - before))"
    assert int(python(code).stdout) <= IMPORT_MODULES


def test_import_merian_has_no_side_effect(tmp_path: Path) -> None:
    python("import merian", cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; from merian.cli.main import run; assert run(['--help']) == 0"
    assert loaded(code) == set()
    count = python(code + "\nprint(len(sys.modules))").stdout.splitlines()[-1]
    assert int(count) < HELP_MODULES


def test_identify_loads_neither_torch_nor_pandas(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    tree = Tree.from_lineages(pl.DataFrame({"genus": ["Pica", "Corvus"], "species": ["pica", "corax"]}))
    Head.build(open_encoder("toy"), tree).save(tmp_path / "model" / "head")
    (tmp_path / "a.png").write_bytes(encoded(noise(0), "PNG"))
    code = "import sys; from merian.cli.main import run; assert run(sys.argv[1:]) == 0"
    found = loaded(code, "identify", "a.png", "--model", "model", "--backend", "toy", cwd=tmp_path)
    assert found <= {"numpy", "polars", "PIL", "openvino"}


def test_the_openvino_encoder_loads_neither_torch_nor_pandas() -> None:
    assert not loaded("import merian.encode.openvino, merian.identify, merian.cli.identify") & {
        "torch",
        "open_clip",
        "pandas",
    }


def public(tree: ast.Module) -> set[str]:
    """Functions and classes that a module defines at its top under a name without underscore."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
    return {n for n in names if not n.startswith("_")}


def listed(tree: ast.Module) -> list[str] | None:
    """What `__all__` lists, None when there is none."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return list(ast.literal_eval(node.value))
    return None


def defined(tree: ast.Module) -> set[str]:
    """Every name that a module binds at its top."""
    names = public(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names |= {t.id for target in node.targets for t in ast.walk(target) if isinstance(t, ast.Name)}
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


@pytest.mark.parametrize("path", MODULES, ids=[p.relative_to(SRC).as_posix() for p in MODULES])
def test_a_module_keeps_the_house_rules(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert len(text.splitlines()) <= 400
    names = listed(tree)
    if names is not None:
        assert sorted(set(names)) == sorted(names)
        there = set(merian.__all__) if path == SRC / "__init__.py" else defined(tree)  # loaded on first use
        assert set(names) <= there, "__all__ lists what is not there"
    if path.name not in ("__init__.py", "__main__.py"):
        assert names is not None, "no __all__"
        assert ast.get_docstring(tree), "no docstring"
        assert public(tree) <= set(names), "public, but not in __all__"
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (function.end_lineno or 0) - function.lineno < 60, f"{function.name} is too long"
    for name in re.findall(r"\bnp\.random\.(?!Generator|Philox|SeedSequence|default_rng)\w+", text):
        pytest.fail(f"global chance: {name}")
    assert not re.search(r"^\s*(import|from) pickle\b", text, re.MULTILINE)
