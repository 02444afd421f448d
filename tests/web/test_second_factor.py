"""A second factor: set up, asked for, used up, and turned off."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.web.pages import Page, follow, get, send
from tests.web.site import PASSWORD, Site

from covey.edge import totp
from covey.limits import RECOVERY_CODES, SECOND_FACTOR_ATTEMPTS
from covey.messages import SERVER, Password, TotpOff
from covey.seal import Seal
from covey.web.log_in import TICKET_SECONDS

STEP_MS = totp.STEP_SECONDS * 1000


class Clock:
    """It stands still, in the middle of a step, until a test moves it."""

    def __init__(self, now: int) -> None:
        self.now = now // STEP_MS * STEP_MS + STEP_MS // 2

    def wait(self, steps: int = 1) -> None:
        self.now += steps * STEP_MS


@pytest.fixture
def clock(server: Site) -> Iterator[Clock]:
    clock = Clock(server.now())
    kept, server.edge.now = server.edge.now, lambda: clock.now
    server.forget_attempts()
    yield clock
    server.edge.now = kept


def code_at(secret: bytes, clock: Clock, off: int = 0) -> str:
    return totp.code_of(secret, totp.step_at(clock.now) + off)


def wrong_code(secret: bytes, clock: Clock) -> str:
    right = {code_at(secret, clock, off) for off in range(-3, 4)}
    return next(code for code in map("{:06}".format, range(10)) if code not in right)


def secret_on(page: Page) -> bytes:
    text = re.search(r"<code>([A-Z2-7 ]{39})</code>", page.html)
    assert text
    return base64.b32decode(text[1].replace(" ", ""))


def set_up(server: Site, name: str, clock: Clock) -> tuple[bytes, list[str]]:
    """The secret and the recovery codes of a new account, after which a step has passed."""
    server.register(name)
    browser = server.browser(name)
    page = get(browser, "/settings/second-factor")
    secret = secret_on(page)
    form = page.form("/settings/second-factor")
    page = Page(send(browser, form, code=code_at(secret, clock), password=PASSWORD))
    assert page.status == 200, page.words
    assert page.response.headers["cache-control"] == "no-store"
    codes = re.findall(r"<code>([a-z2-7-]{19})</code>", page.html)
    assert len(codes) == RECOVERY_CODES
    clock.wait()
    return secret, codes


def password_given(server: Site, name: str) -> tuple[httpx.Client, Page]:
    """A stranger's browser, at the page that asks for the code."""
    browser = server.browser()
    form = get(browser, "/login?next=/notifications").form("/login")
    page = Page(send(browser, form, name=name, password=PASSWORD))
    assert page.status == 200
    assert browser.get("/home").status_code == 303  # not in yet
    return browser, page


def test_set_up_and_log_in(server: Site, clock: Clock) -> None:
    secret, _ = set_up(server, "twain", clock)
    assert "On since" in get(server.browser("twain"), "/settings/access").words
    browser, page = password_given(server, "twain")
    answer = send(browser, page.form("/login/code"), code=code_at(secret, clock))
    assert answer.status_code == 303
    assert answer.headers["location"] == "/notifications"
    assert browser.get("/home").status_code == 200


def test_what_is_scanned_is_what_is_shown(server: Site, clock: Clock) -> None:
    server.register("tess")
    page = get(server.browser("tess"), "/settings/second-factor")
    scanned = urlsplit(unescape(page.link("open it on this device")))
    assert scanned.scheme == "otpauth"
    assert base64.b32decode(parse_qs(scanned.query)["secret"][0]) == secret_on(page)
    assert "<svg" in page.html.partition('class="qr"')[2]


def test_a_code_is_good_once(server: Site, clock: Clock) -> None:
    secret, _ = set_up(server, "tom", clock)
    code = code_at(secret, clock)
    first, page = password_given(server, "tom")
    second, second_page = password_given(server, "tom")
    assert send(first, page.form("/login/code"), code=code).status_code == 303
    # not in another browser, nor by the same ticket, nor in the next step, where it holds still
    ticket = page.form("/login/code").fields["ticket"]
    form = second_page.form("/login/code")
    assert "used before" in Page(send(second, form, code=code)).words
    assert "used before" in Page(send(second, form, code=code, ticket=ticket)).words
    page = second_page
    clock.wait()
    assert "used before" in Page(send(second, page.form("/login/code"), code=code)).words
    assert second.get("/home").status_code == 303
    # nor is an older one that nobody has used
    older = code_at(secret, clock, -1)
    assert "used before" in Page(send(second, page.form("/login/code"), code=older)).words
    assert send(second, page.form("/login/code"), code=code_at(secret, clock)).status_code == 303


