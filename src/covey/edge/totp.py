"""Codes of a second factor: six digits that change every 30 seconds (TOTP, RFC 6238), and recovery
codes for when the device is lost.

What secret and code are is said here; that no code is good twice is the engine's to say
(`state/second_factor.py`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final
from urllib.parse import quote, urlencode

from covey.edge.access import secret_hash
from covey.limits import RECOVERY_CODES

STEP_SECONDS: Final = 30
DIGITS: Final = 6
SKEW_STEPS: Final = 1
"""A device's clock may be so many steps before or behind ours."""
SECRET_BYTES: Final = 20
"""As RFC 4226 recommends: the length of a SHA-1."""

_RECOVERY_BYTES: Final = 10
"""80 random bits: too many to be guessed from a SHA-256 without salt."""


def new_secret() -> bytes:
    return secrets.token_bytes(SECRET_BYTES)


def code_of(secret: bytes, step: int, digits: int = DIGITS) -> str:
    """The code of a time step (RFC 4226 with SHA-1, which is what every app knows)."""
    mac = hmac.digest(secret, step.to_bytes(8, "big"), hashlib.sha1)
    at = mac[-1] & 15
    number = int.from_bytes(mac[at : at + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**digits).zfill(digits)


def step_at(now: int) -> int:
    """The time step of a stamp (ms)."""
    return now // (STEP_SECONDS * 1000)


def step_of(secret: bytes, code: str, now: int) -> int:
    """The time step that `code` is of, near `now` (ms); 0: of none. It takes as long for a wrong
    code as for a right one."""
    found = 0
    for step in range(step_at(now) - SKEW_STEPS, step_at(now) + SKEW_STEPS + 1):
        if hmac.compare_digest(code_of(secret, step).encode(), code.encode("utf-8", "replace")):
            found = step
    return found


def purpose(account: int) -> str:
    """What the account's secret is sealed for."""
    return f"totp/{account}"


def in_base32(secret: bytes) -> str:
    """As a person types it into an app: base32 in groups of four, without padding."""
    text = base64.b32encode(secret).decode().rstrip("=")
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def address(secret: bytes, name: str, place: str) -> str:
    """What the code to scan says (`otpauth:`)."""
    label = quote(f"{place}:{name}", safe="")
    query = {"secret": in_base32(secret).replace(" ", ""), "issuer": place}
    return f"otpauth://totp/{label}?{urlencode(query, quote_via=quote)}"


# --- recovery codes ---------------------------------------------------------------------------


def new_recovery_codes() -> list[str]:
    """As they are shown, once: `xxxx-xxxx-xxxx-xxxx`, of a-z and 2-7."""
    found = []
    for _ in range(RECOVERY_CODES):
        text = base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower()
        found.append("-".join(text[at : at + 4] for at in range(0, len(text), 4)))
    return found


def recovery_hash(code: str) -> bytes:
    """However it is typed: with blanks, without strokes, in capitals."""
    return secret_hash("".join(code.lower().replace("-", "").split()))
