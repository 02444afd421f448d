"""The key pair by which push services know this server (VAPID, RFC 8292), in `secrets/vapid.key`.

    python -m covey.vapid PATH      makes one

Who loses it loses all push subscriptions: apps gave the public key to their push service.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path
from typing import Final

from msgspec import Struct

FILE: Final = "vapid.key"
"""In `secrets/`: the private number, 32 bytes big-endian, and the public point, 65 bytes."""
TOKEN_SECONDS: Final = 12 * 3_600
"""A push service takes a signature for at most 24 hours; clocks differ."""


class KeyPair(Struct, frozen=True):
    private: bytes
    public: bytes
    """A point of P-256, uncompressed."""

    def sign(self, audience: str, subject: str, now: int) -> str:
        """A token (JWT, ES256) for the push service at the origin `audience`; `subject` is whom to
        ask about us, `now` in ms."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

        claims = {"aud": audience, "exp": now // 1000 + TOKEN_SECONDS, "sub": subject}
        said = ".".join(
            base64url(json.dumps(part).encode())
            for part in ({"typ": "JWT", "alg": "ES256"}, claims)
        )
        key = ec.derive_private_key(int.from_bytes(self.private, "big"), ec.SECP256R1())
        r, s = decode_dss_signature(key.sign(said.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{said}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def base64url(data: bytes) -> str:
    """Without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def load(folder: Path) -> KeyPair:
    """Of a data folder. Raises OSError."""
    data = (folder / "secrets" / FILE).read_bytes()
    return KeyPair(data[:32], data[32:])


def load_public_key(folder: Path) -> str:
    """As apps are told it. Raises OSError."""
    return base64url(load(folder).public)


def new_pair() -> KeyPair:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return KeyPair(key.private_numbers().private_value.to_bytes(32, "big"), public)


def make(path: Path) -> None:
    """Under its name only once it is whole. Raises OSError."""
    made, pair = path.with_suffix(".new"), new_pair()
    descriptor = os.open(made, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    os.write(descriptor, pair.private + pair.public)
    os.fsync(descriptor)
    os.close(descriptor)
    made.rename(path)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
