"""Sealed secrets: what the server has to read again (a second factor's secret, a push token) stands
in log and state only encrypted, with a key from `secrets/`, which no log and no state ever holds.

A seal is ChaCha20-Poly1305: a byte for the version (1), 12 random bytes, ciphertext and tag. What
the secret is for is bound into it: a seal that is moved to another account or use does not open.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

FILE: Final = "seal.key"
"""In `secrets/`: 32 random bytes, made at the first start. Who loses it loses what is sealed."""
KEY_BYTES: Final = 32

_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12


class SealBroken(Exception):
    """Sealed with another key, for another purpose, or changed since."""


class Seal:
    def __init__(self, key: bytes) -> None:
        self._key = key

    @cached_property
    def _cipher(self) -> ChaCha20Poly1305:
        # the library takes 8 MB, and most edges of most days seal nothing
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        return ChaCha20Poly1305(self._key)

    def close(self, purpose: str, secret: bytes) -> bytes:
        """`secret`, sealed. `purpose`: what it is for and whose, as "totp/7"."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, secret, purpose.encode())

    def open(self, purpose: str, sealed: bytes) -> bytes:
        """The secret. Raises SealBroken."""
        from cryptography.exceptions import InvalidTag

        if sealed[:1] != _VERSION:
            raise SealBroken("not a seal of this version")
        nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, rest, purpose.encode())
        except (InvalidTag, ValueError):
            raise SealBroken("sealed with another key, for another purpose, or changed") from None


def load_seal(folder: Path) -> Seal:
    """With the key of the data folder. Raises OSError."""
    return Seal((folder / "secrets" / FILE).read_bytes())
