"""Live, over one WebSocket: with a client library that is not ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from tests.mastodon.api import Api, World, world
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from covey.edge.access import SESSION_COOKIE, secret_hash
from covey.limits import (
    SOCKET_MESSAGE_BYTES,
    STREAMS_PER_ACCOUNT,
    SUBSCRIPTIONS_PER_SOCKET,
)
from covey.mastodon.streams import KINDS
from covey.messages import (
    SERVER,
    AcceptRequest,
    AddToList,
    Announce,
    Block,
    CreateGroup,
    CreateList,
    InviteToGroup,
    JoinGroup,
    LeaveGroup,
    Mute,
    NotificationPolicy,
    RevokeToken,
    SetRole,
    Unblock,
    Unmute,
)

SECONDS = 120


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        ada = made.api("ada")
        made.api("bea")
        made.site.submit(SERVER, SetRole(account=made.site.accounts["ada"], role="administrator"))
        ada.post(f"/api/v1/accounts/{made.site.accounts['bea']}/follow")
        yield made


class Socket:
    """What a client says and hears."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def say(self, **message: Any) -> None:
        self.connection.send(json.dumps(message))

    def next(self) -> dict[str, Any]:
        return json.loads(self.connection.recv(timeout=SECONDS))  # type: ignore[no-any-return]

    def subscribe(self, stream: str, **parameters: Any) -> str:
        """From now on; its first cursor."""
        self.say(type="subscribe", stream=stream, covey=1, **parameters)
        answer = self.next()
        assert answer["event"] == "subscribed", answer
        return str(answer["cursor"])

    def status(self) -> Any:
        """Of the next event, which is an update."""
        event = self.next()
        assert event["event"] == "update", event
        return json.loads(event["payload"])

    def until_closed(self) -> int:
        """The code."""
        try:
            while True:
                self.connection.recv(timeout=SECONDS)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 0


@contextmanager
def socket(api: Api, query: str = "", *, token: str = "header", **options: Any) -> Iterator[Socket]:
    address = api.site.url.replace("http", "ws", 1) + "/api/v1/streaming"
    headers = {}
    if api.token and token == "header":
        headers["Authorization"] = f"Bearer {api.token}"
    elif token == "query":
        query = f"access_token={api.token}&{query}"
    elif token == "protocol":
        options["subprotocols"] = [Subprotocol(api.token)]
    with connect(
        f"{address}?{query}" if query else address, additional_headers=headers, proxy=None,
        open_timeout=SECONDS, close_timeout=SECONDS, **options,
    ) as connection:  # fmt: skip
        yield Socket(connection)


def refused(api: Api, query: str = "", **options: Any) -> tuple[int, Any]:
    with pytest.raises(InvalidStatus) as caught, socket(api, query, **options):
        pass
    body = caught.value.response.body
    assert body is not None
    return caught.value.response.status_code, json.loads(body)


# --- C14 --------------------------------------------------------------------------------------


def test_c14_many_streams_over_one_connection(here: World) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    with socket(ada) as live:
        live.subscribe("user")
        live.subscribe("hashtag", tag="C14")
        live.subscribe("public")
        made = bea.status("of #c14, all three")
        events = sorted((live.next() for _ in range(3)), key=lambda event: event["stream"])
        # the tag as the client spelled it: masto.js compares
        assert [event["stream"] for event in events] == [["hashtag", "C14"], ["public"], ["user"]]
        for event in events:
            assert event["event"] == "update"
            assert isinstance(event["payload"], str)
            assert json.loads(event["payload"])["id"] == made["id"]
        live.say(type="unsubscribe", stream="user")
        live.say(type="unsubscribe", stream="hashtag", tag="c14")
        live.subscribe("direct")  # both are done by then
        bea.status("of #c14 again")
        assert live.next()["stream"] == ["public"]


