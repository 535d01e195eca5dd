"""What a link may lead to, what a file's first and last bytes tell, how long a host asks to be left alone."""

from __future__ import annotations

import asyncio
import io
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from badserver import huge_png
from hypothesis import given
from hypothesis import strategies as st
from photos import encoded, noise
from PIL import Image

from merian.core.errors import BadSetting
from merian.curate.download import DownloadSettings, client
from merian.curate.download.client import pause_of, user_agent
from merian.curate.download.guard import BadLink, Link, link, may_ask, redirected
from merian.curate.download.headers import Header, is_complete, kind_of, look
from merian.curate.download.settings import rule_for, rules

PRIVATE = (
    "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1",
    "100.100.100.200", "168.63.129.16", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
    "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:0:0:0:0:80ff:fffe", "not an address",
)  # fmt: skip
PUBLIC = ("8.8.8.8", "151.101.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808")
NEVER = (
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "fe80::1",
    "168.63.129.16",
    "fd00:ec2::254",
    "100.100.100.200",
    "0.0.0.0",
    "::",
    "224.0.0.1",
)


def link_or_reason(text: str) -> Link | str:
    try:
        return link(text)
    except BadLink as error:
        return error.reason


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_off_the_public_internet_is_not_asked(address: str) -> None:
    assert not may_ask(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_asked(address: str) -> None:
    assert may_ask(address)


@pytest.mark.parametrize("address", NEVER)
def test_even_an_intranet_has_addresses_that_are_never_asked(address: str) -> None:
    assert not may_ask(address, allow_private=True)
    assert may_ask("127.0.0.1", allow_private=True)
    assert may_ask("10.1.2.3", allow_private=True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ftp://example.org/a.jpg", "scheme not allowed"),
        ("file:///etc/passwd", "scheme not allowed"),
        ("javascript:alert(1)", "scheme not allowed"),
        ("data:image/png;base64,AAAA", "scheme not allowed"),
        ("photo 17 in the drawer", "not a URL"),
        ("//example.org/a.jpg", "not a URL"),
        ("http://", "not a URL"),
        ("http:///a.jpg", "not a URL"),
        ("http://[::1", "not a URL"),
        ("http://exa mple.org/", "not a URL"),
        ("http://example.org:99999/", "not a URL"),
        ("http://a..b/", "not a URL"),
        ("http://1.2.3.4.5/", "not a URL"),
        ("http://999.1.1.1/", "not a URL"),
        ("http://me:secret@example.org/", "credentials in the URL"),
        ("http://me@example.org/", "credentials in the URL"),
        ("http://example.org\\@127.0.0.1/", "credentials in the URL"),
        ("http://example.org:25/", "port not allowed"),
        ("http://example.org:0/", "port not allowed"),
        ("http://localhost/", "private address"),
        ("http://LOCALHOST./", "private address"),
        ("http://printer/", "private address"),
        ("http://nas.local/", "private address"),
        ("http://metadata.google.internal/", "private address"),
        ("http://127.0.0.1/", "private address"),
        ("http://127.1/", "private address"),
        ("http://2130706433/", "private address"),
        ("http://0x7f000001/", "private address"),
        ("http://0x7f.1/", "private address"),
        ("http://0177.0.0.1/", "private address"),
        ("http://017700000001/", "private address"),
        ("http://0/", "private address"),
        ("http://①②⑦.0.0.1/", "private address"),
        ("http://127。0。0。1/", "private address"),
        ("http://[::1]/", "private address"),
        ("http://[::ffff:7f00:1]/", "private address"),
        ("http://[fe80::1%25eth0]/", "private address"),
    ],
)
def test_a_bad_link_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(BadLink) as caught:
        link(text)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("text", "url", "host"),
    [
        (" HTTP://Example.ORG ", "http://example.org/", "example.org"),
        ("https://example.org:443/a#top", "https://example.org/a", "example.org"),
        ("http://example.org:8080/a", "http://example.org:8080/a", "example.org:8080"),
        ("http://example.org/a b/ä.jpg?q=é", "http://example.org/a%20b/%C3%A4.jpg?q=%C3%A9", "example.org"),
        ("http://example.org/a%20b?x=1&y=%2F", "http://example.org/a%20b?x=1&y=%2F", "example.org"),
        ("https://müseum.example/x", "https://xn--mseum-kva.example/x", "xn--mseum-kva.example"),
        ("http://134744072/", "http://8.8.8.8/", "8.8.8.8"),
    ],
)
def test_a_link_has_one_form(text: str, url: str, host: str) -> None:
    found = link(text)
    assert (found.url, found.host) == (url, host)
    assert link(found.url) == found


@given(st.text(max_size=60) | st.text(max_size=40).map(lambda t: "http://" + t))
def test_any_text_is_a_link_or_has_a_reason(text: str) -> None:
    found = link_or_reason(text)
    if isinstance(found, str):
        assert found
    else:
        assert found.url.isascii()
        assert link(found.url) == found


@given(st.integers(0, 2**32 - 1), st.sampled_from(["{}", "0x{:x}", "0{:o}"]))
def test_a_number_as_host_is_the_address_that_it_means(number: int, form: str) -> None:
    address = socket.inet_ntoa(number.to_bytes(4, "big"))
    found = link_or_reason(f"http://{form.format(number)}/")
    if may_ask(address):
        assert not isinstance(found, str)
        assert found.name == address
    else:
        assert found == "private address"


def test_a_redirect_is_judged_like_a_link() -> None:
    assert redirected("http://a.example/x/y", "../z").url == "http://a.example/z"
    for location, reason in (("file:///etc/passwd", "scheme not allowed"), ("http://10.0.0.1/", "private address")):
        with pytest.raises(BadLink, match=reason):
            redirected("http://a.example/x", location)


