"""Sign up, settings of the profile, password."""

from __future__ import annotations

from msgspec import Struct
from starlette.responses import Response

from covey.edge import passwords
from covey.edge.access import secret_hash
from covey.edge.requests import Parameters
from covey.edge.text import parse
from covey.errors import Refused
from covey.limits import (
    DISPLAY_NAME_CHARACTERS,
    NOTE_CHARACTERS,
    PROFILE_FIELD_CHARACTERS,
    PROFILE_FIELDS,
)
from covey.messages import (
    SERVER,
    Field,
    Password,
    Profile,
    Register,
)
from covey.state.accounts import check_email, check_name
from covey.state.place import SETTINGS
from covey.state.queries import AccountRow, Snapshot
from covey.state.texts import check_language, check_text
from covey.web.forms import Fault, fault, faults, kept, new_key, submission_key
from covey.web.log_in import next_of, open_session
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
    registrations = _registrations(snapshot)
    if registrations == "closed":
        raise Refused("registrations_closed")
    shown = {name: kept(form, name) for name in ("name", "email", "invite")}
    return visit.page(
        snapshot, "signup.html", status=status, errors=errors, kept=shown,
        registrations=registrations,
        key=kept(form, "key") or new_key(), csrf_field=visit.csrf_field, **next_of(form),
    )  # fmt: skip


def _registrations(snapshot: Snapshot) -> str:
    """Who may sign up: one of `SETTINGS["registrations"]`."""
    row = snapshot.row("select value from settings where name = 'registrations'")
    return row[0] if row else SETTINGS["registrations"][0]


async def sign_up(visit: Visit, form: Parameters) -> Response:
    """Registers, logs in, goes on to where the person was going. Where a moderator looks at who
    comes, it says so, and nobody is logged in yet."""
    edge = visit.edge
    invite = kept(form, "invite").strip()
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
                Register(
                    name=name, email=email, password_hash=hashed, signed_up=True,
                    invite_hash=secret_hash(invite) if invite else b"",
                ),
                key,
            )  # fmt: skip
            with edge.snapshot() as snapshot:
                account = snapshot.account(accepted.id)
                if account is not None and account.standing == "pending":
                    return visit.page(snapshot, "pending.html", pending=account)
            return await open_session(visit, accepted.id, local(kept(form, "next")))
    except Refused as refused:
        if refused.status != 422 and refused.code != "invitation_needed":
            raise
        errors = [fault(refused, "form")]
    with edge.snapshot() as snapshot:
        return _sign_up(visit, snapshot, form, errors, 422)


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


def settings_page(visit: Visit, snapshot: Snapshot) -> Response:
    return _settings(visit, snapshot, _shown_account(_viewer(visit, snapshot)), [], 200)


def _settings(
    visit: Visit, snapshot: Snapshot, shown: _Shown, errors: list[Fault], status: int
) -> Response:
    empty = PROFILE_FIELDS - len(shown.fields)
    shown.fields = [*shown.fields, *(Field("", "") for _ in range(empty))][:PROFILE_FIELDS]
    return visit.page(snapshot, "settings.html", status=status, kept=shown, errors=errors)


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
