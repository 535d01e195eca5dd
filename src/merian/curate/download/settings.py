"""Settings of a download, and the rules of hosts that ask for more restraint than most."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

from merian.core.errors import BadSetting
from merian.core.settings import knob

__all__ = ["STRICT", "DownloadSettings", "HostRule", "rule_for", "rules"]

SHAPES = ("licence", "max_bytes", "max_pixels", "redirects", "allow_private", "part_images", "tar_bytes")
"""The settings that change what is in the store. All others say how politely it is fetched, and may change between two attempts at one run."""


class HostRule(NamedTuple):
    """How a host and those below it are asked: requests a second, requests at once, bytes a second (0: no limit of bytes), and who says so."""

    host: str
    rate: float
    at_once: int
    bytes_s: float = 0.0
    source: str = ""


STRICT = (
    HostRule("upload.wikimedia.org", 2.0, 2, 25e6 / 8, "wikitech.wikimedia.org/wiki/Robot_policy (2025): 2 at once, 25 Mbit/s, a contact"),
    HostRule("api.inaturalist.org", 1.0, 1, 0, "api.inaturalist.org/v1/docs: 60 requests a minute"),
    HostRule("static.inaturalist.org", 1.0, 2, 24e9 / 86_400, "inaturalist.org/pages/api+recommended+practices: 24 GB of media a day"),
    HostRule("api.gbif.org", 1.0, 2, 0, "taste: an image cache, not the publisher"),
    HostRule("content.eol.org", 2.0, 2, 0, "taste: a small team's server"),
    HostRule("ecn.mnhn.fr", 1.0, 2, 0, "taste"),
    HostRule("mediaphoto.mnhn.fr", 1.0, 2, 0, "taste"),
)  # fmt: skip
"""Rules that hold unless `--hosts` says otherwise."""

_RULE = re.compile(r"([a-z0-9.\-_:\[\]]+)=([0-9.]+)(?:/([0-9]+))?")


@dataclass(frozen=True, kw_only=True)
class DownloadSettings:
    """What is fetched, how politely, and how long a host is waited for."""

    licence: str = knob(
        "any", "Fetch only images under these licences: any, known, open, commercial, derivatives or a list"
    )
    contact: str = knob("", "Who runs this (a web page or mail address): sent to every host in the User-Agent")
    rate: float = knob(4.0, "Requests to one host in a second, at most", unit="1/s", gt=0, le=100_000, source="taste")
    at_once: int = knob(4, "Requests to one host at once, at most", ge=1, le=256, source="taste")
    all_at_once: int = knob(64, "Requests at once, to all hosts together", ge=1, le=4096)
    hosts: tuple[str, ...] = knob((), "Other limits for a host and those below it: host=rate or host=rate/at_once")
    attempts: int = knob(5, "Attempts at an image before it is given up", ge=1, le=100)
    backoff: float = knob(
        2.0, "Longest pause before the second attempt; doubles with each, drawn evenly from zero", unit="s", ge=0
    )
    backoff_most: float = knob(300.0, "Longest pause between two attempts", unit="s", ge=0)
    retry_after_most: float = knob(
        3600.0, "A host that asks for a longer pause is given up for this run", unit="s", ge=0
    )
    connect_timeout: float = knob(20.0, "Longest wait for a connection", unit="s", gt=0)
    stall_timeout: float = knob(30.0, "Longest wait for the next byte", unit="s", gt=0)
    total_timeout: float = knob(300.0, "Longest time for one image", unit="s", gt=0)
    dead_after: int = knob(10, "A host that failed this often in a row is left alone for a while", ge=1)
    dead_pause: float = knob(30.0, "The first such while; doubles with each", unit="s", ge=0)
    dead_pauses: int = knob(5, "After so many of them the host is given up for this run", ge=0)
    redirects: int = knob(5, "Redirects followed for one image", ge=0, le=50)
    max_bytes: int = knob(50_000_000, "Refuse images of more bytes", unit="byte", ge=1)
    max_pixels: int = knob(500_000_000, "Refuse images of more pixels, as their header tells", unit="px", ge=1)
    allow_private: bool = knob(
        False,
        "Also fetch from private addresses and any port, for an intranet; never from link-local and metadata addresses",
    )
    proxy: str = knob("", "Fetch through this HTTP proxy; those of the environment are not used")
    part_images: int = knob(4_000, "Rows whose images are packed together", ge=1, le=100_000)
    tar_bytes: int = knob(2_000_000_000, "A tar is closed when it holds so much", unit="byte", ge=1)
    seed: int = knob(0, "Seed of the pauses between attempts", ge=0)

    @property
    def shape(self) -> dict[str, object]:
        """The settings that change what is in the store."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name in SHAPES}


def rules(settings: DownloadSettings) -> tuple[HostRule, ...]:
    """The rules in force, those of the user first. Raises BadSetting for one that cannot be read."""
    own = []
    for text in settings.hosts:
        found = _RULE.fullmatch(text.strip().lower())
        try:
            rate = float(found[2]) if found else 0.0
        except ValueError:
            rate = 0.0
        at_once = int(found[3] or settings.at_once) if found else 0
        if found is None or rate <= 0 or at_once < 1:
            raise BadSetting(
                "hosts", text, "must be like example.org=2 or example.org=0.5/1 (requests a second / at once)"
            )
        own.append(HostRule(found[1], rate, at_once, 0.0, "--hosts"))
    return (*own, *STRICT)


def rule_for(host: str, settings: DownloadSettings, known: Sequence[HostRule]) -> HostRule:
    """The first of the `known` rules for `host` or a domain above it; without one the settings' own limits. A rule never allows more than asked for."""
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    for rule in known:
        if host == rule.host or name == rule.host or name.endswith("." + rule.host):
            if rule.source == "--hosts":
                return rule
            return rule._replace(rate=min(rule.rate, settings.rate), at_once=min(rule.at_once, settings.at_once))
    return HostRule(host, settings.rate, settings.at_once)
