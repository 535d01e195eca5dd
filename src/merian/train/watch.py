"""What a run says while it goes: a line of JSON per step, events for TensorBoard, images per second, and a stop when it goes wrong."""

from __future__ import annotations

import json
import math
import time
from collections import deque
from pathlib import Path
from statistics import median
from typing import Any

import torch

from merian.core import store
from merian.core.errors import BadSetting, MissingExtra
from merian.train.settings import TrainSettings

__all__ = ["EVENTS", "METRICS", "SPEED", "Watch", "flops_of", "peak_flops"]

METRICS, SPEED, EVENTS = "metrics.jsonl", "speed.jsonl", "tensorboard"
RECENT, MIXED = 20, 100
"""Steps whose median loss is looked at: one bad batch is no divergence. More of them where images are mixed: one mixed half and half has a much higher loss."""
DIVERGED = 1.5
"""A run has diverged when that median is more than so many times its lowest value so far, and 1 above. From taste."""
PEAK = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12, "V100": 125e12, "T4": 65e12}
"""Dense bf16 (fp16) floating-point operations a second of a GPU, by its maker's data sheet (SXM where there are several)."""


class Watch:
    """Keeps the metrics of a run. Only the first rank writes."""

    def __init__(self, folder: Path, settings: TrainSettings, done: int, writes: bool) -> None:
        self.folder, self.settings, self.writes = folder, settings, writes
        kept = (folder / METRICS).read_text(encoding="utf-8").splitlines() if (folder / METRICS).is_file() else []
        self.lines = kept[:done]
        self.recent: deque[float] = deque(maxlen=MIXED if settings.mix else RECENT)
        self.usual, self.lowest = 0.0, math.inf
        for line in self.lines:
            self._take(json.loads(line)["loss"])
        self.events: Any = self._tensorboard() if settings.tensorboard and writes else None
        self.start, self.images, self.flops = time.perf_counter(), 0, 0.0
        self.rate, self.use, self.peak, self.each = 0.0, 0.0, 0.0, 0.0

    def weigh(self, peak: float, flops: float) -> None:
        """Take note of the operations a second that the machine can do, and of those of one batch on this process."""
        self.peak, self.each = peak, flops

    def step(self, step: int, record: dict[str, float], images: int, batches: int = 1) -> None:
        """Note a step and how many images and batches it took. Raises BadSetting when the loss is no number or has diverged."""
        self.lines.append(json.dumps({"step": step, **record}, sort_keys=True))
        loss = record["loss"]
        if not math.isfinite(loss):
            raise BadSetting("lr", self.settings.lr, f"the loss is {loss} at step {step}: a lower rate may help")
        self._take(loss)
        if self.usual > max(DIVERGED * self.lowest, self.lowest + 1):
            told = f"the loss rose from {self.lowest:.2f} to {self.usual:.2f} by step {step}: a lower rate, or a longer warm-up, may help"
            raise BadSetting("lr", self.settings.lr, told)
        self.images, self.flops = self.images + images, self.flops + batches * self.each
        took = time.perf_counter() - self.start
        self.rate, self.use = self.images / took, self.flops / took / self.peak if self.peak else 0.0
        if self.events is not None:
            for name, value in record.items():
                self.events.add_scalar(name, value, step)
            self.events.add_scalar("images_per_second", self.rate, step)

    @property
    def note(self) -> str:
        """The last loss, the speed and the share of the machine's arithmetic that it uses (MFU), for the progress line."""
        use = f" · MFU {self.use:.0%}" if self.use else ""
        return f"loss {self.recent[-1]:.3f} · {self.rate:,.0f} images/s{use}"

    def keep(self, step: int) -> None:
        """Write what was noted, before a checkpoint: a checkpoint never knows more steps than the metrics do. The clock starts anew."""
        if not self.writes:
            return
        store.write_text(self.folder / METRICS, "\n".join(self.lines) + "\n")
        with (self.folder / SPEED).open("a", encoding="utf-8") as stream:
            told = {"step": step, "images_per_second": round(self.rate, 1), "mfu": round(self.use, 4)}
            stream.write(json.dumps(told) + "\n")
        if self.events is not None:
            self.events.flush()
        self.start, self.images, self.flops = time.perf_counter(), 0, 0.0

    def _take(self, loss: float) -> None:
        self.recent.append(loss)
        if len(self.recent) == self.recent.maxlen:
            self.usual = median(self.recent)
            self.lowest = min(self.lowest, self.usual)

    def _tensorboard(self) -> Any:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingExtra("tensorboard", "train") from error
        return SummaryWriter(str(self.folder / EVENTS))


def flops_of(call: Any) -> float:
    """Floating-point operations of `call()`, matrix products counted as torch counts them, two for a multiplication and an addition."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        call()
    return float(counter.get_total_flops())


def peak_flops(device: torch.device, precision: str) -> float:
    """Floating-point operations a second that `device` can do: a GPU's by its data sheet, else what one large matrix product reaches here and now."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        found = next((peak for model, peak in PEAK.items() if model in name), 0.0)
        return found / 2 if precision == "fp32" and found else found
    dtype = torch.float32 if precision == "fp32" else torch.bfloat16
    a = torch.ones(1024, 1024, dtype=dtype)
    best = math.inf
    for _ in range(4):
        start = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - start)
    return 2 * 1024**3 / best
