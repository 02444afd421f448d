"""No input makes a 500: every operation with values nobody should send."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.mastodon.api import Api, World, world
from tests.readers.indexing import index

from covey import mastodon
from covey.mastodon.door import OPERATIONS

mastodon.routes()
LIVE = "/api/v1/streaming"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
PATHS = sorted({one.path for one in OPERATIONS if not one.path.startswith(LIVE)})
NAMES = [
    "status", "in_reply_to_id", "visibility", "spoiler_text", "sensitive", "language",
    "media_ids", "poll", "scheduled_at", "id", "limit", "max_id", "min_id", "since_id", "types",
    "exclude_types", "account_id", "acct", "tagged", "pinned", "only_media", "exclude_replies",
    "timeline", "home", "notifications", "last_read_id", "display_name", "note", "source",
    "fields_attributes", "avatar", "locked", "bot", "username", "email", "password", "agreement",
    "locale", "client_name", "redirect_uris", "scopes", "website", "grant_type", "code",
    "code_verifier", "client_id", "client_secret", "scope", "token", "redirect_uri",
    "response_type", "state", "code_challenge", "code_challenge_method", "decision", "csrf",
    "duration", "reblogs", "notify", "languages", "tag", "any", "all", "none", "remote", "local",
    "covey", "since", "access_token", "options", "expires_in", "choices", "title",
    "replies_policy", "exclusive", "account_ids", "comment", "domain", "name", "for_new_accounts",
    "supported_types", "context", "filter_action", "keywords_attributes", "keyword", "status_id",
    "whole_word", "q", "type", "resolve", "offset", "following",
]  # fmt: skip
NASTY = [
    "", " ", "0", "-1", "1", "2", "9223372036854775807", "9223372036854775808", "1e9",
    "0x10", "９", "²", "true", "null", "[]", "{}", "\n", "\t", "\0", "a\0b", "\u202e", "\ud800",
    "\ufffe", "é" * 300, "@ada", "#x", "https://example.org", "' or 1=1 --", "<script>", "%00",
    "%ff", "../../etc", "x" * 5_000, "@a " * 400, "#a " * 400, "https://a.b " * 200, "\u0300" * 600,
    "🏳️‍🌈", "public", "urn:ietf:wg:oauth:2.0:oob", "authorization_code", "client_credentials",
    "read write", "S256",
]  # fmt: skip

scalars = st.one_of(
    st.sampled_from(NASTY), st.text(max_size=30), st.integers(-(2**70), 2**70), st.booleans(),
    st.none(), st.floats(allow_nan=False, allow_infinity=False),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(
                st.sampled_from(
                    ["0", "1", "last_read_id", "name", "value", "options", "expires_in"]
                ),
                st.text(max_size=5),
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)
trees = st.dictionaries(st.sampled_from(NAMES), values, max_size=6)
raw_bodies = st.one_of(
    st.binary(max_size=300),
    st.sampled_from(
        [
            b"[" * 100_000, b"{" * 50, b'{"status":"\xff"}', b"status=%ff", b"a[" * 100 + b"=1",
            b'{"status":' * 3_000, b"&" * 5_000, b"a=1&" * 500, b"[]", b"null", b"1", b'"x"',
            b'{"status":1e999}', b'{"id":' + b"9" * 5_000 + b"}", b"a[b]=1&a=2&a[]=3",
            b"--x\r\nContent-Disposition: form-data; name=\"status\"\r\n\r\n\xff\r\n--x--\r\n",
            b"--x\r\nContent-Disposition: form-data; name=\"avatar\"; filename=\"a\"\r\n\r\n"
            b"x\r\n--x--",
            b"--x\r\n\r\n--x--",
        ]
    ),
)  # fmt: skip
kinds = st.sampled_from(
    ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
     "multipart/form-data", "text/plain", "", "application/json; charset=latin-1", "\xff"]
)  # fmt: skip
words = st.one_of(st.sampled_from([*NASTY[:24], "ada", "1.png"]), st.text(min_size=1, max_size=8))


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        made.api("ada").status("a post")
        made.api("bea")
        index(made.site._folder)
        yield made


@pytest.fixture(scope="module")
def who(here: World) -> dict[str, Api]:
    return {"nobody": here.nobody, "ada": here.api("ada"), "app": here.app_api()}


def escaped(word: str) -> str:
    return quote(word.encode("utf-8", "surrogatepass"), safe="") or "-"


def path_of(pattern: str, word: str) -> str:
    return pattern.replace("*", escaped(word))


def flat(tree: object, name: str = "") -> Iterator[tuple[str, str]]:
    """As a form says it."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from flat(value, f"{name}[{key}]" if name else key)
    elif isinstance(tree, list):
        for value in tree:
            yield from flat(value, f"{name}[]")
    else:
        yield name, str(tree)


