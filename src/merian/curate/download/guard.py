"""Which addresses may be asked for an image: http and https only, no passwords, nothing that is not on the public internet.

A table of image links is data from strangers, and a fetched link can point anywhere: at the router, at a cloud machine's metadata, at a file. Names are
judged here before any request and after each redirect; what a name resolves to is judged by the resolver in `client.py`, which hands the very addresses that it
judged to the connection, so that a name server cannot answer differently the second time (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urljoin, urlsplit

__all__ = ["BadLink", "Link", "link", "may_ask", "redirected"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

PORTS = {"http": 80, "https": 443}
LOW_PORT = 1024
"""Ports below it belong to other services (mail, databases, file shares); 80 and 443 are the web's."""
METADATA = frozenset(
    ipaddress.ip_address(a) for a in ("168.63.129.16", "192.0.0.192", "100.100.100.200", "fd00:ec2::254")
)
"""Addresses that look public and answer cloud machines with their secrets (Azure, Oracle, Alibaba, Amazon over IPv6; 169.254.169.254 is link-local)."""
EMBEDDING = tuple(
    (ipaddress.IPv6Network(net), shift)
    for net, shift in (("::/96", 0), ("64:ff9b::/96", 0), ("64:ff9b:1::/48", 0), ("2002::/16", 80))
)
"""IPv6 blocks that carry an IPv4 address, and how many bits stand after it: compatible, NAT64 (RFC 6052, 8215), 6to4 (RFC 3056)."""
NAMES = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "localdomain", "home.arpa", "onion")
"""Names that only private networks answer (RFC 6761, 6762, 8375 and custom)."""
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")


class BadLink(ValueError):
    """A link that is not followed, with the reason of the refused row."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Link(NamedTuple):
    """A link that may be followed: as it is sent, and the host that it asks (with the port when it is not the usual one)."""

    url: str
    host: str
    name: str


def link(text: str, allow_private: bool = False) -> Link:
    """The Link that `text` is: scheme and host in lower case, without fragment, spaces and other letters escaped, so that one image has one link.

    Raises BadLink with "not a URL", "scheme not allowed", "credentials in the URL", "port not allowed" or "private address".
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
        host = (parts.hostname or "").lower()
    except ValueError as error:
        raise BadLink("not a URL") from error
    if parts.scheme.lower() not in PORTS:
        known = bool(parts.scheme) and (bool(parts.netloc) or ":" in text)
        raise BadLink("scheme not allowed" if known else "not a URL")
    if "@" in parts.netloc:
        raise BadLink("credentials in the URL")
    if not host or _UNSAFE.search(parts.netloc):
        raise BadLink("not a URL")
    scheme = parts.scheme.lower()
    name = _name(host, allow_private)
    shown = f"[{name}]" if ":" in name else name
    if port is not None and port != PORTS[scheme]:
        if port == 0 or (port < LOW_PORT and port not in PORTS.values() and not allow_private):
            raise BadLink("port not allowed")
        shown += f":{port}"
    return Link(f"{scheme}://{shown}{_path(parts)}", shown, name)


def redirected(base: str, location: str, allow_private: bool = False) -> Link:
    """The Link that an answer from `base` sends on to. Raises BadLink."""
    try:
        joined = urljoin(base, location.strip())
    except ValueError as error:
        raise BadLink("not a URL") from error
    return link(joined, allow_private)


def may_ask(address: str, allow_private: bool = False) -> bool:
    """Whether an address (as digits) may be asked: one on the public internet; with `allow_private` also one of a private network or of this machine.

    Link-local addresses and metadata services, which hand out a cloud machine's secrets, multicast and reserved ones may never. IPv4 addresses inside
    IPv6 ones (mapped, NAT64, 6to4, Teredo) are judged as what they stand for.
    """
    try:
        own: Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = _inside(own)
    if inner is not None:
        return may_ask(str(inner), allow_private)
    if own in METADATA or own.is_link_local or own.is_multicast or own.is_unspecified:
        return False
    if allow_private and (own.is_private or own.is_loopback):
        return True
    if own.is_reserved or own.is_private or own.is_loopback:
        return False
    return own.is_global and not (isinstance(own, ipaddress.IPv6Address) and own.is_site_local)


def _inside(own: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for, None when it stands for itself."""
    if isinstance(own, ipaddress.IPv4Address):
        return None
    if own.ipv4_mapped is not None:
        return own.ipv4_mapped
    if own.teredo is not None:
        return own.teredo[1]
    for network, shift in EMBEDDING:
        if own in network and int(own) > 1:  # :: and ::1 are addresses of their own
            return ipaddress.IPv4Address(int(own) >> shift & 0xFFFFFFFF)
    return None


def _name(host: str, allow_private: bool) -> str:
    """A host's name as it is asked for: addresses in their one form, other letters as IDNA. Raises BadLink."""
    if ":" in host:
        try:
            address = str(ipaddress.IPv6Address(host.partition("%")[0]))
        except ValueError as error:
            raise BadLink("not a URL") from error
        return _checked(address, allow_private)
    if not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError as error:
            raise BadLink("not a URL") from error
    host = host.rstrip(".")
    if not _HOST.fullmatch(host) or ".." in host or len(host) > 253:
        raise BadLink("not a URL")
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        # 2130706433, 0177.0.0.1, 127.1 and 0x7f.1 all mean 127.0.0.1 to the system (WHATWG URL, "ends in a number")
        try:
            return _checked(socket.inet_ntoa(socket.inet_aton(host)), allow_private)
        except OSError as error:
            raise BadLink("not a URL") from error
    private = "." not in host or any(host == n or host.endswith("." + n) for n in NAMES)
    if private and not allow_private:
        raise BadLink("private address")
    return host


def _checked(address: str, allow_private: bool) -> str:
    if not may_ask(address, allow_private):
        raise BadLink("private address")
    return address


def _path(parts: SplitResult) -> str:
    """Path and query as they are sent: what a URL cannot hold is escaped, what is escaped already stays."""
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._", errors="surrogateescape")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?[]", errors="surrogateescape")
    return path + (f"?{query}" if query else "")
