"""Compose and reply: the form, and what it submits."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from starlette.responses import Response

from covey.delivery.audience import REACH, Reach, visible
from covey.edge.queues import polls
from covey.edge.requests import Parameters
from covey.edge.text import parse
from covey.errors import Refused
from covey.limits import POLL_SECONDS_MIN, POST_CHARACTERS, WARNING_CHARACTERS
from covey.messages import Edit, Poll, Post, Visibility
from covey.state.queries import AccountRow, PostRow, Snapshot
from covey.state.texts import check_characters, check_language, check_text, counted
from covey.web.acts import post_at
from covey.web.forms import Fault, fault, faults, kept, new_key, submission_key
from covey.web.pictures import Shown, own, sent
from covey.web.posts import show
from covey.web.templates import TO_GROUPS, VISIBILITIES
from covey.web.visit import Visit, local


class ComposeForm(Struct):
    """What the form shows."""

    key: str
    back: str
    reply_to: str = ""
    text: str = ""
    warning: str = ""
    language: str = ""
    visibility: str = "public"
    errors: list[Fault] = []
    is_optioned: bool = False
    """Its options are open."""
    visibilities: tuple[tuple[str, str], ...] = VISIBILITIES
    """Empty: it can't be chosen."""
    action: str = "/post"
    button: str = "Post"
    pictures: bool = True
    """Files can be sent with it."""
    media: list[Shown] = []
    """Those that were sent with it before."""

    @property
    def media_faults(self) -> bool:
        return any(error.field == "media" for error in self.errors)


def blank(visit: Visit, snapshot: Snapshot, viewer: AccountRow, text: str = "") -> ComposeForm:
    """A form on the page that is being shown."""
    return ComposeForm(
        new_key(), visit.here, text=text, language=_language(visit, viewer),
        visibility=viewer.visibility, visibilities=_visibilities(visit, snapshot),
    )  # fmt: skip


def _visibilities(visit: Visit, snapshot: Snapshot) -> tuple[tuple[str, str], ...]:
    return (*VISIBILITIES, TO_GROUPS) if visit.relations(snapshot).groups else VISIBILITIES


def reply(visit: Visit, snapshot: Snapshot, viewer: AccountRow, parent: PostRow) -> ComposeForm:
    """A form that names all who take part, and is seen by no more people than what it answers."""
    names = snapshot.accounts({parent.account, *parent.mentioned})
    order = dict.fromkeys((parent.account, *parent.mentioned))
    mentions = [f"@{names[n].name} " for n in order if n != viewer.number and n in names]
    reach = max(Reach(parent.visibility), REACH[viewer.visibility], key=_WIDTHS.index)
    if reach == Reach.GROUP and not set(parent.groups) & set(visit.relations(snapshot).groups):
        reach = Reach.DIRECT  # it may be read in an open group, but written only by members
    return ComposeForm(
        new_key(), visit.here, str(parent.id), "".join(mentions), parent.warning,
        _language(visit, viewer), reach.word, visibilities=_visibilities(visit, snapshot),
        button="Reply",
    )  # fmt: skip


_WIDTHS: Final = (
    Reach.PUBLIC, Reach.UNLISTED, Reach.LOCAL, Reach.FOLLOWERS, Reach.GROUP, Reach.DIRECT
)  # fmt: skip
"""The widest first."""


def _language(visit: Visit, viewer: AccountRow) -> str:
    return viewer.language or (visit.edge.settings.languages or ("",))[0]


def visibility_of(word: str) -> Visibility:
    """Raises Refused("visibility_unknown")."""
    if word not in REACH:
        raise Refused("visibility_unknown", visibility=word[:20])
    return REACH[word].word


