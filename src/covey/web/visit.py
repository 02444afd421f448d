"""One request of a person: who asks, what a page needs to know of them, and the two kinds of
endpoints. A page is a function of a snapshot; a form submits messages and redirects.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import cached_property
from typing import Final
from urllib.parse import quote

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from covey.delivery.audience import Relations
from covey.edge import csrf
from covey.edge.access import (
    SESSION_COOKIE,
    SESSION_MS,
    VISITOR_COOKIE,
    cookie_name,
    note_use,
    session_access,
)
from covey.edge.edge import Edge
from covey.edge.rates import client_address, count_write, rates, subject_of
from covey.edge.requests import Parameters, header, parse_body, parse_query, read_body
from covey.edge.unread import Unread, unread
from covey.edge.uploads import Sent, read_upload
from covey.errors import Refused
from covey.media.folder import Job
from covey.state.queries import Snapshot
from covey.web.templates import render

logger: Final = logging.getLogger("covey.edge")

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " media-src 'self';"
        " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Vary": "Cookie",
}

TITLES: Final = {
    401: "Log in first",
    403: "Not allowed",
    404: "Not there",
    405: "Not that way",
    413: "Too large",
    415: "Not readable",
    429: "Too fast",
    500: "Something broke",
    503: "Busy",
}

SAID: Final = {
    "profile": "Your profile is saved.",
    "password": "Your password is changed. Other browsers and apps are logged out.",
    "session": "That browser is logged out.",
    "sessions": "All other browsers are logged out.",
    "app": "That app is out. It would have to ask you again.",
    "token": "That token is revoked.",
    "factor-off": "The second factor is off. Your password alone logs you in.",
    "deleted": "The post is deleted.",
    "posted": "Your post is out.",
    "group": "The group is changed.",
    "list": "The list is changed.",
    "list-deleted": "The list is deleted.",
    "invited": "The invitation is on its way.",
    "taken-out": "The post is taken out of the group.",
}
"""What `?said=…` of an address tells at the top of a page."""

_LOCAL: Final = re.compile(r"/(?![/\\])[^\s\\\x00-\x1f\x7f]{0,8000}")
_RETRY_SECONDS: Final = 5


class Visit:
    """A request, and what is known of who makes it."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.receive = receive
        self.request = Request(scope, receive)
        self.edge: Edge = scope["app"].state.edge
        self.now = self.edge.now()
        self.cookies = self.request.cookies
        session = self.cookie(SESSION_COOKIE)
        access = session_access(self.edge, session) if session else None
        self.account = access.account if access else 0
        """0: a stranger."""
        self.session = session if access else ""
        if access:
            note_use(self.edge, session)
        self._visitor = "" if access else self.cookie(VISITOR_COOKIE)
        self._sets_visitor = False
        self._unread: dict[str, Unread] = {}
        self.job: Job | None = None
        self.sent: dict[str, Sent] = {}
        """The files of a form that may have some, and where they lie."""

    # --- what was asked -----------------------------------------------------------------------

    @property
    def address(self) -> str:
        """Of the client, as it is counted."""
        return subject_of(client_address(self.scope, self.edge.settings))

    @property
    def is_read(self) -> bool:
        return self.scope["method"] in ("GET", "HEAD")

    @cached_property
    def query(self) -> Parameters:
        """Raises Refused."""
        return parse_query(self.scope["query_string"])

    @cached_property
    def here(self) -> str:
        """Path and query of the page, to come back to; the home page for a form."""
        if not self.is_read:
            return "/home"
        path = quote(self.scope["path"], safe="/@:+,;=!$&'()*~")
        query = self.scope["query_string"].decode("latin-1")
        return local(f"{path}?{query}" if query else path)

    def cookie(self, name: str) -> str:
        return self.cookies.get(cookie_name(self.edge.settings, name), "")

    def path(self, name: str) -> str:
        return str(self.scope["path_params"][name])

    def count(self) -> None:
        """Raises Refused("too_many_requests")."""
        rates(self.edge).count(self.account or self.address, self.now)

    async def count_write(self) -> None:
        """A form. Raises Refused("too_many_requests")."""
        self.count()
        await count_write(self.edge, self.account or self.address)

    async def form(self) -> Parameters:
        """What the form says. Raises Refused, also when it is not one of ours ("csrf")."""
        body = await read_body(self.scope, self.receive)
        kind = header(self.scope, b"content-type")
        return Parameters(parse_body(body, kind) if body else {})

    def check_csrf(self, form: Parameters) -> None:
        """Raises Refused("csrf")."""
        sent = form.tree.get(csrf.FIELD)
        csrf.check(self.edge, self.request, self.session or self._visitor, sent)

    def relations(self, snapshot: Snapshot) -> Relations:
        return self.edge.relations(snapshot, self.account)

    # --- answers ------------------------------------------------------------------------------

    @cached_property
    def csrf_field(self) -> Markup:
        """The hidden field of a form. A stranger who has no cookie yet gets one with the page."""
        if not self.session and not self._visitor:
            self._visitor, self._sets_visitor = csrf.visitor(), True
        value = csrf.token(self.edge, self.session or self._visitor)
        return Markup('<input type="hidden" name="{}" value="{}">').format(csrf.FIELD, value)

    def page(
        self, snapshot: Snapshot, template: str, *, status: int = 200, **context: object
    ) -> Response:
        """The template, in the frame that all pages share."""
        edge = self.edge
        viewer = snapshot.account(self.account) if self.account else None
        said = self.scope["query_string"].rpartition(b"said=")[2].decode("latin-1")
        html = render(
            template,
            **{
                "site": edge.settings,
                "viewer": viewer,
                "unread": words(self.unread(snapshot)),
                "here": self.here,
                "at": self.scope["path"],
                "said": SAID.get(said, ""),
                "csrf_field": self.csrf_field if viewer else "",
                **context,
            },
        )
        response = HTMLResponse(html, status, HEADERS)
        response.headers["Cache-Control"] = "no-store" if self.account else "no-cache"
        if self._sets_visitor:
            self._set_cookie(response, VISITOR_COOKIE, self._visitor)
        return response

    def unread(self, snapshot: Snapshot) -> dict[str, Unread]:
        """Queue → what is unread of it. Counted once a page."""
        if not self._unread and self.account:
            self._unread = unread_of(self.edge, snapshot, self.account)
        return self._unread

    def unread_of(self, snapshot: Snapshot, queue: str) -> Unread:
        """Raises Refused for what is no queue of the viewer's."""
        return self.unread(snapshot).get(queue) or unread(
            snapshot, self.edge.arena, self.relations(snapshot), queue
        )

    def fragment(self, html: str) -> Response:
        """A piece of a page, for its script."""
        return HTMLResponse(html, headers={**HEADERS, "Cache-Control": "no-store"})

    def redirect(self, to: str, *, status: int = 303) -> Response:
        """`to`: path and query, as `local` gives it."""
        headers = {**HEADERS, "Cache-Control": "no-store"}
        return RedirectResponse(to, status, headers)

    def to_log_in(self) -> Response:
        """And back to the page that was asked for."""
        return self.redirect(f"/login?next={quote(self.here, safe='/@')}")

    def trouble(self, refused: Refused, **context: object) -> Response:
        """The page of a refusal."""
        status = refused.status if refused.status >= 400 else 409
        with self.edge.snapshot() as snapshot:
            response = self.page(
                snapshot,
                "error.html",
                status=status,
                **{
                    "title": TITLES.get(status, "Not possible"),
                    "number": status,
                    "sentence": refused.sentence,
                    "kept": "",
                    "log_in": "/login" if status == 401 and not self.account else "",
                    **context,
                },
            )
        until = refused.details.get("until")
        if isinstance(until, int):
            response.headers["Retry-After"] = str(max(1, (until - self.now + 999) // 1000))
        elif status == 503:
            response.headers["Retry-After"] = str(_RETRY_SECONDS)
        response.headers["Cache-Control"] = "no-store"
        return response

    # --- sessions -----------------------------------------------------------------------------

    def set_session(self, response: Response, secret: str) -> None:
        self._set_cookie(response, SESSION_COOKIE, secret, SESSION_MS // 1000)
        self._delete_cookie(response, VISITOR_COOKIE)

    def end_session(self, response: Response) -> None:
        self._delete_cookie(response, SESSION_COOKIE)

    def _delete_cookie(self, response: Response, name: str) -> None:
        settings = self.edge.settings
        response.delete_cookie(cookie_name(settings, name), path="/", secure=settings.secure)

    def _set_cookie(
        self, response: Response, name: str, value: str, seconds: int | None = None
    ) -> None:
        response.set_cookie(
            cookie_name(self.edge.settings, name),
            value,
            max_age=seconds,
            path="/",
            secure=self.edge.settings.secure,
            httponly=True,
            samesite="lax",
        )


def unread_of(edge: Edge, snapshot: Snapshot, account: int) -> dict[str, Unread]:
    """Queue → what is unread of it."""
    reader = edge.relations(snapshot, account)
    queues = ("home", "notifications")
    return {queue: unread(snapshot, edge.arena, reader, queue) for queue in queues}


def words(counts: dict[str, Unread]) -> dict[str, str]:
    """Queue → its count as it is shown; empty for none."""
    return {queue: count.words if count.count else "" for queue, count in counts.items()}


def local(text: str, default: str = "/home") -> str:
    """A path of this server, or `default`: nobody is sent to another host by a link to ours."""
    return text if _LOCAL.fullmatch(text) else default


PageFunction = Callable[[Visit, Snapshot], Response]
SlowFunction = Callable[[Visit], Awaitable[Response]]
FormFunction = Callable[[Visit, Parameters], Awaitable[Response]]


class SlowPage:
    """An ASGI endpoint for GET, whose function waits for something and opens its own snapshots.
    `member`: strangers log in first."""

    def __init__(self, function: SlowFunction, *, member: bool = False) -> None:
        self._function = function
        self._member = member

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = Visit(scope, receive)
        try:
            visit.count()
            if self._member and not visit.account:
                response = visit.to_log_in()
            else:
                response = await self._function(visit)
        except Refused as refused:
            response = visit.trouble(refused)
        except Exception:
            logger.exception("a page failed: %r", scope["path"])
            response = visit.trouble(Refused("internal"))
        await response(scope, receive, send)


class Page(SlowPage):
    """One that is a function of a snapshot."""

    def __init__(self, function: PageFunction, *, member: bool = False) -> None:
        async def answer(visit: Visit) -> Response:
            with visit.edge.snapshot() as snapshot:
                return function(visit, snapshot)

        super().__init__(answer, member=member)


class Form:
    """An ASGI endpoint for POST. `member`: strangers log in first."""

    def __init__(
        self, function: FormFunction, *, member: bool = True, files: tuple[str, ...] = ()
    ) -> None:
        self._function = function
        self._member = member
        self._files = {name: name for name in files}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = Visit(scope, receive)
        form = Parameters({})
        with ExitStack() as held:
            try:
                await visit.count_write()
                if self._files and visit.account:
                    visit.job = held.enter_context(visit.edge.media.upload(visit.account))
                    form, visit.sent = await read_upload(
                        scope, receive, visit.job.path, self._files
                    )
                else:
                    form = await visit.form()
                if self._member and not visit.account:
                    raise Refused("log_in_needed")
                visit.check_csrf(form)
                response = await self._function(visit, form)
            except Refused as refused:
                response = visit.trouble(refused, **self._kept(visit, form))
            except Exception:
                logger.exception("a form failed: %r", scope["path"])
                response = visit.trouble(Refused("internal"), **self._kept(visit, form))
        await response(scope, receive, send)

    def _kept(self, visit: Visit, form: Parameters) -> dict[str, object]:
        """No text is lost to a form that came too late; and the way back is remembered."""
        text, back = form.tree.get("text"), form.tree.get("back")
        to = local(back) if isinstance(back, str) else "/home"
        return {
            "kept": text if isinstance(text, str) else "",
            "log_in": "" if visit.account else f"/login?next={quote(to, safe='/@')}",
        }
