"""Media over the API: sent, looked after, posted, described, served, taken back."""

from __future__ import annotations

import io
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mastodon import Mastodon
from PIL import Image
from tests.mastodon.api import Api, World, check_shape, contract, world
from tests.media.test_pictures import moving, saved, scene

from covey.edge.keep_media import StateBehind, sweep
from covey.engine.counters import BUCKETS
from covey.errors import REFUSALS
from covey.limits import BODY_BYTES, IMAGE_BYTES, MEDIA_PER_POST, VIDEO_BYTES
from covey.log import Log
from covey.media import films
from covey.messages import File, FinishMedia, RegisterMedia, Setting

Check = Callable[[str, Any], None]


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        for name in ("ada", "bea"):
            made.api(name)
        yield made


@pytest.fixture
def shape(shared_data: Callable[[str], Path]) -> Check:
    description = contract(shared_data("mastodon-openapi.json"))
    return lambda name, value: check_shape(description, name, value)


@pytest.fixture
def ada(here: World) -> Api:
    return here.api("ada")


PICTURE = saved(scene(900, 600), "JPEG")
SMALL = saved(scene(), "PNG")


def send(api: Api, data: bytes = SMALL, path: str = "/api/v2/media", **form: str) -> httpx.Response:
    return api.ask("POST", path, files={"file": ("a.png", data, "image/png")}, data=form)


def sent(api: Api, data: bytes = SMALL, **form: str) -> dict[str, Any]:
    response = send(api, data, **form)
    assert response.status_code == 200, response.text
    return response.json()  # type: ignore[no-any-return]


def fetched(here: World, url: str, **headers: str) -> httpx.Response:
    assert url.startswith(here.site.url)
    return httpx.get(url, headers=headers, timeout=120)


def refused(response: httpx.Response) -> str:
    code: str = response.json()["code"]
    assert response.status_code == REFUSALS[code][0]
    return code


def test_c22_a_picture_is_there_at_once(here: World, ada: Api, shape: Check) -> None:
    made = sent(ada, PICTURE, description=" An owl ", focus="-0.42,0.69")
    shape("MediaAttachment", made)
    assert made["type"] == "image"
    assert made["description"] == "An owl"
    assert made["meta"]["focus"] == {"x": -0.42, "y": 0.69}
    assert made["meta"]["original"] == {
        "width": 900, "height": 600, "size": "900x600", "aspect": 1.5
    }  # fmt: skip
    assert made["meta"]["small"]["width"] == 587
    assert len(made["blurhash"]) == 28
    assert made["remote_url"] is None
    assert made["url"] != made["preview_url"]
    assert ada.get(f"/api/v1/media/{made['id']}") == made
    for name in ("url", "preview_url"):
        assert fetched(here, made[name]).headers["content-type"] == "image/jpeg"


def test_a_picture_is_served_for_ever_and_runs_nothing(here: World, ada: Api) -> None:
    url = sent(ada, PICTURE)["url"]
    response = fetched(here, url)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in response.headers["content-security-policy"]
    assert response.headers["access-control-allow-origin"] == "*"
    assert "content-disposition" not in response.headers
    assert Image.open(io.BytesIO(response.content)).size == (900, 600)
    for other in (
        url.replace("/media/", "/media/x"), url.replace(".jpg", ".html"), url.replace(".jpg", ""),
        f"{here.site.url}/media/ab/..%2f..%2flog.db", f"{here.site.url}/media/incoming/x",
        f"{here.site.url}/media/00/{'0' * 64}.jpg", f"{here.site.url}/media/lock",
    ):  # fmt: skip
        assert fetched(here, other).status_code == 404


def test_ranges(here: World, ada: Api) -> None:
    url = sent(ada, PICTURE)["url"]
    whole = fetched(here, url).content
    part = fetched(here, url, range="bytes=10-19")
    assert part.status_code == 206
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole)}"
    assert part.content == whole[10:20]
    assert fetched(here, url, range="bytes=-5").content == whole[-5:]
    assert fetched(here, url, range=f"bytes={len(whole)}-").status_code == 416
    for strange in ("bytes=9-3", "bytes=" + "0-0," * 200, "lines=1", "bytes=" + "9" * 5000 + "-"):
        assert fetched(here, url, range=strange).status_code < 500


