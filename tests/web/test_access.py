"""Who and what can come in: browsers, apps, personal tokens; each is listed, and ended at once."""

from __future__ import annotations

import re

import httpx
import pytest
from tests.web.pages import Form, Page, follow, get, send
from tests.web.site import PASSWORD, Site

from covey.edge.access import DAY_MS, new_secret, secret_hash
from covey.limits import TOKEN_NAME_CHARACTERS
from covey.messages import SERVER, App, OpenSession, Token

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"


def another_browser(server: Site, name: str, agent: str = FIREFOX) -> httpx.Client:
    secret = new_secret()
    server.submit(name, OpenSession(session_hash=secret_hash(secret), agent=agent))
    server.sessions[name], kept = secret, server.sessions[name]
    browser = server.browser(name)
    server.sessions[name] = kept
    return browser


def form_with(page: Page, action: str, **fields: str) -> Form:
    return next(
        form
        for form in page.forms
        if form.action == action and fields.items() <= form.fields.items()
    )


def api(server: Site, token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{server.url}/api/v1/accounts/verify_credentials", headers=headers)


def token_of(server: Site, name: str, app: int, scopes: str = "read write") -> str:
    secret = new_secret()
    account = server.accounts[name]
    server.submit(
        SERVER, Token(token_hash=secret_hash(secret), app=app, account=account, scopes=scopes)
    )
    return secret


def test_browsers_are_listed_and_one_is_ended(server: Site) -> None:
    server.register("rosa")
    here, there = server.browser("rosa"), another_browser(server, "rosa")
    page = get(here, "/settings/access")
    assert "Firefox on Linux" in page.words
    assert page.words.count("this browser") == 1
    assert there.get("/home").status_code == 200
    page = follow(here, send(here, page.form("/settings/access/session")))
    assert "That browser is logged out." in page.words
    assert "Firefox" not in page.words
    assert there.get("/home").status_code == 303
    assert here.get("/home").status_code == 200


def test_all_other_browsers_are_ended(server: Site) -> None:
    server.register("rolf")
    server.register("stays")
    here, stays = server.browser("rolf"), server.browser("stays")
    others = [another_browser(server, "rolf") for _ in range(3)]
    page = get(here, "/settings/access")
    page = follow(here, send(here, page.form("/settings/access/sessions")))
    assert "All other browsers are logged out." in page.words
    assert [other.get("/home").status_code for other in others] == [303] * 3
    assert here.get("/home").status_code == stays.get("/home").status_code == 200
    assert "/settings/access/sessions" not in [form.action for form in page.forms]


def test_nobody_ends_anothers(server: Site) -> None:
    for name in ("rita", "thief"):
        server.register(name)
    victim, thief = server.browser("rita"), server.browser("thief")
    token = token_of(server, "rita", _app(server, "Ritas app"))
    form = get(thief, "/settings/access").form("/settings/access/token")
    for action, fields in (
        ("session", {"session": secret_hash(server.sessions["rita"]).hex()}),
        ("token/revoke", {"token": secret_hash(token).hex()}),
        ("app", {"app": "1"}),
        ("app", {"app": "9" * 30}),
        ("session", {"session": "no hex"}),
    ):
        form.action = f"/settings/access/{action}"
        assert send(thief, form, **fields).status_code == 404
    assert victim.get("/home").status_code == 200
    assert api(server, token).status_code == 200


def test_a_browser_is_seen_once_a_day(server: Site) -> None:
    """The day of its last use is told, by one message a day however often it comes."""
    server.register("rudi")
    here = server.browser("rudi")
    key = secret_hash(server.sessions["rudi"])

    def used() -> int:
        with server.edge.snapshot() as snapshot:
            row = snapshot.row("select used from sessions where session_hash = ?", (key,))
        assert row is not None
        return int(row[0])

    opened = used()
    here.get("/home")
    server.skew_ms = 3 * DAY_MS
    try:
        here.get("/home")
        server.wait_until(lambda: used() > opened)
        told = used()
        assert told // DAY_MS == (opened + 3 * DAY_MS) // DAY_MS
        for _ in range(3):
            here.get("/home")
        server.post("rudi", "whatever came before is applied now")
        assert used() == told
    finally:
        server.skew_ms = 0


def _app(server: Site, name: str) -> int:
    return server.submit(
        SERVER,
        App(
            client_id=new_secret(), secret_hash=b"", name=name,
            redirect_uris=("https://app.example/",), scopes="read write push",
            website="https://app.example/about",
        ),
    ).id  # fmt: skip


def test_apps_are_listed_with_what_they_may_and_ended(server: Site) -> None:
    server.register("rena")
    here = server.browser("rena")
    kind, other = _app(server, "Kind <App>"), _app(server, "Other app")
    tokens = [token_of(server, "rena", kind), token_of(server, "rena", kind, "push")]
    kept = token_of(server, "rena", other, "read:lists read:statuses")
    page = get(here, "/settings/access")
    assert "Kind &lt;App&gt;" in page.html
    assert "says it is from app.example" in page.words
    assert "see all that you see, act as you, notify you" in page.words
    assert "see some of what you see" in page.words
    assert api(server, tokens[0]).status_code == 200
    page = follow(here, send(here, form_with(page, "/settings/access/app", app=str(kind))))
    assert "That app is out." in page.words
    assert "Kind" not in page.words
    assert [api(server, token).status_code for token in tokens] == [401, 401]
    assert api(server, kept).status_code == 403  # it has no scope for that, and works


def test_a_personal_token(server: Site) -> None:
    server.register("robo")
    here = server.browser("robo")
    form = get(here, "/settings/access").form("/settings/access/token")
    page = Page(here.post(form.action, data={**form.fields, "name": "Weather",
                                             "scope": ["write:statuses", "read"]}))  # fmt: skip
    assert page.status == 200
    assert page.response.headers["cache-control"] == "no-store"
    secret = re.search(r"<code>([\w-]{43})</code>", page.html)
    assert secret
    assert api(server, secret[1]).json()["username"] == "robo"
    headers = {"Authorization": f"Bearer {secret[1]}"}
    posted = httpx.post(f"{server.url}/api/v1/statuses", headers=headers, data={"status": "Sun"})
    assert posted.status_code == 200
    refused = httpx.post(f"{server.url}/api/v1/lists", headers=headers, data={"title": "x"})
    assert refused.status_code == 403
    page = get(here, "/settings/access")
    assert "Weather" in page.words
    assert "read, write:statuses" in page.words
    assert secret[1] not in page.html
    page = follow(here, send(here, page.form("/settings/access/token/revoke")))
    assert "That token is revoked." in page.words
    assert api(server, secret[1]).status_code == 401


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "", "scope": "read"}, "Give it a name"),
        ({"name": "x"}, "Tick at least one thing"),
        ({"name": "x", "scope": "admin:read"}, "Tick at least one thing"),
        ({"name": "x" * (TOKEN_NAME_CHARACTERS + 1), "scope": "read"}, "characters; at most"),
        ({"name": "twice", "scope": "read"}, "There is a token “twice” already."),
    ],
)
def test_a_token_that_is_not_made(server: Site, fields: dict[str, str], sentence: str) -> None:
    if "rex" not in server.accounts:
        server.register("rex")
        server.submit(
            SERVER,
            Token(
                token_hash=bytes(32), app=0, account=server.accounts["rex"], scopes="read",
                name="twice",
            ),
        )  # fmt: skip
    here = server.browser("rex")
    form = get(here, "/settings/access").form("/settings/access/token")
    page = Page(send(here, form, **fields))
    assert page.status == 422
    assert sentence in page.words


def test_a_new_password_ends_them_all(server: Site) -> None:
    server.register("rick")
    server.forget_attempts()
    here, there = server.browser("rick"), another_browser(server, "rick")
    token = token_of(server, "rick", _app(server, "Ricks app"))
    form = get(here, "/settings").form("/settings/password")
    follow(here, send(here, form, current=PASSWORD, new="another long one"))
    assert api(server, token).status_code == 401
    assert there.get("/home").status_code == 303
    assert here.get("/home").status_code == 200
