"""What was predicted, and how, kept beside the predictions: as JSON, or as text that is appended."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from merian.compat.bioclip.ranks import VERSION

__all__ = [
    "PredictionLogReport",
    "PredictionRecorder",
    "attach_prediction_recorder",
    "is_json_file",
    "save_recorded_predictions",
    "verify_recorder_path",
]


def is_json_file(path: str) -> bool:
    """Whether a log of that name is written as JSON."""
    return path.endswith(".json")


def verify_recorder_path(path: str) -> bool | None:
    """True for a log that is appended to; raises ValueError when a JSON log is there already."""
    if not is_json_file(path):
        return True
    if Path(path).exists():
        raise ValueError(f"File {path} already exists. Please choose a different file name.")
    return None


def attach_prediction_recorder(classifier: Any, **top_level_settings: Any) -> PredictionRecorder:
    """Have `classifier` record what it predicts from now on, with these settings at the top of the log."""
    recorder = PredictionRecorder(classifier, **top_level_settings)
    classifier.set_recorder(recorder)
    return recorder


def save_recorded_predictions(classifier: Any, path: str, include_command_line: bool = True) -> None:
    """Write what `classifier` recorded; raises ValueError when it has no recorder, or a JSON log is there already."""
    if not classifier.recorder:
        raise ValueError("The classifier does not have a recorder attached.")
    classifier.recorder.create_report(path, command_line=" ".join(sys.argv) if include_command_line else None)


def _now() -> str:
    return datetime.now().astimezone().replace(tzinfo=None).isoformat(timespec="seconds")


class PredictionRecorder:
    """What one classifier predicted, with its model and settings."""

    def __init__(self, classifier: Any, **top_level_settings: Any) -> None:
        self.model_str, self.pretrained_str, self.device = (
            classifier.model_str,
            classifier.pretrained_str,
            classifier.device,
        )
        self.predictions: list[dict[str, Any]] = []
        self.top_level_settings = top_level_settings
        self.start = _now()
        self.end: str | None = None

    def add_prediction(self, images: Any, **kwargs: Any) -> None:
        """Keep one call: its images and how they were predicted."""
        self.predictions.append({"images": images, "details": kwargs})
        self.end = _now()

    def create_report(self, path: str, command_line: str | None) -> None:
        """Write the log."""
        PredictionLogReport(self, command_line).save(path)


class PredictionLogReport:
    """A log ready to be written."""

    def __init__(self, recorder: PredictionRecorder, command_line: str | None) -> None:
        self.recorder, self.command_line = recorder, command_line
        self.start, self.end = recorder.start, recorder.end

    def create_dictionary(self) -> dict[str, Any]:
        """The log as JSON has it."""
        recorder = self.recorder
        return {
            "pybioclip_version": VERSION,
            "start": self.start,
            "end": self.end,
            "command_line": self.command_line,
            "model": recorder.model_str,
            "pretrained": recorder.pretrained_str,
            "device": recorder.device,
            "top_level_settings": recorder.top_level_settings,
            "predictions": recorder.predictions,
        }

    @staticmethod
    def format_key(key: str) -> str:
        """A key as a person reads it: "min_prob" as "Min Prob"."""
        return " ".join(word.capitalize() for word in key.split("_"))

    def save(self, path: str) -> None:
        """Write the log as JSON, or append it as text; raises ValueError when a JSON log is there already."""
        verify_recorder_path(path)
        if is_json_file(path):
            Path(path).write_text(json.dumps(self.create_dictionary(), indent=4), encoding="utf-8")
            return
        with Path(path).open("a", encoding="utf-8") as stream:
            self._add_title(stream)
            if self.command_line:
                stream.write(f"Command Line: {self.command_line}\n")
            self._add_top_level_info(stream)
            self._add_predictions(stream)
            stream.write("\n")

    def _add_title(self, stream: IO[str]) -> None:
        title = f"** Prediction Log - pybioclip v{VERSION} - {self.start} to {self.end} **"
        rule = "*" * len(title)
        stream.write(f"{rule}\n{title}\n{rule}\n")

    def _add_top_level_info(self, stream: IO[str]) -> None:
        recorder = self.recorder
        told = {"model": recorder.model_str, "pretrained": recorder.pretrained_str or None, "device": recorder.device}
        for key, value in (told | recorder.top_level_settings).items():
            if value is not None:
                stream.write(f"{self.format_key(key)}: {value}\n")

    def _add_predictions(self, stream: IO[str]) -> None:
        for prediction in self.recorder.predictions:
            for key, value in prediction["details"].items():
                stream.write(f"{self.format_key(key)}: {value}\n")
            stream.write("Images:\n" + "\n".join(map(str, prediction["images"])) + "\n")
