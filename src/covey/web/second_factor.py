"""Settings: a second factor, set up by a code that an app makes, and turned off by the password."""

from __future__ import annotations

from typing import Final

import segno
from markupsafe import Markup
from starlette.responses import Response

from covey.edge import passwords, totp
from covey.edge.requests import Parameters
from covey.errors import Refused
from covey.messages import TotpOff, TotpOn
from covey.seal import SealBroken
from covey.state.queries import Snapshot
from covey.web.forms import Fault, fault, kept
from covey.web.times import day_tag
from covey.web.visit import Visit

OFFER_SECONDS: Final = 3_600
"""A secret that was shown is to be confirmed so soon."""


def second_factor_page(visit: Visit, snapshot: Snapshot) -> Response:
    row = snapshot.row("select since from second_factors where account = ?", (visit.account,))
    if row is None:
        return _offer_page(visit, snapshot, totp.new_secret(), [], 200)
    return _on_page(visit, snapshot, row[0], [], 200)


def _offer_page(
    visit: Visit, snapshot: Snapshot, secret: bytes, errors: list[Fault], status: int
) -> Response:
    name = _name(visit, snapshot)
    scanned = totp.address(secret, name, visit.edge.settings.title)
    drawn = segno.make(scanned, error="m", micro=False).svg_inline(
        scale=4, border=4, dark="#000", light="#fff", omitsize=True
    )
    return visit.page(
        snapshot, "second_factor.html", status=status, errors=errors,
        drawn=Markup(drawn),  # noqa: S704 - a library's own shapes, no text
        scanned=scanned, secret=totp.in_base32(secret), offer=_offer(visit, secret),
    )  # fmt: skip


def _on_page(
    visit: Visit, snapshot: Snapshot, since: int, errors: list[Fault], status: int
) -> Response:
    row = snapshot.row("select count(*) from recovery_codes where account = ?", (visit.account,))
    return visit.page(
        snapshot, "second_factor_on.html", status=status, errors=errors, since=day_tag(since),
        left=row[0] if row else 0,
    )  # fmt: skip


def _name(visit: Visit, snapshot: Snapshot) -> str:
    account = snapshot.account(visit.account)
    assert account is not None
    return account.name


def _offer(visit: Visit, secret: bytes) -> str:
    """The secret, sealed, for the form to bring back: nothing is kept until it is confirmed."""
    until = visit.now // 1000 + OFFER_SECONDS
    return visit.edge.seal.close(_purpose(visit), until.to_bytes(8, "big") + secret).hex()


def _offered(visit: Visit, offer: str) -> bytes:
    """The secret of an offer; empty: it is none of this session's, or too old."""
    try:
        opened = visit.edge.seal.open(_purpose(visit), bytes.fromhex(offer))
    except (SealBroken, ValueError):
        return b""
    until, secret = int.from_bytes(opened[:8], "big"), opened[8:]
    return secret if visit.now // 1000 < until else b""


def _purpose(visit: Visit) -> str:
    return f"totp-offer/{visit.account}"


async def turn_on(visit: Visit, form: Parameters) -> Response:
    """By a code of the app that has the secret now, and the password: a session that somebody left
    open is not enough to lock its owner out."""
    edge = visit.edge
    secret = _offered(visit, kept(form, "offer"))
    if not secret:
        errors = [Fault("form", "That took too long. Here is a new code to scan.")]
        with edge.snapshot() as snapshot:
            return _offer_page(visit, snapshot, totp.new_secret(), errors, 422)
    errors = await _password_faults(visit, form)
    step = totp.step_of(secret, "".join(kept(form, "code").split()), edge.now())
    if not step:
        errors.append(Fault("code", "This is not the code of this moment."))
    if not errors:
        codes = totp.new_recovery_codes()
        sealed = edge.seal.close(totp.purpose(visit.account), secret)
        hashes = tuple(totp.recovery_hash(code) for code in codes)
        try:
            await edge.submit(
                visit.account, TotpOn(sealed=sealed, step=step, recovery_hashes=hashes)
            )
        except Refused as refused:
            if refused.status != 422:
                raise
            errors.append(fault(refused, "form"))
        else:
            with edge.snapshot() as snapshot:
                return visit.page(snapshot, "recovery_codes.html", codes=codes)
    with edge.snapshot() as snapshot:
        return _offer_page(visit, snapshot, secret, errors, 422)


async def turn_off(visit: Visit, form: Parameters) -> Response:
    edge = visit.edge
    errors = await _password_faults(visit, form)
    if not errors:
        await edge.submit(visit.account, TotpOff(account=visit.account))
        return visit.redirect("/settings/access?said=factor-off")
    with edge.snapshot() as snapshot:
        row = snapshot.row("select since from second_factors where account = ?", (visit.account,))
        if row is None:
            raise Refused("not_found")
        return _on_page(visit, snapshot, row[0], errors, 422)


async def _password_faults(visit: Visit, form: Parameters) -> list[Fault]:
    """Raises Refused("too_many_requests")."""
    with visit.edge.snapshot() as snapshot:
        name = _name(visit, snapshot)
        row = snapshot.row("select password_hash from accounts where number = ?", (visit.account,))
    await visit.edge.count("log_in", name.lower())
    if await passwords.verify(row[0] if row else "", kept(form, "password")):
        return []
    return [Fault("password", "This is not your password.")]
