"""Sign up, log in, log out, settings."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from msgspec import Struct
from starlette.responses import Response

from covey.edge import passwords
from covey.edge.access import new_secret, secret_hash
from covey.edge.requests import Parameters, header
from covey.edge.text import parse
from covey.errors import Refused
from covey.limits import (
    AGENT_CHARACTERS,
    DISPLAY_NAME_CHARACTERS,
    NOTE_CHARACTERS,
    PROFILE_FIELD_CHARACTERS,
    PROFILE_FIELDS,
)
from covey.messages import (
    SERVER,
    CloseSession,
    Field,
    OpenSession,
    Password,
    Profile,
    Register,
)
from covey.state.accounts import check_email, check_name
from covey.state.queries import AccountRow, Snapshot
from covey.state.texts import check_language, check_text
from covey.web.forms import Fault, fault, faults, kept, new_key, submission_key
from covey.web.times import moment_tag
from covey.web.visit import Visit, local
from covey.web.writing import visibility_of

# --- sign up ------------------------------------------------------------------------------------


def sign_up_page(visit: Visit, snapshot: Snapshot) -> Response:
    if visit.account:
        return visit.redirect(local(visit.query.text("next")))
    return _sign_up(visit, snapshot, visit.query, [], 200)


def _sign_up(
    visit: Visit, snapshot: Snapshot, form: Parameters, errors: list[Fault], status: int
) -> Response:
    shown = {"name": kept(form, "name"), "email": kept(form, "email")}
    return visit.page(
        snapshot, "signup.html", status=status, errors=errors, kept=shown,
        key=kept(form, "key") or new_key(), csrf_field=visit.csrf_field, **_next(form),
    )  # fmt: skip


async def sign_up(visit: Visit, form: Parameters) -> Response:
    """Registers, logs in, goes on to where the person was going."""
    edge = visit.edge
    name, email = kept(form, "name").strip().removeprefix("@"), kept(form, "email").strip()
    password = kept(form, "password")

    def check_free() -> None:
        with edge.snapshot() as snapshot:
            if snapshot.account_named(name):
                raise Refused("name_taken", name=name)

    errors = faults(
        "form",
        [
            lambda: check_name(name),
            lambda: check_email(email) if email else None,
            lambda: passwords.check_password(password),
        ],
    )
    try:
        if errors:
            # the engine says it otherwise: to a form sent twice it gives the same answer
            errors += faults("form", [check_free])
        else:
            await edge.count("registration", visit.address)
            key = submission_key(form, name, email, password)
            hashed = await passwords.hash_password(password)
            accepted = await edge.submit(
                SERVER,
                Register(name=name, email=email, password_hash=hashed, signed_up=True),
                key,
            )
            return await _open_session(visit, accepted.id, local(kept(form, "next")))
    except Refused as refused:
        if refused.status != 422:
            raise
        errors = [fault(refused, "form")]
    with edge.snapshot() as snapshot:
        return _sign_up(visit, snapshot, form, errors, 422)


# --- log in and out -------------------------------------------------------------------------------


def log_in_page(visit: Visit, snapshot: Snapshot) -> Response:
    if visit.account:
        return visit.redirect(local(visit.query.text("next")))
    return _log_in(visit, snapshot, visit.query, [], 200)


def _log_in(
    visit: Visit, snapshot: Snapshot, form: Parameters, errors: list[Fault], status: int
) -> Response:
    return visit.page(
        snapshot, "login.html", status=status, errors=errors, kept={"name": kept(form, "name")},
        csrf_field=visit.csrf_field, **_next(form),
    )  # fmt: skip


async def log_in(visit: Visit, form: Parameters) -> Response:
    edge = visit.edge
    name = kept(form, "name").strip().removeprefix("@")
    # the address first: who is over its own limit does not use up a name's
    await edge.count("log_in_address", visit.address)
    await edge.count("log_in", name.lower()[:100])
    column = "email" if "@" in name else "name_key"
    with edge.snapshot() as snapshot:
        row = snapshot.row(
            f"select number, password_hash from accounts where {column} = ? and {column} != ''",
            (name if column == "email" else name.lower(),),
        )
    number, hashed = row or (0, "")
    if await passwords.verify(hashed, kept(form, "password")):
        return await _open_session(visit, number, local(kept(form, "next")))
    failed = [Fault("form", Refused("log_in_failed").sentence)]
    with edge.snapshot() as snapshot:
        return _log_in(visit, snapshot, form, failed, 422)


async def _open_session(visit: Visit, account: int, to: str) -> Response:
    """Always a new one: nobody can have known its secret before."""
    secret = new_secret()
    agent = re.sub(r"[^ -~]", "", header(visit.scope, b"user-agent"))[:AGENT_CHARACTERS]
    await visit.edge.submit(account, OpenSession(session_hash=secret_hash(secret), agent=agent))
    response = visit.redirect(to)
    visit.set_session(response, secret)
    return response


async def log_out(visit: Visit, form: Parameters) -> Response:
    await visit.edge.submit(visit.account, CloseSession(session_hash=secret_hash(visit.session)))
    response = visit.redirect("/")
    visit.end_session(response)
    return response


def _next(form: Parameters) -> dict[str, str]:
    """Where to go on, remembered by the form and by the link to the other form."""
    to = local(kept(form, "next"), "")
    return {"next": to, "next_query": f"?next={quote(to, safe='/@')}" if to else ""}


# --- settings -------------------------------------------------------------------------------------


class _Shown(Struct):
    """What the profile's form shows."""

    display_name: str
    note: str
    fields: list[Field]
    visibility: str
    language: str
    discoverable: bool
    indexable: bool
    bot: bool
    locked: bool