def test_posts_with_media(here: World, ada: Api, shape: Check) -> None:
    first, second = sent(ada, description="One"), sent(ada, PICTURE)
    ids = {"media_ids[]": [first["id"], second["id"]]}
    made = ada.json("POST", "/api/v1/statuses", {"media_ids": ids["media_ids[]"]})
    shape("Status", made)
    assert [one["id"] for one in made["media_attachments"]] == [first["id"], second["id"]]
    assert made["content"] == ""
    assert ada.post("/api/v1/statuses", status="Without")["media_attachments"] == []
    again = ada.ask("POST", "/api/v1/statuses", data={"status": "x", **ids})
    assert refused(again) == "media_used"
    of_ada = f"/api/v1/accounts/{here.site.accounts['ada']}/statuses"
    assert made["id"] in [one["id"] for one in ada.get(of_ada, only_media="true")]
    for path in ("/api/v1/timelines/public", of_ada):
        shown = here.nobody.get(path, only_media="true")
        assert all(one["media_attachments"] for one in shown)
        assert made["id"] in [one["id"] for one in shown]


def test_only_what_is_ones_own_and_free_can_be_posted(here: World, ada: Api) -> None:
    bea = here.api("bea")
    other, own = sent(bea)["id"], sent(ada)["id"]

    def post(*ids: str) -> httpx.Response:
        return ada.ask("POST", "/api/v1/statuses", json={"status": "x", "media_ids": [*ids]})

    assert refused(post(other)) == "media_unknown"
    assert refused(post("12345678")) == "media_unknown"
    assert refused(post("owl")) == "parameter_malformed"
    assert refused(post(str(1 << 62))) == "media_unknown"
    many = [sent(ada)["id"] for _ in range(MEDIA_PER_POST + 1)]
    assert refused(post(*many)) == "media_many"
    assert post(own, own).status_code == 200  # said twice is once
    assert refused(bea.ask("GET", f"/api/v1/media/{own}")) == "not_found"
    assert refused(bea.ask("PUT", f"/api/v1/media/{own}", data={"description": "x"})) == "not_found"
    assert refused(bea.ask("DELETE", f"/api/v1/media/{many[0]}")) == "not_found"
    assert refused(here.nobody.ask("GET", f"/api/v1/media/{own}")) == "token_missing"
    assert refused(send(here.nobody)) == "token_missing"
    assert refused(send(here.api("ada", "read"))) == "scope_missing"


def test_describing_and_taking_back(here: World, ada: Api) -> None:
    made = sent(ada)
    path = f"/api/v1/media/{made['id']}"
    changed = ada.json("PUT", path, {"description": "A barn", "focus": "0.5,-1"})
    assert changed["description"] == "A barn"
    assert changed["meta"]["focus"] == {"x": 0.5, "y": -1.0}
    assert ada.json("PUT", path, {"focus": "0,0"})["description"] == "A barn"
    assert ada.json("PUT", path, {"focus": "0,0"})["description"] == "A barn"
    for focus in ("1", "a,b", "2,0", "nan,0", "1e9,0", "0.1,0.1,0.1"):
        code = refused(ada.ask("PUT", path, json={"focus": focus}))
        assert code in ("parameter_malformed", "media_malformed")
    assert refused(ada.ask("PUT", path, json={"description": "x" * 1_501})) == "text_long"
    assert ada.delete(path) == {}
    assert refused(ada.ask("GET", path)) == "not_found"
    shown = sent(ada)["id"]
    ada.json("POST", "/api/v1/statuses", {"media_ids": [shown]})
    assert refused(ada.ask("DELETE", f"/api/v1/media/{shown}")) == "media_used"


def test_edits_change_media_and_history_shows_what_was(ada: Api) -> None:
    one, two = sent(ada)["id"], sent(ada)["id"]
    made = ada.json("POST", "/api/v1/statuses", {"status": "first", "media_ids": [one]})
    path = f"/api/v1/statuses/{made['id']}"
    said = {
        "status": "second",
        "media_ids": [two, one],
        "media_attributes": [{"id": one, "description": "An owl", "focus": "1,1"}],
    }
    edited = ada.json("PUT", path, said)
    assert [media["id"] for media in edited["media_attachments"]] == [two, one]
    assert edited["media_attachments"][1]["description"] == "An owl"
    form = {
        "status": "second", "media_ids[]": [two], "media_attributes[][id]": two,
        "media_attributes[][description]": "A barn",
    }  # fmt: skip
    edited = ada.ask("PUT", path, data=form).json()
    assert [media["description"] for media in edited["media_attachments"]] == ["A barn"]
    history = ada.get(f"{path}/history")
    assert [[media["id"] for media in was["media_attachments"]] for was in history] == [
        [one], [two, one], [two]
    ]  # fmt: skip
    wrong = {**said, "media_attributes": [{"id": "1", "description": "x"}]}
    assert refused(ada.ask("PUT", path, json=wrong)) == "media_unknown"


