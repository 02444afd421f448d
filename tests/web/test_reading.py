"""Pages of queues: what stands on them, their ways on, and the reading position."""

from __future__ import annotations

import re

import pytest
from tests.web.pages import Button, Form, Page, follow, get, send
from tests.web.site import Site

from covey.messages import Block, Boost, Follow, Mute, Read


def befriend(server: Site, reader: str, *authors: str) -> None:
    for name in (reader, *authors):
        if name not in server.accounts:
            server.register(name)
    for author in authors:
        server.submit(reader, Follow(account=server.accounts[author]))


def button(page: Page, text: str) -> tuple[Form, Button]:
    return next((f, b) for f in page.forms for b in f.buttons if b.text == text)


def walk(browser: object, address: str, way: str) -> list[str]:
    """The ids of all posts from this page on, page after page by the link `way`."""
    found: list[str] = []
    while address:
        page = get(browser, address)  # type: ignore[arg-type]
        found += page.articles if way == "Older" else page.articles[::-1]
        address = page.link(way)
    return found


def test_front_page_is_for_strangers(server: Site) -> None:
    server.register("anna")
    server.post("anna", "hello from the front page")
    page = get(server.browser(), "/")
    assert page.status == 200
    assert "hello from the front page" in page.words
    assert page.link("Sign up") == "/signup"
    answer = server.browser("anna").get("/")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/home"


def test_private_pages_lead_strangers_to_the_log_in(server: Site) -> None:
    for address in ("/home", "/notifications", "/settings"):
        answer = server.browser().get(address)
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/login?next={address}"


def test_a_home_is_read_down_to_the_first_post_and_up_again(server: Site) -> None:
    befriend(server, "bert", "bea")
    posts = [str(server.post("bea", f"number {n}")) for n in range(47)]
    browser = server.browser("bert")
    assert walk(browser, "/home", "Older") == posts[::-1]
    first = get(browser, f"/home?max_id={posts[3]}")
    assert first.articles == posts[2::-1]
    assert walk(browser, f"/home?min_id={posts[0]}", "Newer") == posts[1:]


def test_profile_shows_the_outbox_to_the_first_post(server: Site) -> None:
    server.register("carl", display_name="Carl the Great")
    posts = [str(server.post("carl", f"number {n}")) for n in range(45)]
    page = get(server.browser(), "/@CARL")
    assert "Carl the Great" in page.words
    assert "45 posts" in page.words
    assert walk(server.browser(), "/@carl", "Older") == posts[::-1]


def test_a_followers_only_post_is_for_followers(server: Site) -> None:
    befriend(server, "dirk", "doro")
    server.register("dave")
    post = server.post("doro", "for my followers alone", visibility="followers")
    assert "for my followers alone" in get(server.browser("dirk"), "/@doro").words
    for browser in (server.browser(), server.browser("dave")):
        assert "for my followers alone" not in get(browser, "/@doro").words
        assert get(browser, f"/@doro/{post}").status == 404
        assert get(browser, f"/@dave/{post}").status == 404


def test_a_thread_shows_what_is_answered_and_the_answers(server: Site) -> None:
    befriend(server, "elsa", "egon")
    root = server.post("egon", "the root")
    middle = server.post("elsa", "@egon the middle", reply_to=root)
    leaf = server.post("egon", "the leaf", reply_to=middle)
    page = get(server.browser("elsa"), f"/@elsa/{middle}")
    assert page.articles == [str(root), str(middle), str(leaf)]
    assert page.form("/post").fields["reply_to"] == str(middle)
    answer = server.browser().get(f"/@egon/{middle}")
    assert answer.headers["location"] == f"/@elsa/{middle}"


def test_a_tag_has_a_page_under_its_normal_name(server: Site) -> None:
    server.register("finn")
    server.post("finn", "all about #Straße")
    answer = server.browser().get("/tags/Straße")
    assert answer.status_code == 303
    page = get(server.browser(), answer.headers["location"])
    assert "all about" in page.words
    assert "No public post has" in get(server.browser(), "/tags/nothing").words


def test_followers_and_following(server: Site) -> None:
    befriend(server, "gina", "gus")
    assert "@gina" in get(server.browser(), "/@gus/followers").words
    assert "@gus" in get(server.browser(), "/@gina/following").words
    assert "follows nobody yet" in get(server.browser(), "/@gus/following").words
    assert "has no followers yet" in get(server.browser(), "/@gina/followers").words


