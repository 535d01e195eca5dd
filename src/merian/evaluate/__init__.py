"""Anything x truth -> Report: metrics, intervals, baselines, the one-page report. The verb is `merian.evaluate.run.evaluate`."""

from merian.evaluate.settings import EvaluateSettings

__all__ = ["EvaluateSettings"]