def test_delete_and_redraft(ada: Api) -> None:
    one = sent(ada, description="An owl")["id"]
    made = ada.json("POST", "/api/v1/statuses", {"status": "Oops", "media_ids": [one]})
    gone = ada.delete(f"/api/v1/statuses/{made['id']}")
    assert gone["text"] == "Oops"
    assert [media["id"] for media in gone["media_attachments"]] == [one]
    again = ada.json("POST", "/api/v1/statuses", {"status": "Oh", "media_ids": [one]})
    assert again["media_attachments"][0]["description"] == "An owl"


def test_a_scheduled_post_shows_them_later(ada: Api, shape: Check) -> None:
    one = sent(ada)["id"]
    said = {"media_ids": [one], "scheduled_at": "2099-01-01T00:00:00Z"}
    response = ada.ask("POST", "/api/v1/statuses", json=said)
    assert refused(response) == "draft_moment"  # not within ten years
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86_400))
    held = ada.json("POST", "/api/v1/statuses", {**said, "scheduled_at": soon})
    shape("ScheduledStatus", held)
    assert held["params"]["media_ids"] == [one]
    assert [media["id"] for media in held["media_attachments"]] == [one]
    again = ada.ask("POST", "/api/v1/statuses", json={"media_ids": [one]})
    assert refused(again) == "media_used"
    ada.delete(f"/api/v1/scheduled_statuses/{held['id']}")
    assert ada.json("POST", "/api/v1/statuses", {"media_ids": [one]})["media_attachments"]


def test_c22_what_is_not_ready_can_not_be_posted(here: World, ada: Api, shape: Check) -> None:
    account = here.site.accounts["ada"]
    film = File(bytes(32), "video/webm", 100)
    number = here.site.submit(account, RegisterMedia(type="video", file=film, ready=False)).number
    path = f"/api/v1/media/{number}"
    waiting = ada.ask("GET", path)
    assert waiting.status_code == 206
    assert waiting.json()["url"] is None
    post = {"status": "x", "media_ids": [str(number)]}
    assert refused(ada.ask("POST", "/api/v1/statuses", json=post)) == "media_not_ready"
    done = File(bytes(32), "video/mp4", 90, 640, 360)
    here.site.submit(account, FinishMedia(media=number, file=done, milliseconds=1500))
    ready = ada.get(path)
    shape("MediaAttachment", ready)
    assert ready["url"].endswith(".mp4")
    assert ready["meta"]["original"]["duration"] == 1.5
    assert ada.json("POST", "/api/v1/statuses", post)["media_attachments"] == [ready]
    number = here.site.submit(account, RegisterMedia(type="video", file=film, ready=False)).number
    here.site.submit(account, FinishMedia(media=number))
    assert refused(ada.ask("GET", f"/api/v1/media/{number}")) == "media_failed"


