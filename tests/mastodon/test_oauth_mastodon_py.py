"""Every way in that Mastodon.py has, over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from mastodon import Mastodon
from mastodon.errors import (
    MastodonAPIError,
    MastodonIllegalArgumentError,
    MastodonUnauthorizedError,
)
from tests.mastodon.api import REDIRECT, Api, World, world
from tests.mastodon.test_oauth import OUT_OF_BAND, fields_of
from tests.web.pages import get, send
from tests.web.site import PASSWORD

from covey.edge.access import new_secret, secret_hash
from covey.messages import SERVER, ApproveAccount, Setting, Token

SCOPES = ["read", "write", "follow", "push"]


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        made.site.register("ada")
        yield made


def app(here: World, scopes: list[str] = SCOPES) -> Mastodon:
    client_id, secret = Mastodon.create_app(
        "py", scopes=scopes, redirect_uris=[REDIRECT, OUT_OF_BAND], api_base_url=here.site.url
    )
    return Mastodon(client_id, secret, api_base_url=here.site.url, ratelimit_method="throw")


def allow(browser: httpx.Client, url: str) -> httpx.Response:
    page = browser.get(url)
    assert page.status_code == 200, page.text
    return browser.post("/oauth/authorize", data={**fields_of(page.text), "decision": "allow"})


@pytest.mark.parametrize("scopes", [SCOPES, ["read"], ["read:accounts", "write:statuses"]])
def test_c12_a_code_by_the_apps_own_address(here: World, scopes: list[str], tmp_path: Path) -> None:
    """It raises when the scope that comes back lacks one that it asked for."""
    api = app(here, scopes)
    url = api.auth_request_url(
        redirect_uris=REDIRECT, scopes=scopes, state="s p&ce", lang="de", allow_http=True
    )
    answer = allow(here.site.browser("ada"), url)
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query["state"] == ["s p&ce"]
    kept = tmp_path / "token"
    api.log_in(
        code=query["code"][0], redirect_uri=REDIRECT, scopes=scopes, to_file=kept, allow_http=True
    )
    assert api.account_verify_credentials()["acct"] == "ada"
    again = Mastodon(access_token=str(kept))  # it keeps the address beside the token
    assert again.me()["acct"] == "ada"


def test_c12_a_code_that_is_copied_by_hand_after_a_log_in(here: World) -> None:
    """As one types it: by a browser that nobody is logged in to, asked to by force."""
    api = app(here)
    url = api.auth_request_url(scopes=SCOPES, force_login=True, allow_http=True)
    browser = here.site.browser()
    form = get(browser, browser.get(url).headers["location"]).form("/login")
    shown = allow(browser, send(browser, form, name="ada", password=PASSWORD).headers["location"])
    code = shown.text.partition('<code id="code">')[2].partition("<")[0]
    api.log_in(code=code, scopes=SCOPES, allow_http=True)
    assert api.me()["acct"] == "ada"
    assert api.app_verify_credentials()["name"] == "py"
    api.revoke_access_token(allow_http=True)
    with pytest.raises(MastodonAPIError):
        api.me()


def test_c12_what_the_server_can(here: World) -> None:
    info = app(here).oauth_authorization_server_info()
    assert info["issuer"] == here.site.url
    assert info["grant_types_supported"] == ["authorization_code", "client_credentials"]


def test_c13_the_old_password_log_in_is_told_why(here: World) -> None:
    with pytest.raises(MastodonIllegalArgumentError, match=r"no longer supported|not supported"):
        app(here).log_in("ada@example.org", "password", scopes=SCOPES, allow_http=True)


def test_a_personal_token_is_what_a_bot_has_instead(here: World) -> None:
    token = new_secret()
    message = Token(
        token_hash=secret_hash(token), app=0, account=here.site.accounts["ada"],
        scopes="read write:statuses", name="bot",
    )  # fmt: skip
    here.site.submit(SERVER, message)
    bot = Mastodon(access_token=token, api_base_url=here.site.url)
    status = bot.status_post("Good morning")
    assert status["account"]["acct"] == "ada"
    assert not bot.status(status["id"]).get("application")
    with pytest.raises(MastodonAPIError):
        bot.account_follow(1)


def test_signing_up_by_an_app_where_a_moderator_looks_first(here: World) -> None:
    """The token is there at once, says why it does not work yet, and works once approved."""
    api = app(here)
    here.site.submit(SERVER, Setting(name="registrations", value="approval"))
    try:
        token = api.create_account(
            "patience", "correct horse battery", "p@example.org", agreement=True, scopes=SCOPES
        )
    finally:
        here.site.submit(SERVER, Setting(name="registrations", value="open"))
    assert token
    for ask in (api.me, api.timeline_home, api.timeline_public):
        with pytest.raises(MastodonAPIError, match="403"):
            ask()
    answer = Api(here.site, token).ask("GET", "/api/v1/accounts/verify_credentials")
    assert answer.json()["code"] == "account_pending"
    assert "waits for a moderator" in answer.json()["error"]
    with here.site.edge.snapshot() as snapshot:
        account = snapshot.account_named("patience")
    assert account is not None
    here.site.submit(SERVER, ApproveAccount(account=account.number))
    assert api.me()["acct"] == "patience"
    assert api.status_post("At last")["account"]["acct"] == "patience"


def test_signing_up_needs_an_apps_token(here: World) -> None:
    form = {
        "username": "nobody_yet", "password": PASSWORD, "agreement": "true",
        "email": "n@example.org",
    }  # fmt: skip
    assert here.nobody.ask("POST", "/api/v1/accounts", data=form).status_code == 401
    assert here.app_api("read").ask("POST", "/api/v1/accounts", data=form).status_code == 403
    answer = here.app_api("write").ask("POST", "/api/v1/accounts", data=form)
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "Bearer"
    with pytest.raises(MastodonUnauthorizedError):
        Mastodon(access_token="wrong", api_base_url=here.site.url).me()
