"""The pages in a real browser: live, by keyboard, on a phone, and without a script."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import Opener
from tests.browser.test_access import consent
from tests.web.site import PASSWORD, Site

from covey.messages import (
    AddToList,
    Bookmark,
    CreateGroup,
    CreateList,
    Follow,
    JoinGroup,
    Poll,
    Post,
    Profile,
)


def befriend(server: Site, reader: str, author: str) -> None:
    server.register(reader)
    server.register(author)
    server.submit(reader, Follow(account=server.accounts[author]))


def live(page: Page) -> Page:
    """The page's stream is open."""
    expect(page.locator("#fresh.live")).to_be_attached()
    return page


def test_one_person_posts_and_anothers_open_home_shows_it(server: Site, open_page: Opener) -> None:
    befriend(server, "ann", "ben")
    for n in range(12):
        server.post("ben", f"old news {n}\n\nwith a second paragraph")
    reader = live(open_page("/home", "ann"))
    writer = open_page("/home", "ben")
    middle = reader.locator("article").nth(6)
    middle.scroll_into_view_if_needed()
    before = middle.bounding_box()
    writer.get_by_label("Your post").fill("Hot off the press")
    writer.get_by_role("button", name="Post", exact=True).click()
    expect(writer.get_by_text("Hot off the press")).to_be_visible()
    waiting = reader.get_by_role("link", name="1 new")
    expect(waiting).to_be_visible()
    assert middle.bounding_box() == before  # nothing moved under the reader
    expect(reader.get_by_text("Hot off the press")).to_have_count(0)
    waiting.click()
    post = reader.get_by_text("Hot off the press")
    expect(post).to_be_visible()
    expect(reader.locator("article").first).to_contain_text("Hot off the press")
    expect(reader.locator("article").first).to_be_focused()
    expect(reader.locator(".count[data-queue=home]")).to_have_text("13")


def test_the_same_without_a_script(server: Site, open_page: Opener) -> None:
    befriend(server, "cat", "dan")
    reader = open_page("/home", "cat", java_script_enabled=False)
    writer = open_page("/home", "dan", java_script_enabled=False)
    writer.get_by_label("Your post").fill("Printed by hand")
    writer.get_by_role("button", name="Post", exact=True).click()
    expect(writer.get_by_text("Printed by hand")).to_be_visible()
    reader.get_by_role("link", name="Look for newer").click()
    expect(reader.get_by_text("Printed by hand")).to_be_visible()
    reader.get_by_role("button", name="Favourite, 0 favourites").click()
    expect(reader.get_by_role("button", name="Favourite, 1 favourite")).to_have_attribute(
        "aria-pressed", "true"
    )
    reader.get_by_role("link", name=re.compile("^Reply")).click()
    reader.get_by_label("Your reply").type(" a neat hand!")
    reader.get_by_role("button", name="Reply").click()
    expect(reader.get_by_text("a neat hand!")).to_be_visible()


def test_signing_up_and_logging_in(server: Site, open_page: Opener) -> None:
    page = open_page("/notifications")
    page.get_by_role("link", name="I am new here").click()
    page.get_by_label("Name", exact=True).fill("newcomer")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("heading", name="Notifications")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("link", name="Log in").first.click()
    page.get_by_label("Name or e-mail").fill("newcomer")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("Nothing here yet")).to_be_visible()


def test_boost_and_favourite_without_leaving_the_page(server: Site, open_page: Opener) -> None:
    befriend(server, "eve", "fay")
    server.post("fay", "press me", warning="careful")
    page = live(open_page("/home", "eve"))
    page.evaluate("window.same = true")
    page.get_by_text("careful").click()
    for name, after in (
        ("Favourite, 0 favourites", "Favourite, 1 favourite"),
        ("Boost, 0 boosts", "Boost, 1 boost"),
        ("Favourite, 1 favourite", "Favourite, 0 favourites"),
    ):
        page.get_by_role("button", name=name).click()
        expect(page.get_by_role("button", name=after)).to_be_focused()
    assert page.evaluate("window.same")
    expect(page.get_by_text("press me")).to_be_visible()  # what was opened stays open


