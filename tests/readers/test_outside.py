"""What goes out to addresses that strangers chose."""

from __future__ import annotations

import asyncio
import socket

import pytest

from covey.limits import HOST_REST_SECONDS
from covey.readers import outside
from covey.readers.outside import NotAllowed, Outside, Resting, Streams, connect_public, is_public


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
     "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1",
     "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:1::",
     "2001:db8::1"],
)  # fmt: skip
def test_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "2606:4700::1111"])
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "10.0.0.1"])
def test_nobody_is_led_in(host: str) -> None:
    with pytest.raises(NotAllowed):
        asyncio.run(connect_public(host, 443))


def test_the_address_that_was_judged_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the name is looked up once: what it answers the second time does not matter. One private
    address among its public ones is too many."""
    asked, connected = [], []

    async def look_up(self: object, host: str, port: int, **more: object) -> list[object]:
        asked.append(host)
        found = ["8.8.8.8"] if len(asked) == 1 else ["8.8.8.8", "127.0.0.1"]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    async def connect(address: str, port: int, **more: object) -> Streams:
        connected.append((address, more["server_hostname"]))
        raise OSError("nobody there")

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", look_up)
    monkeypatch.setattr(asyncio, "open_connection", connect)
    with pytest.raises(OSError, match="nobody there"):
        asyncio.run(connect_public("rebind.example", 443))
    assert (asked, connected) == (["rebind.example"], [("8.8.8.8", "rebind.example")])
    with pytest.raises(NotAllowed):
        asyncio.run(connect_public("rebind.example", 443))
    assert len(connected) == 1


@pytest.mark.parametrize(
    "url", ["http://a.example/", "https://u@a.example/", "https:///x", "https://a.example/\xe4"]
)
def test_what_is_no_place_to_go(url: str) -> None:
    async def connect(host: str, port: int) -> Streams:
        raise AssertionError("it went there")

    with pytest.raises(NotAllowed):
        asyncio.run(Outside(lambda: 0, connect).post(url, {}, b"", 10))


def test_a_host_that_does_not_answer_is_left_alone() -> None:
    tried, clock = [], [0]

    async def connect(host: str, port: int) -> Streams:
        tried.append(host)
        raise OSError("no")

    out = Outside(lambda: clock[0], connect)

    def post(error: type[Exception]) -> None:
        with pytest.raises(error):
            asyncio.run(out.post("https://a.example/", {}, b"", 10))

    post(OSError)
    post(Resting)
    clock[0] += HOST_REST_SECONDS * 1000
    post(OSError)
    clock[0] += HOST_REST_SECONDS * 1000
    post(Resting)
    assert len(tried) == 2


@pytest.mark.parametrize("said", [b"SSH-2.0\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_answers_that_are_none(said: bytes) -> None:
    with pytest.raises(ValueError, match="no HTTP"):
        outside._parse(said)