async def post(visit: Visit, form: Parameters) -> Response:
    """Post, and go back to the page of the form; what is wrong is said there, the text kept."""
    edge = visit.edge
    warning, language = kept(form, "warning").strip(), kept(form, "language")
    visibility, parent = kept(form, "visibility") or "public", form.id("reply_to")
    media, errors = await sent(visit, form)
    try:
        text, mentions, tags, links = parse(kept(form, "text").strip(), edge.settings)

        def check_length() -> None:
            if not text and not media:
                raise Refused("text_empty")
            count = counted(text, links) + len(warning)
            if count > POST_CHARACTERS:
                raise Refused("text_long", what="Text", count=count, limit=POST_CHARACTERS)

        errors += faults(
            "text",
            [
                check_length,
                lambda: check_characters("Text", text),
                lambda: check_text("The warning", warning, WARNING_CHARACTERS, lines=False),
                lambda: check_language(language),
                lambda: visibility_of(visibility),
            ],
        )
        if not errors:
            message = Post(
                text=text, visibility=visibility_of(visibility), language=language,
                warning=warning, sensitive=bool(warning), reply_to=parent, mentions=mentions,
                tags=tags, links=links, media=media,
            )  # fmt: skip
            key = submission_key(form, text, warning, visibility, str(parent))
            accepted = await edge.submit(visit.account, message, key)
            return visit.redirect(_after(form, accepted.id))
    except Refused as refused:
        if refused.status == 503:
            raise
        errors = [fault(refused, "text")]
    with edge.snapshot() as snapshot:
        return _again(visit, snapshot, form, errors, own(visit, snapshot, media))


def _after(form: Parameters, id_: int) -> str:
    """The page of the form; of a thread, where the reply stands now."""
    back = local(kept(form, "back"))
    return f"{back}#p{id_}" if kept(form, "reply_to") else back.partition("?")[0]


def _again(
    visit: Visit,
    snapshot: Snapshot,
    form: Parameters,
    errors: list[Fault],
    media: list[Shown],
) -> Response:
    """The form once more, on a page of its own."""
    shown = ComposeForm(
        kept(form, "key") or new_key(), local(kept(form, "back")), kept(form, "reply_to"),
        kept(form, "text"), kept(form, "warning"), kept(form, "language"),
        kept(form, "visibility"), errors,
        any(error.field in ("warning", "language") for error in errors),
        _visibilities(visit, snapshot), button="Reply" if kept(form, "reply_to") else "Post",
        media=media,
    )  # fmt: skip
    parent = snapshot.post(form.id("reply_to"))
    if parent is None or parent.deleted or not visible(parent, visit.relations(snapshot)):
        above = None
    else:
        above = show(snapshot, [parent], visit.account, visit.now)
    return visit.page(
        snapshot, "write.html", status=422, form=shown, post=above,
        title="Your reply" if shown.reply_to else "Your post",
    )  # fmt: skip


# --- edit -----------------------------------------------------------------------------------------


def edit_page(visit: Visit, snapshot: Snapshot) -> Response:
    post = _own(visit, snapshot)
    form = _edit_form(visit)
    form.text, form.warning, form.language = post.text, post.warning, post.language
    return visit.page(snapshot, "write.html", form=form, post="", title="Edit your post")


async def edit(visit: Visit, form: Parameters) -> Response:
    """A new version, and to the post; what is wrong is said beside it, the text kept."""
    edge = visit.edge
    warning, language = kept(form, "warning").strip(), kept(form, "language")
    with edge.snapshot() as snapshot:
        post = _own(visit, snapshot)
        asked = polls(snapshot, visit.account, [post.id]).get(post.id)
    # the same poll goes on as it is, whatever this says of its end
    poll = Poll(
        asked.poll.options, POLL_SECONDS_MIN, bool(asked.poll.multiple),
        bool(asked.poll.hide_totals),
    ) if asked else None  # fmt: skip
    try:
        text, mentions, tags, links = parse(kept(form, "text").strip(), edge.settings)
        message = Edit(
            post=post.id, text=text, language=language, warning=warning,
            sensitive=bool(warning or (post.sensitive and not post.warning)), mentions=mentions,
            tags=tags, links=links, poll=poll, media=post.media,
        )  # fmt: skip
        await edge.do(visit.account, message)
        return visit.redirect(visit.scope["path"].removesuffix("/edit"))
    except Refused as refused:
        if refused.status != 422:
            raise
        errors = [fault(refused, "text")]
    with edge.snapshot() as snapshot:
        again = _edit_form(visit)
        again.text, again.warning, again.language = kept(form, "text"), warning, language
        again.errors = errors
        again.is_optioned = errors[0].field in ("warning", "language")
        return visit.page(
            snapshot, "write.html", status=422, form=again, post="", title="Edit your post"
        )


def _edit_form(visit: Visit) -> ComposeForm:
    return ComposeForm(
        new_key(), "", visibilities=(), action=visit.scope["path"], button="Save",
        pictures=False,
    )  # fmt: skip


def _own(visit: Visit, snapshot: Snapshot) -> PostRow:
    """The viewer's own post at the address. Raises Refused("no_such_post")."""
    post = post_at(visit, snapshot)
    if post.account != visit.account:
        raise Refused("no_such_post")
    return post