def test_c14_a_delete_is_a_bare_id_and_an_edit_a_status(here: World) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    with socket(ada) as live:
        live.subscribe("user")
        made = bea.status("first words")
        assert live.status()["content"] == "<p>first words</p>"
        bea.json("PUT", f"/api/v1/statuses/{made['id']}", {"status": "second words"})
        edited = live.next()
        assert edited["event"] == "status.update"
        assert json.loads(edited["payload"])["content"] == "<p>second words</p>"
        bea.delete(f"/api/v1/statuses/{made['id']}")
        gone = live.next()
        assert (gone["event"], gone["payload"]) == ("delete", made["id"])


def test_c14_stream_and_token_in_the_address(here: World) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    with socket(ada, "stream=hashtag&tag=address&covey=1", token="query") as live:
        assert live.next()["event"] == "subscribed"
        bea.status("#address")
        event = live.next()
        assert event["stream"] == ["hashtag", "address"]


def test_c14_who_does_not_ask_gets_nothing_of_ours(here: World) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    with socket(ada, "stream=user") as plain:
        # what comes over this one comes after the other was subscribed
        plain.say(type="subscribe", stream="public:nowhere")
        assert plain.next()["error"]
        ada.post("/api/v1/markers", **{"home[last_read_id]": "1"})
        bea.status("plain")
        event = plain.next()
        assert sorted(event) == ["event", "payload", "stream"]
        assert event["event"] == "update"


@pytest.mark.parametrize(
    ("message", "status", "says"),
    [
        ({"type": "subscribe", "stream": "nonsense"}, 400, "Unknown stream type"),
        ({"type": "subscribe"}, 400, "Unknown stream type"),
        ({"type": "unsubscribe", "stream": "nonsense"}, 400, "Unknown stream type"),
        ({"type": "subscribe", "stream": "hashtag"}, 400, "Missing tag name parameter"),
        ({"type": "subscribe", "stream": "list"}, 400, "Missing list name parameter"),
        ({"type": "subscribe", "stream": "group"}, 400, "Missing group name parameter"),
        ({"type": "subscribe", "stream": "hashtag", "tag": "12"}, 422, "tag"),
        ({"type": "subscribe", "stream": "hashtag", "tag": {"a": 1}}, 422, "tag"),
        ({"type": "subscribe", "stream": "list", "list": "1"}, 404, "Record not found"),
        ({"type": "subscribe", "stream": "list", "list": "9" * 30}, 422, "list"),
        ({"type": "subscribe", "stream": "group", "group": 4}, 404, "Record not found"),
        ({"type": "subscribe", "stream": "user", "since": "nonsense"}, 422, "cursor"),
        ({"type": "dance"}, 400, "subscribe or unsubscribe"),
        ([1], 400, "JSON object"),
        ("{", 400, "JSON"),
        ("[" * 2_000, 400, "nested"),
        ('{"type": "subscribe", "stream": "a\\u0000b"}', 400, "U+0000"),
    ],
)
def test_c14_errors_come_over_the_socket_which_stays(
    here: World, message: Any, status: int, says: str
) -> None:
    with socket(here.api("ada")) as live:
        text = message if isinstance(message, str) else json.dumps(message)
        live.connection.send(text)
        answer = live.next()
        assert (answer["status"], says in answer["error"]) == (status, True), answer
        live.subscribe("user")