def test_a_deleted_post_goes_from_an_open_page(server: Site, open_page: Opener) -> None:
    befriend(server, "gil", "hal")
    server.post("hal", "stays")
    writer = open_page("/home", "hal")
    writer.get_by_label("Your post").fill("a mistake")
    writer.get_by_role("button", name="Post", exact=True).click()
    reader = live(open_page("/home", "gil"))
    expect(reader.get_by_text("a mistake")).to_be_visible()
    writer.get_by_label("More", exact=True).first.click()
    writer.get_by_role("link", name="Delete").first.click()
    writer.get_by_role("button", name="Delete").click()
    expect(writer.get_by_text("The post is deleted.")).to_be_visible()
    expect(reader.get_by_text("This post was taken back.")).to_be_visible()
    expect(reader.get_by_text("a mistake")).to_have_count(0)


def test_a_vote_and_a_bookmark_without_leaving_the_page(server: Site, open_page: Opener) -> None:
    befriend(server, "vera", "wim")
    server.submit("wim", Post(text="Tea or coffee?", poll=Poll(("Tea", "Coffee"), 3600)))
    page = open_page("/home", "vera", width=390)
    page.evaluate("window.same = true")
    page.get_by_label("Coffee").check()
    page.get_by_role("button", name="Vote").click()
    expect(page.get_by_text("your vote")).to_be_visible()
    for label in ("Bookmark", "Remove the bookmark"):
        page.get_by_label("More", exact=True).click()
        page.get_by_role("button", name=label, exact=True).click()
        expect(page.get_by_role("button", name=label, exact=True)).to_have_count(0)
    assert page.evaluate("window.same")


def test_the_menu_of_the_last_post_can_be_reached_on_a_phone(
    server: Site, open_page: Opener
) -> None:
    server.register("yan")
    for n in range(8):
        server.post("yan", f"number {n}")
    page = open_page("/home", "yan", width=320)
    page.get_by_label("More", exact=True).last.click()
    last = page.get_by_role("link", name="Delete").last
    last.click()
    expect(page.get_by_role("heading", name="Delete this post?")).to_be_visible()


def test_a_page_left_and_taken_up_again_misses_nothing(server: Site, open_page: Opener) -> None:
    befriend(server, "ida", "jon")
    page = live(open_page("/home", "ida"))
    server.post("jon", "while you look")
    expect(page.get_by_role("link", name="1 new")).to_be_visible()
    page.evaluate(
        "() => { Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
        " document.dispatchEvent(new Event('visibilitychange')); }"
    )
    expect(page.locator("#fresh.live")).to_have_count(0)
    server.post("jon", "while you are away")
    page.evaluate(
        "() => { Object.defineProperty(document, 'hidden', {value: false, configurable: true});"
        " document.dispatchEvent(new Event('visibilitychange')); }"
    )
    expect(page.get_by_role("link", name="2 new")).to_be_visible()
    page.get_by_role("link", name="2 new").click()
    expect(page.locator("article .text").nth(0)).to_have_text("while you are away")
    expect(page.locator("article .text").nth(1)).to_have_text("while you look")


def test_a_first_post_comes_to_an_empty_public_page(server: Site, open_page: Opener) -> None:
    server.register("kay")
    page = live(open_page("/public"))
    server.post("kay", "ta-da")
    page.get_by_role("link", name=re.compile("new")).click()
    expect(page.locator("article").first).to_contain_text("ta-da")


def test_characters_left(server: Site, open_page: Opener) -> None:
    server.register("lea")
    page = open_page("/home", "lea")
    box, counter = page.get_by_label("Your post"), page.locator(".counter")
    box.fill("12345")
    expect(counter).to_have_text("495")
    box.fill("https://example.org/" + "a" * 300 + " 👋")
    expect(counter).to_have_text(str(500 - 23 - 2))
    box.fill("x" * 501)
    expect(counter).to_have_text("-1")
    expect(counter).to_have_class("counter over")