def test_the_code_that_set_it_up_does_not_log_in(server: Site, clock: Clock) -> None:
    secret, _ = set_up(server, "tina", clock)
    browser, page = password_given(server, "tina")
    answer = send(browser, page.form("/login/code"), code=code_at(secret, clock, -1))
    assert "used before" in Page(answer).words


@pytest.mark.parametrize("off", [-2, -1, 0, 1, 2])
def test_clocks_may_be_a_step_apart(server: Site, clock: Clock, off: int) -> None:
    name = f"tilt_{off + 2}"
    secret, _ = set_up(server, name, clock)
    clock.wait(5)
    browser, page = password_given(server, name)
    answer = send(browser, page.form("/login/code"), code=code_at(secret, clock, off))
    assert answer.status_code == (303 if abs(off) <= 1 else 422)


def test_a_recovery_code_is_good_once(server: Site, clock: Clock) -> None:
    _, codes = set_up(server, "tove", clock)
    browser, page = password_given(server, "tove")
    typed = codes[0].replace("-", " ").upper()
    assert send(browser, page.form("/login/code"), code=typed).status_code == 303
    left = get(browser, "/settings/second-factor").words
    assert f"{RECOVERY_CODES - 1} recovery codes left" in left
    other, page = password_given(server, "tove")
    again = Page(send(other, page.form("/login/code"), code=codes[0]))
    assert again.status == 422
    assert "no recovery code that is left" in again.words
    assert send(other, page.form("/login/code"), code=codes[1]).status_code == 303


def test_a_wrong_code(server: Site, clock: Clock) -> None:
    secret, _ = set_up(server, "tara", clock)
    browser, page = password_given(server, "tara")
    form = page.form("/login/code")
    wrong = wrong_code(secret, clock)
    for code in ("", wrong, "12345", "x" * 100, "١٢٣٤٥٦", "aaaa-aaaa-aaaa-aaaa"):
        assert send(browser, form, code=code).status_code == 422, code
        assert browser.get("/home").status_code == 303


def test_guesses_are_limited(server: Site, clock: Clock) -> None:
    secret, _ = set_up(server, "theo", clock)
    browser, page = password_given(server, "theo")
    form = page.form("/login/code")
    wrong = "x" * 16
    for _ in range(SECOND_FACTOR_ATTEMPTS):
        assert send(browser, form, code=wrong).status_code == 422
    # from then on also a right one, in another browser
    other, page = password_given(server, "theo")
    for each, asked in ((browser, form), (other, page.form("/login/code"))):
        answer = send(each, asked, code=code_at(secret, clock))
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0


def test_a_ticket_holds_for_its_account_and_a_while(server: Site, clock: Clock) -> None:
    secret, _ = set_up(server, "tilda", clock)
    other_secret, _ = set_up(server, "ted", clock)
    browser, page = password_given(server, "tilda")
    form = page.form("/login/code")
    ticket = form.fields["ticket"]
    number, expires, mac = ticket.split(".")
    stolen = [
        f"{server.accounts['ted']}.{expires}.{mac}",
        f"{number}.{int(expires) + 1}.{mac}",
        f"{number}.{expires}.{'0' * 64}",
        "", "1", "x.y.z", f"{ticket}0", ticket.replace(".", "\u0660"),
    ]  # fmt: skip
    for wrong in stolen:
        for code in (code_at(secret, clock), code_at(other_secret, clock)):
            page = Page(send(browser, form, ticket=wrong, code=code))
            assert page.status == 422, wrong
            assert "took too long" in page.words
    clock.now += TICKET_SECONDS * 1000
    assert "took too long" in Page(send(browser, form, code=code_at(secret, clock))).words
    browser, page = password_given(server, "tilda")
    hashed = "$argon2id$another"
    account = server.accounts["tilda"]
    server.submit(SERVER, Password(account=account, password_hash=hashed))
    page = Page(send(browser, page.form("/login/code"), code=code_at(secret, clock)))
    assert "took too long" in page.words


