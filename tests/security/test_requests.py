"""What a request can do to the server, or learn of it, by its form alone."""

from __future__ import annotations

import logging

import pytest
from tests.mastodon.api import REDIRECT, World

from covey.edge.rates import client_address, rates
from covey.edge.requests import all_of
from covey.engine.counters import BUCKETS
from covey.errors import Refused
from covey.settings import Settings

HTML = ["/", "/login", "/signup", "/public", "/nothing", "/@nobody", "/oauth/authorize"]


@pytest.mark.parametrize("digits", [19, 20, 4_000, 5_000])
def test_a_long_number_in_a_path_is_a_page_that_is_not_there(here: World, digits: int) -> None:
    browser = here.site.browser()
    for path in ("/@ada/{}", "/@ada/{}/delete", "/api/v1/statuses/{}", "/api/v1/accounts/{}"):
        assert browser.get(path.format("9" * digits)).status_code in (303, 404), path


@pytest.mark.parametrize("path", HTML)
def test_every_page_says_what_may_run_in_it(here: World, path: str) -> None:
    answer = here.site.browser().get(path)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_no_address_comes_from_the_request(here: World) -> None:
    """Host and X-Forwarded-* of a stranger are in nothing that is answered."""
    here.api("ada").status("hello https://example.org #tag")
    lies = {
        "Host": "evil.example", "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "evil", "Forwarded": "host=evil.example",
    }  # fmt: skip
    for path in [
        *HTML, "/@ada", "/home", "/api/v1/instance", "/api/v2/instance",
        "/api/v1/timelines/public", "/api/v1/accounts/lookup?acct=ada",
        "/.well-known/oauth-authorization-server",
    ]:  # fmt: skip
        answer = here.site.browser().get(path, headers=lies)
        assert "evil" not in answer.text, path
        assert "evil" not in str(answer.headers), path


@pytest.mark.parametrize(
    "to",
    [
        "//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example",
        "javascript:alert(1)", "/\t/evil.example", "/\n/evil.example", "data:text/html,x", "///x",
        "/%0d%0aX: y\r\nX: y", "",
    ],
)  # fmt: skip
def test_a_link_of_ours_leads_to_no_other_site(here: World, to: str) -> None:
    here.api("ada")
    answer = here.site.browser("ada").get("/login", params={"next": to})
    assert answer.status_code == 303
    location = answer.headers["location"]
    assert location.startswith("/")
    assert location[1:2] not in ("/", "\\")
    assert "x" not in answer.headers


def test_an_app_that_asks_wrongly_makes_us_send_nobody_to_it(here: World) -> None:
    """Anybody can register an app and its address."""
    for wrong in (
        {"response_type": "token"},
        {"scope": "nothing"},
        {"code_challenge": "x"},
        {"code_challenge_method": "plain", "code_challenge": "x" * 43},
    ):
        asked = {
            "client_id": "tester", "redirect_uri": REDIRECT, "response_type": "code",
            "scope": "read", **wrong,
        }  # fmt: skip
        answer = here.nobody.ask("GET", "/oauth/authorize", params=asked)
        assert answer.status_code == 400, wrong
        assert "location" not in answer.headers


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)", "JavaScript:alert(1)", " javascript:alert(1)",
        "data:text/html,<script>", "vbscript:x", "file:///etc/passwd", "//evil.example",
        "https://a.example/#x", "https://a.example/\"><script>", "https://a b",
    ],
)  # fmt: skip
def test_no_app_has_an_address_that_runs(here: World, uri: str) -> None:
    answer = here.nobody.ask(
        "POST", "/api/v1/apps", data={"client_name": "x", "redirect_uris": uri}
    )
    assert answer.status_code == 422, answer.text


def test_an_apps_name_is_text_on_the_page_that_asks_for_it(here: World) -> None:
    here.api("ada")
    app = here.nobody.post(
        "/api/v1/apps", client_name="<script>x</script>\"'", redirect_uris=REDIRECT,
        website="https://a.example/'onload=x",
    )  # fmt: skip
    page = here.site.browser("ada").get(
        "/oauth/authorize",
        params={
            "client_id": app["client_id"], "redirect_uri": REDIRECT, "response_type": "code",
            "state": "\"><script>state</script>",
        },
    )  # fmt: skip
    assert page.status_code == 200
    assert "<script" not in page.text
    # Chromium holds a redirect after the form against form-action, and `default-src` is not it
    assert "form-action" not in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"


# --- what is counted, and as whose --------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
        (["6.6.6.6", "1.2.3.4"], "1.2.3.4"),
        (["6.6.6.6", "7.7.7.7, 1.2.3.4", "127.0.0.1"], "1.2.3.4"),
        (["6.6.6.6, nonsense"], "127.0.0.1"),
        ([], "127.0.0.1"),
    ],
)
def test_a_proxy_that_adds_a_line_is_not_taken_in(lines: list[str], found: str) -> None:
    """Some proxies append to X-Forwarded-For, some add a line of their own below the client's."""
    headers = [(b"x-forwarded-for", line.encode()) for line in lines]
    scope = {"client": ("127.0.0.1", 1), "headers": headers}
    assert client_address(scope, Settings(trusted_proxies=("127.0.0.1",))) == found
    assert client_address(scope, Settings()) == "127.0.0.1"
    assert all_of(scope, b"x-forwarded-for") == ",".join(lines)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/v1/timelines/home", {"Authorization": "Bearer wrong"}),
        ("/api/v1/timelines/home", {}),
        ("/api/v1/nothing", {}),
        ("/nothing", {}),
        ("/nothing", {"X-Forwarded-For": "6.6.6.6"}),
    ],
)
def test_what_is_refused_or_not_there_counts_too(
    here: World, path: str, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = rates(here.site.edge)
    browser = here.site.browser()
    assert browser.get(path, headers=headers).status_code in (401, 404)
    monkeypatch.setattr(counts, "limit", 1)
    assert browser.get(path, headers=headers).status_code == 429


def test_tokens_of_apps_are_counted_for_an_address(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BUCKETS, "app_token", (2, 100))
    here.site.forget_attempts()
    form = {
        "grant_type": "client_credentials", "client_id": "tester", "client_secret": "secret",
    }  # fmt: skip
    asked = [here.nobody.ask("POST", "/oauth/token", data=form).status_code for _ in range(3)]
    assert asked == [200, 200, 429]


def test_who_is_over_its_own_limit_shuts_nobody_else_out(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []

    async def count(bucket: str, subject: str) -> None:
        counted.append(bucket)
        if bucket == "log_in_address":
            raise Refused("too_many_requests", at="then", until=0)

    browser = here.site.browser()
    page = browser.get("/login").text
    csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
    monkeypatch.setattr(here.site.edge, "count", count)
    form = {"csrf": csrf, "name": "ada", "password": "wrong"}
    assert browser.post("/login", data=form).status_code == 429
    assert counted == ["write", "log_in_address"]


# --- secrets in log lines ------------------------------------------------------------------------


def test_no_log_line_holds_what_people_write(
    here: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = here.api("ada")
    before = here.site.dispatcher.engine.failures

    def fails(*_: object) -> None:
        raise RuntimeError("made up")

    monkeypatch.setattr("covey.engine.engine.apply", fails)
    with caplog.at_level(logging.DEBUG):
        form = {"status": "a secret", "visibility": "direct"}
        answer = ada.ask("POST", "/api/v1/statuses", data=form)
    assert answer.status_code == 500
    assert here.site.dispatcher.engine.failures == before + 1
    assert "could not be applied" in caplog.text
    assert "a secret" not in caplog.text
    assert b"a secret".hex() not in caplog.text
