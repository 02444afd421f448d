"""The way to an app, in a real browser without a script: second factor, page, code."""

from __future__ import annotations

import base64
import re

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Opener
from tests.web.site import PASSWORD, Site

from covey.edge.access import SCOPES
from covey.edge.totp import code_of, step_at
from covey.limits import RECOVERY_CODES
from covey.messages import SERVER, App, OpenSession, Token
from covey.state.access import OUT_OF_BAND


def consent(server: Site, name: str, long: str) -> str:
    """The address of the page that asks `name` to allow an app of a long name. One is allowed, and
    there are a browser and a token of long names, too."""
    app = App(
        client_id=long, secret_hash=b"", name=long[:100], redirect_uris=(OUT_OF_BAND,),
        scopes="read write follow push profile", website=f"https://{'x' * 60}.example/{long}",
    )  # fmt: skip
    made = server.submit(SERVER, app).id
    number = server.accounts[name]
    for of_app, words in ((made, ""), (0, long[:50])):
        token = Token(
            token_hash=bytes([of_app]) * 32, app=of_app, account=number, scopes=" ".join(SCOPES),
            name=words,
        )  # fmt: skip
        server.submit(SERVER, token)
    server.submit(name, OpenSession(session_hash=bytes(32), agent=long[:200]))
    return (
        f"/oauth/authorize?client_id={long}&redirect_uri={OUT_OF_BAND}&response_type=code"
        f"&scope={'+'.join(app.scopes.split())}"
    )


def test_an_app_is_allowed_without_a_script(
    server: Site, open_page: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Log-in with a second factor, the page, the code: by clicks alone, in the browser itself."""
    now = server.now()  # however slow the browser is, the code holds
    monkeypatch.setattr(server.edge, "now", lambda: now)
    server.register("faye")
    number = server.accounts["faye"]
    page = open_page("/settings/second-factor", "faye", 390, java_script_enabled=False)
    shown = page.locator("code").inner_text()
    secret = base64.b32decode(shown.replace(" ", ""))
    expect(page.locator(".qr svg")).to_be_visible()
    page.get_by_label("Type the six digits").fill(code_of(secret, step_at(now)))
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Turn it on").click()
    codes = page.locator(".codes code").all_inner_texts()
    assert len(codes) == RECOVERY_CODES
    app = App(
        client_id="faye's app", secret_hash=b"", name="Faye's app", redirect_uris=(OUT_OF_BAND,),
        scopes="read",
    )  # fmt: skip
    server.submit(SERVER, app)
    stranger = open_page(
        f"/oauth/authorize?client_id=faye%27s+app&redirect_uri={OUT_OF_BAND}&response_type=code",
        java_script_enabled=False,
    )
    stranger.get_by_label("Name or e-mail").fill("faye")
    stranger.get_by_label("Password").fill(PASSWORD)
    stranger.get_by_role("button", name="Log in").click()
    stranger.get_by_label("Code from your app").fill(codes[0])
    stranger.get_by_role("button", name="Log in").click()
    expect(
        stranger.get_by_role("heading", name="Let “Faye's app” use your account?")
    ).to_be_visible()
    expect(stranger.get_by_text("logged in as @faye")).to_be_visible()
    stranger.get_by_role("button", name="Allow", exact=True).click()
    expect(stranger.locator("#code")).to_have_text(re.compile(r"^[\w-]{43}$"))
    with server.edge.snapshot() as snapshot:
        row = snapshot.row("select count(*) from grants where account = ?", (number,))
    assert row == (1,)
