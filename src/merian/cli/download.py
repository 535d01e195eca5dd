"""`merian download`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from merian.cli.flags import with_settings
from merian.cli.say import REFUSED, bold, path_of, say
from merian.curate.download import Downloaded, DownloadSettings, estimate
from merian.curate.download import download as run
from merian.curate.download.plan import Estimate

__all__ = ["download"]

SHOWN = 8
"""Hosts and reasons listed; the others are counted."""


@with_settings(DownloadSettings, "download")
def download(
    source: Path,
    out: Path,
    /,
    *,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    retry_failed: Annotated[bool, Parameter(negative=())] = False,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    settings: DownloadSettings,
) -> int:
    """Fetch the images that a source links to, politely: hosts in turn, each at its own pace, nothing lost, nothing twice.

    SOURCE is anything that `merian curate` reads; rows with a link and no file are fetched. OUT is then a source itself: give
    it to `merian curate`. Give the same command again to go on after a stop. Exit code 3 says that some images did not come;
    the rows in OUT/rows say why.

    Parameters
    ----------
    source
        Where the rows with the links are.
    out
        The folder to write the images and rows to.
    dry_run
        Say what would be asked of whom and how long it takes, and stop.
    retry_failed
        Try those images again that failed for a reason that may pass (a host that did not answer, a time-out, HTTP 503).
    overwrite
        Replace a download that other settings made.
    """
    if dry_run:
        _tell(estimate(source, settings))
        return 0
    done = run(source, out, settings, overwrite, retry_failed, _tell)
    say(f"{path_of(out)}\n" + _summary(done))
    return REFUSED if len(done.reasons) else 0


def _tell(plan: Estimate) -> None:
    """Say what is going to be asked of whom."""
    also = [f"{plan.shared:,} more rows share their links"] if plan.shared else []
    also += [f"{plan.local:,} rows have their file"] if plan.local else []
    say(
        f"   {plan.images:,} images to fetch from {len(plan.hosts):,} hosts, at least {_duration(plan.seconds)}"
        + "".join(f"; {text}" for text in also)
    )
    for host, images, rate, at_once, seconds, note in plan.hosts.head(SHOWN).iter_rows():
        why = f" [dim]({note})[/dim]" if note else ""
        say(f"   {bold(host)}: {images:,} images, {rate:g}/s, {at_once} at once: {_duration(seconds)}{why}")
    if len(plan.hosts) > SHOWN:
        say(f"   and {len(plan.hosts) - SHOWN:,} hosts that take less")
    if len(plan.refused):
        say("   not asked for: " + ", ".join(f"{n:,} {reason}" for reason, n in plan.refused.rows()))


def _summary(done: Downloaded) -> str:
    lines = [f"   {done.images:,} images, {done.bytes / 1e6:,.1f} MB, for {done.rows:,} rows"]
    for host, images, size, refused, *_ in done.hosts.head(SHOWN).iter_rows():
        failed = f", {refused:,} did not come" if refused else ""
        lines.append(f"   {bold(host)}: {images:,} images, {size / 1e6:,.1f} MB{failed}")
    if len(done.hosts) > SHOWN:
        lines.append(f"   and {len(done.hosts) - SHOWN:,} more hosts: {path_of(done.path / 'hosts.csv')}")
    if len(done.reasons):
        lines.append("   without an image: " + ", ".join(f"{n:,} {reason}" for reason, n in done.reasons.rows()))
    if done.passing:
        lines.append(f"   {done.passing:,} of them may come another time: give the same command with --retry-failed")
    return "\n".join(lines)


def _duration(seconds: float) -> str:
    """A time as a person says it."""
    for size, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} seconds"
