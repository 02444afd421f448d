"""Open streams: how many, and for whom they end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.mastodon.api import World

from covey.edge.access import secret_hash
from covey.live import hub
from covey.messages import Password, RevokeToken

PUBLIC = ("/api/v1/streaming/public", "/live/public")


def test_strangers_at_one_address_have_so_many_streams(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not all that there are; who has an account is not in their way."""
    monkeypatch.setattr(hub, "STREAMS_PER_ADDRESS", 2)
    edge, ada = here.site.edge, here.api("ada")
    here.site.wait_until(lambda: edge.hub.count == 0)
    with (
        here.nobody.client.stream("GET", PUBLIC[0]) as first,
        here.site.browser().stream("GET", PUBLIC[1]) as second,
    ):
        assert (first.status_code, second.status_code) == (200, 200)
        for path in PUBLIC:
            with here.site.browser().stream("GET", path) as third:
                assert third.status_code == 429
        app = here.app_api()
        with app.client.stream("GET", PUBLIC[0]) as third:
            assert third.status_code == 429
        with ada.client.stream("GET", PUBLIC[0]) as fourth:
            assert fourth.status_code == 200
    here.site.wait_until(lambda: edge.hub.count == 0)
    with here.nobody.client.stream("GET", PUBLIC[0]) as again:
        assert again.status_code == 200
    here.site.wait_until(lambda: not edge.hub._per_reader)


def _revoked(here: World, token: str) -> None:
    here.site.submit("ada", RevokeToken(token_hash=secret_hash(token)))


def _new_password(here: World, token: str) -> None:
    account = here.site.accounts["ada"]
    here.site.submit("ada", Password(account=account, password_hash=here.site._password_hash))


@pytest.mark.parametrize("end", [_revoked, _new_password])
def test_a_stream_ends_with_its_token(here: World, end: Callable[[World, str], None]) -> None:
    ada = here.api("ada")
    with ada.client.stream("GET", "/api/v1/streaming/user", timeout=120) as response:
        assert response.status_code == 200
        end(here, ada.token)
        here.site.post("ada", "nobody with the old token reads this")
        assert "nobody with" not in "".join(response.iter_text())
