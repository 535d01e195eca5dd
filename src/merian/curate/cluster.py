"""The runner over a Ray cluster: Ray Data deals the shards, and runs again what a lost worker was doing.

Workers see the output folder under the same path as this machine (a shared file system): a stage writes its own result there. A stage can be run again, so that
a worker that dies half-way costs its shard's time and nothing else; the bytes are those of a local run. Source: Ray's documentation of fault tolerance (a task
whose worker is lost is run again).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from merian.core.errors import BadSetting, MerianError, Missing, MissingExtra
from merian.curate.runner import Runner, Stage

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["RayRunner", "open_ray"]


@dataclass(frozen=True, slots=True)
class RayRunner:
    """A Ray cluster at `address`; "" starts one on this machine with `workers` workers (0: one for each core)."""

    address: str = ""
    workers: int = 0

    def map(self, stage: Stage, shards: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Run `stage` on each shard, a shard a task; a MerianError that it raises stops the run and is raised here."""
        if not shards:
            return
        ray = _ray()
        self._join(ray)
        held = ray.put(stage)

        def run(row: dict[str, Any]) -> dict[str, Any]:
            shard = int(row["shard"])
            try:
                return {"shard": shard, "rows": ray.get(held)(shard), "error": None}
            except MerianError as error:  # as a result: raised, Ray would try again and give back a text of it
                return {"shard": shard, "rows": 0, "error": error}

        told = ray.data.from_items([{"shard": s} for s in shards], override_num_blocks=len(shards))
        for row in told.map(run, num_cpus=1).iter_rows():
            if row["error"] is not None:
                raise row["error"]
            yield int(row["shard"]), int(row["rows"])

    def _join(self, ray: ModuleType) -> None:
        """Connect to Ray, or start it; the connection serves all stages and ends with this process. One that the caller made is used."""
        if ray.is_initialized():
            return
        options: dict[str, Any] = {"log_to_driver": False, "configure_logging": False, "include_dashboard": False}
        try:
            if self.address:
                ray.init(address=self.address, log_to_driver=False, configure_logging=False)
            else:
                ray.init(num_cpus=self.workers or None, **options)
        except (ConnectionError, ValueError) as error:
            raise Missing(
                "the Ray cluster",
                self.address or "this machine",
                f"start it with `ray start --head`; if it asks for a token, give the same one here, see Ray's page on RAY_AUTH_MODE ({error})",
            ) from error


def open_ray(address: str, workers: int) -> Runner:
    """The Ray cluster at `address` (host:port, or "auto"). Raises MissingExtra when Ray is not installed."""
    _ray()
    if workers < 0:
        raise BadSetting("workers", workers, "must be 0 (one for each core) or more")
    return RayRunner(address, workers)


def _ray() -> ModuleType:
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingExtra("a Ray cluster", "cluster") from error
    ray.data.DataContext.get_current().enable_progress_bars = False
    return ray
