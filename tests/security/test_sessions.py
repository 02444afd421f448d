"""Sessions in a browser: whose they are, and when they end."""

from __future__ import annotations

import msgspec
import pytest
from tests.mastodon.api import World
from tests.web.site import PASSWORD

from covey.edge.access import SESSION_COOKIE, VISITOR_COOKIE


def _csrf(page: str) -> str:
    return page.partition('name="csrf" value="')[2].partition('"')[0]


def test_by_https_cookies_are_this_hosts_alone(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A neighbour under the same domain can set a cookie `covey_session`, but none of that name."""
    settings = here.site.edge.settings
    here.api("sue")
    monkeypatch.setattr(
        here.site.edge,
        "settings",
        msgspec.structs.replace(settings, public_url="https://a.example"),
    )
    browser = here.site.browser()

    def cookies(*pairs: tuple[str, str]) -> dict[str, str]:
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in pairs)}

    page = browser.get("/login")
    visitor = page.headers["set-cookie"]
    name = f"__Host-{VISITOR_COOKIE}"
    assert visitor.startswith(f"{name}=")
    value = visitor.partition("=")[2].partition(";")[0]
    form = {"csrf": _csrf(page.text), "name": "sue", "password": PASSWORD}
    # the visitor's cookie under the name that a neighbour can set is not looked at
    neighbour = cookies((VISITOR_COOKIE, value))
    assert browser.post("/login", data=form, headers=neighbour).status_code == 403
    answer = browser.post("/login", data=form, headers=cookies((name, value)))
    assert answer.status_code == 303
    session = next(
        line for line in answer.headers.get_list("set-cookie") if line.startswith("__Host-covey_se")
    )
    for part in ("; Path=/", "; Secure", "; HttpOnly", "; SameSite=lax"):
        assert part in session
    assert "domain" not in session.lower()
    secret = session.partition("=")[2].partition(";")[0]
    neighbour = cookies((SESSION_COOKIE, secret))
    assert browser.get("/home", headers=neighbour).headers["location"].startswith("/login")
    own = cookies((f"__Host-{SESSION_COOKIE}", secret))
    page = browser.get("/home", headers=own)
    assert page.status_code == 200
    out = browser.post("/logout", data={"csrf": _csrf(page.text)}, headers=own)
    gone = out.headers["set-cookie"]
    assert gone.startswith(f"__Host-{SESSION_COOKIE}=")
    assert "; Secure" in gone  # else a browser keeps it
    assert browser.get("/home", headers=own).status_code == 303


def test_a_session_is_never_one_that_was_there_before(here: World) -> None:
    here.api("sue")
    browser = here.site.browser()
    browser.cookies.set(SESSION_COOKIE, "chosen-by-somebody-else")
    page = browser.get("/login")
    form = {"csrf": _csrf(page.text), "name": "sue", "password": PASSWORD}
    answer = browser.post("/login", data=form)
    assert answer.status_code == 303
    assert "chosen-by-somebody-else" not in answer.headers["set-cookie"]
    stranger = here.site.browser()
    stranger.cookies.set(SESSION_COOKIE, "chosen-by-somebody-else")
    assert stranger.get("/home").status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_another_sites_form_does_nothing(here: World, headers: dict[str, str]) -> None:
    """Not even with the right token; and nobody is logged in by one."""
    here.api("sue")
    browser = here.site.browser("sue")
    form = {"csrf": _csrf(browser.get("/home").text), "text": "not mine", "back": "/home"}
    assert browser.post("/post", data=form, headers=headers).status_code == 403
    stranger = here.site.browser()
    page = stranger.get("/login")
    form = {"csrf": _csrf(page.text), "name": "sue", "password": PASSWORD}
    assert stranger.post("/login", data=form, headers=headers).status_code == 403


def test_a_token_of_anothers_form_does_nothing(here: World) -> None:
    for name in ("sue", "tom"):
        here.api(name)
    theirs = _csrf(here.site.browser("tom").get("/home").text)
    for csrf in (theirs, "", "0" * 64, _csrf(here.site.browser().get("/login").text)):
        answer = here.site.browser("sue").post("/post", data={"csrf": csrf, "text": "not mine"})
        assert answer.status_code == 403


def test_a_web_session_is_nothing_to_the_api(here: World) -> None:
    """Whose scripts of any origin may call: a cookie must give them nothing."""
    here.api("sue")
    browser = here.site.browser("sue")
    answer = browser.get("/api/v1/accounts/verify_credentials")
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    token = here.site.sessions["sue"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert browser.get("/api/v1/timelines/home", headers=bearer).status_code == 401


def test_a_new_password_ends_what_was_on_its_way(here: World) -> None:
    """A code that somebody made in a stolen session is no token afterwards."""
    from tests.mastodon.test_oauth import allow, redeem

    from covey.messages import Password

    here.api("ada")
    answer = allow(here)
    code = answer.headers["location"].partition("code=")[2].partition("&")[0]
    account = here.site.accounts["ada"]
    here.site.submit("ada", Password(account=account, password_hash=here.site._password_hash))
    assert redeem(here, code).status_code == 400
