"""What a person is asked, in plain words: what the app may do, as whom, where the answer goes."""

from __future__ import annotations

from html import escape
from urllib.parse import urlsplit

from covey.edge.scope_words import may, may_not
from covey.mastodon.door import Answer, Call
from covey.mastodon.oauth.apps import AppRow
from covey.mastodon.oauth.frame import face, framed
from covey.mastodon.oauth.trouble import OAuthError
from covey.state.access import OUT_OF_BAND
from covey.state.queries import AccountRow


def page(
    call: Call, app: AppRow, account: AccountRow, scopes: list[str], redirect_uri: str,
    fields: dict[str, str], log_in: str,
) -> Answer:  # fmt: skip
    """`fields` go back with the person's answer; `log_in` is where one logs in as somebody else."""
    name = escape(app.name)
    lines = "".join(
        f"<li><strong>{what}</strong><span>{parts}</span></li>" for what, parts in may(scopes)
    )
    never = "".join(f"<li>{what}</li>" for what in may_not(scopes))
    hidden = "".join(
        f'<input type="hidden" name="{escape(key)}" value="{escape(value)}">'
        for key, value in fields.items()
    )
    site = f'<p class="soft">It says it is from {escape(app.website)}</p>' if app.website else ""
    body = f"""<div><h1>Let “{name}” use your account?</h1>{site}</div>
<div class="me">{face(account)}
<p><strong>{escape(account.shown_name)}</strong>
<span class="soft">logged in as @{escape(account.name)}</span></p>
<a href="{escape(log_in)}">Not you?</a></div>
<section class="may"><h2>It will be able to</h2><ul>{lines}</ul></section>
<section class="not"><h2>It will not be able to</h2><ul>{never}</ul></section>
<form method="post" action="/oauth/authorize">{hidden}
<button class="main" name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Do not allow</button></form>
<p class="soft">{_goes_to(redirect_uri)} You can end it at any time: Settings, Access.</p>"""
    return framed(call, f"Let {app.name} use your account?", body)


def _goes_to(redirect_uri: str) -> str:
    if redirect_uri == OUT_OF_BAND:
        return "If you allow it, you get a code to copy into the app."
    parts = urlsplit(redirect_uri)
    if parts.scheme in ("http", "https"):
        return f"Either answer takes you to <strong>{escape(parts.netloc)}</strong>."
    return f"Either answer opens the app behind <strong>{escape(parts.scheme)}:</strong>"


def code_page(call: Call, app: AppRow, code: str) -> Answer:
    """For an app that can't be sent to."""
    body = f"""<h1>Copy this code into “{escape(app.name)}”</h1>
<code id="code">{escape(code)}</code>
<p class="soft">It is good for ten minutes, once, and for this app alone. Give it to nobody who asks
you for it.</p>"""
    return framed(call, "Your code", body)


def sorry(call: Call, error: OAuthError) -> Answer:
    """Something is wrong, and the person is the one to be told."""
    body = f"""<h1>This does not work</h1>
<p>{escape(error.description)}</p>
<p class="soft">The app, or the page that sent you, asked for something that can't be. Go back and
try again, or tell its makers: {escape(error.error)}</p>
<a class="button" href="/">To the front page</a>"""
    return framed(call, "This does not work", body, error.status)
