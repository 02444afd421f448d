"""Chromium, as the system has it, and one server for all tests in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from tests.web.site import Site, site

from covey.edge.access import SESSION_COOKIE

ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def server() -> Iterator[Site]:
    with site() as made:
        yield made


# A module's and not the session's: while Playwright is open it runs an event loop in this thread,
# and the tests that come after could run none of their own.
@pytest.fixture(scope="module")
def chromium(needs_program: Callable[[str], str]) -> Iterator[Browser]:
    path = needs_program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


Opener = Callable[..., Page]


@pytest.fixture
def open_page(chromium: Browser, server: Site) -> Iterator[Opener]:
    """`open_page("/home", "ada")`: a page of a browser of its own, logged in as ada. What goes
    wrong on it (a script's error, a broken policy) fails the test."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def opened(address: str, name: str = "", width: int = 1200, **options: object) -> Page:
        context = chromium.new_context(
            base_url=server.url,
            viewport={"width": width, "height": 900},
            **options,  # type: ignore[arg-type]
        )
        contexts.append(context)
        context.set_default_timeout(120_000)
        if name:
            context.add_cookies(
                [{"name": SESSION_COOKIE, "value": server.sessions[name], "url": server.url}]
            )
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if "Policy" in said.text else None)
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not wrong