def test_c14_each_stream_and_what_it_holds(here: World) -> None:
    ada, bea, site = here.api("ada"), here.api("bea"), here.site
    list_ = site.submit("ada", CreateList(title="friends")).id
    site.submit("ada", AddToList(list=list_, accounts=(site.accounts["bea"],)))
    group = site.submit("ada", CreateGroup(name="c14_group")).id
    site.submit("bea", JoinGroup(group=group))
    public = [("public",), ("public:local",), ("user",), ("list", str(list_))]
    tagged = [("hashtag", "c14each"), ("hashtag:local", "c14each")]
    grouped = ("group", str(group))
    with socket(ada) as live:
        for stream in KINDS:
            parameters = {"tag": "c14each", "list": str(list_), "group": str(group)}
            kind = KINDS[stream].parameter
            live.subscribe(stream, **({kind: parameters[kind]} if kind else {}))
        bea.status("plain")
        assert updates(live, 4) == sorted(public)
        bea.status("public #c14each")
        assert updates(live, 6) == sorted([*public, *tagged])
        bea.status("unlisted #c14each", visibility="unlisted")
        assert updates(live, 2) == [("list", str(list_)), ("user",)]
        bea.status("to @c14_group")
        assert updates(live, 5) == sorted([*public, grouped])
        bea.status("@ada in confidence", visibility="direct")
        told = {(event["stream"][0], event["event"]) for event in (live.next() for _ in range(3))}
        assert told == {
            ("direct", "conversation"), ("user", "notification"),
            ("user:notification", "notification"),
        }  # fmt: skip


def updates(live: Socket, count: int) -> list[tuple[str, ...]]:
    """The streams that brought the next events, which are updates."""
    events = [live.next() for _ in range(count)]
    assert {event["event"] for event in events} == {"update"}
    return sorted(tuple(event["stream"]) for event in events)


# --- C15 --------------------------------------------------------------------------------------


def test_c15_the_token_as_protocol_is_echoed(here: World) -> None:
    ada = here.api("ada")
    with socket(ada, token="protocol") as live:
        assert live.connection.subprotocol == ada.token
        live.subscribe("user")


def test_c15_the_protocol_is_echoed_also_when_the_token_came_otherwise(here: World) -> None:
    ada = here.api("ada")
    with socket(ada, subprotocols=[Subprotocol("anything"), Subprotocol("else")]) as live:
        assert live.connection.subprotocol == "anything"
        live.subscribe("user")


@pytest.mark.parametrize("token", ["header", "query", "protocol"])
def test_c15_a_wrong_token_opens_no_socket(here: World, token: str) -> None:
    status, body = refused(Api(here.site, "wrong"), token=token)
    assert status == 401
    assert body["error"] == "The access token is invalid"


def test_c15_cookies_open_nothing(here: World) -> None:
    cookie = f"{SESSION_COOKIE}={here.site.sessions['ada']}"
    with connect(
        here.site.url.replace("http", "ws", 1) + "/api/v1/streaming", proxy=None,
        additional_headers={"Cookie": cookie}, origin="https://elsewhere.example",  # type: ignore[arg-type]
        open_timeout=SECONDS,
    ) as connection:  # fmt: skip
        live = Socket(connection)
        live.say(type="subscribe", stream="user")
        assert live.next()["status"] == 401
        live.subscribe("public")


# --- who may what -----------------------------------------------------------------------------


def test_scopes_are_those_of_each_stream(here: World) -> None:
    with socket(here.api("ada", "read:notifications")) as live:
        live.say(type="subscribe", stream="user")
        assert live.next()["status"] == 403
        live.subscribe("user:notification")
    with socket(here.app_api()) as live:
        live.say(type="subscribe", stream="user")
        assert live.next()["status"] == 422
        live.subscribe("public")


def test_a_token_for_statuses_alone_has_no_notifications(here: World) -> None:
    ada, bea = here.api("ada", "read:statuses"), here.api("bea")
    with socket(ada) as live:
        live.subscribe("user")
        bea.status("to @ada")
        bea.status("and on")
        assert live.status()["content"].startswith("<p>to ")
        assert live.status()["content"] == "<p>and on</p>"


def test_a_revoked_token_closes_the_socket(here: World, caplog: pytest.LogCaptureFixture) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    with socket(ada) as live:
        for stream in ("user", "public", "public:local"):
            live.subscribe(stream)
        here.site.submit(SERVER, RevokeToken(token_hash=secret_hash(ada.token)))
        bea.status("not for you any more")
        assert live.until_closed() == 1008
    here.site.wait_until(lambda: here.site.edge.hub.count == 0)
    assert not caplog.records


