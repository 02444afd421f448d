"""A push for one subscriber alone: the push service that carries it can't read it.

Two forms of one idea. A key pair made for this push and the subscriber's give a shared secret
(ECDH, P-256), which the subscriber's `auth` and a random salt turn into key and nonce (HKDF,
SHA-256) of one record of AES-128-GCM:

- `aes128gcm`: RFC 8291 with RFC 8188; salt and public key lead the body.
- `aesgcm`: draft 4 of it (draft-ietf-webpush-encryption-04), which apps before 2025 know; salt and
  public key stand in headers.
"""

from __future__ import annotations

import os
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from covey.vapid import base64url

RECORD_BYTES: Final = 4_096
"""What every push service carries (RFC 8030); the whole is one record."""
SALT_BYTES: Final = 16
_KEY_BYTES: Final = 16
_NONCE_BYTES: Final = 12


class Encrypted(NamedTuple):
    body: bytes
    headers: dict[str, str]
    """`Content-Encoding`; of the draft also `Encryption` and `Crypto-Key`."""


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def encrypt(
    text: bytes,
    public_key: bytes,
    auth: bytes,
    *,
    key: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes = b"",
) -> Encrypted:
    """By RFC 8291. `text` has at most 3,993 bytes; `key` and `salt` are given in tests only. Raises
    ValueError when `public_key` is no point of the curve."""
    key, salt = key or new_key(), salt or os.urandom(SALT_BYTES)
    ours = _public(key)
    shared = _shared(key, public_key)
    secret = _derive(shared, auth, b"WebPush: info\0" + public_key + ours, 32)
    content_key = _derive(secret, salt, b"Content-Encoding: aes128gcm\0", _KEY_BYTES)
    nonce = _derive(secret, salt, b"Content-Encoding: nonce\0", _NONCE_BYTES)
    # the byte 2 says: the last record
    record = AESGCM(content_key).encrypt(nonce, text + b"\x02", None)
    head = salt + RECORD_BYTES.to_bytes(4, "big") + bytes([len(ours)]) + ours
    return Encrypted(head + record, {"Content-Encoding": "aes128gcm"})


def encrypt_by_draft(text: bytes, public_key: bytes, auth: bytes) -> Encrypted:
    """By the draft. Raises ValueError as above."""
    key, salt = new_key(), os.urandom(SALT_BYTES)
    ours = _public(key)
    secret = _derive(_shared(key, public_key), auth, b"Content-Encoding: auth\0", 32)
    both = b"P-256\0" + b"".join(len(k).to_bytes(2, "big") + k for k in (public_key, ours))
    content_key = _derive(secret, salt, b"Content-Encoding: aesgcm\0" + both, _KEY_BYTES)
    nonce = _derive(secret, salt, b"Content-Encoding: nonce\0" + both, _NONCE_BYTES)
    # two bytes say how much padding follows: none
    body = AESGCM(content_key).encrypt(nonce, bytes(2) + text, None)
    return Encrypted(
        body,
        {
            "Content-Encoding": "aesgcm",
            "Encryption": f"salt={base64url(salt)}",
            "Crypto-Key": f"dh={base64url(ours)}",
        },
    )


def _public(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _shared(key: ec.EllipticCurvePrivateKey, public_key: bytes) -> bytes:
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
    return key.exchange(ec.ECDH(), theirs)


def _derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)
