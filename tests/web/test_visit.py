"""What every page carries: headers, escaping, limits."""

from __future__ import annotations

import re

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.web.pages import Page, get, send
from tests.web.site import Site

from covey.edge.rates import rates
from covey.messages import Field, Profile
from covey.web.templates import few
from covey.web.times import age, moment
from covey.web.visit import local

NOW = 1_795_600_000_000
MINUTE = 60_000


def test_headers_of_every_page(server: Site) -> None:
    server.register("amy")
    for browser in (server.browser(), server.browser("amy")):
        for address in ("/public", "/@amy", "/nothing", "/login"):
            headers = browser.get(address).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            assert "Cookie" in headers["vary"]
    assert server.browser("amy").get("/home").headers["cache-control"] == "no-store"
    assert server.browser().get("/public").headers["cache-control"] == "no-cache"


def test_no_page_needs_what_the_policy_forbids(server: Site) -> None:
    server.register("ben")
    post = server.post("ben", "look at https://example.org/page", warning="w")
    browser = server.browser("ben")
    for address in ("/home", "/@ben", f"/@ben/{post}", "/settings", "/notifications"):
        html = browser.get(address).text
        assert not re.search(r"<script(?![^>]*\ssrc=)", html)
        assert not re.search(r"<[^>]+\s(style|on\w+)=", html)
        for source in re.findall(r'<(?:script|img|link)[^>]+(?:src|href)="([^"]+)"', html):
            assert source.startswith("/")
            assert server.browser().get(source).status_code == 200


def test_static_files_are_kept_for_good(server: Site) -> None:
    html = server.browser().get("/public").text
    (address,) = re.findall(r'href="(/static/style\.[0-9a-f]{12}\.css)"', html)
    answer = server.browser().get(address)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert server.browser().get("/favicon.ico", follow_redirects=True).status_code == 200


NASTY = """<script>alert(1)</script>'"&<img src=x onerror=alert(1)>"""


def test_nothing_that_a_person_wrote_becomes_markup(server: Site) -> None:
    server.register("cat")
    server.submit(
        "cat",
        Profile(display_name=NASTY[:50], note=NASTY, fields=(Field(NASTY, "javascript:alert(1)"),)),
    )
    post = server.post("cat", NASTY, warning=NASTY)
    for address in ("/@cat", f"/@cat/{post}", "/public", "/@cat/followers"):
        html = server.browser().get(address).text
        assert "<script>alert" not in html
        assert "<img src=x" not in html
        assert 'href="javascript' not in html
    html = server.browser("cat").get("/settings").text
    assert "<script>alert" not in html


def test_reads_are_limited(server: Site) -> None:
    number = server.register("dan")
    found = rates(server.edge)
    limit = found.limit
    try:
        found.limit = 1
        browser = server.browser("dan")
        browser.get("/public")
        answer = browser.get("/public")
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0
    finally:
        found.limit = limit
    assert number


def test_an_engine_that_is_busy_is_said_so(server: Site) -> None:
    server.register("eva")
    browser = server.browser("eva")
    form = get(browser, "/home").form("/post")
    server.dispatcher.read_only = True
    try:
        answer = send(browser, form, text="not now")
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert "read-only" in Page(answer).words
        assert "not now" in Page(answer).words
        assert browser.get("/home").status_code == 200
    finally:
        server.dispatcher.read_only = False


def test_a_head_has_no_body(server: Site) -> None:
    answer = server.browser().head("/public")
    assert answer.status_code == 200
    assert answer.content == b""


@given(st.text())
def test_local_leads_nowhere_else(text: str) -> None:
    here = httpx.URL("https://covey.example/")
    to = here.join(local(text))
    assert to.host == here.host
    assert local("/" + text).startswith("/")
    assert not local("/" + text).startswith(("//", "/\\"))


@pytest.mark.parametrize(
    ("passed", "words"),
    [(-5, "now"), (44_000, "now"), (46_000, "1 min"), (90 * MINUTE, "2 h"), (5 * MINUTE, "5 min"),
     (23 * 60 * MINUTE, "23 h"), (1_000 * 60 * MINUTE, "14 Oct"),
     (9_000 * 60 * MINUTE, "15 Nov 2025")],
)  # fmt: skip
def test_age_in_words(passed: int, words: str) -> None:
    assert age(NOW - passed, NOW) == words


def test_moments_in_words() -> None:
    assert moment(NOW - 60 * MINUTE, NOW) == "Wednesday 08:46"
    assert moment(NOW - 10_000 * MINUTE, NOW) == "18 November 2026, 11:06"


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, ""), (7, "7"), (999, "999"), (1_000, "1K"), (1_234, "1.2K"), (99_999, "99.9K"),
     (999_999, "999K"), (1_250_000, "1.2M")],
)  # fmt: skip
def test_few_words_for_many(count: int, words: str) -> None:
    assert few(count) == words