def test_blocks_and_mutes_take_live_events_away(here: World) -> None:
    bea, carl, site = here.api("bea"), here.api("carl"), here.site
    target = site.accounts["bea"]
    with socket(carl) as live:
        live.subscribe("public")
        live.subscribe("hashtag", tag="aside")
        live.subscribe("user")
        for take, give in (
            (Block(account=target), Unblock(account=target)),
            (Mute(account=target), Unmute(account=target)),
        ):
            before = bea.status("seen #aside")["id"]
            assert [live.status()["id"] for _ in range(2)] == [before] * 2
            site.submit("carl", take)
            unseen = bea.status("unseen #aside, @carl")["id"]
            bea.json("PUT", f"/api/v1/statuses/{unseen}", {"status": "unseen, edited #aside"})
            bea.json("PUT", f"/api/v1/statuses/{before}", {"status": "edited #aside"})
            site.submit("carl", give)
            after = bea.status("seen again #aside")["id"]
            assert [live.status()["id"] for _ in range(2)] == [after] * 2


def test_an_edit_goes_to_the_tags_it_has_or_had(here: World) -> None:
    bea = here.api("bea")
    with socket(here.nobody) as live:
        live.subscribe("hashtag", tag="had")
        for text in ("none", "this #had", "other #have"):
            made = bea.status(text)["id"]
            bea.json("PUT", f"/api/v1/statuses/{made}", {"status": f"{text}, edited"})
        assert live.status()["content"].startswith("<p>this ")
        assert live.next()["event"] == "status.update"
        bea.status("the end #had")
        assert live.status()["content"].startswith("<p>the end ")


def test_c28_filters_mark_and_hide_nothing(here: World) -> None:
    bea, ada = here.api("bea"), here.api("ada")
    with socket(ada) as live:
        live.subscribe("user")
        bea.status("before, no spoiler is known")
        assert live.status()["filtered"] == []
        filter_ = ada.json(
            "POST",
            "/api/v2/filters",
            {
                "title": "x", "context": ["home"], "filter_action": "hide",
                "keywords_attributes": [{"keyword": "spoiler"}],
            },
        )  # fmt: skip
        assert live.next()["event"] == "filters_changed"
        made = bea.status("a spoiler")["id"]
        (result,) = live.status()["filtered"]
        assert result["filter"]["filter_action"] == "hide"
        bea.json("PUT", f"/api/v1/statuses/{made}", {"status": "still a spoiler"})
        edited = json.loads(live.next()["payload"])
        assert len(edited["filtered"]) == 1
        bea.status("none")
        assert live.status()["filtered"] == []
    ada.delete(f"/api/v2/filters/{filter_['id']}")


def test_a_group_left_is_heard_no_more(here: World) -> None:
    ada, bea, site = here.api("ada"), here.api("bea"), here.site
    group = site.submit("bea", CreateGroup(name="left_group", join="invitation")).id
    ask = {"type": "subscribe", "stream": "group", "group": str(group)}
    with socket(ada) as live:
        live.say(**ask)
        assert live.next()["status"] == 404
        site.submit("bea", InviteToGroup(group=group, account=site.accounts["ada"]))
        site.submit("ada", JoinGroup(group=group))
        live.subscribe("group", group=str(group))
        bea.status("in @left_group", visibility="private")
        assert live.next()["stream"] == ["group", str(group)]
        site.submit("ada", LeaveGroup(group=group))
        bea.status("in @left_group again", visibility="private")
        live.subscribe("direct")  # and nothing before it


# --- every kind of event ----------------------------------------------------------------------