class _Session(Struct):
    name: str
    agent: str
    since: str
    here: bool


def settings_page(visit: Visit, snapshot: Snapshot) -> Response:
    return _settings(visit, snapshot, _shown_account(_viewer(visit, snapshot)), [], 200)


def _settings(
    visit: Visit, snapshot: Snapshot, shown: _Shown, errors: list[Fault], status: int
) -> Response:
    empty = PROFILE_FIELDS - len(shown.fields)
    shown.fields = [*shown.fields, *(Field("", "") for _ in range(empty))][:PROFILE_FIELDS]
    return visit.page(
        snapshot, "settings.html", status=status, kept=shown, errors=errors,
        sessions=_sessions(visit, snapshot),
    )  # fmt: skip


def _viewer(visit: Visit, snapshot: Snapshot) -> AccountRow:
    account = snapshot.account(visit.account)
    if account is None:
        raise Refused("log_in_needed")
    return account


def _shown_account(account: AccountRow) -> _Shown:
    return _Shown(
        account.display_name, account.note, list(account.fields), account.visibility,
        account.language, bool(account.discoverable), bool(account.indexable), bool(account.bot),
        bool(account.locked),
    )  # fmt: skip


def _sessions(visit: Visit, snapshot: Snapshot) -> list[_Session]:
    here = secret_hash(visit.session)
    rows = snapshot.execute(
        "select session_hash, agent, created from sessions where account = ?"
        " order by created desc limit 50",
        (visit.account,),
    )
    return [
        _Session(key.hex(), agent_words(agent), moment_tag(created, visit.now), key == here)
        for key, agent, created in rows
    ]


_PROGRAMS: Final = (
    ("Firefox/", "Firefox"), ("Edg/", "Edge"), ("OPR/", "Opera"), ("Chrome/", "Chrome"),
    ("Safari/", "Safari"), ("curl/", "curl"),
)  # fmt: skip
_SYSTEMS: Final = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
    ("Mac OS X", "macOS"), ("Linux", "Linux"),
)  # fmt: skip