def form(tree: object) -> bytes:
    return "&".join(f"{escaped(k)}={escaped(v)}" for k, v in flat(tree)).encode()


def check(api: Api, method: str, path: str, body: bytes, kind: str, query: bytes = b"") -> None:
    headers = {"Content-Type": kind.encode("latin-1")} if kind else {}
    url = path + ("?" + query.decode("latin-1") if query else "")
    if len(url) > 30_000:
        return  # uvicorn's own limit
    answer = api.ask(method, url, content=body, headers=headers)
    assert answer.status_code < 500, (method, url, body[:500], answer.status_code, answer.text)
    if answer.status_code >= 400 and method != "HEAD" and path.startswith("/api/"):
        assert answer.json()["error"]


fuzzed = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])


@fuzzed
@given(
    st.sampled_from(["nobody", "ada", "ada", "app"]), st.sampled_from(METHODS),
    st.sampled_from(PATHS), words, trees, st.sampled_from(["json", "form", "query"]),
)  # fmt: skip
@example("ada", "POST", "/api/v1/statuses", "1", {"status": "\ud800"}, "json")
@example("ada", "POST", "/api/v1/statuses", "1", {"status": "x", "media_ids": [[{}]]}, "json")
@example("ada", "PATCH", "/api/v1/accounts/update_credentials", "1", {"source": 1}, "json")
def test_trees(
    who: dict[str, Api], person: str, method: str, pattern: str, word: str, tree: object, how: str
) -> None:
    path = path_of(pattern, word)
    if how == "json":
        check(who[person], method, path, json.dumps(tree).encode(), "application/json")
    elif how == "form":
        check(who[person], method, path, form(tree), "application/x-www-form-urlencoded")
    else:
        check(who[person], method, path, b"", "", form(tree))


@fuzzed
@given(
    st.sampled_from(["nobody", "ada", "app"]), st.sampled_from(["POST", "PATCH", "DELETE"]),
    st.sampled_from(PATHS), words, raw_bodies, kinds,
)  # fmt: skip
def test_bodies(
    who: dict[str, Api], person: str, method: str, pattern: str, word: str, body: bytes, kind: str
) -> None:
    check(who[person], method, path_of(pattern, word), body, kind)


@pytest.mark.parametrize("pattern", PATHS)
def test_every_address_with_every_method(who: dict[str, Api], pattern: str) -> None:
    for method in METHODS:
        for word in ("1", "x", "99999999999999999999", "a%00b"):
            for person in ("nobody", "ada"):
                check(who[person], method, pattern.replace("*", word), b"", "")


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"x" * 300_000, "application/json", 413, "body_large"),
        (b"[" * 100_000, "application/json", 400, "body_malformed"),
        (b'{"a":' * 20 + b"1" + b"}" * 20, "application/json", 400, "body_malformed"),
        (b"[1]", "application/json", 400, "body_malformed"),
        (b'{"status":"\xff"}', "application/json", 422, "text_encoding"),
        (b'{"status":"a\\u0000"}', "application/json", 422, "text_character"),
        (b"status=%ff", "application/x-www-form-urlencoded", 422, "text_encoding"),
        (b"status=a%00", "application/x-www-form-urlencoded", 422, "text_character"),
        (b"a=1&" * 300, "application/x-www-form-urlencoded", 400, "body_malformed"),
        (b"a" + b"[b]" * 20 + b"=1", "application/x-www-form-urlencoded", 400, "body_malformed"),
        (b"status=x", "text/plain", 415, "media_type"),
        (b"status=x", "", 415, "media_type"),
        (b"x", "multipart/form-data", 400, "body_malformed"),
        (b'{"status":""}', "application/json", 422, "text_empty"),
        (b'{"status":" \\n "}', "application/json", 422, "text_empty"),
        (b'{"status":{}}', "application/json", 422, "parameter_malformed"),
        (b'{"status":"x","visibility":"all"}', "application/json", 422, "visibility_unknown"),
        (b'{"status":"x","language":"klingon"}', "application/json", 422, "language_unknown"),
        (b'{"status":"x","media_ids":["1"]}', "application/json", 422, "media_unknown"),
        (b'{"status":"x","poll":{"options":["a"]}}', "application/json", 422, "poll_options"),
        (
            b'{"status":"x","scheduled_at":"2030-13-01"}',
            "application/json",
            422,
            "parameter_malformed",
        ),
        (b'{"status":"x","scheduled_at":"2020-01-01"}', "application/json", 422, "draft_moment"),
        (b'{"status":"x","quoted_status_id":"1"}', "application/json", 404, "not_found"),
        (b'{"status":"x","in_reply_to_id":"7"}', "application/json", 404, "not_found"),
        (b'{"status":"x","in_reply_to_id":"x"}', "application/json", 422, "parameter_malformed"),
        (b'{"status":"x","sensitive":"maybe"}', "application/json", 422, "parameter_malformed"),
        ('{"status":"a\u202eb"}'.encode(), "application/json", 422, "text_character"),
        (b'{"status":"a\\u0007"}', "application/json", 422, "text_character"),
        (json.dumps({"status": "x" * 501}).encode(), "application/json", 422, "text_long"),
        (json.dumps({"status": "x" * 9_999}).encode(), "application/json", 422, "text_long"),
        (json.dumps({"status": "@a " * 60}).encode(), "application/json", 422, "mentions_many"),
        (json.dumps({"status": "@a " * 9_000}).encode(), "application/json", 422, "text_long"),
    ],
)
def test_refusals_say_what_is_wrong(
    who: dict[str, Api], body: bytes, kind: str, status: int, code: str
) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = who["ada"].ask("POST", "/api/v1/statuses", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/timelines/home?limit=-1", 422, "parameter_malformed"),
        ("/api/v1/timelines/home?limit=0", 422, "parameter_malformed"),
        ("/api/v1/timelines/home?limit=x", 422, "parameter_malformed"),
        ("/api/v1/timelines/home?max_id=x", 422, "parameter_malformed"),
        ("/api/v1/timelines/home?max_id=-1", 422, "parameter_malformed"),
        ("/api/v1/timelines/home?max_id=99999999999999999999", 422, "parameter_malformed"),
        ("/api/v1/timelines/home?max_id=%FF", 422, "text_encoding"),
        ("/api/v1/accounts/lookup", 422, "parameter_missing"),
        ("/api/v1/accounts/lookup?acct=ada@elsewhere.example", 404, "not_found"),
        ("/api/v1/accounts/relationships?" + "id[]=1&" * 101, 422, "parameter_malformed"),
        ("/api/v1/timelines/tag/a?any[0][b]=c", 422, "parameter_malformed"),
        ("/api/v1/timelines/list/1", 404, "not_found"),
    ],
)
def test_queries_that_are_refused(who: dict[str, Api], path: str, status: int, code: str) -> None:
    answer = who["ada"].ask("GET", path)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def test_a_large_limit_counts_as_the_largest(who: dict[str, Api]) -> None:
    assert who["ada"].ask("GET", "/api/v1/timelines/home?limit=100000").status_code == 200


