"""A local Ray cluster of two workers: one is killed half-way, and the catalog has the bytes of a run without it."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from merian.curate.run import curate
from merian.curate.settings import CurateSettings
from merian.drawn.source import write_source
from merian.drawn.world import DrawSettings

pytestmark = [
    pytest.mark.story,
    pytest.mark.skipif(sys.platform == "win32", reason="Ray's local cluster needs POSIX signals"),
]

CLUSTER = """
    import os, signal, sys
    from pathlib import Path

    import ray
    from ray.cluster_utils import Cluster

    import merian.curate.sources.files as files
    from merian.core.errors import BadData
    from merian.curate.cluster import RayRunner
    from merian.curate.run import curate
    from merian.curate.settings import CurateSettings

    source, out, mark = (Path(a) for a in sys.argv[1:])
    files.ROWS_PER_SHARD = 40


    class Deadly:
        \"\"\"A stage that kills the worker that runs it, once, after it has begun its third shard.\"\"\"

        def __init__(self, stage):
            self.stage = stage

        def __call__(self, shard):
            if shard == 2 and not mark.exists():
                mark.write_text(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGKILL)
            return self.stage(shard)


    class Runner(RayRunner):
        def map(self, stage, shards):
            yield from super().map(Deadly(stage), shards)


    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    made = curate(source, out, CurateSettings(shard_images=50), runner=Runner(address=cluster.address))
    print(len(made.kept()))


    def bad(shard):
        raise BadData("a shard", "is bad", [str(shard)])


    try:
        list(RayRunner(address=cluster.address).map(bad, [7]))
    except BadData as error:
        print("heard:", error)
    ray.shutdown()
    cluster.shutdown()
"""


def contents(folder: Path) -> dict[str, str]:
    """Path -> hash of every file but the manifest, which holds the command."""
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != "manifest.json"
    }


def test_a_killed_worker_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    write_source(tmp_path / "source", DrawSettings(species=10, images=240, size=64))
    script = tmp_path / "cluster.py"
    script.write_text(textwrap.dedent(CLUSTER))
    arguments = [sys.executable, str(script), str(tmp_path / "source"), str(tmp_path / "ray"), str(tmp_path / "killed")]
    environment = os.environ | {"RAY_DEDUP_LOGS": "0", "RAY_TMPDIR": "/tmp", "RAY_USAGE_STATS_ENABLED": "0"}
    child = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, start_new_session=True
    )
    try:
        said, _ = child.communicate(timeout=240)
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
    assert child.returncode == 0, said
    assert (tmp_path / "killed").is_file()
    assert "heard: a shard: is bad (7)" in said
    monkeypatch.setattr("merian.curate.sources.files.ROWS_PER_SHARD", 40)
    local = curate(tmp_path / "source", tmp_path / "local", CurateSettings(shard_images=50))
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")
    assert len(local.kept()) > 100
