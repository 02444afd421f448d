"""Two edges: what was answered by one is so on the other, at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from tests.server import Server, serving

from covey.edge.access import SESSION_COOKIE, new_secret, secret_hash
from covey.messages import CloseSession, OpenSession, RevokeApp

ROUNDS = 50


class TwoEdges:
    """People, each with a connection to either edge that stays open."""

    def __init__(self, server: Server, stack: ExitStack) -> None:
        self.server = server
        self._stack = stack
        self.people = server.people("ann", "bob")

    def connections(self, name: str) -> list[httpx.Client]:
        """One to each edge: while one edge is stopped, the other takes the connection."""
        edges = self.server.pids("edge")
        found = []
        for stopped in edges:
            client = self._stack.enter_context(
                self.server.client(
                    self.people[name][1] if name else "",
                    limits=httpx.Limits(max_connections=1, keepalive_expiry=600),
                )
            )
            os.kill(stopped, signal.SIGSTOP)
            try:
                assert client.get("/api/v1/streaming/health").status_code == 200
            finally:
                os.kill(stopped, signal.SIGCONT)
            found.append(client)
        return found


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoEdges]:
    folder: Path = tmp_path_factory.mktemp("two")
    with serving(folder, edges=2) as server, ExitStack() as stack:
        yield TwoEdges(server, stack)


def good(response: httpx.Response) -> httpx.Response:
    assert response.status_code == 200, response.text
    return response


def home(client: httpx.Client) -> list[str]:
    return [post["id"] for post in good(client.get("/api/v1/timelines/home?limit=40")).json()]


def test_they_are_two(two: TwoEdges) -> None:
    """While the other is stopped, only one connection of the pair is answered."""
    pair = two.connections("ann")
    for stopped, (answering, silent) in zip(
        two.server.pids("edge"), [pair, pair[::-1]], strict=True
    ):
        os.kill(stopped, signal.SIGSTOP)
        try:
            good(answering.get("/api/v1/timelines/home"))
            with pytest.raises(httpx.ReadTimeout):
                silent.get("/api/v1/timelines/home", timeout=0.3)
        finally:
            os.kill(stopped, signal.SIGCONT)


def test_one_reads_on_one_edge_what_one_wrote_on_the_other(two: TwoEdges) -> None:
    pair = two.connections("ann")
    for turn in range(ROUNDS):
        write, read = pair[turn % 2], pair[1 - turn % 2]
        post = good(write.post("/api/v1/statuses", data={"status": f"Turn {turn}"})).json()["id"]
        assert good(read.get("/api/v1/timelines/home")).json()[0]["id"] == post
        assert good(read.get("/api/v1/timelines/public")).json()[0]["id"] == post
        good(read.post(f"/api/v1/statuses/{post}/favourite"))
        assert good(write.get(f"/api/v1/statuses/{post}")).json()["favourited"]
        if turn % 2:
            good(write.delete(f"/api/v1/statuses/{post}"))
            assert read.get(f"/api/v1/statuses/{post}").status_code == 404
            assert post not in home(read)


def test_one_reads_what_one_wrote_whatever_edge_takes_the_connection(two: TwoEdges) -> None:
    token = two.people["ann"][1]
    for turn in range(ROUNDS):
        with two.server.client(token) as write, two.server.client(token) as read:
            good(read.get("/api/v1/streaming/health"))
            post = good(write.post("/api/v1/statuses", data={"status": f"New {turn}"})).json()
            assert good(read.get("/api/v1/timelines/home")).json()[0]["id"] == post["id"]


def test_a_follow_and_a_block_are_so_on_the_other_edge(two: TwoEdges) -> None:
    ann, bob = two.connections("ann"), two.connections("bob")
    ann_number, bob_number = (two.people[name][0] for name in ("ann", "bob"))
    post = good(bob[0].post("/api/v1/statuses", data={"status": "By Bob"})).json()["id"]
    for turn in range(ROUNDS // 2):
        act, see = ann[turn % 2], ann[1 - turn % 2]
        good(act.post(f"/api/v1/accounts/{bob_number}/follow"))
        assert post in home(see)
        good(see.post(f"/api/v1/accounts/{bob_number}/block"))
        assert post not in home(act)
        # who is blocked does not see either, on any edge
        own = good(act.post("/api/v1/statuses", data={"status": f"By Ann {turn}"})).json()["id"]
        assert bob[turn % 2].get(f"/api/v1/statuses/{own}").status_code == 404
        assert bob[1 - turn % 2].get(f"/api/v1/statuses/{own}").status_code == 404
        assert bob[turn % 2].post(f"/api/v1/accounts/{ann_number}/follow").status_code == 403
        good(act.post(f"/api/v1/accounts/{bob_number}/unblock"))
        assert bob[turn % 2].get(f"/api/v1/statuses/{own}").status_code == 200


def test_a_revoked_token_is_worth_nothing_on_the_other_edge(two: TwoEdges) -> None:
    for turn in range(10):
        two.people |= two.server.people(f"guest{turn}")
        pair = two.connections(f"guest{turn}")
        for client in pair:
            good(client.get("/api/v1/accounts/verify_credentials"))
        act, see = pair[turn % 2], pair[1 - turn % 2]
        two.server.revoke(two.people[f"guest{turn}"][1])
        assert see.get("/api/v1/accounts/verify_credentials").status_code == 401
        assert act.get("/api/v1/accounts/verify_credentials").status_code == 401


def test_an_app_and_a_browser_that_are_ended_are_out_on_either_edge(two: TwoEdges) -> None:
    """As the page of access ends them: all tokens of an app, one browser, all others."""
    for turn in range(5):
        name = f"owner{turn}"
        two.people |= two.server.people(name)
        number = two.people[name][0]
        pair, browsers = two.connections(name), two.connections("")
        kept, ended = new_secret(), new_secret()
        two.server.submit(
            *[(number, OpenSession(session_hash=secret_hash(secret))) for secret in (kept, ended)]
        )
        for client in browsers:
            client.cookies.set(SESSION_COOKIE, ended)
            good(client.get("/home"))
        apps = [good(c.get("/api/v1/apps/verify_credentials")).json()["id"] for c in pair]
        two.server.submit((number, RevokeApp(app=int(apps[0]))))
        assert [c.get("/api/v1/timelines/home").status_code for c in pair] == [401, 401]
        close = CloseSession(session_hash=secret_hash(kept), others=True)
        if turn % 2:
            close = CloseSession(session_hash=secret_hash(ended))
        two.server.submit((number, close))
        assert [client.get("/home").status_code for client in browsers] == [303, 303]
        for client in browsers:
            client.cookies.set(SESSION_COOKIE, kept)
            good(client.get("/home"))
