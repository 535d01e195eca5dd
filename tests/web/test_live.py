"""The running twin behind a websocket: frames that follow one another, back-pressure, commands within bounds, and who is refused."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect
from tiny_site import Site, served

from merian.core.errors import BadSetting
from merian.twin.frames.codec import Frame, Herds, Kind, decode, encode
from merian.twin.frames.stage import Stage
from merian.web.access import Doors
from merian.web.app import Options, create_app
from merian.web.commands import LONGEST, Bucket, read_command
from merian.web.live import PATH, Live
from merian.web.running import LiveSettings

SMALL = LiveSettings(
    window_km=6.0,
    rows=8,
    herds=60,
    step_hours=6.0,
    hours_s=60.0,
    frames_s=20.0,
    clients=2,
    ahead=2,
    linger_s=0.2,
    open_edges=False,
)
HERE = "http://127.0.0.1:8765"
WHERE = f"ws://127.0.0.1:8765{PATH}"


@pytest.fixture(scope="module")
def live() -> Live:
    return Live.of("savanna", SMALL)


@pytest.fixture(scope="module")
def client(site: Site, live: Live) -> Iterator[TestClient]:
    app = create_app(site.store, site.identifier, Doors(frozenset({"127.0.0.1"})), live=live)
    with TestClient(app, base_url=HERE) as found:
        yield found


def command(viewer: WebSocketTestSession, **told: Any) -> None:
    viewer.send_text(json.dumps(told))


def acknowledge(viewer: WebSocketTestSession) -> None:
    viewer.send_bytes(encode(Frame(Kind.ACK)))


def until(viewer: WebSocketTestSession, wanted: str | Kind | tuple[Kind | str, ...], most: int = 400) -> Any:
    """The next message of a kind, or of one of some (a Frame, or JSON by what it says); each shot is acknowledged."""
    kinds = wanted if isinstance(wanted, tuple) else (wanted,)
    for _ in range(most):
        message = viewer.receive()
        if message["type"] == "websocket.close":
            raise WebSocketDisconnect(message.get("code", 1000), message.get("reason"))
        if message.get("text") is not None:
            told = json.loads(message["text"])
            if told["say"] in kinds:
                return told
            continue
        frame = decode(message["bytes"])
        if frame.kind in (Kind.KEY, Kind.DELTA) and frame.world == 0:
            acknowledge(viewer)
        if frame.kind in kinds:
            return frame
    raise AssertionError(f"no {wanted} in {most} messages")


def waited(for_what: Callable[[], bool]) -> None:
    """Wait until something is so."""
    for _ in range(600):
        if for_what():
            return
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def drained(viewer: WebSocketTestSession) -> None:
    """Take all that comes until the connection is closed."""
    while True:
        viewer._raise_on_close(viewer.receive())


def test_a_viewer_is_greeted_and_then_shown_what_is_newest(client: TestClient) -> None:
    with client.websocket_connect(WHERE) as viewer:
        hello = decode(viewer.receive_bytes())
        assert hello.kind is Kind.HELLO
        assert hello.body["title"] == "savanna"
        assert [decode(viewer.receive_bytes()).which for _ in range(3)] == [1, 2, 3]
        key = until(viewer, Kind.KEY)
        last = key.step
        for _ in range(4):
            frame = until(viewer, Kind.DELTA)
            assert frame.step > last
            last = frame.step
        state = client.get("/api/twin").json()
        assert state["running"]
        assert (state["viewers"], state["most_viewers"], state["live"]) == (1, 2, PATH)


def test_a_delta_is_of_the_roster_that_was_sent(client: TestClient) -> None:
    with client.websocket_connect(WHERE) as viewer:
        rosters: dict[int, tuple[int, int]] = {}
        seen = 0
        while seen < 25:
            message = viewer.receive()
            if "bytes" not in message or message["bytes"] is None:
                continue
            frame = decode(message["bytes"])
            if frame.kind not in (Kind.KEY, Kind.DELTA):
                continue
            acknowledge(viewer)
            seen += 1
            assert isinstance(frame.body, Herds)
            if frame.kind is Kind.KEY:
                rosters[frame.world] = frame.key, len(frame.body.x)
            assert rosters[frame.world] == (frame.key, len(frame.body.x))


def test_who_acknowledges_nothing_is_sent_nothing_more_and_then_what_is_newest(client: TestClient, live: Live) -> None:
    with client.websocket_connect(WHERE) as viewer:
        shots = []
        while len(shots) < SMALL.ahead:
            message = viewer.receive()
            if message.get("bytes") and decode(message["bytes"]).kind in (Kind.KEY, Kind.DELTA):
                shots.append(decode(message["bytes"]).step)
        waited(lambda: live._shot is not None and live._shot.views[0].step >= shots[-1] + 4)
        acknowledge(viewer)
        while True:
            message = viewer.receive()
            if message.get("bytes") and (frame := decode(message["bytes"])).kind in (Kind.KEY, Kind.DELTA):
                break
        assert frame.step >= shots[-1] + 4, "the newest, not the next"


def test_who_never_acknowledges_is_sent_away(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("merian.web.live.PATIENCE", 0.4)
    with client.websocket_connect(WHERE) as viewer, pytest.raises(WebSocketDisconnect) as ended:
        drained(viewer)
    assert (ended.value.code, ended.value.reason) == (1008, "no shot was acknowledged")


def test_two_worlds_are_shown_side_by_side(client: TestClient) -> None:
    with client.websocket_connect(WHERE) as viewer:
        until(viewer, Kind.KEY)
        command(viewer, do="scenario", changes=[{"what": "harvest", "species": "Panthera leo", "amount": 1e9}])
        while not (state := until(viewer, "state"))["changes"]:
            pass
        assert state["changes"][0]["amount"] == 50.0, "what is beyond the bounds is brought within"
        assert "outside 0 to 2 year-1" in state["warnings"][0]
        worlds = set[int]()
        while len(worlds) < 2:
            worlds.add(until(viewer, Kind.STATS, 4000).world)
        command(viewer, do="baseline")
        while until(viewer, "state")["changes"]:
            pass


def test_it_stands_still_goes_on_and_keeps_to_its_pace(client: TestClient) -> None:
    with client.websocket_connect(WHERE) as viewer:
        until(viewer, Kind.KEY)
        command(viewer, do="pace", hours_s=1e6)
        while until(viewer, "state")["hours_s"] != SMALL.most_hours_s:
            pass
        command(viewer, do="pause")
        while not until(viewer, "state")["paused"]:
            pass
        time.sleep(1.0)  # the step under way is done
        command(viewer, do="key")
        first = until(viewer, Kind.KEY)
        command(viewer, do="key")
        assert until(viewer, Kind.KEY).step == first.step
        command(viewer, do="go")
        assert until(viewer, Kind.DELTA).step > first.step
        command(viewer, do="restart")
        while until(viewer, Kind.KEY).step >= first.step:
            pass
        command(viewer, do="pace", hours_s=60)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is JSON"),
        ("[" * 5000, "4096 characters"),
        ("[" * 4000, "is JSON"),
        ("[]", "is one of"),
        ('{"do": "shutdown"}', "is one of"),
        ('{"do": ["pause"]}', "is one of"),
        ('{"do": "pause", "now": 1}', "has the keys"),
        ('{"do": "pace"}', "has the keys"),
        ('{"do": "pace", "hours_s": "fast"}', "is a number"),
        ('{"do": "pace", "hours_s": NaN}', "is a number"),
        ('{"do": "pace", "hours_s": true}', "is a number"),
        ('{"do": "scenario", "changes": {}}', "list of 16"),
        ('{"do": "scenario", "changes": [1]}', "list of 16"),
        ('{"do": "scenario", "changes": [{"what": "introduce", "species": "lion", "amount": 1}]}', "is one of"),
        ('{"do": "scenario", "changes": [{"what": "rain"}]}', "has what, amount"),
        ('{"do": "scenario", "changes": [{"what": "rain", "amount": 1, "path": "/etc"}]}', "has what, amount"),
        ('{"do": "scenario", "changes": [{"what": "remove", "amount": 1}]}', "needs the name"),
    ],
)
def test_what_is_no_command_is_refused(text: str, said: str) -> None:
    with pytest.raises(BadSetting, match=said):
        read_command(text)


def test_what_is_refused_is_told_and_too_much_of_it_ends_the_connection(client: TestClient) -> None:
    with client.websocket_connect(WHERE) as viewer:
        until(viewer, Kind.KEY)
        viewer.send_text("hello")
        assert "is JSON" in until(viewer, "error")["error"]
        viewer.send_bytes(b"hello")
        assert "no acknowledgement" in until(viewer, "error")["error"]
        command(viewer, do="scenario", changes=[{"what": "harvest", "species": "unicorn", "amount": 1}])
        assert "is not in the ecosystem" in until(viewer, "error")["error"]
        for _ in range(40):
            viewer.send_text("x" * (LONGEST + 1))
        with pytest.raises(WebSocketDisconnect) as ended:
            until(viewer, "never")
        assert ended.value.code == 1008


def test_a_bucket_gives_what_flows_in() -> None:
    bucket = Bucket(2.0)
    assert [bucket.take(10.0) for _ in range(4)] == [True, True, False, False]
    assert [bucket.take(10.5), bucket.take(10.6), bucket.take(60.0), bucket.take(60.0), bucket.take(60.0)] == [
        True,
        False,
        True,
        True,
        False,
    ]


def test_there_is_room_for_so_many_and_no_more(client: TestClient) -> None:
    with client.websocket_connect(WHERE) as first, client.websocket_connect(WHERE) as second:
        until(first, Kind.KEY)
        until(second, Kind.KEY)
        with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect(WHERE):
            pass
        assert refused.value.status_code == 503
        assert refused.value.json()["what_to_do"] == "come again later"
    waited(lambda: client.get("/api/twin").json()["viewers"] == 0)
    with client.websocket_connect(WHERE) as third:
        assert until(third, Kind.KEY)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"origin": "http://evil.example"}, "another site"),
        ({"origin": "http://127.0.0.1:9999"}, "another site"),
        ({"origin": "null"}, "another site"),
        ({"host": "evil.example:8765"}, "is not this server"),
    ],
)
def test_a_page_of_another_site_is_refused(client: TestClient, headers: dict[str, str], said: str) -> None:
    with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect(WHERE, headers=headers):
        pass
    assert refused.value.status_code == 403
    assert said in refused.value.json()["error"]
    assert "content-security-policy" in refused.value.headers


def test_its_own_page_is_let_in(client: TestClient) -> None:
    with client.websocket_connect(WHERE, headers={"origin": HERE}) as viewer:
        assert decode(viewer.receive_bytes()).kind is Kind.HELLO


def test_a_twin_that_nobody_looks_at_is_put_away_and_begins_anew(client: TestClient, live: Live) -> None:
    with client.websocket_connect(WHERE) as viewer:
        until(viewer, Kind.KEY)
        running = live._running
        assert running is not None
    waited(lambda: live._running is None and not running.alive)
    with client.websocket_connect(WHERE) as viewer:
        assert until(viewer, Kind.KEY).step <= 2


def test_a_twin_that_fails_says_so_and_the_next_viewer_begins_it_anew(site: Site) -> None:
    """A fault in the thread ends the twin and is told; a step that leaves its bounds stops it until it is restarted."""
    opened_stages = list[Stage]()
    plain = Live.of("savanna", SMALL)

    def opening() -> Stage:
        stage = plain._opening()
        opened_stages.append(stage)
        return stage

    app = create_app(site.store, site.identifier, live=Live("savanna", opening, SMALL))
    with TestClient(app, base_url=HERE) as client:
        with client.websocket_connect(WHERE) as viewer:
            until(viewer, Kind.KEY)
            opened_stages[0].worlds[0].values["mass"][0] = np.nan
            told = until(viewer, "error")
            assert (told["what_to_do"], "mass" in told["error"]) == ("restart the twin", True)
            command(viewer, do="restart")
            assert until(viewer, Kind.DELTA).step > 0
        with client.websocket_connect(WHERE) as viewer:
            assert until(viewer, Kind.KEY)


def test_of_many_scenarios_the_last_comes(client: TestClient) -> None:
    with client.websocket_connect(WHERE) as viewer:
        until(viewer, Kind.KEY)
        for amount in (0.1, 0.2, 0.3, 0.4):
            command(viewer, do="scenario", changes=[{"what": "rain", "amount": amount}])
        while not (state := until(viewer, "state"))["changes"] or state["changes"][0]["amount"] != 0.4:
            pass
        command(viewer, do="restart")
        while until(viewer, "state")["changes"]:
            pass


def test_an_ecosystem_that_cannot_be_opened_is_told(site: Site, tmp_path: Path) -> None:
    app = create_app(site.store, site.identifier, live=Live.of(str(tmp_path), SMALL))
    with TestClient(app, base_url=HERE) as client, client.websocket_connect(WHERE) as viewer:
        assert "what_to_do" in until(viewer, "error")
    with pytest.raises(BadSetting, match="isle-royale, savanna"):
        Live.of("atlantis", SMALL)


def test_eyes_are_told_with_their_evidence(client: TestClient) -> None:
    told = client.get("/api/eyes").json()
    lion = next(eyes for eyes in told["species"] if eyes["common"] == "lion")
    assert lion["facts"]["acuity_cpd"]["grade"] == "P"
    assert np.sum(lion["matrix"][0]) == pytest.approx(1, abs=1e-5)
    assert np.sum(lion["rod"]) == pytest.approx(1, abs=1e-5)
    assert (
        lion["acuity"]["day"]
        == lion["facts"]["acuity_cpd"]["value"]
        > lion["acuity"]["twilight"]
        > lion["acuity"]["night"]
    )
    assert lion["translation"].startswith("two receptors")
    assert "nobody knows" in told["notice"]


# ---- over a real socket ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def server() -> Iterator[int]:
    """The port of a real server over the pocket model, which ends when the block does."""
    from merian.identify import Identifier

    with served(Path(os.devnull), Identifier.open(Path("pocket")), options=Options(8, "savanna", SMALL)) as address:
        yield int(address.rsplit(":", 1)[1].strip("/"))


def connected(port: int, origin: str | None = None) -> tuple[socket.socket, Any]:
    """A connection that has asked for the websocket."""
    wsproto = pytest.importorskip("wsproto")
    from wsproto.events import Request

    wire = socket.create_connection(("127.0.0.1", port), 60)
    speaks = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
    headers = [] if origin is None else [(b"origin", origin.encode())]
    wire.sendall(speaks.send(Request(host=f"127.0.0.1:{port}", target=PATH, extra_headers=headers)))
    return wire, speaks


def events(wire: socket.socket, speaks: Any) -> Iterator[Any]:
    """What comes, until the other side ends."""
    while data := wire.recv(65536):
        speaks.receive_data(data)
        yield from speaks.events()


def test_over_a_real_socket_frames_come_and_the_server_ends_well() -> None:
    from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Message, RejectConnection

    with server() as port:
        wire, speaks = connected(port, "http://evil.example")
        assert isinstance(next(events(wire, speaks)), RejectConnection)
        wire.close()
        wire, speaks = connected(port, f"http://127.0.0.1:{port}")
        coming = events(wire, speaks)
        assert isinstance(next(coming), AcceptConnection)
        data, shots = bytearray(), 0
        for event in coming:
            if not isinstance(event, BytesMessage):
                continue
            data += event.data
            if event.message_finished:
                frame = decode(bytes(data))
                data.clear()
                if frame.kind in (Kind.KEY, Kind.DELTA):
                    wire.sendall(speaks.send(BytesMessage(encode(Frame(Kind.ACK)))))
                    shots += 1
                if shots == 5:
                    break
        wire.sendall(speaks.send(Message(data="x" * 20_000)))
        ended = next(event for event in coming if isinstance(event, CloseConnection))
        assert ended.code == 1009, "a message that is too long ends the connection"
        wire.close()
        wire, speaks = connected(port)
        assert isinstance(next(events(wire, speaks)), AcceptConnection)
    wire.close()


def test_a_frame_of_20000_animals_is_160_kb() -> None:
    from merian.twin.worked import opened

    stage = Stage(opened("savanna", 0), LiveSettings(herds=20_000, window_km=60.0))
    stage.step()
    (view,) = stage.views()
    count = len(view.who)
    assert 15_000 < count < 30_000
    assert len(view.delta_frame) == 28 + 8 * count
    assert len(view.key_frame) == 28 + 12 * count


READ = """
async (address) => {
  const socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";
  const found = {steps: []};
  return await new Promise((done, fail) => {
    socket.onerror = () => fail(new Error("the websocket was refused"));
    socket.onmessage = ({data}) => {
      if (typeof data === "string") return;
      const head = new DataView(data), kind = head.getUint8(4), n = head.getUint32(20, true);
      if (kind === 1) found.title = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 28, n))).title;
      if ((kind !== 2 && kind !== 3) || head.getUint16(6, true) !== 0) return;
      if (kind === 2) {
        let at = 28;
        const id = new Uint32Array(data, at, n), x = new Uint16Array(data, (at += 4 * n), n);
        const y = new Uint16Array(data, (at += 2 * n), n), heading = new Uint8Array(data, (at += 2 * n), n);
        const speed = new Uint8Array(data, (at += n), n), species = new Uint8Array(data, (at += n), n);
        const state = new Uint8Array(data, (at += n), n);
        found.key = head.getUint32(24, true);
        found.columns = Object.entries({id, x, y, heading, speed, species, state}).map(([name, v]) => [name, [...v]]);
        found.bytes = [...new Uint8Array(data)];
      }
      found.steps.push(head.getUint32(8, true));
      const answer = new ArrayBuffer(28), back = new DataView(answer);
      [0x57, 0x54, 0x57, 0x31, 7, 1].forEach((byte, at) => back.setUint8(at, byte));
      back.setUint32(8, head.getUint32(8, true), true);
      back.setUint32(24, head.getUint32(24, true), true);
      socket.send(answer);
      if (found.steps.length === 12) { socket.close(); done(found); }
    };
  });
}
"""


def test_a_browser_reads_frames_as_python_does(browser: Any) -> None:
    """In Chromium, from a page of the server under its content policy: typed arrays on the message are the columns that Python reads."""
    with server() as port:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/api/twin")
        found = page.evaluate(READ, f"ws://127.0.0.1:{port}{PATH}")
        page.close()
    assert found["title"] == "savanna"
    assert found["steps"] == sorted(found["steps"])
    frame = decode(bytes(found["bytes"]))
    assert frame.key == found["key"]
    for name, values in found["columns"]:
        assert getattr(frame.body, name).tolist() == values
