"""The encoder on ONNX Runtime: where OpenVINO does not run, and for other people's software."""

from __future__ import annotations

from typing import Literal, cast

import numpy as np

from merian.core.errors import MissingExtra
from merian.encode.folder import FolderEncoder, Run, read_folder
from merian.encode.seam import Encoder, Vectors

__all__ = ["open_model"]


def open_model(where: str, batch: int = 32, threads: int = 0) -> Encoder:
    """The encoder of the model folder `where`; `threads` 0 leaves the number to ONNX Runtime.

    Raises MissingExtra without it.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra("onnxruntime", "onnx") from error
    folder = read_folder(where)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    sessions = {
        kind: onnxruntime.InferenceSession(
            str(folder.file(f"{kind}.onnx")), options, providers=["CPUExecutionProvider"]
        )
        for kind in ("image", "text")
    }

    def runner(kind: Literal["image", "text"]) -> Run:
        session = sessions[kind]
        name = session.get_inputs()[0].name
        return lambda rows: cast(Vectors, session.run(None, {name: np.ascontiguousarray(rows)})[0])

    return FolderEncoder(folder, folder.tokens(), "onnx", runner, batch=batch)
