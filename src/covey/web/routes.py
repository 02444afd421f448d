"""Every address of the pages. The last route answers for all that no door knows: mount it last."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from covey.errors import Refused
from covey.web import (
    access,
    accounts,
    acts,
    groups,
    lists,
    log_in,
    notifications,
    pictures,
    profiles,
    reading,
    search,
    second_factor,
    writing,
)
from covey.web.live import Live
from covey.web.static import FILES
from covey.web.visit import Form, FormFunction, Page, PageFunction, SlowPage, Visit


class _PostId(Convertor[str]):
    """Digits in a path. Starlette's own `int` fails on more than Python makes a number of."""

    regex = "[0-9]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("post", _PostId())


def routes() -> list[BaseRoute]:
    found: list[BaseRoute] = [
        get("/", reading.front),
        get("/public", reading.public),
        get("/home", reading.home, member=True),
        get("/tags/{tag}", reading.tag),
        Route("/search", SlowPage(search.search), methods=["GET"]),
        get("/notifications", notifications.notifications, member=True),
        get("/signup", accounts.sign_up_page),
        get("/login", log_in.log_in_page),
        get("/bookmarks", reading.bookmarks, member=True),
        get("/groups", groups.groups_page, member=True),
        get("/groups/new", groups.new_page, member=True),
        get("/lists", lists.lists_page, member=True),
        get("/lists/{number:int}", lists.list_page, member=True),
        get("/lists/{number:int}/members", lists.members_page, member=True),
        get("/settings", accounts.settings_page, member=True),
        get("/settings/access", access.access_page, member=True),
        get("/settings/second-factor", second_factor.second_factor_page, member=True),
        get("/@{name}", profiles.profile),
        get("/@{name}/followers", reading.followers),
        get("/@{name}/following", reading.following),
        get("/@{name}/members", groups.members_page),
        get("/@{name}/settings", groups.settings_page, member=True),
        get("/@{name}/{id:post}", reading.thread),
        get("/@{name}/{id:post}/edit", writing.edit_page, member=True),
        get("/@{name}/{id:post}/delete", reading.delete_page, member=True),
        post("/signup", accounts.sign_up, member=False),
        post("/login", log_in.log_in, member=False),
        post("/login/code", log_in.log_in_code, member=False),
        post("/logout", log_in.log_out),
        post("/settings", accounts.save_settings),
        post("/settings/password", accounts.change_password),
        post("/settings/access/session", access.close_session),
        post("/settings/access/sessions", access.close_other_sessions),
        post("/settings/access/app", access.revoke_app),
        post("/settings/access/token", access.create_token),
        post("/settings/access/token/revoke", access.revoke_token),
        post("/settings/second-factor", second_factor.turn_on),
        post("/settings/second-factor/off", second_factor.turn_off),
        post("/post", writing.post, files=pictures.FILES),
        post("/home/read", acts.mark_home_read),
        post("/notifications/read", acts.mark_notifications_read),
        post("/read/{queue:path}", acts.mark_read),
        post("/tags/{tag}/follow", reading.follow_tag),
        post("/tags/{tag}/unfollow", reading.unfollow_tag),
        post("/groups/new", groups.create),
        post("/lists", lists.create),
        post("/lists/{number:int}", lists.change),
        post("/lists/{number:int}/delete", lists.delete),
        post("/lists/{number:int}/members", lists.add),
        post("/lists/{number:int}/remove", lists.remove),
        post("/@{name}/{id:post}/delete", acts.delete),
        post("/@{name}/{id:post}/edit", writing.edit),
        post("/@{name}/{id:post}/take-out", acts.take_out),
        post("/@{name}/{id:post}/{act}", acts.act_on_post),
        post("/@{name}/settings", groups.change),
        post("/@{name}/invite", groups.invite),
        post("/@{name}/members/{who}/{act}", groups.act_on_member),
        post("/@{name}/{act}", acts.act_on_account),
        Route("/live/home", Live("home", member=True), methods=["GET"]),
        Route("/live/public", Live("public", member=False), methods=["GET"]),
        Route("/static/{name}", FILES, methods=["GET"]),
        get("/favicon.ico", lambda visit, _: visit.redirect(FILES.address("covey.svg"))),
    ]
    return [*found, Route("/{path:path}", _Nothing(found))]


def get(path: str, function: PageFunction, *, member: bool = False) -> Route:
    return Route(path, Page(function, member=member), methods=["GET"])


def post(
    path: str, function: FormFunction, *, member: bool = True, files: tuple[str, ...] = ()
) -> Route:
    return Route(path, Form(function, member=member, files=files), methods=["POST"])


class _Nothing:
    """There is nothing at this address, or it does not answer this method."""

    def __init__(self, others: list[BaseRoute]) -> None:
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = Visit(scope, receive)
        known = any(route.matches(scope)[0] == Match.PARTIAL for route in self._others)
        code = "method_not_allowed" if known else "no_such_page"
        refused = Refused(code, method=scope["method"])
        try:
            visit.count()
        except Refused as too_many:
            refused = too_many
        await visit.trouble(refused)(scope, receive, send)
