"""What pybioclip's classifiers share: a model, how it sees photos, probabilities, label files."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from merian.compat.bioclip.ranks import BIOCLIP_MODEL_STR, TOL_MODELS, get_tol_repo_id
from merian.core.progress import track
from merian.encode import Preprocess, decode, hub
from merian.encode.files import rgb
from merian.encode.folder import FolderEncoder, read_folder
from merian.encode.openvino import open_model
from merian.encode.pixels import fitted
from merian.encode.seam import unit_rows

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["BaseClassifier", "Callback", "Floats", "Names", "Photo"]

Floats = npt.NDArray[np.float32]
Photo = Any
"""A path as text, or an image of Pillow."""
Callback = Callable[[int, int], None]
Names = list[Any]
LOOK = Preprocess(size=224, mode="squash", interpolation="bilinear")
"""How pybioclip shows photos to BioCLIP: squashed, whatever the model's own configuration says."""


class BaseClassifier:
    """A model, how it sees photos, and what records its predictions."""

    def __init__(
        self,
        model_str: str | None = BIOCLIP_MODEL_STR,
        pretrained_str: str | None = None,
        device: Any = "cpu",
        precision: str = "auto",
    ) -> None:
        """`precision`, which pybioclip has not: "fp32" as it computes, "bf16", or "auto", which takes bf16 for large models where the processor has it."""
        if str(device) != "cpu":
            raise ValueError(f"device {device!r}: merian.compat.bioclip runs on 'cpu'")
        self.device, self.precision = device, precision
        self.recorder: Any = None
        self.load_pretrained_model(model_str, pretrained_str)

    def load_pretrained_model(
        self, model_str: str | None = BIOCLIP_MODEL_STR, pretrained_str: str | None = None
    ) -> None:
        """Open `model_str`: "hf-hub:owner/name", a short name of Merian's, or a model folder. `pretrained_str` has no use here and must be None."""
        if pretrained_str is not None:
            raise ValueError("pretrained_str: give a model folder or hf-hub:owner/name as the model instead")
        self.model_str, self.pretrained_str = model_str or BIOCLIP_MODEL_STR, None
        folder = hub.resolve(self.model_str.removeprefix("local-dir:"))
        repository = hub.repo_of(self.model_str)
        squashed = repository is not None and f"{hub.HUB}{repository}" in TOL_MODELS
        look = replace(LOOK, size=read_folder(folder).preprocess.size) if squashed else None
        encoder = open_model(str(folder), self.precision, look=look, unit=False)
        assert isinstance(encoder, FolderEncoder)
        self.model, self.preprocess = encoder, encoder.preprocess

    def set_recorder(self, recorder: Any) -> None:
        """Have `recorder` keep what is predicted from now on."""
        self.recorder = recorder

    def record_event(self, images: Any, **kwargs: Any) -> None:
        """Keep one call, if there is a recorder."""
        if self.recorder:
            self.recorder.add_prediction(images, **kwargs)

    @staticmethod
    def ensure_rgb_image(image: Photo) -> Image.Image:
        """An image of Pillow in RGB, of a path or of any image; alpha is laid on white."""
        from PIL import Image

        return rgb(image if isinstance(image, Image.Image) else Image.open(image))

    @staticmethod
    def make_key(image: Photo, idx: int) -> str:
        """What names an image in the answers: its path, or its number."""
        return str(image) if isinstance(image, str | Path) else f"{idx}"

    def create_image_features(self, images: Sequence[Photo], normalize: bool = True) -> Floats:
        """Vectors `[n, d]` of images of Pillow, or of paths, of length 1 if `normalize`. Raises Unreadable for a file that is no image."""
        files = [isinstance(image, str | Path) for image in images]
        pixels = np.stack(
            [
                decode(image, self.preprocess) if file else fitted(rgb(image), self.preprocess)
                for image, file in zip(images, files, strict=True)
            ]
        )
        found = np.asarray(self.model.runner("image")(pixels), np.float32)
        return unit_rows(found) if normalize else np.array(found)

    def create_image_features_for_image(self, image: Photo, normalize: bool) -> Floats:
        """The vector `[d]` of one image."""
        return np.asarray(self.create_image_features([image], normalize)[0])

    def create_probabilities(self, img_features: Floats, txt_features: Floats) -> Floats:
        """Softmax `[n, t]` of the scaled cosines of `[n, d]` and `[d, t]`."""
        logits = self.model.logit_scale * (img_features @ txt_features)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)

    def create_probabilities_for_images(
        self, images: Sequence[Photo], keys: Sequence[str], txt_features: Floats
    ) -> dict[str, Floats]:
        """Probabilities `[t]` of each image by its key."""
        features = self.create_image_features(images)
        return dict(zip(keys, self.create_probabilities(features, txt_features), strict=True))

    def create_batched_probabilities_for_images(
        self,
        images: Sequence[Photo],
        txt_features: Floats,
        batch_size: int | None,
        callback: Callback | None = None,
    ) -> dict[str, Floats]:
        """Probabilities `[t]` of each image by its key; `callback(processed, total)` after each batch, or a bar."""
        found: dict[str, Floats] = {}
        self._each_batch(images, txt_features, batch_size, callback, found.update)
        return found

    def _each_batch(
        self,
        images: Sequence[Photo],
        txt_features: Floats,
        batch_size: int | None,
        callback: Callback | None,
        use: Callable[[dict[str, Floats]], None],
    ) -> None:
        """Hand the probabilities of each batch to `use`, which need not keep them."""
        keys = [self.make_key(image, number) for number, image in enumerate(images)]
        size, total = batch_size or max(1, len(images)), len(images)
        with track("Identifying", total, "images") as advance:
            for start in range(0, total, size):
                part = slice(start, start + size)
                use(self.create_probabilities_for_images(images[part], keys[part], txt_features))
                if callback:
                    callback(min(start + size, total), total)
                else:
                    advance(len(images[part]))

    def __call__(self, x: npt.NDArray[np.uint8]) -> Floats:
        """Probabilities `[n, t]` of pixels `uint8 [n, s, s, 3]`."""
        return self.forward(x)

    def forward(self, x: npt.NDArray[np.uint8]) -> Floats:
        """Probabilities `[n, t]` of pixels `uint8 [n, s, s, 3]`."""
        features = unit_rows(np.asarray(self.model.runner("image")(x), np.float32))
        return self.create_probabilities(features, self.txt_embeddings)

    txt_embeddings: Floats
    """`[d, t]`: what images are compared with."""

    def get_tol_repo_id(self) -> str:
        """The data set with the label vectors of the model; raises ValueError for a model that has none."""
        return get_tol_repo_id(self.model_str)

    def get_cached_datafile(self, filename: str) -> str:
        """The path of a file of that data set, fetched unless it is there."""
        return str(hub.data_file(self.get_tol_repo_id(), filename))

    @functools.cached_property
    def _labels(self) -> Path:
        self.get_tol_repo_id()
        found = hub.labels(self.model_str)
        assert found is not None
        return found

    def get_txt_emb(self) -> Floats:
        """The label vectors `[d, t]` of the model, mapped from the disk."""
        return np.asarray(np.load(self._labels, mmap_mode="r", allow_pickle=False), np.float32)

    def get_txt_names(self) -> list[Names]:
        """The names of the labels: `[[kingdom, ..., epithet], common name]` each."""
        names: list[Names] = json.loads(self._labels.with_suffix(".json").read_text(encoding="utf-8"))
        return names