def test_by_keyboard_alone(server: Site, open_page: Opener) -> None:
    befriend(server, "max", "nan")
    server.post("nan", "reach me by keys")
    page = live(open_page("/home", "max"))
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the posts")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Your post")).to_be_focused()
    page.keyboard.type("typed and sent")
    page.keyboard.press("Control+Enter")
    expect(page.locator("article").first).to_contain_text("typed and sent")
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.getAttribute('aria-label')")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"  # where one is can be seen
        if focused == "Favourite, 0 favourites":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Favourite, 1 favourite")).to_be_focused()


WIDE = "a_name_of_thirty_characters_xx"
LONG = "donaudampfschifffahrtsgesellschaft" * 6


@pytest.fixture(scope="module")
def crowd(server: Site) -> Site:
    """Somebody with everything that could be too wide."""
    server.register(WIDE, display_name="W" * 50)
    server.register("oda")
    server.submit("oda", Follow(account=server.accounts[WIDE]))
    server.submit(WIDE, Follow(account=server.accounts["oda"]))
    post = server.post(WIDE, f"@oda {LONG} https://example.org/{LONG}", warning=LONG[:150])
    for _ in range(4):
        post = server.post("oda", f"deeper {LONG}", reply_to=post, visibility="followers")
    options = ("x" * 50, "a short one")
    asked = server.submit("oda", Post(text=LONG, poll=Poll(options, 3600), quote_of=post)).id
    server.submit(WIDE, Post(text="Which?", poll=Poll(options, 3600)))
    server.submit(WIDE, Profile(display_name="W" * 50, locked=True))
    server.register("a_second_name_of_thirty_chars", display_name="M" * 50)
    for name in (WIDE, "oda"):
        server.submit(name, Profile(display_name="W" * 50, locked=True))
        server.submit("a_second_name_of_thirty_chars", Follow(account=server.accounts[name]))
    name = "a_group_of_thirty_characters_x"
    group = server.submit("oda", CreateGroup(name=name, display_name="G" * 50, note=LONG)).id
    server.submit(WIDE, JoinGroup(group=group))
    server.post(WIDE, f"@{name} {LONG}", visibility="group")
    list_ = server.submit("oda", CreateList(title="L" * 100)).id
    server.submit("oda", AddToList(list=list_, accounts=(server.accounts[WIDE],)))
    server.submit("oda", Bookmark(post=asked))
    server.wide_pages = [  # type: ignore[attr-defined]
        f"/@{name}", f"/@{name}/members", f"/@{name}/settings", "/groups", "/groups/new", "/lists",
        f"/lists/{list_}", f"/lists/{list_}/members", "/bookmarks", f"/@oda/{asked}/edit", "/@oda",
        f"/tags/{LONG[:100]}", "/settings/access", "/settings/second-factor",
        consent(server, "oda", LONG),
    ]  # fmt: skip
    server.wide_post = post  # type: ignore[attr-defined]
    return server


@pytest.mark.parametrize("width", [320, 390, 800, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_screen(
    crowd: Site, open_page: Opener, width: int, scheme: str
) -> None:
    page = open_page("/home", "oda", width, color_scheme=scheme)
    addresses = [
        "/home", "/public", "/notifications", "/settings", f"/@{WIDE}", "/@oda/followers",
        "/search?q=oda",
        f"/@oda/{crowd.wide_post}", f"/@oda/{crowd.wide_post}/delete", "/nothing",  # type: ignore[attr-defined]
        *crowd.wide_pages,  # type: ignore[attr-defined]
    ]  # fmt: skip
    for address in addresses:
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
    stranger = open_page("/", "", width, color_scheme=scheme)
    for address in ("/", "/login", "/signup", "/search", f"/@{WIDE}"):
        stranger.goto(address)
        assert stranger.evaluate("document.documentElement.scrollWidth") <= width, address


def test_nothing_moves_while_a_page_loads(crowd: Site, open_page: Opener) -> None:
    for width in (390, 1200):
        page = live(open_page("/home", "oda", width))
        shift = page.evaluate(
            "() => new Promise(done => new PerformanceObserver(list => done(list.getEntries()"
            ".reduce((sum, entry) => sum + entry.value, 0)))"
            ".observe({type: 'layout-shift', buffered: true}) || setTimeout(() => done(0), 500))"
        )
        assert shift < 0.01
