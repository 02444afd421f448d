"""Apps, the page on which a person allows one, tokens."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.mastodon.api import REDIRECT, Api, World, world
from tests.web.pages import Page, get, send
from tests.web.site import PASSWORD

from covey.edge.access import new_secret, secret_hash
from covey.limits import GRANT_MS, RECOVERY_CODES
from covey.messages import OpenSession, TotpOn
from covey.state.access import is_redirect

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        made.api("ada")
        yield made


@pytest.fixture(scope="module")
def browser(here: World) -> Iterator[httpx.Client]:
    """Of somebody whom no other test logs out."""
    here.site.register("eve")
    with here.site.browser("eve") as client:
        yield client


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


def test_c12_a_code_used_twice_revokes_what_it_gave(here: World) -> None:
    """Somebody else has it, too, and nobody knows who came first. Others' tokens stay."""
    other = Api(here.site, redeem(here, code_of(allow(here))).json()["access_token"])
    code = code_of(allow(here))
    first = Api(here.site, redeem(here, code).json()["access_token"])
    assert first.get("/api/v1/accounts/verify_credentials")["acct"] == "ada"
    assert redeem(here, code).json()["error"] == "invalid_grant"
    refused = first.ask("GET", "/api/v1/accounts/verify_credentials")
    assert (refused.status_code, refused.json()["code"]) == (401, "token_invalid")
    assert redeem(here, code).json()["error"] == "invalid_grant"
    other.get("/api/v1/accounts/verify_credentials")


def test_c12_of_two_at_once_neither_keeps_a_token(here: World) -> None:
    code = code_of(allow(here))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: redeem(here, code), range(4)))
    assert sum(answer.status_code == 200 for answer in answers) <= 1
    for answer in answers:
        if answer.status_code == 200:
            api = Api(here.site, answer.json()["access_token"])
            assert api.ask("GET", "/api/v1/accounts/verify_credentials").status_code == 401
        else:
            assert answer.json()["error"] == "invalid_grant"


def test_c12_a_code_is_good_for_ten_minutes() -> None:
    with world() as own:
        own.api("ada")
        early, late = code_of(allow(own)), code_of(allow(own))
        own.site.skew_ms = GRANT_MS - 60_000
        assert redeem(own, early).status_code == 200
        own.site.skew_ms = GRANT_MS
        answer = redeem(own, late)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_c12_a_code_with_a_challenge_needs_its_verifier(here: World) -> None:
    verifier = secrets.token_urlsafe(48)
    asked = {"code_challenge": challenge_of(verifier), "code_challenge_method": "S256"}
    code = code_of(allow(here, **asked))
    for wrong in ({}, {"code_verifier": ""}, {"code_verifier": challenge_of(verifier)}):
        assert redeem(here, code, **wrong).json()["error"] == "invalid_grant"
    assert redeem(here, code, code_verifier=verifier).status_code == 200
    plain = code_of(allow(here))
    assert redeem(here, plain, code_verifier=verifier).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "scope", ["read write follow push", "follow", "profile read:accounts", "read:lists read", ""]
)
def test_c12_the_scope_that_comes_back_holds_all_that_was_asked(here: World, scope: str) -> None:
    token = redeem(here, code_of(allow(here, scope=scope))).json()
    assert set(token["scope"].split()) >= set(scope.split() or ["read"])
    form = {"grant_type": "client_credentials", "client_id": "tester", "client_secret": "secret"}
    token = here.nobody.post("/oauth/token", **form, scope=scope)
    assert set(token["scope"].split()) >= set(scope.split() or ["read"])


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


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({}, 400, "invalid_request"),
        ({"grant_type": "refresh_token"}, 400, "unsupported_grant_type"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:device_code"}, 400,
         "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "client_id": "tester"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "client_id": "tester", "client_secret": "secret",
          "scope": "admin:read"}, 400, "invalid_scope"),
        ({"grant_type": "authorization_code", "client_id": "tester", "client_secret": "secret"},
         400, "invalid_grant"),
    ],
)  # fmt: skip
def test_c12_errors_have_the_rfcs_shape(
    here: World, form: dict[str, str], status: int, error: str
) -> None:
    answer = here.nobody.ask("POST", "/oauth/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"].startswith("application/json")
    assert ("www-authenticate" in answer.headers) == (status == 401)


