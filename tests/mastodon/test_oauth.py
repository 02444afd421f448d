"""Apps, the page on which a person allows one, tokens."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import secrets
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.mastodon.api import REDIRECT, Api, World, world

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        made.api("ada")
        yield made


def challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def wish(**more: str) -> dict[str, str]:
    return {
        "client_id": "tester", "redirect_uri": REDIRECT, "response_type": "code",
        "scope": "read write", "state": "a b&c", **more,
    }  # fmt: skip


def fields_of(page: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    return {html.unescape(name): html.unescape(value) for name, value in found}


def allow(here: World, decision: str = "allow", **more: str) -> httpx.Response:
    """Through the page, as a person does it."""
    browser = here.site.browser("ada")
    page = browser.get("/oauth/authorize", params=wish(**more))
    assert page.status_code == 200, page.text
    return browser.post("/oauth/authorize", data={**fields_of(page.text), "decision": decision})


def code_of(answer: httpx.Response) -> str:
    assert answer.status_code == 303, answer.text
    return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]


def redeem(here: World, code: str, **more: str) -> httpx.Response:
    form = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT,
        "client_id": "tester", "client_secret": "secret", **more,
    }  # fmt: skip
    return here.nobody.ask("POST", "/oauth/token", data=form)


def test_c12_a_code_with_pkce_becomes_a_token_once(here: World) -> None:
    verifier = secrets.token_urlsafe(48)
    answer = allow(here, code_challenge=challenge_of(verifier), code_challenge_method="S256")
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert answer.headers["location"].startswith(REDIRECT + "?")
    assert query["state"] == ["a b&c"]
    code = query["code"][0]
    wrong = redeem(here, code, code_verifier="x" * 43)
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_grant")
    token = redeem(here, code, code_verifier=verifier).json()
    assert token["token_type"] == "Bearer"
    assert set(token["scope"].split()) == {"read", "write"}
    assert isinstance(token["created_at"], int)
    assert (
        Api(here.site, token["access_token"]).get("/api/v1/accounts/verify_credentials")["acct"]
        == "ada"
    )
    again = redeem(here, code, code_verifier=verifier)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert again.json()["error_description"]


@pytest.mark.parametrize("how", ["form", "json", "multipart", "basic"])
def test_c12_c21_client_credentials_however_they_are_sent(here: World, how: str) -> None:
    said = {"grant_type": "client_credentials", "scope": "read write follow push"}
    client = {"client_id": "tester", "client_secret": "secret"}
    if how == "form":
        answer = here.nobody.ask("POST", "/oauth/token", data=said | client)
    elif how == "json":
        answer = here.nobody.ask("POST", "/oauth/token", json=said | client)
    elif how == "multipart":
        files = {name: (None, value) for name, value in (said | client).items()}
        answer = here.nobody.ask("POST", "/oauth/token", files=files)
    else:
        answer = here.nobody.ask("POST", "/oauth/token", data=said, auth=("tester", "secret"))
    assert answer.status_code == 200, answer.text
    assert set(answer.json()["scope"].split()) == {"read", "write", "follow", "push"}
    api = Api(here.site, answer.json()["access_token"])
    assert api.get("/api/v1/apps/verify_credentials")["name"] == "Tester"
    refused = api.ask("GET", "/api/v1/accounts/verify_credentials")
    assert refused.status_code in (403, 422)


def test_c13_the_password_grant_is_gone(here: World) -> None:
    form = {"grant_type": "password", "username": "ada", "password": "x", "client_id": "tester"}
    answer = here.nobody.ask("POST", "/oauth/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")
    known = here.nobody.get("/.well-known/oauth-authorization-server")
    assert "password" not in known["grant_types_supported"]
    assert known["code_challenge_methods_supported"] == ["S256"]


def test_a_stranger_logs_in_first_and_comes_back(here: World) -> None:
    answer = here.site.browser().get("/oauth/authorize", params=wish())
    assert answer.status_code == 303, answer.text
    to = urlsplit(answer.headers["location"])
    assert to.path == "/login"
    back = parse_qs(to.query)["next"][0]
    page = here.site.browser("ada").get(back)
    assert page.status_code == 200
    assert "Tester" in page.text
    assert "@ada" in page.text


def test_the_out_of_band_code_is_shown(here: World) -> None:
    answer = allow(here, redirect_uri=OUT_OF_BAND)
    assert answer.status_code == 200
    code = re.search(r'<code id="code">([^<]+)</code>', answer.text)
    assert code
    token = redeem(here, code[1], redirect_uri=OUT_OF_BAND)
    assert token.status_code == 200, token.text


def test_who_does_not_allow_it_is_sent_back_without_a_code(here: World) -> None:
    answer = allow(here, "deny")
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query["error"] == ["access_denied"]
    assert query["state"] == ["a b&c"]
    assert "code" not in query


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "admin:read"}, "invalid_scope"),
        ({"code_challenge": "x" * 43, "code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "x" * 43}, "invalid_request"),
        ({"code_challenge": "short", "code_challenge_method": "S256"}, "invalid_request"),
    ],
)
def test_a_wrong_wish_is_told_to_the_person(here: World, more: dict[str, str], error: str) -> None:
    """And nobody is sent to the app unasked: anybody can register one, with any address."""
    answer = here.site.browser("ada").get("/oauth/authorize", params=wish(**more))
    assert answer.status_code == 400
    assert f"makers: {error}<" in answer.text


@pytest.mark.parametrize(
    "more",
    [
        {"client_id": "unknown"},
        {"redirect_uri": REDIRECT + "/"},
        {"redirect_uri": REDIRECT + "?more=1"},
        {"redirect_uri": "https://evil.example/"},
    ],
)
def test_nobody_is_sent_to_an_address_the_app_did_not_name(
    here: World, more: dict[str, str]
) -> None:
    answer = here.site.browser("ada").get("/oauth/authorize", params=wish(**more))
    assert answer.status_code == 400
    assert "location" not in answer.headers


def test_the_form_needs_its_token_and_its_session(here: World) -> None:
    fields = {**wish(), "decision": "allow"}
    assert here.site.browser("ada").post("/oauth/authorize", data=fields).status_code == 403
    here.site.register("bea")
    page = here.site.browser("bea").get("/oauth/authorize", params=wish())
    stolen = {**fields_of(page.text), "decision": "allow"}
    assert here.site.browser("ada").post("/oauth/authorize", data=stolen).status_code == 403
    assert here.site.browser().post("/oauth/authorize", data=stolen).status_code == 401
    foreign = here.site.browser("bea").post(
        "/oauth/authorize", data=stolen, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert foreign.status_code == 403


def test_a_name_is_shown_as_text(here: World) -> None:
    app = here.nobody.post(
        "/api/v1/apps", client_name="<script>x</script>", redirect_uris=OUT_OF_BAND
    )
    asked = wish(client_id=app["client_id"], redirect_uri=OUT_OF_BAND, scope="read")
    page = here.site.browser("ada").get("/oauth/authorize", params=asked)
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "script-src" not in page.headers["content-security-policy"]
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_another_apps_code_and_a_wrong_secret_do_not_work(here: World) -> None:
    other = here.nobody.post("/api/v1/apps", client_name="Other", redirect_uris=REDIRECT)
    code = code_of(allow(here))
    taken = redeem(here, code, client_id=other["client_id"], client_secret=other["client_secret"])
    assert (taken.status_code, taken.json()["error"]) == (400, "invalid_grant")
    wrong = redeem(here, code, client_secret="wrong")
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    elsewhere = redeem(here, code, redirect_uri=OUT_OF_BAND)
    assert elsewhere.json()["error"] == "invalid_grant"
    assert redeem(here, code).status_code == 200


def test_a_revoked_token_is_refused_at_once(here: World) -> None:
    token = redeem(here, code_of(allow(here))).json()["access_token"]
    api = Api(here.site, token)
    api.get("/api/v1/accounts/verify_credentials")
    client = {"client_id": "tester", "client_secret": "secret"}
    assert here.nobody.post("/oauth/revoke", **client, token=token) == {}
    refused = api.ask("GET", "/api/v1/accounts/verify_credentials")
    assert (refused.status_code, refused.json()["code"]) == (401, "token_invalid")
    assert here.nobody.post("/oauth/revoke", **client, token=token) == {}
    # where nothing depends on who asks, a stale token does no harm
    assert api.ask("GET", "/api/v2/instance").status_code == 200
    assert api.ask("GET", "/api/v1/timelines/public").status_code == 401


@pytest.mark.parametrize(
    "uris",
    ["https://a.example/1\nhttps://a.example/2", ["https://a.example/1", "https://a.example/2"]],
)
def test_apps_have_several_addresses(here: World, uris: object) -> None:
    app = here.nobody.json(
        "POST", "/api/v1/apps", {"client_name": "x", "redirect_uris": uris, "scopes": "read push"}
    )
    assert app["redirect_uris"] == ["https://a.example/1", "https://a.example/2"]
    assert app["scopes"] == ["read", "push"]


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"redirect_uris": OUT_OF_BAND}, "parameter_missing"),
        ({"client_name": "x"}, "parameter_missing"),
        ({"client_name": "x" * 101, "redirect_uris": OUT_OF_BAND}, "text_long"),
        ({"client_name": "x", "redirect_uris": "javascript:alert(1)"}, "redirect_uri_malformed"),
        ({"client_name": "x", "redirect_uris": "/relative"}, "redirect_uri_malformed"),
        ({"client_name": "x", "redirect_uris": OUT_OF_BAND, "scopes": "all"}, "scope_unknown"),
        ({"client_name": "x", "redirect_uris": OUT_OF_BAND, "website": "x"}, "url_malformed"),
    ],
)
def test_apps_that_are_refused(here: World, form: dict[str, str], code: str) -> None:
    answer = here.nobody.ask("POST", "/api/v1/apps", data=form)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
