"""Laws of politeness, on a clock that is not waited for: no host is asked faster or by more at once than it wants, and none holds up another."""

from __future__ import annotations

import heapq
from collections import defaultdict
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from merian.curate.download import DownloadSettings
from merian.curate.download.polite import Hosts, Task, backoff
from merian.curate.download.settings import HostRule

SETTINGS = DownloadSettings(dead_after=3, dead_pause=10.0, dead_pauses=2)


def tasks(host: str, count: int) -> list[Task]:
    return [Task(k, host, f"http://{host}/{k}", f"http://{host}/{k}") for k in range(count)]


class World:
    """A simulation: each request takes the time and ends with the verdict that `answer(host, nth)` gives: (seconds, verdict, bytes, pause)."""

    def __init__(self, rules: dict[str, HostRule], counts: dict[str, int], own: DownloadSettings = SETTINGS) -> None:
        self.hosts = Hosts(own, lambda name: rules[name])
        for name, count in counts.items():
            batches = [tasks(name, count)]
            self.hosts.add(name, lambda batches=batches: batches.pop() if batches else [])
        self.starts: dict[str, list[float]] = defaultdict(list)
        self.rows: dict[str, list[int]] = defaultdict(list)
        self.most: dict[str, int] = defaultdict(int)

    def run(self, answer, at_once: int = 64) -> float:
        now, running, busy = 0.0, [], defaultdict(int)
        while True:
            due = self.hosts.next(now) if len(running) < at_once else None
            if isinstance(due, tuple):
                name, task = due
                busy[name] += 1
                self.most[name] = max(self.most[name], busy[name])
                self.starts[name].append(now)
                self.rows[name].append(task.row)
                seconds, *rest = answer(name, len(self.starts[name]))
                heapq.heappush(running, (now + seconds, len(self.rows[name]), name, rest))
            elif running and (due is None or running[0][0] <= due):
                now, _, name, (verdict, size, pause) = heapq.heappop(running)
                busy[name] -= 1
                self.hosts.done(name, verdict, now, size, pause)
            elif due is not None:
                now = due
            else:
                return now


HOSTS = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d"]),
    st.tuples(
        st.floats(0.2, 50), st.integers(1, 5), st.integers(0, 25), st.lists(st.floats(0.0, 3.0), min_size=1, max_size=5)
    ),
    min_size=1,
)


@settings(max_examples=60, deadline=None)
@given(HOSTS, st.integers(1, 12))
def test_every_task_is_asked_once_and_within_the_limits(
    world: dict[str, tuple[float, int, int, list[float]]], all_at_once: int
) -> None:
    rules = {name: HostRule(name, rate, at_once) for name, (rate, at_once, _, _) in world.items()}
    run = World(rules, {name: count for name, (_, _, count, _) in world.items()})
    run.run(lambda name, nth: (world[name][3][nth % len(world[name][3])], "fine", 0, 0.0), all_at_once)
    for name, (rate, at_once, count, _) in world.items():
        assert run.rows[name] == list(range(count))
        assert run.most[name] <= at_once
        assert all(b - a >= 1 / rate - 1e-9 for a, b in pairwise(run.starts[name]))


def test_a_slow_host_holds_up_no_other() -> None:
    rules = {"fast": HostRule("fast", 10.0, 4), "slow": HostRule("slow", 0.1, 1)}
    run = World(rules, {"fast": 50, "slow": 20})
    run.run(lambda name, nth: (0.05 if name == "fast" else 60.0, "fine", 0, 0.0), at_once=5)
    assert run.starts["fast"][-1] <= 5.0
    assert len(run.rows["slow"]) == 20


def test_hosts_take_turns() -> None:
    rules = {name: HostRule(name, 1000.0, 1) for name in "abc"}
    run = World(rules, dict.fromkeys("abc", 30))
    run.run(lambda name, nth: (1.0, "fine", 0, 0.0), at_once=3)
    for nth in range(30):
        assert len({round(run.starts[name][nth], 1) for name in "abc"}) == 1


def test_a_host_that_complains_is_slowed_by_half_each_time_and_recovers() -> None:
    run = World({"a": HostRule("a", 8.0, 1)}, {"a": 60})
    run.run(lambda name, nth: (0.0, "slower" if nth in (10, 11, 12) else "fine", 0, 0.0))
    gaps = [b - a for a, b in pairwise(run.starts["a"])]
    assert max(gaps[:8]) < 0.13
    assert gaps[11] >= 1.0 - 1e-9  # 8/s halved three times
    assert gaps[-1] < 0.13


def test_a_pause_asked_for_is_kept() -> None:
    run = World({"a": HostRule("a", 8.0, 1)}, {"a": 10})
    run.run(lambda name, nth: (0.0, "slower", 0, 100.0) if nth == 5 else (0.0, "fine", 0, 0.0))
    assert run.starts["a"][5] - run.starts["a"][4] >= 100.0


def test_a_pause_longer_than_we_wait_gives_the_host_up() -> None:
    run = World({"a": HostRule("a", 8.0, 1)}, {"a": 10})
    run.run(lambda name, nth: (0.0, "slower", 0, 10.0**6))
    assert len(run.rows["a"]) == 1
    assert run.hosts.hosts["a"].given_up == "host asks to come back later"
    assert [t.row for t in run.hosts.drop("a")] == list(range(1, 10))
    assert run.hosts.drop("a") == []


def test_a_limit_of_bytes_is_kept() -> None:
    run = World({"a": HostRule("a", 100.0, 4, 1e6)}, {"a": 40})
    end = run.run(lambda name, nth: (0.01, "fine", 500_000, 0.0))
    assert end >= 0.9 * 40 * 0.5


def test_a_dead_host_is_tried_now_and_then_and_given_up() -> None:
    run = World({"a": HostRule("a", 10.0, 4), "b": HostRule("b", 10.0, 4)}, {"a": 100, "b": 100})
    run.run(lambda name, nth: (1.0, "silent" if name == "a" else "fine", 0, 0.0))
    assert run.hosts.hosts["a"].given_up == "host does not answer"
    assert (
        len(run.rows["a"]) <= 3 + 4 + 2
    )  # what was under way when it was first left alone, then one probe after each pause
    pauses = [b - a for a, b in pairwise(run.starts["a"]) if b - a > 5]
    assert len(pauses) == 2
    assert pauses[0] >= 8
    assert pauses[1] >= 20
    assert run.rows["b"] == list(range(100))


def test_a_host_that_comes_back_is_asked_as_before() -> None:
    run = World({"a": HostRule("a", 10.0, 4)}, {"a": 40})
    run.run(lambda name, nth: (0.5, "silent" if nth <= 6 else "fine", 0, 0.0))
    assert run.rows["a"] == list(range(40))
    assert run.hosts.hosts["a"].given_up == ""
    assert run.most["a"] == 4


@given(st.integers(1, 60), st.text(max_size=20))
def test_pauses_grow_to_a_bound_and_are_the_same_for_a_seed(attempt: int, url: str) -> None:
    own = DownloadSettings(backoff=2.0, backoff_most=100.0)
    pause = backoff(own, url, attempt)
    assert 0 <= pause <= min(100.0, 2.0 * 2 ** (attempt - 1))
    assert pause == backoff(own, url, attempt)
