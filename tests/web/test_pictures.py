"""Pictures on pages: sent with a form, without a script, and shown with their words."""

from __future__ import annotations

import re

import httpx
from tests.media.test_pictures import saved, scene
from tests.web.pages import Form, Page, follow, get
from tests.web.site import Site

from covey.limits import POST_CHARACTERS
from covey.messages import File, Post, RegisterMedia

PICTURE = saved(scene(900, 600), "JPEG")


def send_files(
    browser: httpx.Client, form: Form, files: dict[str, bytes], **fields: str
) -> httpx.Response:
    """As a browser sends a form with files: those left alone are there, without a name."""
    named = {
        name: (f"{name}.jpg" if name in files else "", files.get(name, b""))
        for name in form.fields
        if name.startswith("picture")
    }
    words = {name: text for name, text in {**form.fields, **fields}.items() if name not in named}
    return browser.post(
        form.action, data=words, files=named,
        headers={"Sec-Fetch-Site": "same-origin", "Origin": str(browser.base_url).rstrip("/")},
    )  # fmt: skip


def pictures(page: Page) -> list[tuple[str, str]]:
    """(words, address) of the pictures in posts."""
    found = re.findall(r'<img src="(/media/[^"]+)" alt="([^"]*)"[^>]*loading="lazy"', page.html)
    return [(alt, address) for address, alt in found if alt or "width" in page.html]


def test_a_post_with_pictures(server: Site) -> None:
    server.register("pixalba")
    browser = server.browser("pixalba")
    form = get(browser, "/home").form("/post")
    assert "picture4" in form.fields
    files = {"picture1": PICTURE, "picture3": saved(scene(), "PNG")}
    answer = send_files(browser, form, files, text="Look", alt1="A <barn>", alt3="An owl")
    page = follow(browser, answer)
    assert [alt for alt, _ in pictures(page)] == ["A &lt;barn&gt;", "An owl"]
    small = browser.get(pictures(page)[0][1])
    assert small.headers["content-type"] == "image/jpeg"
    assert 'width="587" height="391"' in page.html
    # without a file and without a word it is nothing
    form = get(browser, "/home").form("/post")
    assert Page(send_files(browser, form, {}, text=" ")).status == 422
    only = follow(browser, send_files(browser, form, {"picture2": PICTURE}, text=""))
    assert len(only.articles) == 2


def test_what_is_wrong_with_a_file_is_said_and_the_others_are_kept(server: Site) -> None:
    server.register("pixbert")
    browser = server.browser("pixbert")
    form = get(browser, "/home").form("/post")
    files = {"picture1": PICTURE, "picture2": b"<svg/>"}
    page = Page(send_files(browser, form, files, text="x" * (POST_CHARACTERS + 1), alt1="A barn"))
    assert page.status == 422
    assert "this file can&#39;t be shown" in page.html.lower()
    assert [alt for alt, _ in pictures(page)] == ["A barn"]
    again = page.form("/post")
    assert "picture3" in again.fields
    assert "picture4" not in again.fields
    shown = follow(browser, send_files(browser, again, {}, text="Look"))
    assert [alt for alt, _ in pictures(shown)] == ["A barn"]


def test_an_edit_keeps_the_pictures(server: Site) -> None:
    server.register("pixcora")
    browser = server.browser("pixcora")
    form = get(browser, "/home").form("/post")
    page = follow(browser, send_files(browser, form, {"picture1": PICTURE}, alt1="A barn"))
    address = page.link("Edit")
    edit = get(browser, address).form(address)
    fields = {**edit.fields, "text": "Now with words"}
    origin = {"Sec-Fetch-Site": "same-origin"}
    shown = follow(browser, browser.post(address, data=fields, headers=origin))
    assert "Now with words" in shown.words
    assert [alt for alt, _ in pictures(shown)] == ["A barn"]


def test_nobody_posts_what_somebody_else_sent(server: Site) -> None:
    server.register("pixdirk")
    server.register("pixelsa")
    number = server.submit(
        server.accounts["pixelsa"],
        RegisterMedia(type="image", file=File(bytes(32), "image/png", 1)),
    ).number
    browser = server.browser("pixdirk")
    form = get(browser, "/home").form("/post")
    page = Page(send_files(browser, form, {}, text="mine", media=str(number)))
    assert page.status == 422
    assert f'value="{number}"' not in page.html


def test_films_sounds_and_what_is_sensitive(server: Site) -> None:
    account = server.register("pixfine")
    film = RegisterMedia(
        type="video", file=File(bytes(32), "video/mp4", 9, 640, 360), description="It flies"
    )
    sound = RegisterMedia(type="audio", file=File(bytes(32), "audio/ogg", 9))
    numbers = tuple(server.submit(account, one).number for one in (film, sound))
    server.submit(account, Post(text="Look", media=numbers, sensitive=True))
    page = get(server.browser("pixfine"), "/@pixfine")
    assert re.search(r'<video controls preload="none" src="/media/00/0+\.mp4"', page.html)
    assert re.search(r'<audio controls preload="none" src="/media/00/0+\.ogg"', page.html)
    assert "Sensitive media" in page.words
    assert "media-src 'self'" in page.response.headers["content-security-policy"]


def test_a_form_of_a_stranger_is_not_kept(server: Site) -> None:
    """No file of somebody who is not logged in touches the disk."""
    with httpx.Client(base_url=server.url) as stranger:
        files = {"picture1": ("a.jpg", PICTURE)}
        assert stranger.post("/post", files=files, data={"text": "x"}).status_code in (401, 403)
    assert not list((server.edge.media.folder.path / "incoming").iterdir())