def test_a_name_that_leads_to_a_private_address_is_refused_when_it_is_looked_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name server may answer anything: what it says is judged, and the connection goes to what was judged."""
    answers = {
        "rebound.example": ["127.0.0.1"],
        "mixed.example": ["10.0.0.1", "8.8.8.8"],
        "mapped.example": ["::ffff:169.254.169.254"],
    }

    def look_up(host: str, port: int, family: int, kind: int) -> list[object]:
        def entry(a: str) -> tuple[object, ...]:
            of6 = (socket.AF_INET6, kind, 6, "", (a, port, 0, 0))
            return of6 if ":" in a else (socket.AF_INET, kind, 6, "", (a, port))

        return [entry(a) for a in answers[host]]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    async def found(host: str) -> list[str]:
        with ThreadPoolExecutor(1) as pool:
            resolver = client._resolver(DownloadSettings(), pool)
            return [entry["host"] for entry in await resolver.resolve(host, 80)]

    assert asyncio.run(found("mixed.example")) == ["8.8.8.8"]
    for host in ("rebound.example", "mapped.example"):
        with pytest.raises(OSError, match="not on the public internet"):
            asyncio.run(found(host))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "JPEG2000", "AVIF"])
def test_a_header_tells_format_and_size(kind: str) -> None:
    data = encoded(noise(3, 70, 50), kind)
    found = look(data)
    assert found is not None
    assert (found.width, found.height) == (70, 50)
    assert found.kind == {"JPEG": "jpg", "TIFF": "tif", "JPEG2000": "jp2"}.get(kind, kind.lower())
    assert is_complete(data, found.kind)


@pytest.mark.parametrize(("kind", "extension"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp")])
@given(share=st.floats(0.1, 0.99))
def test_a_cut_file_is_seen_to_be_cut(kind: str, extension: str, share: float) -> None:
    data = encoded(noise(3, 70, 50), kind)
    assert not is_complete(data[: int(share * len(data))], extension)


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_image() -> None:
    inner = encoded(noise(1), "JPEG")
    outer = encoded(noise(2), "JPEG")
    with_thumbnail = outer[:2] + b"\xff\xe1" + (len(inner) + 2).to_bytes(2, "big") + inner + outer[2:]
    assert is_complete(with_thumbnail, "jpg")
    assert not is_complete(with_thumbnail[:-300], "jpg")
    assert look(with_thumbnail) == Header("jpg", 64, 48)


@given(
    st.binary(max_size=400),
    st.sampled_from(
        ["", "\xff\xd8\xff", "\x89PNG\r\n\x1a\n", "II*\0", "GIF89a", "RIFF1234WEBPVP8X", "\0\0\0\0ftypavif"]
    ),
)
def test_any_bytes_have_a_header_or_none(data: bytes, start: str) -> None:
    found = look(start.encode("latin-1") + data)
    assert found is None or (found.width >= 0 and found.height >= 0)


def test_text_is_no_image() -> None:
    assert kind_of(b"<!DOCTYPE html><html><head><title>Not found") is None
    assert kind_of(b"BMW repair manual, in German, 1983.......") is None
    assert look(huge_png()) == Header("png", 60_000, 60_000)
    tall = io.BytesIO()
    Image.new("1", (10, 3000)).save(tall, "TIFF", big_tiff=True)
    assert look(tall.getvalue()) == Header("tif", 10, 3000)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": " 7 "}, 7),
        ({"Retry-After": "soon"}, 0),
        ({"Retry-After": "-5"}, 0),
        ({"Retry-After": "9" * 50}, 10**9),
        ({"Retry-After": "Sat, 21 Nov 2026 12:00:30 GMT"}, 30),
        ({"Retry-After": "Sat, 21 Nov 2026 11:00:00 GMT"}, 0),
        ({"Retry-After": "Sat, 21 Nov 2026 12:00:30 GMT", "Date": "Sat, 21 Nov 2026 12:00:20 GMT"}, 10),
    ],
)
def test_retry_after_is_understood(headers: dict[str, str], seconds: float) -> None:
    assert pause_of(headers, datetime(2026, 11, 21, 12, tzinfo=UTC)) == seconds


def test_strict_hosts_are_asked_slowly_and_the_user_has_the_last_word() -> None:
    settings = DownloadSettings(rate=10.0, at_once=8, hosts=("example.org=0.5/1", "127.0.0.1:8080=3"))
    known = rules(settings)
    assert rule_for("upload.wikimedia.org", settings, known)[1:4] == (2.0, 2, 3_125_000.0)
    assert rule_for("anywhere.net", settings, known)[1:4] == (10.0, 8, 0.0)
    assert rule_for("images.example.org:8080", settings, known)[1:3] == (0.5, 1)
    assert rule_for("notexample.org", settings, known)[1:3] == (10.0, 8)
    assert rule_for("127.0.0.1:8080", settings, known)[1:3] == (3.0, 8)
    gentle = DownloadSettings(rate=0.1)
    assert rule_for("upload.wikimedia.org", gentle, rules(gentle)).rate == 0.1


@pytest.mark.parametrize(
    "text", ["example.org", "example.org=", "example.org=0", "example.org=1.2.3", "example.org=2/0", "=3"]
)
def test_a_rule_that_cannot_be_read_is_a_bad_setting(text: str) -> None:
    with pytest.raises(BadSetting, match="requests a second"):
        rules(DownloadSettings(hosts=(text,)))


def test_we_say_who_we_are() -> None:
    assert user_agent(DownloadSettings(contact="mailto:ada@museum.example\r\nEvil: 1")).endswith(
        "(mailto:ada@museum.exampleEvil: 1)"
    )
    assert user_agent(DownloadSettings()).startswith("merian/")
