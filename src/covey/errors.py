"""Every way to say no: a code, the HTTP status it becomes, and a sentence that says what is wrong
and what to do.

`check` and the edges raise `Refused(code, …)`; the doors turn it into their own shape. A refusal
leaves no trace.
"""

from __future__ import annotations

from typing import Final

REFUSALS: Final[dict[str, tuple[int, str]]] = {
    # not there, or not for you: one answer, so that nothing leaks
    "not_found": (404, "Record not found"),
    "no_such_page": (404, "There is nothing at this address."),
    "no_such_account": (404, "There is no account @{name} here."),
    "no_such_post": (404, "There is no such post: it was deleted, never was, or is not for you."),
    # who are you
    "token_missing": (401, "This method requires an authenticated user"),
    "token_invalid": (401, "The access token is invalid"),
    "scope_missing": (403, "This action is outside the authorized scopes: it needs {scope}."),
    "account_needed": (422, "This method requires an authenticated user; this token is an app's."),
    "log_in_failed": (401, "Name or password is wrong."),
    "log_in_needed": (401, "This needs an account: log in, then do it again."),
    "csrf": (403, "This form is too old or came from elsewhere. Go back, reload the page and send it again."),
    "forbidden": (403, "You may not do this: it needs the role {role}."),
    # names and accounts
    "name_malformed": (422, "A name has 1 to {limit} letters a-z, digits or _; “{name}” has not."),
    "name_reserved": (422, "The name “{name}” is reserved. Choose another."),
    "name_taken": (422, "The name “{name}” is taken. Choose another."),
    "name_look_alike": (422, "The name “{name}” looks like the taken name “{other}”. Choose another."),
    "email_malformed": (422, "This is not an e-mail address: {email}."),
    "email_taken": (422, "Another account has this e-mail address."),
    "password_short": (422, "A password has at least {limit} characters."),
    "password_long": (422, "A password has at most {limit} characters."),
    "agreement_needed": (422, "To sign up you have to agree to the rules (agreement)."),
    "registrations_closed": (403, "This server does not take registrations."),
    "invitation_needed": (403, "One signs up here by invitation only."),
    "invite_unknown": (422, "This invitation is not valid: used up, ended, or taken back."),
    "invites_many": (422, "An account has at most {limit} open invitations."),
    "account_pending": (403, "This account waits for a moderator's approval."),
    "account_suspended": (403, "This account is suspended."),
    "account_closed": (403, "This account is closed."),
    "account_gone": (410, "This account is suspended or closed; nothing of it is shown."),
    "standing_wrong": (422, "This can't be done to an account that is {standing}."),
    "setting_unknown": (422, "There is no setting “{name}”."),
    "setting_malformed": (422, "The setting {name} is one of: {values}."),
    "announcements_many": (422, "There may be at most {limit} announcements."),
    # texts
    "text_empty": (422, "Validation failed: Text can't be blank"),
    "text_long": (422, "Validation failed: {what} has {count} characters; at most {limit} are allowed."),
    "text_character": (422, "{what} has a character that is not allowed: U+{point}."),
    "text_encoding": (422, "{what} is not valid UTF-8."),
    "language_unknown": (422, "“{language}” is no language code (two or three letters, ISO 639)."),
    "query_long": (422, "What is looked for has at most {limit} characters."),
    "query_terms": (422, "What is looked for has at most {limit} words."),
    "query_malformed": (422, "“{key}:{value}” can't be looked for: {key} takes {values}."),
    "search_not_ready": (503, "The index for search is still being made. Try again in a moment."),
    "visibility_unknown": (422, "“{visibility}” is no visibility: public, unlisted, private or direct."),
    "mentions_many": (422, "A post mentions at most {limit} accounts; this one {count}."),
    "tags_many": (422, "A post has at most {limit} tags; this one {count}."),
    "links_many": (422, "A post has at most {limit} links; this one {count}."),
    "url_malformed": (422, "{what} is not an http or https address."),
    "fields_many": (422, "A profile has at most {limit} fields; this one {count}."),
    # acts
    "self_follow": (403, "You cannot follow yourself."),
    "self_block": (422, "You cannot block yourself."),
    "self_mute": (422, "You cannot mute yourself."),
    "blocked_by_you": (403, "You block this account. Unblock it first."),
    "blocks_you": (403, "This account does not let you do this."),
    "boost_not_allowed": (403, "This action is not allowed: only public and unlisted posts can be boosted by others."),
    "quote_not_allowed": (403, "This action is not allowed: only public and unlisted posts can be quoted by others."),
    "email_confirmed": (403, "This method is only available while the e-mail is awaiting confirmation."),
    "report_posts": (422, "A report names at most {limit} posts, all of them by the account it is about."),
    "report_rule": (422, "There is no rule {number}."),
    "reports_many": (429, "You sent {limit} reports within a day. More of them can be sent later."),
    "reactions_many": (422, "Validation failed: there are at most {limit} different reactions to an announcement."),
    "languages_many": (422, "A follow names at most {limit} languages; this one {count}."),
    "groups_many": (422, "An account owns at most {limit} groups."),
    "group_role_missing": (403, "In this group you may not do this: it needs the role {role}."),
    "invitation_missing": (403, "One comes into this group by invitation only."),
    "rules_many": (422, "There may be at most {limit} rules; these are {count}."),
    "group_missing": (422, "A post with visibility “group” mentions a group of which you are a member."),
    "domain_malformed": (422, "“{domain}” is no domain name."),
    "domains_many": (422, "An account blocks at most {limit} domains."),
    "endorsement_follow": (422, "You endorse only whom you follow."),
    "endorsements_many": (422, "An account endorses at most {limit} others."),
    "filters_many": (422, "An account has at most {limit} filters."),
    "filter_long": (422, "A filter has at most {limit} {what}; this one {count}."),
    "filter_contexts": (422, "A filter names at least one place where it holds."),
    "tag_malformed": (422, "“{name}” is no tag: letters and digits, in lower case, without #."),
    "tags_followed_many": (422, "An account follows at most {limit} tags."),
    "tags_featured_many": (422, "A profile shows at most {limit} tags."),
    "lists_many": (422, "An account has at most {limit} lists."),
    "list_accounts_many": (422, "A list has at most {limit} accounts."),
    "list_not_followed": (404, "Only accounts that you follow can be in a list."),
    "positions_many": (422, "Reading positions are kept in at most {limit} queues."),
    "edits_many": (422, "A post can be edited at most {limit} times."),
    "draft_moment": (422, "Validation failed: Scheduled at lies in the past, or more than ten years ahead."),
    "drafts_many": (422, "An account holds at most {limit} scheduled posts."),
    "pin_not_allowed": (422, "Validation failed: only one's own posts can be pinned, and no direct ones."),
    "pins_many": (422, "Validation failed: at most {limit} posts can be pinned. Unpin one first."),
    "poll_options": (422, "Validation failed: a poll has 2 to {limit} options; this one {count}."),
    "poll_option_empty": (422, "Validation failed: an option of the poll is empty."),
    "poll_option_twice": (422, "Validation failed: an option stands in the poll twice."),
    "poll_seconds": (422, "Validation failed: a poll lasts {least} to {most} seconds."),
    "poll_ended": (422, "Validation failed: the poll has ended."),
    "vote_own": (422, "Validation failed: nobody votes in their own poll."),
    "vote_choices": (422, "Validation failed: choose one of the poll's options, or several where it says so."),
    "vote_twice": (422, "Validation failed: you voted in this poll before."),
    "already_done": (200, "This was done before; nothing changes."),
    "not_yours": (404, "Record not found"),
    "queue_unknown": (422, "You have no queue “{queue}”. There are home, notifications, list/NUMBER, group/NUMBER, tag/NAME and conversation/ID."),
    "position_negative": (422, "A reading position is zero or more."),
    "due_gone": (410, "Nothing is due under this number."),
    "not_yet_due": (409, "This is not due yet."),
    # access
    "app_unknown": (401, "Client authentication failed: there is no such app, or its secret is wrong."),
    "grant_unknown": (400, "The authorization code is not valid: used, older than ten minutes, or not for this app and address."),
    "push_endpoint_malformed": (422, "The endpoint of a push subscription is an https address of at most {limit} characters, without name or password."),
    "push_keys_malformed": (422, "The keys of a push subscription are p256dh, a point of P-256 in 65 bytes, and auth, 16 bytes; both in base64."),
    "push_subscriptions_many": (422, "An account has at most {limit} push subscriptions. Revoke an app first."),
    "redirect_uri_malformed": (422, "Redirect URI must be an absolute address without fragment, or urn:ietf:wg:oauth:2.0:oob."),
    "redirect_uris_many": (422, "An app has at most {limit} redirect URIs."),
    "scope_unknown": (422, "Scopes doesn't match configured on the server: {scope}"),
    # requests
    "parameter_missing": (422, "The parameter {name} is missing."),
    "parameter_malformed": (422, "The parameter {name} is malformed: {why}"),
    "body_malformed": (400, "The body can't be read: {why}"),
    "body_large": (413, "The body has more than {limit} bytes."),
    "media_type": (415, "Bodies are JSON, form or multipart; this one is {type}."),
    "method_not_allowed": (405, "This address does not answer {method}."),
    "stream_unknown": (400, "Unknown stream type"),
    "stream_parameter_missing": (400, "Missing {name} name parameter"),
    "message_malformed": (400, "The message can't be read: {why}"),
    "not_there_yet": (422, "This server can't do this yet: {what}."),
    # limits and trouble
    "too_many_requests": (429, "Too many requests. Try again at {at}."),
    "too_many_streams": (429, "Too many open streams: at most {limit}. Close one first."),
    "key_malformed": (422, "An Idempotency-Key has 1 to {limit} printable ASCII characters."),
    "overloaded": (503, "The server is busy. Nothing was done; send it again with the same key."),
    "unanswered": (503, "The server did not answer in time. It may or may not have been done: send it again with the same key."),
    "read_only": (503, "The server is read-only: its disk is nearly full. Nothing was done."),
    "internal": (500, "Something went wrong in the server. It was logged; nothing was done."),
}  # fmt: skip


class Refused(Exception):
    """What was asked is not done, and why. `code` is one of `REFUSALS`."""

    def __init__(self, code: str, /, **details: object) -> None:
        super().__init__(code)
        self.code = code
        self.details = details

    @property
    def status(self) -> int:
        """The HTTP status."""
        return REFUSALS[self.code][0]

    @property
    def sentence(self) -> str:
        return REFUSALS[self.code][1].format_map(_Missing(self.details))

    def __str__(self) -> str:
        return f"{self.code}: {self.sentence}"


class _Missing(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "?"


class Fatal(Exception):
    """The engine can't go on from what is in memory: it stops and starts again from the disk."""
