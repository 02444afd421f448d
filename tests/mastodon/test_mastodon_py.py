"""Mastodon.py, a client of many years, against a real server: nothing here knows Covey."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mastodon import Mastodon, StreamListener
from mastodon.errors import MastodonAPIError, MastodonNotFoundError
from tests.mastodon.api import World, world
from tests.mastodon.test_oauth import fields_of

from covey.live import hub

SCOPES = ["read", "write", "follow", "push"]
SECONDS = 120


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        yield made


def client(here: World, name: str) -> Mastodon:
    """Registers an app and an account by the API, then logs in with a code as a person would."""
    client_id, secret = Mastodon.create_app("py", scopes=SCOPES, api_base_url=here.site.url)
    api = Mastodon(client_id, secret, api_base_url=here.site.url, ratelimit_method="throw")
    token = api.create_account(
        name, "correct horse battery", f"{name}@example.org", agreement=True, scopes=SCOPES
    )
    assert api.account_verify_credentials()["acct"] == name
    assert token
    here.site.accounts[name] = int(api.account_verify_credentials()["id"])
    return api


def log_in(here: World, name: str) -> Mastodon:
    """By the page: the code is copied by hand."""
    here.site.register(name)
    client_id, secret = Mastodon.create_app("py", scopes=SCOPES, api_base_url=here.site.url)
    api = Mastodon(client_id, secret, api_base_url=here.site.url, ratelimit_method="throw")
    url = api.auth_request_url(scopes=SCOPES, allow_http=True)
    browser = here.site.browser(name)
    page = browser.get(url)
    assert page.status_code == 200, page.text
    shown = browser.post("/oauth/authorize", data={**fields_of(page.text), "decision": "allow"})
    code = shown.text.partition('<code id="code">')[2].partition("<")[0]
    api.log_in(code=code, scopes=SCOPES, allow_http=True)
    return api


class Listener(StreamListener):
    def __init__(self) -> None:
        self.found: list[tuple[str, Any]] = []
        self.more = threading.Condition()

    def _add(self, kind: str, value: Any) -> None:
        with self.more:
            self.found.append((kind, value))
            self.more.notify_all()

    def on_update(self, status: Any) -> None:
        self._add("update", status)

    def on_notification(self, notification: Any) -> None:
        self._add("notification", notification)

    def on_delete(self, status_id: Any) -> None:
        self._add("delete", status_id)

    def on_conversation(self, conversation: Any) -> None:
        self._add("conversation", conversation)

    def on_filters_changed(self) -> None:
        self._add("filters_changed", None)

    def on_websocket_error(self, error: Any, for_stream: Any = None) -> None:
        self._add("error", error)

    def handle_heartbeat(self) -> None:
        self._add("heartbeat", None)

    def values(self, kind: str) -> list[Any]:
        return [value for k, value in self.found if k == kind]

    def wait(self, kind: str, count: int = 1) -> Any:
        """The `count`th event of a kind."""
        with self.more:
            assert self.more.wait_for(lambda: len(self.values(kind)) >= count, SECONDS)
            return self.values(kind)[count - 1]


def test_a_life(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # closing a stream waits for its next line
    monkeypatch.setattr(hub, "HEARTBEAT_SECONDS", 0.2)
    ada, bea = client(here, "py_ada"), log_in(here, "py_bea")
    assert ada.instance_v2()["title"] == "Nest"
    assert ada.instance_v1()["uri"]
    assert ada.stream_healthy()
    assert ada.instance_health()
    bea_id = bea.me()["id"]

    relation = ada.account_follow(bea_id)
    assert relation["following"]
    listener = Listener()
    handle = ada.stream_user(listener, run_async=True)
    listener_public = Listener()
    public = bea.stream_public(listener_public, run_async=True)
    for one in (listener, listener_public):
        one.wait("heartbeat")  # it connects behind our back: a first comment says that it is there

    status = bea.status_post("Hello @py_ada #Greetings", language="en", idempotency_key="k")
    again = bea.status_post("Hello @py_ada #Greetings", language="en", idempotency_key="k")
    assert again["id"] == status["id"]
    assert listener.wait("update")["id"] == status["id"]
    assert listener.wait("notification")["status"]["id"] == status["id"]
    assert listener_public.wait("update")["id"] == status["id"]

    assert [one["id"] for one in ada.timeline_home()] == [status["id"]]
    assert ada.timeline_hashtag("greetings")[0]["id"] == status["id"]
    reply = ada.status_reply(status, "and to you")
    context = bea.status_context(status)
    assert [one["id"] for one in context["descendants"]] == [reply["id"]]
    assert reply["mentions"][0]["acct"] == "py_bea"

    assert ada.status_favourite(status)["favourited"]
    assert ada.status_reblog(status)["reblog"]["id"] == status["id"]
    kinds = {one["type"] for one in bea.notifications()}
    assert kinds == {"follow", "mention", "favourite", "reblog"}
    assert {one["type"] for one in bea.notifications(types=["follow"])} == {"follow"}
    assert "follow" not in {one["type"] for one in bea.notifications(exclude_types=["follow"])}
    assert bea.notifications_unread_count()["count"] == 4
    first = bea.notifications()[0]
    bea.markers_set("notifications", first["id"])
    assert bea.notifications_unread_count()["count"] == 0
    assert bea.markers_get("notifications")["notifications"]["last_read_id"] == first["id"]
    bea.notifications_dismiss(first)
    assert first["id"] not in [one["id"] for one in bea.notifications()]
    bea.notifications_clear()
    assert bea.notifications() == []

    assert ada.status_unfavourite(status)["favourited"] is False
    assert ada.status_unreblog(status)["reblogged"] is False
    bea.status_delete(status)
    listener.wait("delete", 2)  # the boost, then the post
    assert int(listener.values("delete")[1]) == int(status["id"])
    with pytest.raises(MastodonNotFoundError):
        ada.status(status)
    handle.close()
    public.close()


def test_paging_by_its_own_means(here: World) -> None:
    carl = client(here, "py_carl")
    for n in range(12):
        carl.status_post(f"post {n}")
    page = carl.account_statuses(carl.me(), limit=5)
    whole = carl.fetch_remaining(page)
    assert len({one["id"] for one in whole}) == len(whole) == 12
    older = carl.fetch_next(page)
    assert [one["id"] for one in carl.fetch_previous(older)] == [one["id"] for one in page]


def test_profile_and_relations(here: World) -> None:
    dora, emil = client(here, "py_dora"), client(here, "py_emil")
    me = dora.account_update_credentials(
        display_name="Dora", note="hi", bot=True, fields=[("a", "b")], discoverable=True
    )
    assert (me["display_name"], me["bot"], me["fields"][0]["value"]) == ("Dora", True, "b")
    emil_id = emil.me()["id"]
    assert dora.account_lookup("py_emil")["id"] == emil_id
    assert dora.account_mute(emil_id, duration=60)["muting"]
    assert dora.mutes()[0]["id"] == emil_id
    assert not dora.account_unmute(emil_id)["muting"]
    assert dora.account_block(emil_id)["blocking"]
    assert dora.blocks()[0]["id"] == emil_id
    with pytest.raises(MastodonAPIError):
        emil.account_follow(dora.me()["id"])
    assert not dora.account_unblock(emil_id)["blocking"]
    emil.account_follow(dora.me()["id"])
    assert dora.account_relationships([emil_id])[0]["followed_by"]
    assert dora.account_followers(dora.me()["id"])[0]["id"] == emil_id
    assert dora.preferences()["posting:default:visibility"] == "public"


def test_its_tokens_can_be_kept_and_revoked(here: World, tmp_path: Path) -> None:
    fay = log_in(here, "py_fay")
    fay.me()
    fay.revoke_access_token(allow_http=True)
    with pytest.raises(MastodonAPIError):
        fay.me()


def test_c16_every_stream_that_it_wraps(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # closing a stream waits for its next line
    monkeypatch.setattr(hub, "HEARTBEAT_SECONDS", 0.2)
    ada, bea = client(here, "sse_ada"), log_in(here, "sse_bea")
    ada.account_follow(bea.me()["id"])
    list_ = ada.list_create("friends")
    ada.list_accounts_add(list_, [bea.me()["id"]])
    opened = {
        name: (listener := Listener(), open_(listener))
        for name, open_ in {
            "user": lambda to: ada.stream_user(to, run_async=True),
            "notifications": lambda to: ada.stream_user_notifications(to, run_async=True),
            "public": lambda to: ada.stream_public(to, run_async=True),
            "local": lambda to: ada.stream_local(to, run_async=True),
            "hashtag": lambda to: ada.stream_hashtag("wrapped", to, run_async=True),
            "hashtag local": lambda to: ada.stream_hashtag(
                "wrapped", to, local=True, run_async=True
            ),
            "list": lambda to: ada.stream_list(list_, to, run_async=True),
            "direct": lambda to: ada.stream_direct(to, run_async=True),
        }.items()
    }
    for listener, _ in opened.values():
        listener.wait("heartbeat")
    status = bea.status_post("to all #wrapped")
    direct = bea.status_post("@sse_ada alone", visibility="direct")
    ada.create_filter_v2("a filter", ["home"], "warn")
    for name, (listener, _) in opened.items():
        if name == "notifications":
            assert listener.wait("notification")["status"]["id"] == direct["id"]
        elif name == "direct":
            assert listener.wait("conversation")["last_status"]["id"] == direct["id"]
        else:
            assert listener.wait("update")["id"] == status["id"]
    opened["user"][0].wait("filters_changed")
    for _, handle in opened.values():
        handle.close()


def test_c14_its_web_socket(here: World) -> None:
    ada, bea = client(here, "ws_ada"), log_in(here, "ws_bea")
    ada.account_follow(bea.me()["id"])
    user, tag = Listener(), Listener()
    live = ada.stream_open_websocket(user)
    try:
        live.subscribe("user")
        live.subscribe("hashtag", listener=tag, tag="socketed")
        live.subscribe("nonsense")
        # its answer comes after both subscriptions
        assert "Unknown stream type" in str(user.wait("error"))
        status = bea.status_post("over the socket #socketed")
        assert user.wait("update")["id"] == status["id"]
        assert tag.wait("update")["id"] == status["id"]
        bea.status_delete(status)
        assert user.wait("delete") == status["id"]
        live.unsubscribe("hashtag", tag="socketed")
    finally:
        live.close()