def test_a_boost_says_who_boosted(server: Site) -> None:
    befriend(server, "hilda", "hugo")
    server.register("heidi", display_name="Heidi")
    post = server.post("heidi", "worth passing on")
    boost = server.submit("hugo", Boost(post=post)).id
    page = get(server.browser("hilda"), "/home")
    assert page.articles == [str(boost)]
    assert "hugo boosted" in page.words
    assert f'href="/@heidi/{post}"' in page.html


def test_notifications_say_what_happened(server: Site) -> None:
    befriend(server, "ilse", "ivo")
    befriend(server, "ivo", "ilse")
    server.post("ivo", "@ilse are you there?")
    page = get(server.browser("ilse"), "/notifications")
    assert "Mentioned you" in page.words
    assert "are you there?" in page.words
    assert "ivo follows you" in page.words
    assert "(new)" in page.words


def test_the_reading_position_moves_by_button_alone(server: Site) -> None:
    befriend(server, "jan", "jo")
    posts = [server.post("jo", f"number {n}") for n in range(50)]
    server.submit("jan", Read(queue="home", position=posts[9]))
    browser = server.browser("jan")
    page = get(browser, "/home")
    assert re.search(r"40 posts behind, from [\w ,]+ \d\d:\d\d", page.words)
    assert 'data-queue="home"' in page.html
    assert re.search(r'data-queue="home"[^>]*>40<', page.html)
    assert page.link("Continue") == f"/home?min_id={posts[9]}"
    assert "40 posts behind" in get(browser, "/home").words
    page = get(browser, page.link("Continue"))
    assert page.articles[-1] == str(posts[10])
    form, _ = button(page, "Mark read to here")
    page = follow(browser, send(browser, form))
    assert "20 posts behind" in page.words
    assert page.articles[-1] == str(posts[30])
    form, _ = button(page, "Jump to now")
    page = follow(browser, send(browser, form))
    assert "behind" not in page.words
    assert page.articles[0] == str(posts[-1])


def test_notifications_have_a_reading_position_too(server: Site) -> None:
    befriend(server, "kai", "kim")
    for n in range(3):
        server.post("kim", f"@kai number {n}")
    browser = server.browser("kai")
    page = get(browser, "/notifications")
    assert "3 notifications behind" in page.words
    form, _ = button(page, "Mark read to here")
    page = follow(browser, send(browser, form))
    assert "behind" not in page.words
    assert "(new)" not in page.words


def test_whom_i_block_and_who_blocks_me(server: Site) -> None:
    befriend(server, "lea", "leo")
    server.post("leo", "you will not see this")
    server.submit("lea", Block(account=server.accounts["leo"]))
    page = get(server.browser("lea"), "/@leo")
    assert "You block @leo." in page.words
    assert "you will not see this" not in page.words
    assert button(page, "Unblock")
    page = get(server.browser("leo"), "/@lea")
    assert "@lea blocks you." in page.words
    assert "Follow" not in [b.text for form in page.forms for b in form.buttons]


def test_a_muted_account_is_gone_from_home_and_public(server: Site) -> None:
    befriend(server, "mia", "max")
    server.post("max", "muttering")
    server.submit("mia", Mute(account=server.accounts["max"]))
    browser = server.browser("mia")
    assert "muttering" not in get(browser, "/home").words
    assert "muttering" not in get(browser, "/public").words
    assert "muttering" in get(browser, "/@max").words


@pytest.mark.parametrize(
    ("address", "status"),
    [("/nothing", 404), ("/@nobody_at_all", 404), ("/@nobody_at_all/followers", 404),
     ("/@nobody_at_all/12", 404), ("/@ßtrange", 404), ("/tags/!!!", 404),
     ("/@a/99999999999999999999", 404),
     ("/public?max_id=x", 422), ("/public?max_id=-1", 422), ("/public?max_id=%FF", 422),
     ("/public?max_id=99999999999999999999", 422), ("/public?max_id[a]=1", 422),
     ("/public?min_id=0&max_id=0", 200), ("/public?max_id=0", 200), ("/static/none.css", 404)],
)  # fmt: skip
def test_bad_addresses_are_answered(server: Site, address: str, status: int) -> None:
    answer = server.browser().get(address)
    assert answer.status_code == status
    if status != 200 and not address.startswith("/static"):
        page = Page(answer)
        assert f"{status}" in page.words
        assert page.link("Home") == "/"
    assert server.browser().get("/@nobody_at_all").headers["cache-control"] == "no-store"


def test_other_methods_are_refused(server: Site) -> None:
    assert server.browser().post("/home").status_code == 405
    assert server.browser().put("/@nobody").status_code == 405
    assert server.browser().get("/post").status_code == 405