def agent_words(agent: str) -> str:
    """A User-Agent in words: "Firefox on Linux"."""
    program = next((words for sign, words in _PROGRAMS if sign in agent), "")
    system = next((words for sign, words in _SYSTEMS if sign in agent), "")
    if program and system:
        return f"{program} on {system}"
    return program or agent[:40] or "A browser"


async def save_settings(visit: Visit, form: Parameters) -> Response:
    edge = visit.edge
    names, values = form.texts("field_name"), form.texts("field_value")
    fields = [
        Field(name.strip(), value.strip())
        for name, value in zip(names, values, strict=False)
        if name.strip() or value.strip()
    ]
    shown = _Shown(
        kept(form, "display_name").strip(), kept(form, "note").strip(), fields,
        kept(form, "visibility"), kept(form, "language"), form.boolean("discoverable"),
        form.boolean("indexable"), form.boolean("bot"), form.boolean("locked"),
    )  # fmt: skip
    with edge.snapshot() as snapshot:
        before = _viewer(visit, snapshot)

    def profile() -> Profile:
        note, mentions, tags, links = parse(shown.note, edge.settings)
        return Profile(
            display_name=shown.display_name, note=note, note_mentions=mentions, note_tags=tags,
            note_links=links, fields=tuple(fields), bot=shown.bot,
            discoverable=shown.discoverable, indexable=shown.indexable, language=shown.language,
            visibility=visibility_of(shown.visibility), sensitive=bool(before.sensitive),
            locked=shown.locked, quotes=before.quotes,  # type: ignore[arg-type]
            avatar=before.avatar, header=before.header,
        )  # fmt: skip

    def check_fields() -> None:
        if len(fields) > PROFILE_FIELDS:
            raise Refused("fields_many", limit=PROFILE_FIELDS, count=len(fields))
        for field in fields:
            check_text("A field's name", field.name, PROFILE_FIELD_CHARACTERS, lines=False)
            check_text("A field's value", field.value, PROFILE_FIELD_CHARACTERS, lines=False)

    errors = faults(
        "form",
        [
            lambda: check_text(
                "The display name", shown.display_name, DISPLAY_NAME_CHARACTERS, lines=False
            ),
            lambda: check_text("The note", shown.note.replace("\r\n", "\n"), NOTE_CHARACTERS),
            check_fields,
            lambda: check_language(shown.language),
            lambda: visibility_of(shown.visibility),
        ],
    )
    if not errors:
        try:
            await edge.submit(visit.account, profile())
            return visit.redirect("/settings?said=profile")
        except Refused as refused:
            if refused.status != 422:
                raise
            errors = [fault(refused, "note")]
    with edge.snapshot() as snapshot:
        return _settings(visit, snapshot, shown, errors, 422)


async def change_password(visit: Visit, form: Parameters) -> Response:
    edge = visit.edge
    current, new = kept(form, "current"), kept(form, "new")
    with edge.snapshot() as snapshot:
        name = _viewer(visit, snapshot).name
        row = snapshot.row("select password_hash from accounts where number = ?", (visit.account,))
    await edge.count("log_in", name.lower())
    errors = faults("password", [lambda: passwords.check_password(new)])
    if not await passwords.verify(row[0] if row else "", current):
        errors.append(Fault("current", "This is not your password."))
    if not errors:
        hashed = await passwords.hash_password(new)
        await edge.submit(
            visit.account,
            Password(
                account=visit.account, password_hash=hashed,
                keep_session=secret_hash(visit.session),
            ),
        )  # fmt: skip
        return visit.redirect("/settings?said=password")
    with edge.snapshot() as snapshot:
        shown = _shown_account(_viewer(visit, snapshot))
        return _settings(visit, snapshot, shown, errors, 422)


async def close_session(visit: Visit, form: Parameters) -> Response:
    """Log out another browser of one's own."""
    try:
        key = bytes.fromhex(form.required_text("session"))
    except ValueError:
        raise Refused("not_found") from None
    await visit.edge.submit(visit.account, CloseSession(session_hash=key))
    return visit.redirect("/settings?said=session")