def test_acts_that_may_not_be(here: World, who: dict[str, Api]) -> None:
    ada, bea = who["ada"], here.api("bea")
    own, other = here.site.accounts["ada"], here.site.accounts["bea"]
    for path, code in (
        (f"/api/v1/accounts/{own}/follow", "self_follow"),
        (f"/api/v1/accounts/{own}/block", "self_block"),
        (f"/api/v1/accounts/{own}/mute", "self_mute"),
        ("/api/v1/accounts/999/follow", "not_found"),
        ("/api/v1/accounts/999/unfollow", "not_found"),
        ("/api/v1/notifications/0/dismiss", "not_found"),
        ("/api/v1/notifications/999999/dismiss", "not_found"),
    ):
        assert ada.ask("POST", path).json()["code"] == code
    bea.post(f"/api/v1/accounts/{own}/block")
    assert ada.ask("POST", f"/api/v1/accounts/{other}/follow").json()["code"] == "blocks_you"
    assert bea.ask("POST", f"/api/v1/accounts/{own}/follow").json()["code"] == "blocked_by_you"
    bea.post(f"/api/v1/accounts/{own}/unblock")


@pytest.mark.parametrize(
    ("more", "field", "error"),
    [
        ({"username": ""}, "username", "ERR_BLANK"),
        ({"username": "a b"}, "username", "ERR_INVALID"),
        ({"username": "admin"}, "username", "ERR_RESERVED"),
        ({"username": "ADA"}, "username", "ERR_TAKEN"),
        ({"username": "а"}, "username", "ERR_INVALID"),
        ({"email": "nothing"}, "email", "ERR_INVALID"),
        ({"password": "short"}, "password", "ERR_TOO_SHORT"),
        ({"password": "x" * 300}, "password", "ERR_TOO_LONG"),
        ({"password": ""}, "password", "ERR_BLANK"),
        ({"agreement": "false"}, "agreement", "ERR_ACCEPTED"),
    ],
)
def test_sign_ups_that_are_refused(
    who: dict[str, Api], more: dict[str, str], field: str, error: str
) -> None:
    good = {
        "username": "fresh", "email": "fresh@example.org", "password": "long enough",
        "agreement": "true", "locale": "en",
    }  # fmt: skip
    answer = who["app"].ask("POST", "/api/v1/accounts", data=good | more)
    assert answer.status_code == 422
    assert answer.json()["details"][field][0]["error"] == error
    assert answer.json()["error"].startswith("Validation failed: ")