def test_c12_what_can_be_found_out_before(here: World) -> None:
    """RFC 8414: each address is of this server, and answers."""
    known = here.nobody.get("/.well-known/oauth-authorization-server")
    assert known["issuer"] == here.site.url
    assert known["response_types_supported"] == ["code"]
    assert {"read", "write", "follow", "push", "profile"} <= set(known["scopes_supported"])
    for name, address in known.items():
        if name.endswith("_endpoint"):
            assert address.startswith(here.site.url + "/")
            path = address.removeprefix(here.site.url)
            assert here.nobody.ask("OPTIONS", path).status_code == 200
            assert here.nobody.ask("POST", path).status_code not in (404, 500)


def test_c12_who_it_is(here: World) -> None:
    found = here.api("ada", "profile").get("/oauth/userinfo")
    assert found["preferred_username"] == "ada"
    assert found["sub"] == f"{here.site.url}/@ada"
    assert here.api("ada", "push").ask("GET", "/oauth/userinfo").status_code == 403
    assert here.app_api("profile").ask("GET", "/oauth/userinfo").status_code == 422


def test_c18_pages_from_anywhere_may_get_tokens_and_none_the_page(here: World) -> None:
    elk = {"Origin": "https://elk.example"}
    for method, path in (
        ("POST", "/oauth/token"), ("POST", "/oauth/revoke"), ("POST", "/api/v1/apps"),
        ("GET", "/oauth/userinfo"), ("GET", "/.well-known/oauth-authorization-server"),
        ("GET", "/.well-known/nodeinfo"), ("GET", "/api/v1/apps/verify_credentials"),
    ):  # fmt: skip
        # of an error, too: a page that may not read it can't say what is wrong
        answer = here.nobody.ask(method, path, headers=elk)
        assert answer.headers["access-control-allow-origin"] == "*", path
        assert "access-control-allow-credentials" not in answer.headers
        before = here.nobody.ask(
            "OPTIONS", path, headers={**elk, "Access-Control-Request-Method": method}
        )
        assert method in before.headers["access-control-allow-methods"]
        allowed = before.headers["access-control-allow-headers"]
        assert "Authorization" in allowed
        assert "Idempotency-Key" in allowed  # C17: sent always
    page = here.site.browser("ada").get("/oauth/authorize", params=wish(), headers=elk)
    assert page.status_code == 200
    assert "access-control-allow-origin" not in page.headers


def test_a_stranger_logs_in_first_and_comes_back(here: World) -> None:
    answer = here.site.browser().get("/oauth/authorize", params=wish())
    assert answer.status_code == 303, answer.text
    to = urlsplit(answer.headers["location"])
    assert to.path == "/login"
    back = parse_qs(to.query)["next"][0]
    assert parse_qs(urlsplit(back).query)["state"] == ["a b&c"]
    page = here.site.browser("ada").get(back)
    assert page.status_code == 200
    assert "Tester" in page.text
    assert "@ada" in page.text


def test_force_login_asks_anew_and_once(here: World) -> None:
    """Also who is logged in: an app has several accounts. `lang` does no harm."""
    here.site.register("bob")
    browser = here.site.browser("ada")
    answer = browser.get("/oauth/authorize", params=wish(force_login="true", lang="de"))
    assert answer.status_code == 303
    page = get(browser, answer.headers["location"])
    assert page.status == 200
    answer = send(browser, page.form("/login"), name="bob", password=PASSWORD)
    assert answer.status_code == 303
    back = browser.get(answer.headers["location"])
    assert back.status_code == 200
    assert "logged in as @bob" in back.text
    code = code_of(
        browser.post("/oauth/authorize", data={**fields_of(back.text), "decision": "allow"})
    )
    api = Api(here.site, redeem(here, code).json()["access_token"])
    assert api.get("/api/v1/accounts/verify_credentials")["acct"] == "bob"
    # the session that this browser had is not left lying about
    old = here.site.browser("ada").get("/home")
    assert old.status_code == 303
    here.site.sessions["ada"] = new_secret()
    session = OpenSession(session_hash=secret_hash(here.site.sessions["ada"]))
    here.site.submit("ada", session)
    for no in ("false", "False", "0", ""):
        answer = here.site.browser("ada").get("/oauth/authorize", params=wish(force_login=no))
        assert answer.status_code == 200


