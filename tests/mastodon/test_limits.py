"""C23: what a client is told of its limits, and what happens past them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import msgspec
import pytest
from tests.mastodon.api import Api, World
from tests.server import serving
from tests.web.site import site

from covey.edge.rates import rates
from covey.engine.counters import Counters
from covey.limits import (
    READ_WINDOW_SECONDS,
    READS_PER_WINDOW,
    REGISTRATION_WINDOW_SECONDS,
    REGISTRATIONS_PER_ADDRESS,
)
from covey.limits import WRITES_PER_WINDOW as WRITES

PROXY = "127.0.0.1"


@pytest.fixture
def here() -> Iterator[World]:
    """Its limits hold."""
    with site() as running:
        yield World(running)


def figures(answer: httpx.Response) -> tuple[int, int]:
    """Limit and what remains; the rest of C23 is checked."""
    headers = answer.headers
    reset = datetime.fromisoformat(headers["x-ratelimit-reset"])
    date = parsedate_to_datetime(headers["date"])
    assert headers["x-ratelimit-reset"].endswith("Z")
    assert -2 <= (reset - date).total_seconds() <= REGISTRATION_WINDOW_SECONDS + 60
    assert abs((datetime.now(UTC) - date).total_seconds()) < 600
    return int(headers["x-ratelimit-limit"]), int(headers["x-ratelimit-remaining"])


def limit_writes(here: World, limit: int) -> None:
    here.site.dispatcher._counters = Counters({"write": limit})


def test_c23_every_answer_says_how_the_client_stands(here: World) -> None:
    ada = here.api("ada")
    path = "/api/v1/timelines/home"
    first, second = (figures(ada.ask("GET", path)) for _ in range(2))
    assert first == (READS_PER_WINDOW, READS_PER_WINDOW - 1)
    assert second == (READS_PER_WINDOW, READS_PER_WINDOW - 2)
    assert figures(ada.ask("GET", "/api/v1/statuses/1"))[1] == READS_PER_WINDOW - 3
    # a stranger has a count of its own, in which what is not there counts too
    for left, path in ((1, "/api/v1/instance"), (2, "/api/v1/nothing")):
        assert figures(here.nobody.ask("GET", path))[1] == READS_PER_WINDOW - left


def test_c23_a_write_tells_of_what_is_left_to_write(here: World) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    for left in (WRITES - 1, WRITES - 2):
        answer = ada.ask("POST", "/api/v1/statuses", data={"status": f"{left}"})
        assert figures(answer) == (WRITES, left)
    refused = ada.ask("POST", "/api/v1/statuses", data={"status": ""})
    assert refused.status_code == 422
    assert figures(refused) == (WRITES, WRITES - 3)
    assert figures(bea.ask("POST", "/api/v1/statuses", data={"status": "hi"}))[1] == WRITES - 1


def test_c23_past_the_limit_writes_wait_and_reads_go_on(here: World) -> None:
    ada = here.api("ada")
    limit_writes(here, 1)
    ada.status("the one")
    answer = ada.ask("POST", "/api/v1/statuses", data={"status": "one too many"})
    assert answer.status_code == 429
    assert answer.json()["error"]
    assert 1 <= int(answer.headers["retry-after"]) <= READ_WINDOW_SECONDS
    assert figures(answer) == (1, 0)
    found = ada.get("/api/v1/accounts/verify_credentials")
    assert found["statuses_count"] == 1


def test_c23_past_the_limit_of_reads(here: World) -> None:
    ada = here.api("ada")
    rates(here.site.edge).limit = 1
    ada.get("/api/v1/timelines/home")
    answer = ada.ask("GET", "/api/v1/timelines/home")
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= READ_WINDOW_SECONDS
    assert figures(answer) == (1, 0)


def sign_up(here: World, app: Api, name: str, forwarded: str = "") -> httpx.Response:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    form = {
        "username": name, "email": f"{name}@example.org", "password": "long enough",
        "agreement": "true", "locale": "en",
    }  # fmt: skip
    return app.ask("POST", "/api/v1/accounts", data=form, headers=headers)


def test_c23_sign_ups_of_a_network(here: World) -> None:
    app = here.app_api()
    for n in range(REGISTRATIONS_PER_ADDRESS):
        # a stranger's header does not count
        answer = sign_up(here, app, f"one{n}", forwarded=f"203.0.113.{n}")
        assert answer.status_code == 200, answer.text
        assert figures(answer) == (
            REGISTRATIONS_PER_ADDRESS, REGISTRATIONS_PER_ADDRESS - n - 1
        )  # fmt: skip
    assert sign_up(here, app, "another", forwarded="203.0.113.99").status_code == 429


def test_c23_behind_a_trusted_proxy_the_clients_network_counts(here: World) -> None:
    edge = here.site.edge
    edge.settings = msgspec.structs.replace(edge.settings, trusted_proxies=(PROXY,))
    app = here.app_api()
    for n in range(REGISTRATIONS_PER_ADDRESS):
        assert sign_up(here, app, f"one{n}", f"2001:db8::{n}").status_code == 200
    assert sign_up(here, app, "another", "2001:db8::ffff:1").status_code == 429
    assert sign_up(here, app, "elsewhere", "6.6.6.6, 2001:db8:0:1::1").status_code == 200


def test_c23_a_form_of_a_page_is_a_write(here: World) -> None:
    here.site.register("ada")
    limit_writes(here, 1)
    browser = here.site.browser("ada")
    asked = [browser.post("/post", data={"text": "hi"}).status_code for _ in range(2)]
    assert asked[0] != 429
    assert asked[1] == 429
    assert browser.get("/home").status_code == 200


def test_limits_off(here: World) -> None:
    edge = here.site.edge
    edge.settings = msgspec.structs.replace(edge.settings, limits="off")
    limit_writes(here, 1)
    ada = here.api("ada")
    for n in range(3):
        answer = ada.ask("POST", "/api/v1/statuses", data={"status": f"{n}"})
        assert answer.status_code == 200
        assert "x-ratelimit-limit" not in answer.headers


def test_c23_settings_hold_over_all_edges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"LIMITS": "on", "LIMIT_WRITES": "4", "LIMIT_READS": "5000"}.items():
        monkeypatch.setenv(f"COVEY_{name}", value)
    with serving(tmp_path, edges=2) as server:
        _, token = server.people("ada")["ada"]
        answers = []
        for n in range(6):
            with server.client(token) as client:  # a new connection: to either edge
                answers.append(client.post("/api/v1/statuses", data={"status": f"{n}"}))
        assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 2
        assert [figures(answer) for answer in answers[:4]] == [(4, left) for left in (3, 2, 1, 0)]
        with server.client(token) as client:
            assert figures(client.get("/api/v1/timelines/home"))[0] == 2_500
