"""Log in, with a second factor where there is one, and out."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from typing import Final
from urllib.parse import quote

from starlette.responses import Response

from covey.edge import passwords, totp
from covey.edge.access import new_secret, secret_hash
from covey.edge.edge import Edge
from covey.edge.requests import Parameters, header
from covey.errors import Refused
from covey.limits import AGENT_CHARACTERS
from covey.messages import CloseSession, OpenSession
from covey.seal import SealBroken
from covey.state.queries import Snapshot
from covey.web.forms import Fault, kept
from covey.web.visit import Visit, local

logger: Final = logging.getLogger("covey.edge")

TICKET_SECONDS: Final = 600
"""From the password to the code."""


def log_in_page(visit: Visit, snapshot: Snapshot) -> Response:
    """Who is logged in goes on at once, unless an app asks for a log-in (`again`)."""
    if visit.account and not visit.query.text("again"):
        return visit.redirect(local(visit.query.text("next")))
    return _log_in(visit, snapshot, visit.query, [], 200)


def _log_in(
    visit: Visit, snapshot: Snapshot, form: Parameters, errors: list[Fault], status: int
) -> Response:
    return visit.page(
        snapshot, "login.html", status=status, errors=errors, kept={"name": kept(form, "name")},
        csrf_field=visit.csrf_field, **next_of(form),
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
            "select number, password_hash, second_factors.account is not null from accounts"
            " left join second_factors on account = number"
            f" where {column} = ? and {column} != ''",
            (name if column == "email" else name.lower(),),
        )
    number, hashed, has_factor = row or (0, "", 0)
    if not await passwords.verify(hashed, kept(form, "password")):
        failed = [Fault("form", Refused("log_in_failed").sentence)]
        with edge.snapshot() as snapshot:
            return _log_in(visit, snapshot, form, failed, 422)
    if has_factor:
        return _ask_code(visit, form, _ticket(edge, number, hashed), [], 200)
    return await open_session(visit, number, local(kept(form, "next")))


async def open_session(
    visit: Visit, account: int, to: str, *, step: int = 0, recovery_hash: bytes = b""
) -> Response:
    """Always a new one: nobody can have known its secret before. Raises Refused."""
    edge, secret = visit.edge, new_secret()
    agent = re.sub(r"[^ -~]", "", header(visit.scope, b"user-agent"))[:AGENT_CHARACTERS]
    message = OpenSession(
        session_hash=secret_hash(secret), agent=agent, step=step, recovery_hash=recovery_hash
    )
    await edge.submit(account, message)
    if visit.session:  # this browser's session until now: nobody would find it again
        await edge.submit(visit.account, CloseSession(session_hash=secret_hash(visit.session)))
    response = visit.redirect(to)
    visit.set_session(response, secret)
    return response


async def log_out(visit: Visit, form: Parameters) -> Response:
    await visit.edge.submit(visit.account, CloseSession(session_hash=secret_hash(visit.session)))
    response = visit.redirect("/")
    visit.end_session(response)
    return response


def next_of(form: Parameters) -> dict[str, str]:
    """Where to go on, remembered by the form and by the link to the other form."""
    to = local(kept(form, "next"), "")
    return {"next": to, "next_query": f"?next={quote(to, safe='/@')}" if to else ""}


# --- the second factor --------------------------------------------------------------------------


def _ask_code(
    visit: Visit, form: Parameters, ticket: str, errors: list[Fault], status: int
) -> Response:
    with visit.edge.snapshot() as snapshot:
        response = visit.page(
            snapshot, "login_code.html", status=status, errors=errors, ticket=ticket,
            csrf_field=visit.csrf_field, **next_of(form),
        )  # fmt: skip
    response.headers["Cache-Control"] = "no-store"
    return response


async def log_in_code(visit: Visit, form: Parameters) -> Response:
    """The second step: the code of an app, or a recovery code."""
    edge = visit.edge
    ticket = kept(form, "ticket")
    await edge.count("log_in_address", visit.address)
    number, sealed = _account_of(edge, ticket)
    if not number:
        late = [Fault("form", "That took too long. Log in again.")]
        with edge.snapshot() as snapshot:
            return _log_in(visit, snapshot, form, late, 422)
    await edge.count("second_factor", str(number))
    code = "".join(kept(form, "code").split())
    step, recovery_hash = 0, b""
    try:
        if len(code) == totp.DIGITS and code.isdecimal():
            step = _step_of(edge, number, sealed, code)
            if not step:
                raise Refused("code_wrong")
        else:
            recovery_hash = totp.recovery_hash(code)
        to = local(kept(form, "next"))
        return await open_session(visit, number, to, step=step, recovery_hash=recovery_hash)
    except Refused as refused:
        if refused.code not in ("code_wrong", "code_used"):
            raise
        return _ask_code(visit, form, ticket, [Fault("code", refused.sentence)], 422)


def _step_of(edge: Edge, number: int, sealed: bytes, code: str) -> int:
    """The time step of the code; 0: it is wrong. Raises Refused("second_factor_unreadable")."""
    try:
        secret = edge.seal.open(totp.purpose(number), sealed)
    except SealBroken as error:
        logger.error("the second factor of account %d can't be opened: %s", number, error)
        raise Refused("second_factor_unreadable") from None
    return totp.step_of(secret, code, edge.now())


def _ticket(edge: Edge, number: int, password_hash: str) -> str:
    """Says that whoever shows it knew the password: `account.expires.mac`."""
    said = f"{number}.{edge.now() // 1000 + TICKET_SECONDS}"
    return f"{said}.{_mac(edge, said, password_hash)}"


def _account_of(edge: Edge, ticket: str) -> tuple[int, bytes]:
    """The account of a ticket and its sealed secret; (0, b""): it does not hold, or not any more.
    A new password ends it."""
    match = re.fullmatch(r"([0-9]{1,10})\.([0-9]{1,12})\.([0-9a-f]{64})", ticket, re.ASCII)
    if match is None:
        return 0, b""
    number, expires, mac = int(match[1]), int(match[2]), match[3]
    with edge.snapshot() as snapshot:
        row = snapshot.row(
            "select password_hash, sealed from accounts join second_factors on account = number"
            " where number = ?",
            (number,),
        )
    if row is None or expires * 1000 <= edge.now():
        return 0, b""
    made = _mac(edge, f"{match[1]}.{match[2]}", row[0])
    return (number, row[1]) if hmac.compare_digest(made, mac) else (0, b"")


def _mac(edge: Edge, said: str, password_hash: str) -> str:
    text = f"log-in\0{said}\0{password_hash}".encode()
    return hmac.new(edge.secret, text, hashlib.sha256).hexdigest()
