"""The templates, compiled once when the process starts, and the words they share."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from covey import limits
from covey.edge.images import avatar_url
from covey.errors import Refused
from covey.state.queries import AccountRow
from covey.state.texts import check_url
from covey.web import languages
from covey.web.static import FILES

VISIBILITIES: Final = (
    ("public", "Everyone"),
    ("unlisted", "Everyone, but not on the public page"),
    ("local", "Everyone on this server"),
    ("followers", "My followers"),
    ("direct", "Only those I mention"),
)
"""(as messages say it, in plain words)."""
TO_GROUPS: Final = ("group", "Only the groups I mention")
"""One more, for members of groups."""

environment: Final = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
)


def avatar(account: AccountRow) -> str:
    """A path, not an address: the page's own host is the right one."""
    return avatar_url("", account)


def counted(count: int, one: str, many: str) -> str:
    """ "1 reply", "1,234 replies"."""
    return f"{count:,} {one if count == 1 else many}"


def few(count: int) -> str:
    """What a button shows: nothing for 0, "1.2K" for 1,234."""
    if count < 1_000:
        return str(count) if count else ""
    unit, letter = (1_000, "K") if count < 1_000_000 else (1_000_000, "M")
    whole, tenth = divmod(count * 10 // unit, 10)
    return f"{whole}.{tenth}{letter}" if tenth and whole < 100 else f"{whole}{letter}"


def is_web_address(text: str) -> bool:
    try:
        check_url("It", text)
    except Refused:
        return False
    return True


environment.tests["web_address"] = is_web_address
environment.globals.update(
    limits=limits,
    static=FILES.address,
    avatar=avatar,
    counted=counted,
    few=few,
    language_options=languages.options,
    visibilities=VISIBILITIES,
)

TEMPLATES: Final[dict[str, Template]] = {
    name: environment.get_template(name) for name in environment.list_templates()
}


def render(name: str, **context: object) -> Markup:
    """Raises KeyError when there is no such template, jinja2.UndefinedError for a missing value."""
    return Markup(TEMPLATES[name].render(**context))  # noqa: S704 - autoescaped