def test_filters_changed_has_no_payload(here: World) -> None:
    ada = here.api("ada")
    made = {"title": "y", "context": ["home"], "keywords_attributes": [{"keyword": "zebra"}]}
    with socket(ada) as live:
        live.subscribe("user")
        number = ada.json("POST", "/api/v2/filters", made)["id"]
        ada.delete(f"/api/v2/filters/{number}")
        for _ in range(2):
            event = live.next()
            assert event["event"] == "filters_changed"
            assert "payload" not in event


def test_a_conversation_and_what_is_left_of_it(here: World) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    with socket(ada) as live:
        live.subscribe("direct")
        first = bea.status("@ada one", visibility="direct")
        made = json.loads(live.next()["payload"])
        assert made["unread"] is True
        assert [account["acct"] for account in made["accounts"]] == ["bea"]
        assert made["last_status"]["id"] == first["id"]
        second = bea.status("@ada two", visibility="direct", in_reply_to_id=first["id"])
        said = json.loads(live.next()["payload"])
        assert (said["id"], said["last_status"]["id"]) == (made["id"], second["id"])
        bea.delete(f"/api/v1/statuses/{second['id']}")
        event = live.next()
        assert event["event"] == "conversation"
        assert json.loads(event["payload"])["last_status"]["id"] == first["id"]
        # of a conversation that is no more there is nothing to say
        bea.delete(f"/api/v1/statuses/{first['id']}")
        bea.status("@ada anew", visibility="direct")
        assert json.loads(live.next()["payload"])["id"] != made["id"]


def test_announcements_come_and_go(here: World) -> None:
    with socket(here.api("carl")) as live:
        live.subscribe("user")
        number = here.site.submit("ada", Announce(text="The server moves on #monday.")).id
        event = live.next()
        assert event["event"] == "announcement"
        said = json.loads(event["payload"])
        assert said == here.api("carl").get("/api/v1/announcements")[0]
        assert said["id"] == str(number)
        here.site.submit("ada", Announce(announcement=number, text=""))
        gone = live.next()
        assert (gone["event"], gone["payload"]) == ("announcement.delete", str(number))


def test_notifications_merged(here: World) -> None:
    dora, eve = here.api("dora"), here.api("eve")
    here.site.submit("dora", NotificationPolicy(not_following="filter"))
    with socket(dora) as live:
        live.subscribe("user:notification")
        eve.status("hello @dora")
        here.site.submit("dora", AcceptRequest(account=here.site.accounts["eve"]))
        event = live.next()
        assert (event["event"], event["payload"]) == ("notifications_merged", "1")
        eve.status("hello again @dora")
        assert json.loads(live.next()["payload"])["type"] == "mention"


# --- resume -----------------------------------------------------------------------------------


def test_who_comes_back_gets_exactly_what_it_missed(here: World) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    with socket(ada) as live:
        begin = live.subscribe("user")
        ids = [bea.status(f"before {n}")["id"] for n in range(3)]
        events = [live.next() for _ in ids]
        assert [json.loads(event["payload"])["id"] for event in events] == ids
    missed = [bea.status(f"missed {n}")["id"] for n in range(3)]
    ada.json("POST", "/api/v2/filters", {"title": "z", "context": ["home"]})
    for since, expected in ((begin, [*ids, *missed]), (events[1]["cursor"], [ids[2], *missed])):
        with socket(ada, f"stream=user&since={since}") as live:
            assert live.next()["event"] == "subscribed"
            assert [live.status()["id"] for _ in expected] == expected
            last = live.next()
            assert last["event"] == "filters_changed"
    with socket(ada, f"stream=user&since={last['cursor']}") as live:
        assert live.next()["event"] == "subscribed"
        again = bea.status("live again")["id"]
        assert live.status()["id"] == again


def test_a_cursor_of_another_time_is_a_gap(here: World) -> None:
    with socket(here.api("ada")) as live:
        live.say(type="subscribe", stream="user", since="77.1.8")
        assert live.next()["event"] == "subscribed"
        gap = live.next()
        assert (gap["stream"], gap["event"]) == (["user"], "gap")
        assert gap["cursor"].endswith(".9")


