"""The run of a download: hosts in turn, answers judged, images spooled, complete parts packed."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from merian.curate.download.client import Answer
from merian.curate.download.guard import BadLink, redirected
from merian.curate.download.pack import index_file, pack, spool_of
from merian.curate.download.plan import Plan, digests_of
from merian.curate.download.polite import Hosts, Task, backoff
from merian.curate.download.settings import DownloadSettings, rule_for, rules
from merian.curate.download.spool import Outcome
from merian.curate.sources.seam import Source

__all__ = ["Asks", "Fetching"]

PATIENCE = 4
"""Times `attempts` that an image waits for a host that says "too many requests": its own fault it is not."""


class Asks(Protocol):
    """What fetches one link: `client.Client`, or a stand-in for it."""

    async def ask(self, url: str, digests: tuple[tuple[str, str], ...] = ()) -> Answer: ...


class Fetching:
    """One run over a plan. `prepare` once, then `run`."""

    def __init__(self, plan: Plan, out: Path, source: Source, settings: DownloadSettings, client: Asks) -> None:
        self.plan, self.out, self.source, self.settings, self.client = plan, out, source, settings, client
        known = rules(settings)
        self.hosts = Hosts(settings, lambda host: rule_for(host, settings, known))
        self.images = self.bytes = 0
        self._done = np.zeros(plan.range_of(len(plan) - 1)[1], np.bool_)
        self._left = [0] * len(plan)
        self._tried: dict[int, Outcome] = {}
        self._of_host: dict[str, array[int]] = {}
        self._complete: list[int] = []
        self._bell = asyncio.Event()
        self._running = 0
        self._packing = asyncio.Lock()
        self._heard: Callable[[int], None] = lambda n: None

    def prepare(self) -> tuple[int, int]:
        """How many images the plan fetches, and how many of them have their outcome from an earlier attempt at this run."""
        total = done = 0
        for part in range(len(self.plan)):
            rows = self.plan.part(part).filter(kind="fetch")["row"].to_numpy()
            total += len(rows)
            if index_file(self.out, part).is_file():
                self._done[slice(*self.plan.range_of(part))] = True
                done += len(rows)
                continue
            for outcome in spool_of(self.out, part).mend():
                if outcome.open:
                    self._tried[outcome.row] = outcome
                else:
                    self._done[outcome.row] = True
                    self._tried.pop(outcome.row, None)
            before = int(self._done[rows].sum())
            done += before
            self._left[part] = len(rows) - before
            if not self._left[part]:
                self._complete.append(part)
        for host, part in self.plan.hosts.select("host", "part").iter_rows():
            if self._left[part]:
                self._of_host.setdefault(host, array("q")).append(part)
        return total, done

    async def run(self, heard: Callable[[int], None]) -> None:
        """Fetch until every row has its outcome and every part is packed; `heard` is told of each outcome. Raises OSError when the disk is full."""
        self._heard = heard
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.TaskGroup() as group:
                for part in self._complete:
                    group.create_task(self._pack(part))
                for host in sorted(self._of_host):
                    self.hosts.add(host, self._feed(host))
                while True:
                    self._bell.clear()
                    due = self.hosts.next(loop.time()) if self._running < self.settings.all_at_once else None
                    if isinstance(due, tuple):
                        self._running += 1
                        group.create_task(self._one(group, *due))
                        continue
                    if due is None and not self._running:
                        break
                    await self._rest(None if due is None else max(0.0, due - loop.time()))
        except BaseExceptionGroup as errors:
            raise _first(errors) from errors

    async def _rest(self, seconds: float | None) -> None:
        """Wait until a request ends, or for so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._bell.wait()
        except TimeoutError:
            return

    def _feed(self, host: str) -> Callable[[], list[Task]]:
        """Gives the tasks of a host, those of one part at each call."""
        parts = iter(self._of_host[host])

        def more() -> list[Task]:
            for part in parts:
                rows = self.plan.part(part).filter(kind="fetch", host=host).select("row", "url", "digests")
                tasks = []
                for row, url, digests in rows.iter_rows():
                    if not self._done[row]:
                        tried = self._tried.pop(row, Outcome(row=row))
                        sums = digests_of(digests)
                        tasks.append(
                            Task(row, host, url, url, sums, tried.attempts, tried.waits, (), tried.sha256 or "")
                        )
                if tasks:
                    return tasks
            return []

        return more

    async def _one(self, group: asyncio.TaskGroup, host: str, task: Task) -> None:
        """Ask once, and see to what follows from the answer."""
        if not task.hops:
            task.attempts += 1
        try:
            answer = await self.client.ask(task.url, task.digests)
            now = asyncio.get_running_loop().time()
            self.hosts.done(host, answer.verdict, now, len(answer.data), answer.pause)
            self._judge(group, host, task, answer, now)
            if self.hosts.hosts[host].given_up:
                self._give_up(group, host)
        finally:
            self._running -= 1
            self._bell.set()

    def _judge(self, group: asyncio.TaskGroup, host: str, task: Task, answer: Answer, now: float) -> None:
        if answer.moved is not None:
            self._follow(group, task, answer, now)
            return
        final = answer.reason is None or not answer.passing
        if not final:
            if answer.verdict == "slower":
                task.waits += 1
            same = bool(answer.sha256) and answer.sha256 == task.last
            task.last = answer.sha256 or ""
            spent = task.attempts - task.waits >= self.settings.attempts
            final = same or spent or task.waits >= PATIENCE * self.settings.attempts
        if not final:
            failed = Outcome(
                row=task.row, open=True, attempts=task.attempts, waits=task.waits, sha256=task.last or None
            )
            spool_of(self.out, self.plan.part_of(task.row)).append(failed)
            task.url, task.hops = task.start, ()
            pause = 0.0 if answer.pause else backoff(self.settings, task.start, task.attempts - task.waits)
            self._again(group, task.home, task, now + pause)
            return
        self._settle(group, self._outcome(task, answer), answer.data)

    def _follow(self, group: asyncio.TaskGroup, task: Task, answer: Answer, now: float) -> None:
        """A redirect: the next host's turn is waited for like any other."""
        reason = ""
        try:
            to = redirected(task.url, answer.moved or "", self.settings.allow_private)
        except BadLink as error:
            reason = f"redirect: {error.reason}"
        else:
            if to.url == task.url or to.url in task.hops:
                reason = "redirects in circles"
            elif len(task.hops) >= self.settings.redirects:
                reason = "too many redirects"
        if reason:
            self._settle(group, self._outcome(task, Answer(reason=reason, status=answer.status)))
            return
        task.hops = (*task.hops, task.url)
        task.url = to.url
        self._again(group, to.host, task, now)

    def _again(self, group: asyncio.TaskGroup, host: str, task: Task, at: float) -> None:
        known = self.hosts.hosts.get(host)
        if known is not None and known.given_up:
            self._settle(group, self._outcome(task, Answer(reason=known.given_up, passing=True)))
        else:
            self.hosts.again(host, task, at)

    def _give_up(self, group: asyncio.TaskGroup, host: str) -> None:
        """Refuse all that is left of a host."""
        reason = self.hosts.hosts[host].given_up
        while left := self.hosts.drop(host):
            for task in left:
                self._settle(group, self._outcome(task, Answer(reason=reason, passing=True)))

    def _outcome(self, task: Task, answer: Answer) -> Outcome:
        return Outcome(
            row=task.row,
            reason=answer.reason,
            passing=answer.passing and answer.reason is not None,
            attempts=task.attempts,
            sha256=answer.sha256 if answer.reason is None else None,
            status=answer.status,
            content_type=answer.content_type,
            etag=answer.etag,
            final_url=task.url if task.hops else None,
            extension=answer.extension,
        )

    def _settle(self, group: asyncio.TaskGroup, outcome: Outcome, data: bytes = b"") -> None:
        """Write an outcome down, and pack its part when it was the last."""
        part = self.plan.part_of(outcome.row)
        spool_of(self.out, part).append(outcome, data)
        self._done[outcome.row] = True
        self.images += outcome.reason is None
        self.bytes += len(data)
        self._left[part] -= 1
        if not self._left[part]:
            group.create_task(self._pack(part))
        self._heard(1)

    async def _pack(self, part: int) -> None:
        async with self._packing:
            await asyncio.to_thread(pack, self.plan, part, self.out, self.source, self.settings.tar_bytes)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first of the errors inside errors."""
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
