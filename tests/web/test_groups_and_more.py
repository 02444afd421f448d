"""Groups, lists, tags, bookmarks, polls, quotes and edits as pages, without a script."""

from __future__ import annotations

import httpx
from tests.web.pages import Page, follow, get, send
from tests.web.site import Site
from tests.web.test_reading import befriend, button

from covey.messages import (
    SERVER,
    CloseAccount,
    CreateGroup,
    Follow,
    InviteToGroup,
    JoinGroup,
    Poll,
    Post,
    Profile,
    Suspend,
    Vote,
)


def press(browser: httpx.Client, page: Page, text: str, **fields: str) -> Page:
    """The page after a button."""
    return follow(browser, send(browser, *button(page, text), **fields))


def test_a_locked_account_is_asked(server: Site) -> None:
    befriend(server, "lock_ann")
    server.register("lock_ben")
    ann, ben = server.browser("lock_ann"), server.browser("lock_ben")
    form = get(ann, "/settings").form("/settings")
    follow(ann, send(ann, form, locked="1"))
    assert get(ann, "/settings").form("/settings").fields["locked"] == "1"
    asked = press(ben, get(ben, "/@lock_ann"), "Ask to follow")
    assert button(asked, "Requested")
    told = get(ann, "/notifications")
    assert "Who asks to follow you" in told.words
    assert "asks to follow you" in told.words
    told = press(ann, told, "Accept")
    assert "Who asks to follow you" not in told.words
    assert button(get(ben, "/@lock_ann"), "Unfollow")
    # a profile that is saved stays locked
    follow(ann, send(ann, get(ann, "/settings").form("/settings"), display_name="Ann"))
    assert get(ann, "/settings").form("/settings").fields["locked"] == "1"


def test_a_request_is_rejected_or_taken_back(server: Site) -> None:
    server.register("shut_ann")
    server.submit("shut_ann", Profile(locked=True))
    for name in ("shut_ben", "shut_cy"):
        server.register(name)
        server.submit(name, Follow(account=server.accounts["shut_ann"]))
    ben, ann = server.browser("shut_ben"), server.browser("shut_ann")
    assert button(press(ben, get(ben, "/@shut_ann"), "Requested"), "Ask to follow")
    told = press(ann, get(ann, "/notifications"), "Reject")
    assert "Who asks to follow you" not in told.words
    assert button(get(server.browser("shut_cy"), "/@shut_ann"), "Ask to follow")


def test_who_is_suspended_or_closed_shows_no_posts(server: Site) -> None:
    for name, message, word in (
        ("gone_a", Suspend(account=0), "suspended"), ("gone_b", CloseAccount(), "closed"),
    ):  # fmt: skip
        number = server.register(name)
        server.post(name, "what was said before")
        if word == "suspended":
            server.submit(SERVER, Suspend(account=number))
        else:
            server.submit(name, message)
        page = get(server.browser(), f"/@{name}")
        assert page.status == 404
        assert f"This account is {word}." in page.words
        assert "what was said before" not in page.words
        assert get(server.browser(), f"/@{name}/followers").status == 404


def test_visibilities_are_told_in_plain_words(server: Site) -> None:
    server.register("vis_ann")
    group = server.submit("vis_ann", CreateGroup(name="vis_garden")).id
    server.register("vis_ben")
    server.submit("vis_ben", JoinGroup(group=group))
    server.post("vis_ann", "@vis_garden beans", visibility="group")
    server.post("vis_ann", "not for the world", visibility="local")
    page = get(server.browser("vis_ben"), "/@vis_ann")
    assert "this server only" in page.words
    assert "in @vis_garden" in get(server.browser("vis_ben"), "/@vis_garden").words
    assert "not for the world" not in get(server.browser(), "/@vis_ann").words