def test_what_is_no_picture_is_refused_with_a_sentence(here: World, ada: Api) -> None:
    for data in (b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", SMALL[:50], b"\xff" * 5_000):
        assert refused(send(ada, data)) == "media_unreadable"
    assert refused(send(ada, bytes(IMAGE_BYTES - 5) + b"GIF89a")) == "media_unreadable"
    large = SMALL + bytes(IMAGE_BYTES)
    assert refused(send(ada, large)) == "media_large"
    assert refused(ada.ask("POST", "/api/v2/media", data={"file": "x"})) == "parameter_missing"
    assert refused(ada.ask("POST", "/api/v2/media", json={})) == "parameter_missing"
    two = [("file", ("a", SMALL)), ("file", ("b", SMALL))]
    assert refused(ada.ask("POST", "/api/v2/media", files=two)) == "parameter_malformed"
    other = {"script": ("a", SMALL)}
    assert refused(ada.ask("POST", "/api/v2/media", files=other)) == "parameter_malformed"
    words = {"file": ("a", SMALL)}
    long = ada.ask(
        "POST", "/api/v2/media", files=words, data={"description": "x" * (BODY_BYTES + 1)}
    )
    assert refused(long) == "body_large"
    assert not list((here.site.edge.media.folder.path / "incoming").iterdir())


def test_more_than_a_film_may_have_is_refused_before_it_is_sent(here: World, ada: Api) -> None:
    address = here.site.url.removeprefix("http://").partition(":")
    with socket.create_connection((address[0], int(address[2])), timeout=120) as line:
        line.sendall(
            b"POST /api/v2/media HTTP/1.1\r\nHost: x\r\n"
            b"Authorization: Bearer " + ada.token.encode() + b"\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n"
            b"Content-Length: " + str(3 * VIDEO_BYTES).encode() + b"\r\n\r\n--b\r\n"
        )
        assert line.recv(100).startswith(b"HTTP/1.1 413")


def test_films_need_ffprobe(ada: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(films, "can_look", lambda: False)
    film = b"\0\0\0\x18ftypmp42" + bytes(500)
    assert refused(send(ada, film)) == "media_films"
    types = ada.get("/api/v2/instance")["configuration"]["media_attachments"]
    assert not [one for one in types["supported_mime_types"] if not one.startswith("image/")]


PARTS = st.sampled_from([
    b"--b\r\n", b"--b--\r\n", b"\r\n", b"Content-Disposition: form-data; ", b'name="file"; ',
    b'filename="a"\r\n', b"\r\n\r\n", SMALL, b"name=description", b"\0", b"--b",
    b"Content-Type: image/png\r\n", b"\xff\xfe",
])  # fmt: skip


@given(st.lists(st.one_of(PARTS, st.binary(max_size=20)), max_size=12).map(b"".join))
@settings(max_examples=80, deadline=None)
def test_no_body_is_an_error_of_the_server(here: World, body: bytes) -> None:
    ada = here.api("ada") if "ada" not in _APIS else _APIS["ada"]
    _APIS["ada"] = ada
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    for method, path in (
        ("POST", "/api/v2/media"), ("PATCH", "/api/v1/accounts/update_credentials"),
    ):  # fmt: skip
        response = ada.ask(method, path, content=body, headers=headers)
        assert response.status_code < 500, (body, response.text)


_APIS: dict[str, Api] = {}


def test_the_quota(here: World) -> None:
    carl = here.api("carl")
    here.site.submit(0, Setting(name="media_quota", value="1000"))
    try:
        assert refused(send(carl, PICTURE)) == "media_quota"
        assert send(carl, SMALL).status_code == 200
    finally:
        here.site.submit(0, Setting(name="media_quota", value=str(1 << 30)))


def test_pictures_of_a_profile(here: World, shape: Check) -> None:
    dora = here.api("dora")
    before = dora.get("/api/v1/accounts/verify_credentials")
    path = "/api/v1/accounts/update_credentials"
    files = {"avatar": ("a.jpg", PICTURE), "header": ("h.png", saved(scene(1800, 900)))}
    made = dora.ask("PATCH", path, files=files, data={"display_name": "Dora"}).json()
    shape("CredentialAccount", made)
    assert made["display_name"] == "Dora"
    for name, size in (("avatar", (400, 400)), ("header", (1500, 500))):
        assert made[name] == made[f"{name}_static"] != before[name]
        assert Image.open(io.BytesIO(fetched(here, made[name]).content)).size == size
    kept = dora.json("PATCH", path, {"note": "Owls"})
    assert (kept["avatar"], kept["header"]) == (made["avatar"], made["header"])
    # everywhere else, too
    assert dora.status("Hello")["account"]["avatar"] == made["avatar"]
    assert made["avatar"].removeprefix(here.site.url) in httpx.get(f"{here.site.url}/@dora").text
    assert dora.get("/oauth/userinfo")["picture"] == made["avatar"]
    new = dora.ask("PATCH", path, files={"avatar": ("b.png", saved(scene(80, 80, "RGBA")))}).json()
    assert new["avatar"] not in (before["avatar"], made["avatar"])
    gone = dora.delete("/api/v1/profile/avatar")
    assert (gone["avatar"], gone["header"]) == (before["avatar"], made["header"])
    assert dora.delete("/api/v1/profile/header")["header"] == before["header"]
    assert dora.delete("/api/v1/profile/header")["header"] == before["header"]
    bad = dora.ask("PATCH", path, files={"avatar": ("a.svg", b"<svg/>")})
    assert refused(bad) == "media_unreadable"
    assert refused(dora.ask("PATCH", path, json={"avatar": "data:x"})) == "parameter_malformed"
    nothing = dora.ask("PATCH", path, files={"avatar": ("", b"")}, data={"note": "x"})
    assert nothing.status_code == 200


def test_what_nobody_shows_any_more_leaves_the_disk(here: World) -> None:
    emma = here.api("emma")
    kept, lost = sent(emma, saved(scene(61, 40))), sent(emma, saved(scene(62, 40)))
    emma.json("POST", "/api/v1/statuses", {"media_ids": [kept["id"]]})
    emma.delete(f"/api/v1/media/{lost['id']}")
    folder = here.site.edge.media.folder
    for made in (kept, lost):
        os.utime(folder.file(made["url"].rpartition("/")[2]), (1, 1))
    sweep(here.site.edge)
    assert fetched(here, kept["url"]).status_code == 200
    assert fetched(here, lost["url"]).status_code == 404


def test_nothing_is_swept_while_the_state_is_being_built(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names too little then: after a restore, nearly nothing."""
    made = sent(here.api("ida"), saved(scene(63, 40)))
    path = here.site.edge.media.folder.file(made["url"].rpartition("/")[2])
    os.utime(path, (1, 1))
    monkeypatch.setattr(Log, "last_number", lambda log: 1 << 40)
    with pytest.raises(StateBehind):
        sweep(here.site.edge)
    assert path.exists()


def test_the_instance_says_what_can_be_sent(here: World) -> None:
    for path in ("/api/v1/instance", "/api/v2/instance"):
        configuration = here.nobody.get(path)["configuration"]
        assert configuration["statuses"]["max_media_attachments"] == MEDIA_PER_POST
        media = configuration["media_attachments"]
        assert media["image_size_limit"] == IMAGE_BYTES
        assert {"image/jpeg", "image/png", "image/webp", "image/avif", "image/gif"} <= set(
            media["supported_mime_types"]
        )


def test_filters_read_descriptions(here: World, ada: Api) -> None:
    reader = here.api("hilda")
    body = {
        "title": "Owls", "context": ["home"],
        "keywords_attributes": [{"keyword": "owl", "whole_word": True}],
    }  # fmt: skip
    reader.json("POST", "/api/v2/filters", body)
    for words, met in (("A barn owl", 1), ("A barn", 0)):
        one = sent(ada, description=words)["id"]
        made = ada.json("POST", "/api/v1/statuses", {"media_ids": [one]})
        assert len(reader.get(f"/api/v1/statuses/{made['id']}")["filtered"]) == met


def test_by_mastodon_py(here: World, ada: Api, tmp_path: Path) -> None:
    (tmp_path / "owl.gif").write_bytes(moving())
    client = Mastodon(access_token=ada.token, api_base_url=here.site.url, request_timeout=120)
    made = client.media_post(str(tmp_path / "owl.gif"), description="It blinks", focus=(0.5, 0.25))
    assert made.type == "image"
    assert made.meta.focus.x == 0.5
    client.media_update(made, description="It blinks twice")
    status = client.status_post("Look", media_ids=[made])
    assert status.media_attachments[0].description == "It blinks twice"
    assert re.search(r"\.gif$", status.media_attachments[0].url)
    avatar = client.account_update_credentials(avatar=PICTURE, avatar_mime_type="image/jpeg").avatar
    assert "/media/" in avatar
    second = client.media_post(PICTURE, mime_type="image/jpeg", synchronous=True)
    status = client.status_update(status.id, "Look there", media_ids=[second])
    assert [media.id for media in status.media_attachments] == [second.id]


def test_so_many_in_half_an_hour(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUCKETS, "media", (2, 1_800))
    fred = here.api("fred")
    for _ in range(2):
        assert send(fred).status_code == 200
    last = send(fred)
    assert refused(last) == "too_many_requests"
    assert int(last.headers["retry-after"]) > 1_000
    assert send(here.api("gina")).status_code == 200