def test_it_is_set_up_by_code_and_password(server: Site, clock: Clock) -> None:
    server.register("tia")
    browser = server.browser("tia")
    page = get(browser, "/settings/second-factor")
    secret, form = secret_on(page), page.form("/settings/second-factor")
    page = Page(send(browser, form, code=wrong_code(secret, clock), password="wrong"))
    assert page.status == 422
    assert "This is not your password." in page.words
    assert "not the code of this moment" in page.words
    assert secret_on(page) == secret  # the app that scanned it need not scan again
    for offer in ("", "00", "zz", form.fields["offer"][:-2] + "00"):
        page = Page(send(browser, form, offer=offer, code=code_at(secret, clock)))
        assert "took too long" in page.words
    assert "Off:" in get(browser, "/settings/access").words
    # anothers offer is none
    server.register("tobi")
    other = server.browser("tobi")
    theirs = get(other, "/settings/second-factor").form("/settings/second-factor")
    theirs.fields["offer"] = form.fields["offer"]
    page = Page(send(other, theirs, code=code_at(secret, clock), password=PASSWORD))
    assert "took too long" in page.words
    # twice is once
    answer = send(browser, form, code=code_at(secret, clock), password=PASSWORD)
    assert answer.status_code == 200
    page = Page(send(browser, form, code=code_at(secret, clock), password=PASSWORD))
    assert page.status == 422
    assert "on already" in page.words


def test_it_is_turned_off_by_the_password(server: Site, clock: Clock) -> None:
    set_up(server, "tyra", clock)
    browser = server.browser("tyra")
    form = get(browser, "/settings/second-factor").form("/settings/second-factor/off")
    page = Page(send(browser, form, password="wrong"))
    assert page.status == 422
    assert "This is not your password." in page.words
    page = follow(browser, send(browser, form, password=PASSWORD))
    assert "The second factor is off." in page.words
    stranger = server.browser()
    login = get(stranger, "/login").form("/login")
    assert send(stranger, login, name="tyra", password=PASSWORD).status_code == 303


def test_turned_off_meanwhile(server: Site, clock: Clock) -> None:
    """By an operator, for somebody who lost device and codes, who stands before the second step."""
    secret, _ = set_up(server, "tamo", clock)
    browser, page = password_given(server, "tamo")
    server.submit(SERVER, TotpOff(account=server.accounts["tamo"]))
    page = Page(send(browser, page.form("/login/code"), code=code_at(secret, clock)))
    assert page.status == 422
    login = page.form("/login")
    assert send(browser, login, name="tamo", password=PASSWORD).status_code == 303


def test_a_lost_key_is_said_and_recovery_codes_still_work(server: Site, clock: Clock) -> None:
    secret, codes = set_up(server, "thor", clock)
    browser, page = password_given(server, "thor")
    form = page.form("/login/code")
    kept, server.edge.seal = server.edge.seal, Seal(b"?" * 32)
    try:
        answer = send(browser, form, code=code_at(secret, clock))
        assert answer.status_code == 500
        assert "Use a recovery code" in answer.text
        assert send(browser, form, code=codes[0]).status_code == 303
    finally:
        server.edge.seal = kept


def test_no_bare_secret_is_in_log_or_state(server: Site, clock: Clock) -> None:
    secret, codes = set_up(server, "tacit", clock)
    browser, page = password_given(server, "tacit")
    send(browser, page.form("/login/code"), code=codes[0])
    kept = b"".join(path.read_bytes() for path in server._folder.iterdir() if path.is_file())
    sealed = server.edge.seal
    assert b"tacit" in kept
    for bare in (
        secret, base64.b32encode(secret), secret.hex().encode(), codes[0].encode(),
        codes[0].replace("-", "").encode(), server.sessions["tacit"].encode(),
    ):  # fmt: skip
        assert bare not in kept
    with server.edge.snapshot() as snapshot:
        row = snapshot.row(
            "select sealed from second_factors where account = ?", (server.accounts["tacit"],)
        )
    assert row is not None
    assert row[0] in kept
    assert sealed.open(totp.purpose(server.accounts["tacit"]), row[0]) == secret
