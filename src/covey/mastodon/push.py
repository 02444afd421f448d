"""Push: the one subscription of the access token that asks."""

from __future__ import annotations

import base64
import binascii
from typing import Any, get_args

from covey.edge.access import secret_hash
from covey.edge.requests import Parameters
from covey.errors import Refused
from covey.mastodon.door import EMPTY_TREE, Answer, Call, as_json, operation
from covey.messages import ChangePush, PushPolicy, SubscribePush, UnsubscribePush
from covey.state.push import ALERTS, sealed_for
from covey.state.queries import Snapshot

PATH = "/api/v1/push/subscription"


def _subscription(snapshot: Snapshot, token_hash: bytes) -> tuple[Any, ...] | None:
    return snapshot.row(
        "select number, endpoint, standard, alerts, policy from push_subscriptions"
        " where token_hash = ?",
        (token_hash,),
    )


def _answer(call: Call) -> Answer:
    """Raises Refused("not_found")."""
    with call.edge.snapshot() as snapshot:
        row = _subscription(snapshot, secret_hash(call.token))
    if row is None:
        raise Refused("not_found")
    number, endpoint, standard, alerts, policy = row
    asked = alerts.split()
    return as_json(
        {
            "id": str(number),
            "endpoint": endpoint,
            "standard": bool(standard),
            "alerts": {alert: alert in asked for alert in ALERTS},
            "policy": policy,
            "server_key": call.edge.vapid_key,
        }
    )


def _wishes(parameters: Parameters) -> tuple[tuple[str, ...], PushPolicy]:
    """(alerts, policy) of a request. What nobody knows here is left out."""
    data = parameters.below("data")
    said = data.below("alerts")
    alerts = tuple(alert for alert in ALERTS if said.boolean(alert))
    # the documentation has it beside `data` when it is changed
    policy = data.text("policy") or parameters.text("policy") or "all"
    if policy not in get_args(PushPolicy):
        why = f"it is one of {', '.join(get_args(PushPolicy))}"
        raise Refused("parameter_malformed", name="policy", why=why)
    return alerts, policy  # type: ignore[return-value]


def _bytes(text: str) -> bytes:
    """base64 of either alphabet, with or without padding. Raises Refused("push_keys_malformed")."""
    plain = text.strip().rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Refused("push_keys_malformed") from None


@operation("POST", PATH, "push")
async def subscribe(call: Call) -> Answer:
    said = call.parameters.below("subscription")
    keys = said.below("keys")
    alerts, policy = _wishes(call.parameters)
    token_hash = secret_hash(call.token)
    message = SubscribePush(
        token_hash=token_hash,
        endpoint=said.required_text("endpoint"),
        public_key=_bytes(keys.required_text("p256dh")),
        auth=_bytes(keys.required_text("auth")),
        sealed=call.edge.seal.close(sealed_for(token_hash), call.token.encode()),
        standard=said.boolean("standard"),
        alerts=alerts,
        policy=policy,
    )
    await call.edge.submit(call.account, message)
    return _answer(call)


@operation("GET", PATH, "push")
async def show(call: Call) -> Answer:
    return _answer(call)


@operation("PUT", PATH, "push")
async def change(call: Call) -> Answer:
    alerts, policy = _wishes(call.parameters)
    message = ChangePush(token_hash=secret_hash(call.token), alerts=alerts, policy=policy)
    await call.edge.submit(call.account, message)
    return _answer(call)


@operation("DELETE", PATH, "push")
async def unsubscribe(call: Call) -> Answer:
    """It is good to say so twice."""
    with call.edge.snapshot() as snapshot:
        row = _subscription(snapshot, secret_hash(call.token))
    if row is not None:
        try:
            await call.edge.submit(call.account, UnsubscribePush(number=row[0]))
        except Refused as refused:
            if refused.code != "not_found":
                raise
    return EMPTY_TREE