def test_who_has_a_second_factor_needs_it_for_an_app_too(here: World) -> None:
    """The page goes through the log-in, and the log-in asks."""
    here.site.register("cleo")
    codes = tuple(bytes([n]) * 32 for n in range(RECOVERY_CODES))
    here.site.submit("cleo", TotpOn(sealed=b"sealed", step=1, recovery_hashes=codes))
    browser = here.site.browser()
    answer = browser.get("/oauth/authorize", params=wish())
    form = get(browser, answer.headers["location"]).form("/login")
    answer = send(browser, form, name="cleo", password=PASSWORD)
    assert answer.status_code == 200
    assert Page(answer).form("/login/code").fields["next"].startswith("/oauth/authorize?")
    assert browser.get("/oauth/authorize", params=wish()).status_code == 303


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


EDITS = st.one_of(
    st.text(max_size=30),
    st.builds(
        lambda base, at, more: base[: at % (len(base) + 1)] + more + base[at % (len(base) + 1) :],
        st.sampled_from([REDIRECT, OUT_OF_BAND, "https://client.example", "https:"]),
        st.integers(0, 60),
        st.sampled_from(
            ["/", "//", "?", "#", "@", "@evil.example", ".evil.example", "\\", "%2f", "%00", "\r\n",
             " ", "\t", "/..", ":80", "?x=1", "é", "https://evil.example/", "javascript:"]
        ),
    ),
    st.sampled_from(
        [REDIRECT, REDIRECT.upper(), f"{REDIRECT}/", f"{REDIRECT}\n{OUT_OF_BAND}", "", OUT_OF_BAND]
    ),
)  # fmt: skip


@given(uri=EDITS, decision=st.sampled_from(["allow", "deny", ""]), wrong=st.booleans())
@settings(max_examples=120)
def test_nobody_is_sent_anywhere_that_is_not_registered(
    here: World, browser: httpx.Client, uri: str, decision: str, wrong: bool
) -> None:
    """Whatever address is asked for, with whatever else is wrong, by the page and by its form."""
    asked = wish(redirect_uri=uri, **({"scope": "admin:read"} if wrong else {}))
    page = browser.get("/oauth/authorize", params=asked)
    assert "location" not in page.headers
    known = fields_of(browser.get("/oauth/authorize", params=wish()).text)
    answer = browser.post(
        "/oauth/authorize", data={**asked, "csrf": known["csrf"], "decision": decision}
    )
    location = answer.headers.get("location", "")
    if uri in (REDIRECT,):
        assert location.startswith(f"{REDIRECT}?")
    else:
        assert not location


@given(
    st.text(st.characters(codec="utf-8"), max_size=40), st.sampled_from(["", "https://", "http:"])
)
def test_an_address_that_an_app_may_have_leads_where_it_seems_to(text: str, start: str) -> None:
    uri = start + text
    if not is_redirect(uri):
        return
    assert uri.isascii()
    assert uri.isprintable()
    assert not uri.lower().startswith(("javascript:", "data:", "file:"))
    url = urlsplit(uri)
    assert url.scheme
    assert not url.fragment
    if url.scheme in ("http", "https"):
        assert httpx.URL(uri).host == url.hostname
        assert "@" not in url.netloc


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
    policy = page.headers["content-security-policy"]
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["x-frame-options"] == "DENY"
    assert "no-store" in page.headers["cache-control"]
    assert "unsafe" not in policy


def test_the_page_says_what_it_is_about(here: World) -> None:
    browser = here.site.browser("ada")
    page = Page(browser.get("/oauth/authorize", params=wish(scope="read write follow push")))
    for words in (
        "Let “Tester” use your account?", "logged in as @ada", "See all that you see",
        "Act as you", "Notify you", "Learn your password", "takes you to client.example",
    ):  # fmt: skip
        assert words in page.words
    assert "Post, follow or change anything" not in page.words
    reads = Page(browser.get("/oauth/authorize", params=wish(scope="read:lists")))
    assert "Your lists." in reads.words
    assert "Post, follow or change anything" in reads.words


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
        ({"client_name": "x", "redirect_uris": "https:///x"}, "redirect_uri_malformed"),
        ({"client_name": "x", "redirect_uris": "https://[x"}, "redirect_uri_malformed"),
        (
            {"client_name": "x", "redirect_uris": "https://good.example@evil.example/"},
            "redirect_uri_malformed",
        ),
        ({"client_name": "x", "redirect_uris": OUT_OF_BAND, "scopes": "all"}, "scope_unknown"),
        ({"client_name": "x", "redirect_uris": OUT_OF_BAND, "website": "x"}, "url_malformed"),
    ],
)
def test_apps_that_are_refused(here: World, form: dict[str, str], code: str) -> None:
    answer = here.nobody.ask("POST", "/api/v1/apps", data=form)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
