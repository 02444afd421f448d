"""Pages as a person without a script uses them: links, forms and what stands there."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import httpx
from msgspec import Struct, field


class Button(Struct):
    text: str
    address: str
    """Its own, when it has one."""
    name: str
    value: str
    label: str


class Form(Struct):
    action: str
    method: str
    fields: dict[str, str]
    id: str
    buttons: list[Button] = field(default_factory=list)


class Page(HTMLParser):
    """What of a page tests look at."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__()
        self.response = response
        self.status = response.status_code
        self.html = response.text
        self.forms: list[Form] = []
        self.articles: list[str] = []
        """The ids of the posts, in their order."""
        self._form: Form | None = None
        self._loose: list[tuple[str, Button]] = []
        self._button: Button | None = None
        self._area: str | None = None
        self._select: str | None = None
        self.feed(self.html)
        for form_id, button in self._loose:
            self.form_with_id(form_id).buttons.append(button)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(
                given.get("action", ""), given.get("method", "get"), {}, given.get("id", "")
            )
            self.forms.append(self._form)
        elif tag == "article":
            self.articles.append(given["id"].removeprefix("p"))
        elif tag == "button":
            self._button = Button(
                "", given.get("formaction", ""), given.get("name", ""), given.get("value", ""),
                given.get("aria-label", ""),
            )  # fmt: skip
            if "form" in given:
                self._loose.append((given["form"], self._button))
            elif self._form:
                self._form.buttons.append(self._button)
        if self._form is None or "name" not in given:
            if tag == "option" and self._form and self._select:
                fields = self._form.fields
                chosen = "selected" in given or self._select not in fields
                fields[self._select] = given["value"] if chosen else fields[self._select]
            return
        if tag == "input" and (given.get("type") != "checkbox" or "checked" in given):
            self._form.fields[given["name"]] = given.get("value", "")
        elif tag == "textarea":
            self._area = given["name"]
            self._form.fields[self._area] = ""
        elif tag == "select":
            self._select = given["name"]

    def handle_data(self, data: str) -> None:
        if self._area and self._form:
            self._form.fields[self._area] += data
        if self._button:
            self._button.text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._area and self._form:
            # the first line end after the tag is not part of the text
            self._form.fields[self._area] = self._form.fields[self._area].removeprefix("\n")
            self._area = None
        elif tag == "select":
            self._select = None
        elif tag == "button":
            self._button = None
        elif tag == "form":
            self._form = None

    @property
    def words(self) -> str:
        """What a person reads, in one line."""
        return " ".join(re.sub(r"<[^>]*>", " ", self.html).split())

    def form(self, action: str) -> Form:
        return next(form for form in self.forms if form.action == action)

    def form_with_id(self, id_: str) -> Form:
        return next(form for form in self.forms if form.id == id_)

    def link(self, text: str) -> str:
        """Where the first link with this text leads; empty when there is none."""
        for address, inside in re.findall(
            r'<a [^>]*?href="([^"]*)"[^>]*>(.*?)</a>', self.html, re.S
        ):
            if " ".join(re.sub(r"<[^>]*>", " ", inside).split()) == text:
                return address.replace("&amp;", "&")
        return ""


def get(browser: httpx.Client, address: str) -> Page:
    return Page(browser.get(address))


def follow(browser: httpx.Client, response: httpx.Response) -> Page:
    """As a browser does after a form: GET where a 303 leads."""
    assert response.status_code == 303, response.text
    return Page(browser.get(response.headers["location"]))


def send(
    browser: httpx.Client, form: Form, button: Button | None = None, **fields: str
) -> httpx.Response:
    """The answer to a filled-in form, with what a browser says of its origin."""
    address = button.address if button and button.address else form.action
    extra = {button.name: button.value} if button and button.name else {}
    return browser.post(
        address,
        data={**form.fields, **extra, **fields},
        headers={"Sec-Fetch-Site": "same-origin", "Origin": str(browser.base_url).rstrip("/")},
    )
