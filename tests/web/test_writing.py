"""Posting and the small acts, by forms, without a script; and forms that are not ours."""

from __future__ import annotations

import pytest
from tests.web.pages import Page, follow, get, send
from tests.web.site import Site
from tests.web.test_reading import befriend, button

from covey.limits import POST_CHARACTERS


def test_a_post_stands_on_the_page_that_one_comes_back_to(server: Site) -> None:
    server.register("abel")
    browser = server.browser("abel")
    form = get(browser, "/home").form("/post")
    page = follow(browser, send(browser, form, text="first light <3\r\n\r\nand more"))
    assert page.response.url.path == "/home"
    assert "<p>first light &lt;3</p><p>and more</p>" in page.html


def test_a_form_sent_twice_posts_once_and_a_changed_text_again(server: Site) -> None:
    server.register("beth")
    browser = server.browser("beth")
    form = get(browser, "/home").form("/post")
    for text in ("once", "once", "and another"):
        assert send(browser, form, text=text).status_code == 303
    assert len(get(browser, "/home").articles) == 2


def test_what_is_wrong_is_said_at_the_form_and_the_text_is_kept(server: Site) -> None:
    server.register("cleo")
    browser = server.browser("cleo")
    form = get(browser, "/home").form("/post")
    long = "é" * (POST_CHARACTERS + 1)
    page = Page(
        send(browser, form, text=long, language="klingon", visibility="all", warning="a\tb")
    )
    assert page.status == 422
    assert f"Text has {POST_CHARACTERS + 4} characters; at most {POST_CHARACTERS}" in page.words
    assert "“klingon” is no language code" in page.words
    assert "“all” is no visibility" in page.words
    assert "The warning has a character that is not allowed: U+0009" in page.words
    assert page.form("/post").fields["text"] == long
    assert "can't be blank" in Page(send(browser, form, text=" \n ")).words.replace("&#39;", "'")
    assert Page(send(browser, form, text="over\u202eturned")).status == 422
    mended = page.form("/post")
    answer = send(browser, mended, text="short", language="", visibility="public", warning="")
    assert follow(browser, answer).status == 200


def test_an_address_counts_the_same_whatever_its_length(server: Site) -> None:
    server.register("dora")
    browser = server.browser("dora")
    form = get(browser, "/home").form("/post")
    text = "x" * (POST_CHARACTERS - 24) + " https://example.org/" + "y" * 500
    assert send(browser, form, text=text).status_code == 303


def test_a_reply_names_those_who_take_part_and_is_no_wider(server: Site) -> None:
    befriend(server, "ella", "emil")
    server.register("enno")
    post = server.post("emil", "hello @enno and @ella", visibility="unlisted", warning="careful")
    browser = server.browser("ella")
    form = get(browser, f"/@emil/{post}").form("/post")
    assert form.fields["text"] == "@emil @enno "
    assert form.fields["visibility"] == "unlisted"
    assert form.fields["warning"] == "careful"
    answer = send(browser, form, text=form.fields["text"] + "hi both")
    assert answer.headers["location"].startswith(f"/@emil/{post}#p")
    page = follow(browser, answer)
    assert len(page.articles) == 2
    assert "hi both" in page.words


def test_boost_favourite_and_their_ends_by_button(server: Site) -> None:
    befriend(server, "fee", "fritz")
    post = server.post("fritz", "press all my buttons")
    browser = server.browser("fee")
    for verb, other in (("boost", "unboost"), ("favourite", "unfavourite")):
        for act, pressed in ((verb, "true"), (other, "false")):
            page = get(browser, "/public")
            form = page.form_with_id("act")
            found = next(b for b in form.buttons if b.address == f"/@fritz/{post}/{act}")
            answer = send(browser, form, found)
            assert answer.headers["location"] == f"/public#p{post}"
            page = get(browser, f"/@fritz/{post}")
            assert f'value="{verb}" aria-pressed="{pressed}"' in page.html


def test_a_script_gets_what_the_post_looks_like_now(server: Site) -> None:
    befriend(server, "gabi", "gero")
    post = server.post("gero", "by script")
    browser = server.browser("gabi")
    form = get(browser, "/public").form_with_id("act")
    answer = browser.post(
        f"/@gero/{post}/favourite", data=form.fields, headers={"X-Fragment": "post"}
    )
    assert answer.status_code == 200
    assert 'aria-pressed="true"' in answer.text
    assert "<html" not in answer.text
    assert "csrf" not in answer.text


