"""What an app may find out before it has a token (RFC 8414)."""

from __future__ import annotations

from covey.edge.access import SCOPES
from covey.mastodon.door import Answer, Call, as_json, operation


@operation("GET", "/.well-known/oauth-authorization-server", needs="anyone")
async def authorization_server(call: Call) -> Answer:
    """The password grant is not named: it is not there."""
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
