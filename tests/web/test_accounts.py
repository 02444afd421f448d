"""Signing up, logging in and out, settings: by forms, without a script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.web.pages import Page, follow, get, send
from tests.web.site import PASSWORD, Site

from covey.edge.access import SESSION_COOKIE, secret_hash
from covey.messages import SERVER, ApproveAccount, Invite, Restore, Setting, Suspend


@pytest.fixture(autouse=True)
def nobody_tried_yet(server: Site) -> None:
    server.forget_attempts()


def test_sign_up_log_out_and_in_again(server: Site) -> None:
    browser = server.browser()
    page = get(browser, "/signup")
    answer = send(browser, page.form("/signup"), name="Nora", password=PASSWORD, email="")
    assert answer.headers["location"] == "/home"
    home = follow(browser, answer)
    assert "Nothing here yet" in home.words
    assert follow(browser, send(browser, home.form("/logout"))).link("Log in") == "/login"
    assert not browser.cookies.get(SESSION_COOKIE)
    answer = send(browser, get(browser, "/login").form("/login"), name="nora", password=PASSWORD)
    assert follow(browser, answer).status == 200


def test_sign_up_says_all_that_is_wrong_at_once_and_keeps_the_fields(server: Site) -> None:
    server.register("taken_one")
    browser = server.browser()
    form = get(browser, "/signup").form("/signup")
    page = Page(send(browser, form, name="no spaces!", password="short", email="nowhere"))
    assert page.status == 422
    assert "A name has 1 to 30 letters" in page.words
    assert "A password has at least 8 characters" in page.words
    assert "not an e-mail address" in page.words
    kept = page.form("/signup").fields
    assert kept["name"] == "no spaces!"
    assert kept["email"] == "nowhere"
    assert kept["password"] == ""
    for name, sentence in (
        ("Taken_One", "is taken"), ("admin", "is reserved"), ("takenone", "looks like"),
    ):  # fmt: skip
        page = Page(send(browser, form, name=name, password=PASSWORD))
        assert page.status == 422
        assert sentence in page.words


def test_a_sign_up_sent_twice_makes_one_account(server: Site) -> None:
    browser, again = server.browser(), server.browser()
    form = get(browser, "/signup").form("/signup")
    again.cookies = browser.cookies.__class__(browser.cookies)
    for impatient in (browser, again):
        answer = send(impatient, form, name="twice", password=PASSWORD)
        assert answer.status_code == 303
        assert impatient.get("/home").status_code == 200


def test_a_new_account_starts_read(server: Site) -> None:
    server.forget_attempts()
    server.register("old_hand")
    server.post("old_hand", "before you came")
    browser = server.browser()
    answer = send(browser, get(browser, "/signup").form("/signup"), name="fresh", password=PASSWORD)
    follow(browser, answer)
    profile = get(browser, "/@old_hand")
    button = next(b for form in profile.forms for b in form.buttons if b.text == "Follow")
    form = next(form for form in profile.forms if button in form.buttons)
    follow(browser, send(browser, form, button))
    home = get(browser, "/home")
    assert "before you came" in home.words
    assert "behind" not in home.words


def test_wrong_password_and_unknown_name_say_the_same(server: Site) -> None:
    server.register("olga")
    browser = server.browser()
    form = get(browser, "/login").form("/login")
    wrong = Page(send(browser, form, name="olga", password="not it at all"))
    unknown = Page(send(browser, form, name="nobody_here", password="not it at all"))
    assert wrong.status == unknown.status == 422
    assert "Name or password is wrong." in wrong.words
    assert "Name or password is wrong." in unknown.words
    assert wrong.form("/login").fields["name"] == "olga"


def test_log_ins_of_one_name_are_limited(server: Site) -> None:
    server.register("guessed")
    answers = []
    for _ in range(12):
        browser = server.browser()
        form = get(browser, "/login").form("/login")
        answers.append(send(browser, form, name="guessed", password="a wrong guess"))
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0
    assert "Too many requests" in Page(answers[-1]).words
    # the window of this address would be in the way of other tests
    server.forget_attempts()


def test_the_wanted_page_is_remembered(server: Site) -> None:
    server.register("wanda")
    browser = server.browser()
    answer = browser.get("/notifications?max_id=5")
    assert answer.status_code == 303
    login = get(browser, answer.headers["location"])
    answer = send(browser, login.form("/login"), name="wanda", password=PASSWORD)
    assert answer.headers["location"] == "/notifications?max_id=5"


@pytest.mark.parametrize(
    "evil",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example",
     "javascript:alert(1)", "/ok\r\nX: y", "evil"],
)  # fmt: skip
def test_nobody_is_sent_to_another_host(server: Site, evil: str) -> None:
    if "hans" not in server.accounts:
        server.register("hans")
    server.forget_attempts()
    browser = server.browser()
    form = get(browser, "/login").form("/login")
    answer = send(browser, form, name="hans", password=PASSWORD, next=evil)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/home"
    form = get(browser, "/home").form("/post")
    answer = send(browser, form, text=f"away {evil!r}", back=evil)
    assert answer.headers["location"] == "/home"


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(server: Site) -> None:
    server.register("cora")
    server.forget_attempts()
    browser = server.browser()
    answer = send(browser, get(browser, "/login").form("/login"), name="cora", password=PASSWORD)
    cookie = answer.headers["set-cookie"]
    assert re.search(rf"{SESSION_COOKIE}=[\w-]{{43}};", cookie)
    for part in ("HttpOnly", "Path=/", "SameSite=lax", "Max-Age=7776000"):
        assert part in cookie
    assert "Secure" not in cookie.partition("covey_visitor")[0]  # http, on this machine


def test_profile_is_changed_and_wrong_values_are_kept_to_mend(server: Site) -> None:
    server.register("pia")
    browser = server.browser("pia")
    form = get(browser, "/settings").form("/settings")
    page = follow(
        browser,
        send(
            browser, form, display_name="Pia <3", note="Reads @pia and #Birds", bot="1",
            field_name="Site", field_value="https://example.org/pia", visibility="unlisted",
        ),
    )  # fmt: skip
    assert "Your profile is saved." in page.words
    profile = get(server.browser(), "/@pia")
    assert "Pia &lt;3" in profile.html
    assert '<a href="https://example.org/pia" rel="me nofollow noopener">' in profile.html
    assert 'href="/tags/birds"' in profile.html
    assert "automatic" in profile.words
    assert get(browser, "/home").form("/post").fields["visibility"] == "unlisted"
    page = Page(send(browser, form, display_name="x" * 51, note="y" * 501, language="klingon"))
    assert page.status == 422
    assert "The display name has 51 characters" in page.words
    assert "The note has 501 characters" in page.words
    assert "no language code" in page.words
    assert page.form("/settings").fields["note"] == "y" * 501


def test_password_is_changed_and_other_browsers_are_out(server: Site) -> None:
    server.register("quin")
    server.forget_attempts()
    here, there = server.browser("quin"), server.browser()
    follow(there, send(there, get(there, "/login").form("/login"), name="quin", password=PASSWORD))
    form = get(here, "/settings").form("/settings/password")
    page = Page(send(here, form, current="wrong", new="short"))
    assert page.status == 422
    assert "This is not your password." in page.words
    assert "at least 8 characters" in page.words
    page = follow(here, send(here, form, current=PASSWORD, new="another long one"))
    assert "Your password is changed." in page.words
    assert there.get("/home").status_code == 303
    assert here.get("/home").status_code == 200


def test_an_ended_session_is_not_another_account(server: Site) -> None:
    server.register("saul")
    browser = server.browser("saul")
    other = server.browser()
    other.cookies.set(SESSION_COOKIE, server.sessions["saul"][:-1] + "x")
    assert other.get("/home").status_code == 303
    send(browser, get(browser, "/home").form("/logout"))
    late = server.browser()
    late.cookies.set(SESSION_COOKIE, server.sessions["saul"])
    assert late.get("/home").status_code == 303


def test_who_is_suspended_is_not_there(server: Site) -> None:
    number = server.register("sully")
    post = server.post("sully", "buy this")
    stranger, own = server.browser(), server.browser("sully")
    assert stranger.get("/@sully").status_code == 200
    server.submit(SERVER, Suspend(account=number))
    assert stranger.get("/@sully").status_code == 404
    assert stranger.get(f"/@sully/{post}").status_code == 404
    assert "buy this" not in stranger.get("/").text
    # out at once, and not in again
    assert own.get("/home").status_code == 303
    server.forget_attempts()
    form = get(stranger, "/login").form("/login")
    answer = send(stranger, form, name="sully", password=PASSWORD)
    assert answer.status_code == 403
    assert "This account is suspended" in answer.text
    server.submit(SERVER, Restore(account=number))
    assert stranger.get("/@sully").status_code == 200


@contextmanager
def registrations(server: Site, value: str) -> Iterator[None]:
    server.submit(SERVER, Setting(name="registrations", value=value))
    try:
        yield
    finally:
        server.submit(SERVER, Setting(name="registrations", value="open"))


def test_a_server_that_takes_nobody(server: Site) -> None:
    browser = server.browser()
    form = get(browser, "/signup").form("/signup")
    with registrations(server, "closed"):
        answer = send(browser, form, name="newton", password=PASSWORD, email="")
        assert answer.status_code == 403
        assert "does not take registrations" in answer.text
        page = get(browser, "/signup")
        assert page.status == 403
        assert "does not take registrations" in page.words


def test_where_a_moderator_looks_first(server: Site) -> None:
    """The account is there, nobody is in before it is approved, and the same form again says so."""
    browser = server.browser()
    with registrations(server, "approval"):
        page = get(browser, "/signup")
        assert "A moderator looks at each new account" in page.words
        form = page.form("/signup")
        first, again = (send(browser, form, name="patience", password=PASSWORD) for _ in range(2))
        for answer in (first, again):
            assert answer.status_code == 200
            assert "waits for a moderator's approval" in Page(answer).html
            assert SESSION_COOKIE not in answer.headers.get("set-cookie", "")
        assert browser.get("/home").status_code == 303
        login = get(browser, "/login").form("/login")
        answer = send(browser, login, name="patience", password=PASSWORD)
        assert answer.status_code == 403
        assert "waits for a moderator" in answer.text
        with server.edge.snapshot() as snapshot:
            account = snapshot.account_named("patience")
        assert account is not None
        server.submit(SERVER, ApproveAccount(account=account.number))
    answer = send(browser, login, name="patience", password=PASSWORD)
    assert answer.status_code == 303
    assert browser.get("/home").status_code == 200


def test_by_invitation(server: Site) -> None:
    server.register("host")
    server.submit("host", Invite(code_hash=secret_hash("come in")))
    browser = server.browser()
    with registrations(server, "invitation"):
        form = get(browser, "/signup").form("/signup")
        assert form.fields["invite"] == ""
        page = Page(send(browser, form, name="guest", password=PASSWORD))
        assert page.status == 422
        assert "by invitation only" in page.words
        page = Page(send(browser, form, name="guest", password=PASSWORD, invite="wrong"))
        assert "This invitation is not valid" in page.words
        linked = get(browser, "/signup?invite=come+in").form("/signup")
        assert linked.fields["invite"] == "come in"
        answer = send(browser, linked, name="guest", password=PASSWORD)
        assert answer.status_code == 303
        assert browser.get("/home").status_code == 200
