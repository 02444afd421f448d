"""No input makes a 500, whatever a form or an address says."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.web.pages import get
from tests.web.site import Site

from covey.messages import CreateGroup

ANY = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="@#:/.?&=[]<>\"'\n\r\0\u202e\ufeff\u0301ßİ日👋a1 ", max_size=40),
    st.integers(-(1 << 70), 1 << 70).map(str),
)
WORDS = {
    "/post": ["text", "warning", "language", "visibility", "reply_to", "key", "back"],
    "/settings": ["display_name", "note", "field_name", "field_value", "language", "visibility",
                  "bot"],
    "/settings/access/session": ["session"],
    "/settings/access/app": ["app"],
    "/settings/access/token": ["name", "scope"],
    "/settings/access/token/revoke": ["token"],
    "/settings/second-factor": ["offer", "code"],
    "/login/code": ["ticket", "code", "next"],
    "/home/read": ["position", "back"],
    "/notifications/read": ["position", "back"],
    "/@any/follow": ["back"],
    "/@any/1/vote": ["vote1", "back"],
    "/@any/1/edit": ["text", "warning", "language", "key"],
    "/@any/1/take-out": ["group"],
    "/groups/new": ["name", "display_name", "note", "join", "key"],
    "/@any_group/settings": ["display_name", "note", "join", "rules"],
    "/@any_group/invite": ["who"],
    "/@any_group/join": ["back"],
    "/lists": ["title", "key"],
    "/lists/99999999999999999999": ["title", "replies", "exclusive"],
    "/tags/any/follow": ["back"],
    "/read/home": ["position", "back"],
}  # fmt: skip


@pytest.fixture(scope="module")
def browsers(server: Site) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """A member's and a stranger's."""
    server.register("any")
    server.submit("any", CreateGroup(name="any_group"))
    with server.browser("any") as member, server.browser() as stranger:
        yield member, stranger


Browsers = tuple[httpx.Client, httpx.Client]


@given(data=st.data())
@settings(max_examples=150)
def test_forms(browsers: Browsers, data: st.DataObject) -> None:
    browser = browsers[0]
    address = data.draw(st.sampled_from(sorted(WORDS)))
    names = st.sampled_from(WORDS[address]).flatmap(
        lambda name: st.sampled_from([name, f"{name}[]", f"{name}[a]"])
    )
    fields = data.draw(st.dictionaries(names, st.one_of(ANY, st.lists(ANY, max_size=3))))
    token = get(browser, "/home").form("/post").fields["csrf"]
    answer = browser.post(address, data={**fields, "csrf": token})
    assert answer.status_code in (200, 303, 403, 404, 422), answer.text


@given(
    path=st.sampled_from(
        [
            "/{}",
            "/@{}",
            "/@{}/followers",
            "/@any/{}",
            "/tags/{}",
            "/static/{}",
            "/@{}/members",
            "/lists/{}",
            "/@any/{}/edit",
            "/@{}/settings",
        ]
    ),
    part=ANY,
    query=st.dictionaries(
        st.sampled_from(["max_id", "min_id", "next", "said", "key"]), ANY, max_size=3
    ),
)
@settings(max_examples=150)
@example(path="/@{}", part="İ", query={})
@example(path="/tags/{}", part="a\0", query={"max_id": "\0"})
@example(path="/{}", part="login", query={"next": "//x"})
def test_addresses(browsers: Browsers, path: str, part: str, query: dict[str, str]) -> None:
    browser = browsers[0]
    answer = browser.get(path.format(quote(part, safe="")), params=query)
    assert answer.status_code < 500, answer.text


@given(
    path=st.sampled_from(
        ["/", "/public", "/@any", "/login"],
    ),
    query=st.binary(max_size=30),
)
def test_bytes_in_an_address(browsers: Browsers, path: str, query: bytes) -> None:
    raw = quote(query, safe="&=[]%")
    assert browsers[1].get(f"{path}?{raw}").status_code < 500
