"""What this server is: instance (both versions), nodeinfo, and what clients ask at their start."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any, Final

from covey import __version__
from covey.edge.access import SCOPES
from covey.edge.images import header_url
from covey.limits import (
    DISPLAY_NAME_CHARACTERS,
    FEATURED_TAGS,
    LINK_CHARACTERS,
    NOTE_CHARACTERS,
    PINS_PER_ACCOUNT,
    POLL_OPTION_CHARACTERS,
    POLL_OPTIONS,
    POLL_SECONDS_MAX,
    POLL_SECONDS_MIN,
    POST_CHARACTERS,
    PROFILE_FIELD_CHARACTERS,
    PROFILE_FIELDS,
)
from covey.mastodon.door import EMPTY_LIST, OPERATIONS, Answer, Call, as_json, operation
from covey.mastodon.entities import VISIBILITY, entities
from covey.messages import id_at
from covey.state.place import SETTINGS
from covey.state.queries import Snapshot

VERSION: Final = f"4.5.0 (compatible; Covey {__version__})"
"""Clients parse the leading number to know what methods there may be."""

_CAME_WITH: Final = {
    2: {"GET /api/v2/notifications", "GET /api/v2/notifications/policy"},
    3: {"GET /.well-known/oauth-authorization-server"},
    4: {"POST /api/v1/push/subscription"},
    5: {"GET /api/v1/instance/terms_of_service"},
    6: {"GET /api/v1/accounts/*/endorsements", "POST /api/v1/tags/*/feature"},
    7: {"GET /api/v1/statuses/*/quotes", "POST /api/v1/statuses/*/quotes/*/revoke",
        "PUT /api/v1/statuses/*/interaction_policy"},
}  # fmt: skip
"""Version of the API → operations that came with it: grouped notifications, PKCE, web push by RFC
8291, terms, featured accounts and tags, quotes."""


@cache
def mastodon_api() -> int:
    """What `api_versions` says. Clients switch on what came with a version, so all that came up to
    it must be there."""
    there = {f"{one.method} {one.path}" for one in OPERATIONS}
    known = itertools.takewhile(lambda version: _CAME_WITH[version] <= there, sorted(_CAME_WITH))
    return max(known, default=1)


MONTH_MS: Final = 30 * 24 * 60 * 60 * 1000

_CONFIGURATION: Final[dict[str, Any]] = {
    "accounts": {
        "max_featured_tags": FEATURED_TAGS,
        "max_pinned_statuses": PINS_PER_ACCOUNT,
        "max_display_name_length": DISPLAY_NAME_CHARACTERS,
        "max_note_length": NOTE_CHARACTERS,
        "max_profile_fields": PROFILE_FIELDS,
        "profile_field_name_limit": PROFILE_FIELD_CHARACTERS,
        "profile_field_value_limit": PROFILE_FIELD_CHARACTERS,
    },
    "statuses": {
        "max_characters": POST_CHARACTERS,
        "max_media_attachments": 0,
        "characters_reserved_per_url": LINK_CHARACTERS,
    },
    "media_attachments": {
        "supported_mime_types": [],
        "description_limit": 0,
        "image_size_limit": 0,
        "image_matrix_limit": 0,
        "video_size_limit": 0,
        "video_frame_rate_limit": 0,
        "video_matrix_limit": 0,
    },
    "polls": {
        "max_options": POLL_OPTIONS,
        "max_characters_per_option": POLL_OPTION_CHARACTERS,
        "min_expiration": POLL_SECONDS_MIN,
        "max_expiration": POLL_SECONDS_MAX,
    },
}
"""What is not there yet has limit 0."""


def _streaming_url(call: Call) -> str:
    return call.public_url.replace("http", "ws", 1)


def _contact(call: Call, snapshot: Snapshot) -> dict[str, Any] | None:
    """The first administrator."""
    row = snapshot.row("select min(number) from accounts where role = 'administrator'")
    account = snapshot.account(row[0]) if row and row[0] else None
    return entities(call.edge).account_fields(snapshot, account) if account else None


def _rules(snapshot: Snapshot) -> list[Any]:
    rows = snapshot.rows("select number, text from rules order by number")
    return [{"id": str(number), "text": text, "hint": ""} for number, text in rows]


def _registrations(snapshot: Snapshot) -> str:
    """open, approval, invitation or closed."""
    row = snapshot.row("select value from settings where name = 'registrations'")
    return row[0] if row else SETTINGS["registrations"][0]


def _email(call: Call) -> str:
    """Never empty: clients read it as an address."""
    host = call.edge.settings.domain.partition(":")[0]
    return call.edge.settings.contact_email or f"admin@{host}"


@operation("GET", "/api/v2/instance", needs="anyone")
async def instance(call: Call) -> Answer:
    settings = call.edge.settings
    with call.edge.snapshot() as snapshot:
        active = snapshot.row(
            "select count(*) from accounts where last_post > ?",
            (id_at(call.edge.now() - MONTH_MS),),
        )
        contact, rules = _contact(call, snapshot), _rules(snapshot)
        registrations = _registrations(snapshot)
    picture = header_url(call.public_url)
    return as_json(
        {
            "domain": settings.domain,
            "title": settings.title,
            "version": VERSION,
            # nobody knows where this copy's source lies but who runs it
            "source_url": settings.source_url or call.public_url,
            "description": settings.description,
            "usage": {"users": {"active_month": active[0] if active else 0}},
            "thumbnail": {"url": picture, "blurhash": None, "versions": {"@1x": picture}},
            "icon": [],
            "languages": list(settings.languages),
            "configuration": {
                "urls": {
                    "streaming": _streaming_url(call),
                    "status": None,
                    "about": None,
                    "privacy_policy": None,
                    "terms_of_service": None,
                },
                "vapid": {"public_key": call.edge.vapid_key},
                **_CONFIGURATION,
                "translation": {"enabled": False},
                "limited_federation": True,
            },
            "registrations": {
                "enabled": registrations in ("open", "approval"),
                "approval_required": registrations == "approval",
                "reason_required": False,
                "message": None,
                "min_age": None,
                "url": None,
            },
            "api_versions": {"mastodon": mastodon_api(), "covey": 1},
            "contact": {"email": _email(call), "account": contact},
            "rules": rules,
        }
    )


@operation("GET", "/api/v1/instance", needs="anyone")
async def instance_v1(call: Call) -> Answer:
    settings = call.edge.settings
    with call.edge.snapshot() as snapshot:
        users = snapshot.row("select count(*), sum(posts_count) from accounts") or (0, 0)
        contact, rules = _contact(call, snapshot), _rules(snapshot)
        registrations = _registrations(snapshot)
    return as_json(
        {
            "uri": settings.domain,
            "title": settings.title,
            "short_description": settings.description,
            "description": settings.description,
            "email": _email(call),
            "version": VERSION,
            "urls": {"streaming_api": _streaming_url(call)},
            "stats": {
                "user_count": users[0],
                "status_count": users[1] or 0,
                "domain_count": 0,
            },
            "thumbnail": header_url(call.public_url),
            "languages": list(settings.languages),
            "registrations": registrations in ("open", "approval"),
            "approval_required": registrations == "approval",
            "invites_enabled": False,
            "configuration": _CONFIGURATION,
            "contact_account": contact,
            "rules": rules,
        }
    )


@operation("GET", "/api/v1/instance/rules", needs="anyone")
async def rules(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        return as_json(_rules(snapshot))


@operation("GET", "/api/v1/instance/peers", needs="anyone")
async def peers(call: Call) -> Answer:
    """No server knows this one: it does not federate."""
    return EMPTY_LIST


@operation("GET", "/health", needs="anyone")
async def health(call: Call) -> Answer:
    with call.edge.snapshot():
        return Answer(b"OK", kind=b"text/plain; charset=utf-8")


@operation("GET", "/.well-known/nodeinfo", needs="anyone")
async def nodeinfo_links(call: Call) -> Answer:
    return as_json(
        {
            "links": [
                {
                    "rel": "http://nodeinfo.diaspora.software/ns/schema/2.0",
                    "href": f"{call.public_url}/nodeinfo/2.0",
                }
            ]
        }
    )


@operation("GET", "/nodeinfo/2.0", needs="anyone")
async def nodeinfo(call: Call) -> Answer:
    now = call.edge.now()
    with call.edge.snapshot() as snapshot:
        users = snapshot.row(
            "select count(*), sum(posts_count), sum(last_post > ?), sum(last_post > ?)"
            " from accounts",
            (id_at(now - MONTH_MS), id_at(now - 6 * MONTH_MS)),
        ) or (0, 0, 0, 0)
        registrations = _registrations(snapshot)
    return as_json(
        {
            "version": "2.0",
            "software": {"name": "covey", "version": __version__},
            "protocols": [],
            "services": {"inbound": [], "outbound": []},
            "openRegistrations": registrations == "open",
            "usage": {
                "users": {
                    "total": users[0],
                    "activeMonth": users[2] or 0,
                    "activeHalfyear": users[3] or 0,
                },
                "localPosts": users[1] or 0,
            },
            "metadata": {"nodeName": call.edge.settings.title},
        }
    )


@operation("GET", "/.well-known/oauth-authorization-server", needs="anyone")
async def authorization_server(call: Call) -> Answer:
    url = call.public_url
    return as_json(
        {
            "issuer": url,
            "service_documentation": "https://docs.joinmastodon.org/",
            "authorization_endpoint": f"{url}/oauth/authorize",
            "token_endpoint": f"{url}/oauth/token",
            "app_registration_endpoint": f"{url}/api/v1/apps",
            "revocation_endpoint": f"{url}/oauth/revoke",
            "userinfo_endpoint": f"{url}/oauth/userinfo",
            "scopes_supported": list(SCOPES),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "client_credentials"],
            "token_endpoint_auth_methods_supported": [
                "client_secret_basic",
                "client_secret_post",
            ],
            "code_challenge_methods_supported": ["S256"],
        }
    )


@operation("GET", "/api/v1/preferences", "read:accounts")
async def preferences(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        row = snapshot.account(call.account)
    assert row is not None
    words = {reach.word: word for reach, word in VISIBILITY.items()}
    return as_json(
        {
            "posting:default:visibility": words[row.visibility],  # type: ignore[index]
            "posting:default:sensitive": bool(row.sensitive),
            "posting:default:language": row.language or None,
            "posting:default:quote_policy": row.quotes,
            "reading:expand:media": "default",
            "reading:expand:spoilers": False,
        }
    )
