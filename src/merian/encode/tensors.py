"""Weights in a `.safetensors` file as NumPy arrays, mapped from the disk: nothing is read before it is used. bf16, which NumPy lacks, comes as float32."""

from __future__ import annotations

import contextlib
import json
import mmap
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merian.core.errors import BadData, Missing

__all__ = ["Tensors", "release"]

TYPES: dict[str, type[np.generic]] = {
    **{"F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": np.uint16},
    **{"I64": np.int64, "I32": np.int32, "I16": np.int16, "I8": np.int8, "U8": np.uint8, "BOOL": np.bool_},
}


class Tensors(Mapping[str, NDArray[Any]]):
    """The tensors of a file by name. Format: eight bytes, the length n of a header; n bytes of JSON; the data."""

    def __init__(self, path: Path) -> None:
        """Raises Missing when there is no file, BadData when it is damaged or cut short."""
        from safetensors import SafetensorError, safe_open

        if not path.is_file():
            raise Missing("the weights", path, "pull or export the model again")
        try:
            with safe_open(path, framework="np"):  # checks the header and that the data are whole
                pass
        except (SafetensorError, OSError) as error:
            raise BadData(path, f"is no whole safetensors file ({error}); pull or export the model again") from error
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            known: dict[str, Any] = json.loads(stream.read(length))
        known.pop("__metadata__", None)
        strange = sorted({value["dtype"] for value in known.values()} - TYPES.keys())
        if strange:
            raise BadData(path, "has tensors of types that are not read", strange)
        self.path, self._known, self._start = path, known, 8 + length
        self._bytes = np.memmap(path, np.uint8, "c")  # writable for whoever asks, the file stays as it is

    def __getitem__(self, name: str) -> NDArray[Any]:
        told = self._known[name]
        first, last = (self._start + at for at in told["data_offsets"])
        kind = TYPES[told["dtype"]]
        flat = self._bytes[first:last]
        values = flat.view(kind) if first % np.dtype(kind).itemsize == 0 else np.frombuffer(flat.tobytes(), kind)
        if told["dtype"] == "BF16":
            values = (values.astype(np.uint32) << 16).view(np.float32)
        return values.reshape(told["shape"])

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def hold(self, values: NDArray[Any]) -> bool:
        """Whether `values` lie in the file itself, and so live as long as this does."""
        return bool(np.may_share_memory(values, self._bytes))

    @contextlib.contextmanager
    def sparing(self) -> Iterator[None]:
        """While all tensors are read in turn, give back the memory of what was read: a thread does it again and again, and at last once more."""
        done = threading.Event()

        def give_back() -> None:
            while not done.wait(0.05):
                release(self._bytes)

        thread = threading.Thread(target=give_back, name="merian-sparing", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            release(self._bytes)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor, without reading it."""
        return tuple(self._known[name]["shape"])


def release(values: NDArray[Any]) -> None:
    """Give the memory of values that are mapped from a file back to the system, which reads them again when they are used again; others stay.

    What was written into a private mapping would be lost: only for values that nobody writes.
    """
    pages = getattr(values, "_mmap", None)
    if not isinstance(pages, mmap.mmap) or not hasattr(mmap, "MADV_DONTNEED") or not values.flags.c_contiguous:
        return
    first = int(values.ctypes.data - np.frombuffer(pages, np.uint8).ctypes.data)
    start = -(-first // mmap.PAGESIZE) * mmap.PAGESIZE
    length = (first + values.nbytes - start) // mmap.PAGESIZE * mmap.PAGESIZE
    if length > 0:
        pages.madvise(mmap.MADV_DONTNEED, start, length)
