"""The reader `push`: notifications to the push services of those who subscribed.

A push service can't tell a push that comes again: after a crash one may be shown twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from covey.edge import queues
from covey.edge.cursor import Cursor
from covey.edge.images import avatar_url
from covey.errors import Refused
from covey.keys import edge_key
from covey.limits import PUSH_BODY_CHARACTERS, PUSH_SECONDS, PUSH_TTL_SECONDS
from covey.messages import (
    SERVER,
    AcceptFollow,
    Boost,
    Due,
    Edit,
    Entry,
    Favourite,
    Follow,
    Post,
    UnsubscribePush,
)
from covey.readers.outside import NotAllowed, Outside
from covey.readers.reader import GiveUp, Job, Reader, Surroundings
from covey.seal import SealBroken, load_seal
from covey.state.push import sealed_for
from covey.state.queries import NotificationRow, Snapshot
from covey.vapid import base64url, load

TITLES: Final = {
    "mention": "{name} mentioned you",
    "status": "{name} posted",
    "boost": "{name} boosted your post",
    "favourite": "{name} favourited your post",
    "follow": "{name} follows you",
    "follow_request": "{name} asks to follow you",
    "poll": "A poll has ended",
    "update": "{name} edited a post that you boosted",
    "quote": "{name} quoted your post",
    "quoted_update": "{name} edited a post that you quoted",
}
"""A notification's kind → what a device shows. Kinds of groups are not there: apps do not know
them."""
GONE: Final = (404, 410)
"""The push service does not know the subscription any more."""
AGAIN: Final = (408, 425, 429)
"""Later it may go; so it may after 5xx."""


def alert_of(kind: str) -> str:
    """A notification's kind → the API's word for it."""
    return "reblog" if kind == "boost" else kind


class Push(Reader):
    """A job is (number of the notification, number of the subscription)."""

    name = "push"
    kinds = (Post, Edit, Boost, Favourite, Follow, AcceptFollow, Due)
    jobs_at_once = 8

    def __init__(self, around: Surroundings, outside: Outside | None = None) -> None:
        self._around = around
        self._outside = outside or Outside(around.now)

    def handle(self, entries: Sequence[Entry], snapshot: Snapshot) -> list[Job]:
        numbers = {entry.number for entry in entries}
        # one look for each subscription there is: an index by number would cost the engine at each
        # notification, and most servers have few
        found = snapshot.rows(
            "select n.number, n.account, n.kind, n.sender, s.number, s.alerts, s.policy"
            " from push_subscriptions s cross join notifications n on n.account = s.account"
            " and n.number between ? and ? where n.filtered = 0 and n.number > s.number"
            " order by n.number, s.number",
            (entries[0].number, entries[-1].number),
        )
        return [
            Job(number, str(subscription))
            for number, account, kind, sender, subscription, alerts, policy in found
            if number in numbers
            and kind in TITLES
            and alert_of(kind) in alerts.split()
            and _is_wanted(snapshot, policy, account, sender)
        ]

    async def perform(self, job: Job) -> None:
        with self._around.state.snapshot() as snapshot:
            row = snapshot.row(
                "select account, token_hash, endpoint, public_key, auth, sealed, standard"
                " from push_subscriptions where number = ?",
                (int(job.target),),
            )
            if row is None:
                raise GiveUp("the subscription ended")
            account, token_hash, endpoint, public_key, auth, sealed, standard = row
            said = self._payload(snapshot, account, job.number)
        try:
            token = load_seal(self._around.folder).open(sealed_for(token_hash), sealed)
        except SealBroken as broken:
            raise GiveUp(str(broken)) from None
        payload = msgspec.json.encode({"access_token": token.decode(), **said})
        headers, body = self._message(endpoint, payload, public_key, auth, bool(standard))
        try:
            answer = await self._outside.post(endpoint, headers, body, PUSH_SECONDS)
        except NotAllowed as reason:
            raise GiveUp(str(reason)) from None
        if answer.status in GONE:
            await self._forget(int(job.target))
        elif answer.status in AGAIN or answer.status >= 500:
            raise OSError(f"the push service answered {answer.status}")
        elif answer.status >= 300:
            raise GiveUp(f"the push service answered {answer.status}")

    def _payload(self, snapshot: Snapshot, account: int, number: int) -> dict[str, Any]:
        """As it is now, and only if the account is still shown it. Raises GiveUp."""
        reader = snapshot.relations(account)
        page = queues.notifications(
            snapshot, reader, Cursor(number + 1, number - 1, limit=1), tuple(TITLES)
        )
        owner = snapshot.account(account)
        sender = snapshot.account(page.rows[0].sender) if page.rows else None
        if owner is None or sender is None:
            raise GiveUp("the notification is not there any more")
        row: NotificationRow = page.rows[0]
        post = page.posts.get(row.post)
        text = (post.warning or post.text) if post is not None else sender.note
        return {
            "preferred_locale": owner.language or self._around.settings.languages[0],
            "notification_id": row.number,
            "notification_type": alert_of(row.kind),
            "icon": avatar_url(self._around.settings.public_url, sender.name),
            "title": TITLES[row.kind].format(name=sender.shown_name),
            "body": _shortened(text),
        }

    def _message(
        self, endpoint: str, payload: bytes, public_key: bytes, auth: bytes, standard: bool
    ) -> tuple[dict[str, str], bytes]:
        """(headers, body), encrypted and signed."""
        # with the library it imports, 8 MB: only where there is somebody to push to
        from covey.readers.push.encryption import encrypt, encrypt_by_draft

        settings = self._around.settings
        pair = load(self._around.folder)
        scheme, host, *_ = urlsplit(endpoint)
        subject = f"mailto:{settings.contact_email}" if settings.contact_email else (
            settings.public_url
        )  # fmt: skip
        token = pair.sign(f"{scheme}://{host}", subject, self._around.now())
        key = base64url(pair.public)
        seal = encrypt if standard else encrypt_by_draft
        body, headers = seal(payload, public_key, auth)
        if standard:
            headers["Authorization"] = f"vapid t={token}, k={key}"
        else:
            headers["Authorization"] = f"WebPush {token}"
            headers["Crypto-Key"] += f";p256ecdsa={key}"
        headers |= {
            "TTL": str(PUSH_TTL_SECONDS),
            "Urgency": "normal",
            "Content-Type": "application/octet-stream",
        }
        return headers, body

    async def _forget(self, subscription: int) -> None:
        try:
            message = UnsubscribePush(number=subscription)
            await self._around.engine.submit(SERVER, message, edge_key())
        except Refused as refused:
            if refused.code != "not_found":
                raise


def _is_wanted(snapshot: Snapshot, policy: str, account: int, sender: int) -> bool:
    """Does the subscription take what this sender does?"""
    if policy in ("all", "none") or account == sender:  # a poll of one's own has ended
        return policy != "none"
    pair = (account, sender) if policy == "followed" else (sender, account)
    return bool(snapshot.row("select 1 from follows where follower = ? and followed = ?", pair))


def _shortened(text: str) -> str:
    if len(text) <= PUSH_BODY_CHARACTERS:
        return text
    return text[: PUSH_BODY_CHARACTERS - 1].rstrip() + "…"
