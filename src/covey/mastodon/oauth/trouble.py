"""What goes wrong, in the words of RFC 6749."""

from __future__ import annotations

from typing import Final

from covey.mastodon.door import Answer, Headers, encode

NO_STORE: Final[Headers] = [(b"cache-control", b"no-store"), (b"pragma", b"no-cache")]
"""On every answer that holds a secret."""


class OAuthError(Exception):
    """`error` is one of the RFC's words."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status

    def answer(self) -> Answer:
        body = {"error": self.error, "error_description": self.description}
        answer = Answer(encode(body), self.status, list(NO_STORE))
        if self.status == 401:
            answer.headers.append((b"www-authenticate", b'Basic realm="Covey"'))
        return answer