# --- limits -----------------------------------------------------------------------------------


def test_a_message_that_is_too_long_ends_the_connection(here: World) -> None:
    with socket(here.api("ada")) as live:
        live.connection.send("x" * (SOCKET_MESSAGE_BYTES + 1))
        assert live.until_closed() == 1009


def test_bytes_end_the_connection(here: World) -> None:
    with socket(here.api("ada")) as live:
        live.connection.send(b"{}")
        assert live.until_closed() == 1003


@pytest.mark.parametrize(
    ("query", "status"),
    [("stream[a]=b", 422), ("stream=nonsense", 400), ("stream=user&covey=x", 422)],
)
def test_a_first_stream_that_is_none_is_said(here: World, query: str, status: int) -> None:
    with socket(here.api("ada"), query) as live:
        assert live.next()["status"] == status
    with socket(here.api("ada"), "stream=") as live:
        live.subscribe("user")
    assert refused(here.api("ada"), "access_token[a]=b", token="query")[0] == 422


def test_an_empty_message_is_a_sign_of_life(here: World) -> None:
    with socket(here.api("ada")) as live:
        live.connection.send("")
        live.subscribe("user")


def test_subscribing_twice_is_once(here: World) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    with socket(ada) as live:
        live.subscribe("user")
        live.say(type="subscribe", stream=["user"])
        live.say(type="unsubscribe", stream="direct")  # which it never was
        live.subscribe("hashtag", tag="twice")
        bea.status("once")
        bea.status("then #twice")
        assert live.next()["stream"] == ["user"]
        assert sorted(live.next()["stream"] for _ in range(2)) == [["hashtag", "twice"], ["user"]]


def test_a_socket_follows_so_many_streams(here: World) -> None:
    with socket(here.api("ada")) as live:
        for n in range(SUBSCRIPTIONS_PER_SOCKET):
            live.subscribe("hashtag", tag=f"many{n}")
        live.say(type="subscribe", stream="user")
        answer = live.next()
        assert answer["status"] == 429
        live.say(type="unsubscribe", stream="hashtag", tag="many0")
        live.subscribe("user")


def test_an_account_has_so_many_connections_and_they_are_counted_once(here: World) -> None:
    fay = here.api("fay")
    with ExitStack() as stack:
        for _ in range(STREAMS_PER_ACCOUNT):
            live = stack.enter_context(socket(fay))
            live.subscribe("user")
            live.subscribe("public")
        status, body = refused(fay)
        assert (status, body["code"]) == (429, "too_many_streams")
    here.site.wait_until(lambda: here.site.edge.hub.count == 0)
    with socket(fay) as live:
        live.subscribe("user")


def test_a_stream_that_ends_ends_the_socket(here: World) -> None:
    """A reader that is too slow, or an edge that stops: the client comes back with its cursor."""
    hub = here.site.edge.hub
    with socket(here.api("ada")) as live:
        live.subscribe("user")

        async def end() -> None:
            for stream in hub._all():
                stream.end()

        here.site.run(end())
        assert live.until_closed() == 1001
    here.site.wait_until(lambda: hub.count == 0)


def test_what_is_no_stream_is_no_socket(here: World) -> None:
    address = here.site.url.replace("http", "ws", 1)
    for path in ("/api/v1/streaming/user", "/api/v1/instance", "/"):
        with pytest.raises(InvalidStatus), connect(address + path, proxy=None):
            pass


def test_a_socket_that_ends_is_forgotten(here: World) -> None:
    with socket(here.api("ada")) as live:
        live.subscribe("user")
        live.subscribe("direct")
        assert here.site.edge.hub.count > 0
    here.site.wait_until(lambda: here.site.edge.hub.count == 0)
    assert not here.site.edge.hub._streams
