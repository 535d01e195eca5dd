"""What-if over a Ray cluster: the members have the bytes of a run on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.story,
    pytest.mark.skipif(sys.platform == "win32", reason="Ray's local cluster needs POSIX signals"),
]
QUICK = ("--members", "3", "--years", "1", "--settle", "2", "--spin", "0", "--rows", "4")


@pytest.mark.parametrize("tier", ["grid", "web"])
def test_members_spread_over_ray_are_those_of_this_machine(tmp_path: Path, tier: str) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'merian[cluster]'")
    scenario = tmp_path / "s.toml"
    scenario.write_text('[[change]]\nwhat = "harvest"\nspecies = "moose"\namount = 1.0\n')
    for runner in ("local", "ray"):
        line = [sys.executable, "-m", "merian", "simulate", "isle-royale", str(scenario), str(tmp_path / runner)]
        line += ["--tier", tier, "--runner", runner, "--threads", "2", *QUICK]
        environment = os.environ | {"RAY_TMPDIR": "/tmp", "RAY_USAGE_STATS_ENABLED": "0"}
        done = subprocess.run(
            line, check=False, capture_output=True, text=True, timeout=500, env=environment, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr[-2000:]
    for name in ("ensemble.parquet", "effects.parquet", *(("maps.parquet",) if tier == "grid" else ())):
        assert (tmp_path / "ray" / name).read_bytes() == (tmp_path / "local" / name).read_bytes(), name