def test_a_poll_is_voted_in_and_shows_what_came_of_it(server: Site) -> None:
    server.register("poll_ann")
    server.register("poll_ben")
    id_ = server.submit(
        "poll_ann", Post(text="Tea or coffee?", poll=Poll(("Tea", "Coffee"), 3600))
    ).id
    ben = server.browser("poll_ben")
    page = get(ben, f"/@poll_ann/{id_}")
    page = press(ben, page, "Vote", **{f"vote{id_}": "1"})
    assert "Coffee your vote" in page.words
    assert "100 %" in page.words
    assert "1 voter" in page.words
    form = get(ben, "/home").form_with_id("act")
    none = ben.post(
        f"/@poll_ann/{id_}/vote", data=form.fields, headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert none.status_code == 422
    # a stranger and its author see the results, no buttons
    for browser in (server.browser(), server.browser("poll_ann")):
        words = get(browser, f"/@poll_ann/{id_}").words
        assert "100 %" in words
        assert "Vote" not in words


def test_hidden_totals_stay_hidden_until_the_end(server: Site) -> None:
    server.register("hide_ann")
    number = server.register("hide_ben")
    poll = Poll(("One", "Two"), 3600, hide_totals=True)
    id_ = server.submit("hide_ann", Post(text="Which?", poll=poll)).id
    server.submit(number, Vote(post=id_, choices=(0,)))
    page = get(server.browser("hide_ben"), f"/@hide_ann/{id_}")
    assert "%" not in page.words
    assert "results at the end" in page.words


def test_a_quote_is_a_post_in_a_box(server: Site) -> None:
    server.register("quote_ann", display_name="Ann Quoted")
    server.register("quote_ben")
    first = server.post("quote_ann", "the first words")
    id_ = server.submit("quote_ben", Post(text="Look at this", quote_of=first)).id
    page = get(server.browser(), f"/@quote_ben/{id_}")
    assert "the first words" in page.words
    assert page.articles == [str(id_)]
    browser = server.browser("quote_ann")
    assert "Quoted you" in get(browser, "/notifications").words
    follow(browser, send(browser, get(browser, f"/@quote_ann/{first}/delete").forms[-2]))
    page = get(server.browser(), f"/@quote_ben/{id_}")
    assert "The quoted post is not there any more" in page.words
    assert "the first words" not in page.words


def test_bookmarks_and_pins(server: Site) -> None:
    server.register("keep_ann")
    server.register("keep_ben")
    old = server.post("keep_ann", "the older one")
    server.post("keep_ann", "the newer one")
    ann, ben = server.browser("keep_ann"), server.browser("keep_ben")
    press(ben, get(ben, f"/@keep_ann/{old}"), "Bookmark")
    page = get(ben, "/bookmarks")
    assert page.articles == [str(old)]
    assert get(ann, "/bookmarks").articles == []
    press(ben, page, "Remove the bookmark")
    assert get(ben, "/bookmarks").articles == []
    press(ann, get(ann, f"/@keep_ann/{old}"), "Pin to my profile")
    assert "Pinned" in get(server.browser(), "/@keep_ann").words
    press(ann, get(ann, f"/@keep_ann/{old}"), "Unpin")
    assert "Pinned" not in get(server.browser(), "/@keep_ann").words


def test_an_edit_keeps_the_poll_and_says_that_it_is_one(server: Site) -> None:
    server.register("edit_ann")
    number = server.register("edit_ben")
    id_ = server.submit("edit_ann", Post(text="Te or coffee?", poll=Poll(("A", "B"), 3600))).id
    server.submit(number, Vote(post=id_, choices=(0,)))
    ann, address = server.browser("edit_ann"), f"/@edit_ann/{id_}"
    form = get(ann, get(ann, address).link("Edit")).form(f"{address}/edit")
    assert form.fields["text"] == "Te or coffee?"
    bad = Page(send(ann, form, text="x" * 501))
    assert bad.status == 422
    assert bad.form(f"{address}/edit").fields["text"] == "x" * 501
    page = follow(ann, send(ann, form, text="Tea or coffee?"))
    assert "Tea or coffee?" in page.words
    assert "Edited" in page.words
    assert "1 voter" in page.words
    assert get(server.browser("edit_ben"), f"{address}/edit").status == 404


def test_a_group_from_its_making_to_its_posts(server: Site) -> None:
    server.register("grp_ann")
    server.register("grp_ben")
    ann, ben = server.browser("grp_ann"), server.browser("grp_ben")
    form = get(ann, "/groups/new").forms[-2]
    bad = Page(send(ann, form, name="not a name"))
    assert bad.status == 422
    page = follow(ann, send(ann, form, name="grp_garden", display_name="Garden", join="request"))
    assert "group, by request" in page.words
    assert "Only members see" in get(ben, "/@grp_garden").words
    assert button(press(ben, get(ben, "/@grp_garden"), "Ask to join"), "Requested")
    assert "asks to join a group of yours" in get(ann, "/notifications").words
    press(ann, get(ann, "/@grp_garden/members"), "Accept")
    page = get(ben, "/@grp_garden")
    form = page.form("/post")
    assert form.fields["visibility"] == "group"
    assert form.fields["text"].startswith("@grp_garden")
    page = follow(ben, send(ben, form, text="@grp_garden beans are up"))
    assert "beans are up" in page.words
    behind = get(ann, "/@grp_garden")
    assert "1 post behind" in behind.words
    post = behind.articles[0]
    read = behind.form(f"/read/group/{server_group(server, 'grp_garden')}")
    assert "behind" not in follow(ann, send(ann, read)).words
    page = press(ann, get(ann, f"/@grp_ben/{post}"), "Take out of @grp_garden")
    assert "beans are up" not in page.words
    assert get(server.browser(), "/@grp_garden").articles == []
    # what its owner changes
    form = get(ann, "/@grp_garden/settings").forms[-2]
    page = follow(ann, send(ann, form, rules="Be kind\r\nNo slugs", join="open"))
    assert "2 rules" in page.words
    assert get(ben, "/@grp_garden/settings").status == 403
    press(ann, get(ann, "/@grp_garden/members"), "Make moderator")
    assert "moderator" in get(ben, "/@grp_garden").words
    press(ben, get(ben, "/@grp_garden"), "Leave")
    assert button(get(ben, "/@grp_garden"), "Join")
    assert "Garden" in get(ben, "/groups").words


def server_group(server: Site, name: str) -> int:
    with server.edge.snapshot() as snapshot:
        account = snapshot.account_named(name)
        assert account
        return account.number


def test_of_a_secret_group_only_members_know(server: Site) -> None:
    server.register("sec_ann")
    number = server.register("sec_ben")
    server.register("sec_cy")
    group = server.submit("sec_ann", CreateGroup(name="sec_club", join="secret")).id
    server.submit("sec_ann", InviteToGroup(group=group, account=number))
    for browser in (server.browser(), server.browser("sec_cy")):
        assert get(browser, "/@sec_club").status == 404
        assert get(browser, "/@sec_club/members").status == 404
    ben = server.browser("sec_ben")
    assert "invites you to a group" in get(ben, "/notifications").words
    assert "sec_club" in get(ben, "/groups").words
    page = press(ben, get(ben, "/@sec_club"), "Accept the invitation")
    assert button(page, "Leave")
    assert "sec_club" not in get(server.browser("sec_cy"), "/groups").words


def test_a_tag_is_followed(server: Site) -> None:
    server.register("tag_ann")
    server.register("tag_ben")
    ben = server.browser("tag_ben")
    page = press(ben, get(ben, "/tags/tulips"), "Follow")
    assert button(page, "Unfollow")
    post = server.post("tag_ann", "the first #Tulips")
    assert get(ben, "/home").articles == [str(post)]
    page = get(ben, "/tags/tulips")
    assert "1 post behind" in page.words
    page = follow(ben, send(ben, page.form("/read/tag/tulips")))
    assert "behind" not in page.words
    press(ben, page, "Unfollow")
    assert get(ben, "/home").articles == []


def test_a_list_has_a_position_of_its_own(server: Site) -> None:
    befriend(server, "lst_ann", "lst_ben", "lst_cy")
    ann = server.browser("lst_ann")
    form = get(ann, "/lists").form("/lists")
    page = follow(ann, send(ann, form, title="Gardeners"))
    members = page.response.url.path
    path = members.removesuffix("/members")
    page = follow(ann, send(ann, page.form(members), who="@lst_ben"))
    assert "@lst_ben" in page.words
    wrong = Page(send(ann, page.form(members), who="nobody_at_all"))
    assert wrong.status == 422
    post = server.post("lst_ben", "a list is a queue")
    server.post("lst_cy", "not on it")
    page = get(ann, path)
    assert page.articles == [str(post)]
    assert "1 post behind" in page.words
    assert (
        "behind"
        not in follow(ann, send(ann, page.form(f"/read{path.replace('lists', 'list')}"))).words
    )
    follow(ann, send(ann, get(ann, members).form(path), title="Green", exclusive="1"))
    assert "not in home" in get(ann, "/lists").words
    assert str(post) not in get(ann, "/home").articles
    press(ann, get(ann, members), "Remove")
    assert get(ann, path).articles == []
    press(ann, get(ann, members), "Delete the list")
    assert get(ann, path).status == 404
    assert get(server.browser("lst_ben"), path).status == 404


def test_an_unknown_kind_of_notification_breaks_no_page(server: Site) -> None:
    from covey.web import notifications

    befriend(server, "odd_ann", "odd_ben")
    kept = notifications.SENTENCES.pop("follow")
    try:
        page = get(server.browser("odd_ben"), "/notifications")
    finally:
        notifications.SENTENCES["follow"] = kept
    assert page.status == 200
    assert "no words for" in page.words
