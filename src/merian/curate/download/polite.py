"""Who is asked next: hosts take turns, none is asked faster or by more requests at once than it wants, and none holds up another.

Times are seconds of a clock that the caller gives, so that the rules can be tested without waiting. A host's rate halves when it says that it is too much (429,
or 503 with Retry-After) and comes back by a sixteenth of its limit with each success: additive increase, multiplicative decrease (Chiu and Jain 1989).
A host that fails again and again is left alone for a while, then tried with one request; after some such whiles it is given up (a circuit breaker).
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from merian.core.chance import fraction
from merian.curate.download.settings import DownloadSettings, HostRule

__all__ = ["Host", "Hosts", "Task", "backoff"]

RECOVER = 16
"""Successes after which a host that was slowed to nothing has its full rate again."""
SLOWEST = 1 / 60
"""Requests a second below which a host is not slowed."""
Verdict = Literal["fine", "slower", "silent"]


@dataclass(slots=True)
class Task:
    """One image to fetch: the row that owns it, its link, and what has been tried."""

    row: int
    home: str
    """The host of the link that the source gives."""
    start: str
    """That link."""
    url: str
    """The link to ask next: another one after a redirect."""
    digests: tuple[tuple[str, str], ...] = ()
    """Checksums that the source gives: (algorithm, hexadecimal)."""
    attempts: int = 0
    waits: int = 0
    hops: tuple[str, ...] = ()
    last: str = ""
    """SHA-256 of what came last and was found wanting: the same again is no accident of the line."""


@dataclass(slots=True)
class Host:
    """The state of one host."""

    rule: HostRule
    feed: Callable[[], list[Task]]
    order: int
    rate: float
    fresh: deque[Task] = field(default_factory=deque)
    later: list[tuple[float, int, Task]] = field(default_factory=list)
    next_at: float = 0.0
    busy: int = 0
    failures: int = 0
    pauses: int = 0
    given_up: str = ""
    quiet_until: float = 0.0
    fed: bool = False
    ticket: int = 0
    """Number of its valid entry in the line, 0 for none."""
    offered: float = 0.0

    def due(self) -> float | None:
        """When the host may next be asked, None when nothing is to be asked or enough requests are under way."""
        if not self.fresh and not self.fed:
            more = self.feed()
            self.fed = not more
            self.fresh.extend(more)
        if self.busy >= (1 if self.pauses else self.rule.at_once):
            return None
        if self.fresh:
            return self.next_at
        return max(self.next_at, self.later[0][0]) if self.later else None

    def take(self, now: float) -> Task:
        """The next task; those to repeat come first when their time has come."""
        self.busy += 1
        self.next_at = max(now, self.next_at) + 1.0 / self.rate
        if self.later and (self.later[0][0] <= now or not self.fresh):
            return heapq.heappop(self.later)[2]
        return self.fresh.popleft()


class Hosts:
    """All hosts, and the order in which they are asked."""

    def __init__(self, settings: DownloadSettings, rule: Callable[[str], HostRule]) -> None:
        self.settings, self.rule = settings, rule
        self.hosts: dict[str, Host] = {}
        self._ready: list[tuple[float, int, str]] = []
        self._turn = 0

    def add(self, name: str, feed: Callable[[], list[Task]]) -> None:
        """Add a host; `feed` gives its next tasks, nothing when there are no more."""
        rule = self.rule(name)
        self.hosts[name] = Host(rule, feed, len(self.hosts), rule.rate)
        self._offer(name)

    def next(self, now: float) -> tuple[str, Task] | float | None:
        """The host and task that is to be asked now; or the time when one will be; None when only what is under way can bring more."""
        while self._ready:
            at, ticket, name = self._ready[0]
            host = self.hosts[name]
            due = host.due() if ticket == host.ticket and not host.given_up else None
            if due is not None and now < due <= at:
                return due
            heapq.heappop(self._ready)
            if ticket != host.ticket:
                continue
            host.ticket = 0
            if due is not None and due <= now:
                task = host.take(now)
                self._offer(name)
                return name, task
            self._offer(name)  # its time has changed: back in line
        return None

    def again(self, name: str, task: Task, at: float) -> None:
        """Put a task in line to be asked at `at`, at a host that may be a new one (after a redirect)."""
        if name not in self.hosts:
            self.add(name, list)
        host = self.hosts[name]
        self._turn += 1
        heapq.heappush(host.later, (at, self._turn, task))
        self._offer(name)

    def done(self, name: str, verdict: Verdict, now: float, size: int = 0, pause: float = 0.0) -> None:
        """A request has ended: what it says of the host, how many bytes came, how long the host wants to be left alone."""
        host = self.hosts[name]
        host.busy -= 1
        if verdict == "fine":
            host.failures = host.pauses = 0
            host.rate = min(host.rule.rate, host.rate + host.rule.rate / RECOVER)
        elif verdict == "slower":
            host.failures = 0
            host.rate = max(min(SLOWEST, host.rule.rate), host.rate / 2)
            host.next_at = max(host.next_at, now + 1.0 / host.rate)
        else:
            host.failures += 1
            if host.failures >= self.settings.dead_after and now >= host.quiet_until:
                self._leave_alone(host, now)
        if host.rule.bytes_s and size:
            host.next_at = max(host.next_at, now) + size / host.rule.bytes_s
        if pause:
            host.next_at = max(host.next_at, now + pause)
            if pause > self.settings.retry_after_most:
                host.given_up = "host asks to come back later"
        self._offer(name)

    def drop(self, name: str) -> list[Task]:
        """The tasks in line at a host that was given up; empty when nothing is left (call until then)."""
        host = self.hosts[name]
        if not host.fresh and not host.later and not host.fed:
            host.due()
        left = [*host.fresh, *(task for _, _, task in sorted(host.later, key=lambda entry: entry[:2]))]
        host.fresh.clear()
        host.later.clear()
        return left

    def _leave_alone(self, host: Host, now: float) -> None:
        if host.pauses >= self.settings.dead_pauses:
            host.given_up = "host does not answer"
            return
        host.quiet_until = now + self.settings.dead_pause * 2.0**host.pauses
        host.next_at = max(host.next_at, host.quiet_until)
        host.pauses += 1

    def _offer(self, name: str) -> None:
        host = self.hosts[name]
        due = None if host.given_up else host.due()
        if due is None or (host.ticket and host.offered <= due):
            return
        self._turn += 1
        host.ticket, host.offered = self._turn, due
        heapq.heappush(self._ready, (due, self._turn, name))


def backoff(settings: DownloadSettings, url: str, attempt: int) -> float:
    """The pause after attempt number `attempt` (from 1): drawn evenly between zero and a bound that doubles ("full jitter", AWS Architecture Blog 2015)."""
    bound = min(settings.backoff_most, settings.backoff * 2.0 ** min(attempt - 1, 40))
    return bound * fraction(settings.seed, f"download backoff {attempt} {url}")
