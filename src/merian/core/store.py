"""Every verb reads and writes a store: a folder of files with a manifest that says what made it.

Writes are atomic, re-runs are safe, and a killed run goes on where it stopped: `begin` either says that the very same run is
already done, or hands back the folder with the parts that an earlier attempt at the same run finished. `manifest.json` is written last, so a
folder without one is unfinished by definition.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from merian import __version__
from merian.core.errors import BadData, Mismatch, Missing

__all__ = [
    "Hashed",
    "Manifest",
    "Work",
    "atomic",
    "begin",
    "cache_folder",
    "digest",
    "digest_bytes",
    "full_disk_told",
    "key_of",
    "named_digest",
    "plain",
    "read",
    "write_json",
    "write_text",
]

MANIFEST = "manifest.json"
BEGUN = ".begun.json"
SHA256 = re.compile(r"[0-9a-f]{64}")
PROBE = 1 << 20
"""Bytes that a disk must still take not to count as full."""


@contextlib.contextmanager
def atomic(path: Path, mode: str = "wb", **options: Any) -> Iterator[IO[Any]]:
    """An open temporary file that takes the name `path` only when the block ends well.

    A failure (a full disk, Ctrl-C) removes the temporary file and leaves what stood at `path` untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, mode, **options) as stream, full_disk_told(path):
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def full_disk_told(path: Path) -> Iterator[None]:
    """A block that writes `path` by another library: when it fails for want of room, OSError says so and names `path`.

    Libraries tell of a full disk in words of their own (polars a ComputeError, numpy an OSError without a number, OpenVINO a
    RuntimeError), so the disk itself is asked. Any other failure passes as it is.
    """
    try:
        yield
    except Exception as error:
        number = error.errno if isinstance(error, OSError) else None
        if number is None:
            number = _refusal(path.parent)
        if number in (errno.ENOSPC, errno.EDQUOT):
            raise OSError(number, os.strerror(number), str(path)) from error
        raise


