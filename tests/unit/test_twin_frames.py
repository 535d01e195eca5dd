"""Frames of bytes: what is written is read again, golden bytes stay, and what is no frame is refused."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from merian.core.errors import BadData
from merian.twin.frames.codec import (
    HEAD,
    HERD,
    MOST,
    Event,
    Field,
    Frame,
    Herds,
    Kind,
    decode,
    encode,
    pack_state,
    placed,
)

GOLDEN = bytes.fromhex(
    "57545731 02 01 0100 2a000000 000000000000f83f 02000000 07000000"  # WTW1, KEY, version 1, world 1, step 42, day 1.5, 2, key 7
    "01000000 00010000"  # ids 1 and 256
    "0000 ffff 0080 0100 00 40 05 ff 03 00 01 f9"  # x, y, heading, speed, species, state
)
HERDS = Herds(
    np.array([0, 65535], np.uint16),
    np.array([32768, 1], np.uint16),
    np.array([0, 64], np.uint8),
    np.array([5, 255], np.uint8),
    np.array([3, 0], np.uint8),
    np.array([1, 0xF9], np.uint8),
    np.array([1, 256], np.uint32),
)


def test_a_frame_has_these_very_bytes() -> None:
    """Whoever reads frames in another language holds itself against these; they are in docs/reference/live.md."""
    assert encode(Frame(Kind.KEY, HERDS, 42, 1.5, 1, 7)) == GOLDEN
    assert HEAD.size == 28
    found = decode(GOLDEN)
    assert (found.kind, found.step, found.day, found.world, found.key) == (Kind.KEY, 42, 1.5, 1, 7)
    assert isinstance(found.body, Herds)
    assert found.body.id is not None
    assert found.body.id.tolist() == [1, 256]
    hello = encode(Frame(Kind.HELLO, {"a": "é"}))
    assert hello[HEAD.size :] == '{"a":"é"}'.encode()
    assert (
        encode(Frame(Kind.ACK, None, 9, 0.0, 0, 3)).hex() == "57545731070100000900000000000000000000000000000003000000"
    )


def test_the_bytes_in_the_reference_are_these() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/live.md").read_text()
    written = page.split("```")[1]
    assert bytes.fromhex("".join(written.split())) == GOLDEN


def herds(count: int, key: bool, rng: np.random.Generator) -> Herds:
    """So many herds of any bytes."""
    short = [rng.integers(0, 2**16, count).astype(np.uint16) for _ in range(2)]
    bytes_ = [rng.integers(0, 256, count).astype(np.uint8) for _ in range(4)]
    return Herds(*short, *bytes_, rng.integers(0, 2**32, count).astype(np.uint32) if key else None)


@given(
    st.integers(0, 300),
    st.booleans(),
    st.integers(0, 2**32 - 1),
    st.floats(0, 1e9),
    st.integers(0, 255),
    st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=40)
def test_herds_come_back_as_they_were(count: int, key: bool, step: int, day: float, world: int, number: int) -> None:
    sent = Frame(
        Kind.KEY if key else Kind.DELTA, herds(count, key, np.random.default_rng(count)), step, day, world, number
    )
    data = encode(sent)
    assert len(data) == HEAD.size + count * (HERD + 4 * key)
    found = decode(data)
    assert (found.kind, found.step, found.day, found.world, found.key) == (sent.kind, step, day, world, number)
    assert isinstance(found.body, Herds)
    assert isinstance(sent.body, Herds)
    for name in ("x", "y", "heading", "speed", "species", "state"):
        assert (getattr(found.body, name) == getattr(sent.body, name)).all()
    assert (found.body.id is None) == (not key)
    assert encode(found) == data


@given(arrays.arrays(np.float32, st.integers(0, 60), elements=st.floats(width=32)), st.integers(0, 255))
@settings(deadline=None, max_examples=40)
def test_numbers_fields_and_events_come_back(numbers: np.ndarray, which: int) -> None:
    found = decode(encode(Frame(Kind.STATS, numbers, 3, 0.5)))
    assert np.array_equal(np.asarray(found.body), numbers, equal_nan=True)
    rng = np.random.default_rng(which)
    raster = Field(rng.integers(0, 256, (3, 7)).astype(np.uint8), -1.5, 2.5)
    again = decode(encode(Frame(Kind.FIELD, raster, which=which)))
    assert isinstance(again.body, Field)
    assert (again.which, again.body.low, again.body.high) == (which, -1.5, 2.5)
    assert (again.body.values == raster.values).all()
    event = Event(
        *(np.arange(5).astype(kind) for kind in (np.uint32, np.uint16, np.uint16, np.uint16, np.uint8, np.uint8))
    )
    happened = decode(encode(Frame(Kind.EVENT, event, 1)))
    assert isinstance(happened.body, Event)
    assert (happened.body.count == event.count).all()


@given(st.binary(max_size=80))
@settings(deadline=None)
def test_any_bytes_are_a_frame_or_refused(data: bytes) -> None:
    for whole in (data, GOLDEN[:28] + data, data[:4] + GOLDEN[4:], b"WTW1" + data):
        try:
            frame = decode(whole)
        except BadData:
            continue
        assert encode(frame) == whole


@given(st.integers(0, len(GOLDEN) - 1))
@settings(deadline=None)
def test_a_frame_cut_short_is_refused(at: int) -> None:
    with pytest.raises(BadData):
        decode(GOLDEN[:at])


def test_what_is_no_frame_is_refused() -> None:
    head = bytearray(GOLDEN)
    head[5] = 2
    with pytest.raises(BadData, match="version 2"):
        decode(bytes(head))
    with pytest.raises(BadData, match="not"):
        decode(GOLDEN[:20] + struct.pack("<I", MOST + 1) + GOLDEN[24:])
    with pytest.raises(BadData, match="holds an object"):
        decode(encode(Frame(Kind.HELLO, {}))[:20] + struct.pack("<II", 2, 0) + b"[]")
    for frame, said in (
        (Frame(Kind.DELTA, HERDS), "a KEY has ids"),
        (Frame(Kind.STATS, HERDS), "does not hold Herds"),
        (Frame(Kind.ACK, None, -1), "its step"),
        (Frame(Kind.ACK, None, 0, 0.0, 256), "its world"),
        (Frame(Kind.STATS, np.zeros(MOST + 1, np.float32)), "at most"),
        (Frame(Kind.KEY, Herds(*(HERDS.x,) * 6, HERDS.id)), "heading is 2 of uint8"),
    ):
        with pytest.raises(BadData, match=said):
            encode(frame)


@given(arrays.arrays(np.float64, 20, elements=st.floats(0, 20_000)))
@settings(deadline=None)
def test_places_are_told_within_a_few_centimetres(x: np.ndarray) -> None:
    assert np.abs(placed(x, 20_000.0) * (20_000.0 / 65535) - x).max() <= 20_000 / 65535 / 2 + 1e-9
    assert placed(np.array([-5.0, 30_000.0]), 20_000.0).tolist() == [0, 65535]


@given(st.integers(1, 40_000))
@settings(deadline=None)
def test_the_size_of_a_herd_is_told_within_a_fifth(number: int) -> None:
    state = int(pack_state(np.array([1]), np.array([number]))[0])
    assert state & 7 == 1
    assert 2 ** ((state >> 3) / 2) == pytest.approx(number, rel=0.2)


def test_a_field_is_cut_at_its_ends() -> None:
    assert Field.of(np.array([[-1.0, 0.0, 5.0, 10.0, 11.0]]), 0.0, 10.0).values.tolist() == [[0, 0, 128, 255, 255]]
    assert Field.of(np.ones((2, 2)), 1.0, 1.0).values.max() == 0