def test_delete_asks_first(server: Site) -> None:
    server.register("hera")
    server.register("hank")
    post = server.post("hera", "take me back")
    browser = server.browser("hera")
    page = get(browser, f"/@hera/{post}/delete")
    assert "Delete this post?" in page.words
    assert get(browser, f"/@hera/{post}").status == 200
    assert get(server.browser("hank"), f"/@hera/{post}/delete").status == 404
    page = follow(browser, send(browser, page.form(f"/@hera/{post}/delete")))
    assert "The post is deleted." in page.words
    assert get(browser, f"/@hera/{post}").status == 404


def test_nobody_deletes_for_another(server: Site) -> None:
    server.register("ira")
    server.register("ilya")
    post = server.post("ira", "mine")
    browser = server.browser("ilya")
    form = get(browser, "/home").form("/post")
    answer = browser.post(f"/@ira/{post}/delete", data={"csrf": form.fields["csrf"]})
    assert answer.status_code == 404
    assert get(browser, f"/@ira/{post}").status == 200


def test_follow_mute_block_and_their_ends_by_button(server: Site) -> None:
    server.register("jill")
    server.register("jack")
    browser = server.browser("jill")
    for first, second in (("Follow", "Unfollow"), ("Mute", "Unmute"), ("Block", "Unblock")):
        for text in (first, second):
            form, found = button(get(browser, "/@jack"), text)
            page = follow(browser, send(browser, form, found))
            assert page.response.url.path == "/@jack"
    assert button(page, "Follow")


def test_nobody_follows_who_blocks(server: Site) -> None:
    server.register("kurt")
    server.register("kate")
    page = get(server.browser("kurt"), "/@kate")
    form, _ = button(page, "Block")
    other = server.browser("kate")
    follow_form, follow_button = button(get(other, "/@kurt"), "Follow")
    send(server.browser("kurt"), *button(page, "Block"))
    answer = send(other, follow_form, follow_button)
    assert answer.status_code == 403
    assert "does not let you do this" in Page(answer).words
    assert form


# --- forms that are not ours ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
     {"Origin": "https://evil.example"}, {"Origin": "null"}],
)  # fmt: skip
def test_another_site_posts_nothing_even_with_the_token(
    server: Site, headers: dict[str, str]
) -> None:
    if "lola" not in server.accounts:
        server.register("lola")
    browser = server.browser("lola")
    form = get(browser, "/home").form("/post")
    answer = browser.post("/post", data={**form.fields, "text": "not mine"}, headers=headers)
    assert answer.status_code == 403
    assert "not mine" in Page(answer).words  # nothing that a person wrote is lost
    assert not get(browser, "/@lola").articles


@pytest.mark.parametrize("token", ["", "0" * 64, "ß", "x"])
def test_a_form_without_our_token_does_nothing(server: Site, token: str) -> None:
    if "mona" not in server.accounts:
        server.register("mona")
    browser = server.browser("mona")
    fields = {"text": "forged", "csrf": token}
    assert browser.post("/post", data=fields).status_code == 403
    assert browser.post("/post", data={"text": "forged"}).status_code == 403
    assert browser.post("/post", json={"text": "forged", "csrf": [1]}).status_code == 403
    assert not get(browser, "/@mona").articles


def test_the_token_of_one_session_is_no_good_for_another(server: Site) -> None:
    server.register("nina")
    server.register("nick")
    form = get(server.browser("nina"), "/home").form("/post")
    answer = send(server.browser("nick"), form, text="with a borrowed token")
    assert answer.status_code == 403


def test_log_in_and_sign_up_need_a_token_too(server: Site) -> None:
    for address in ("/login", "/signup"):
        answer = server.browser().post(address, data={"name": "x", "password": "y"})
        assert answer.status_code == 403


def test_a_session_that_ended_loses_no_text(server: Site) -> None:
    server.register("opal")
    browser = server.browser("opal")
    form = get(browser, "/home").form("/post")
    browser.cookies.clear()
    page = Page(send(browser, form, text="long and dear to me", back="/public"))
    assert page.status == 401
    assert "long and dear to me" in page.words
    assert page.link("Log in") == "/login?next=/public" or "/login?next=/public" in page.html


# --- bodies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [(b"text=%FF", "application/x-www-form-urlencoded", 422),
     (b"text=%00", "application/x-www-form-urlencoded", 422),
     (b"{", "application/json", 400), (b"x", "image/png", 415),
     (b"a" * (300 << 10), "application/x-www-form-urlencoded", 413),
     (b"--x\r\nbroken", "multipart/form-data; boundary=x", 400),
     (b"", "application/x-www-form-urlencoded", 403),
     (b"&".join(b"a=1" for _ in range(1_000)), "application/x-www-form-urlencoded", 400)],
)  # fmt: skip
def test_bad_bodies_are_refused(server: Site, body: bytes, kind: str, status: int) -> None:
    if "pete" not in server.accounts:
        server.register("pete")
    answer = server.browser("pete").post("/post", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