def _refusal(folder: Path) -> int | None:
    """The number of the error with which the disk under `folder` refuses a little more, None when it takes it."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(PROBE))
    except OSError as error:
        return error.errno
    return None


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` atomically, UTF-8 with Unix line ends."""
    with atomic(path, "w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)


def write_json(path: Path, value: object) -> None:
    """Write `value` as indented JSON with sorted keys, atomically."""
    write_text(path, json.dumps(plain(value), indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def digest_bytes(data: bytes) -> str:
    """The SHA-256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def cache_folder(kind: str) -> Path:
    """Where things that can be made again are kept between runs: `$MERIAN_CACHE`, else `merian` in the user's cache folder; then `kind`."""
    given = os.environ.get("MERIAN_CACHE")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return (Path(given) if given else home / "merian") / kind


def digest(path: Path) -> str:
    """The SHA-256 of the file at `path` in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def named_digest(path: Path) -> str:
    """The SHA-256 of the file at `path`; not read when its name, links followed, is that: so the Hugging Face hub's cache keeps what it has checked."""
    name = path.resolve().name
    return name if SHA256.fullmatch(name) else digest(path)


class Hashed:
    """A stream to write to that knows the SHA-256 of what was written."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self._hash = stream, hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Write `data`; how much."""
        self._hash.update(data)
        return self.stream.write(data)

    def tell(self) -> int:
        """How much was written."""
        return self.stream.tell()

    @property
    def digest(self) -> str:
        """The SHA-256 in hexadecimal."""
        return self._hash.hexdigest()


def plain(value: object) -> Any:
    """`value` as JSON can hold it: settings become dicts, paths strings, tuples lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return str(value) if isinstance(value, Path) else value


def key_of(kind: str, version: int, settings: object, inputs: Mapping[str, str]) -> str:
    """What names a run: the same kind, settings and inputs give the same key."""
    record = {"kind": kind, "version": version, "settings": plain(settings), "inputs": dict(inputs)}
    return digest_bytes(json.dumps(record, sort_keys=True).encode())[:24]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a finished store says of itself."""

    kind: str
    version: int
    key: str
    settings: dict[str, Any]
    inputs: dict[str, str]
    files: dict[str, str]
    code: str
    command: str

    @property
    def hash(self) -> str:
        """Hash of the content: the same run gives the same hash on any machine that computes the same bytes."""
        return digest_bytes(json.dumps([self.kind, self.version, self.files], sort_keys=True).encode())[:24]


@dataclass(frozen=True, slots=True)
class Work:
    """A store being written. Leave `finish` uncalled and the folder stays resumable."""

    path: Path
    kind: str
    version: int
    key: str
    settings: object
    inputs: Mapping[str, str]
    done: bool
    resumed: bool = field(default=False)

    def abandon(self) -> None:
        """Delete what was written: this run cannot succeed as it was asked for, and must not stand in the way of another."""
        _clear(self.path)

    def finish(
        self, scratch: tuple[str, ...] = (), beside: tuple[str, ...] = (), known: Mapping[str, str] | None = None
    ) -> Manifest:
        """Delete the `scratch` files, hash all others and write the manifest: from now on the store is finished.

        Files and folders `beside` stay and are not in the manifest: what tells of the run and differs from one to the next, as its speed. `known` has the
        hashes of files that were hashed as they were written, by their path within the store.
        """
        for name in scratch:
            target = self.path / name
            if target.is_dir():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)
        for leftover in self.path.rglob(".*.part"):
            leftover.unlink()
        paths = [p for p in sorted(self.path.rglob("*")) if p.is_file() and p.name not in (MANIFEST, BEGUN)]
        paths = [p for p in paths if p.relative_to(self.path).parts[0] not in beside]
        names = [p.relative_to(self.path).as_posix() for p in paths]
        told = known or {}
        with ThreadPoolExecutor() as pool:
            hashes = pool.map(lambda p, name: told.get(name) or digest(p), paths, names)
            files = dict(zip(names, hashes, strict=True))
        manifest = Manifest(
            kind=self.kind,
            version=self.version,
            key=self.key,
            settings=plain(self.settings),
            inputs=dict(self.inputs),
            files=files,
            code=f"merian {__version__}",
            command=" ".join(["merian", *sys.argv[1:]]),
        )
        write_json(self.path / MANIFEST, manifest)
        (self.path / BEGUN).unlink(missing_ok=True)
        return manifest


def begin(
    folder: Path,
    kind: str,
    version: int,
    settings: object,
    inputs: Mapping[str, str],
    overwrite: bool = False,
) -> Work:
    """The work of writing a store at `folder`; `done` is True when this very run already finished there.

    Raises Mismatch when the folder holds another run (unless `overwrite`), BadData when it holds files that no run of Merian wrote.
    """
    key = key_of(kind, version, settings, inputs)
    finished = (folder / MANIFEST).is_file()
    resumed = False
    if finished or (folder / BEGUN).is_file():
        old = plain(read(folder)) if finished else json.loads((folder / BEGUN).read_text(encoding="utf-8"))
        same = old["key"] == key
        if same and finished and all((folder / name).is_file() for name in old["files"]):
            return Work(folder, kind, version, key, settings, inputs, done=True)
        begun_only = not finished and all(p.name == BEGUN for p in folder.iterdir())
        if not same and not overwrite and not begun_only:
            changed = _difference(old, kind, settings, inputs)
            raise Mismatch(
                f"the {'' if finished else 'unfinished '}run in {folder} and this one ({changed})",
                f"{old['kind']} {old['key'][:8]}",
                f"{kind} {key[:8]}",
                "give another folder, or --overwrite to replace it",
            )
        resumed = same and not finished
        if not resumed:
            _clear(folder)
    elif folder.is_dir() and any(folder.iterdir()):
        raise BadData(folder, "the output folder holds files that Merian did not write; give an empty or new folder")
    elif folder.exists() and not folder.is_dir():
        raise BadData(folder, "the output must be a folder, and this is a file")
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / BEGUN, {"kind": kind, "key": key, "settings": settings, "inputs": dict(inputs)})
    return Work(folder, kind, version, key, settings, inputs, done=False, resumed=resumed)


def read(folder: Path, kind: str | None = None, version: int | None = None) -> Manifest:
    """The manifest of the finished store at `folder`.

    Raises Missing when there is none or it is unfinished, Mismatch when it is of another kind or a newer version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        unfinished = (folder / BEGUN).is_file()
        remedy = (
            "its run was interrupted: give the same command again to finish it" if unfinished else "is the path right?"
        )
        raise Missing(f"a finished {kind or 'store'}", folder, remedy)
    try:
        manifest = Manifest(**json.loads(path.read_text(encoding="utf-8")))
    except (json.JSONDecodeError, TypeError) as error:
        raise BadData(path, f"not a manifest of Merian: {error}") from error
    if kind is not None and manifest.kind != kind:
        raise Mismatch(f"{folder} and this verb", f"a store of kind {manifest.kind!r}", f"the kind {kind!r} it needs")
    if version is not None and manifest.version > version:
        raise Mismatch(
            f"{folder} and this Merian", f"format version {manifest.version}", f"version {version}", "update Merian"
        )
    return manifest


def _difference(old: Mapping[str, Any], kind: str, settings: object, inputs: Mapping[str, str]) -> str:
    """What sets a run apart from the one that stands there, in words."""
    if old["kind"] != kind:
        return "another kind of store"
    before, now = old["settings"], plain(settings)
    changed = [f"{k}: {before.get(k)} -> {now.get(k)}" for k in now if before.get(k) != now.get(k)]
    changed += [f"input {k} changed" for k in inputs if old["inputs"].get(k) != inputs[k]]
    return "; ".join(changed[:4]) or "other settings"


def _clear(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
