"""Every limit, named once, with its unit. `docs/operating.md` lists them; a test compares."""

from typing import Final

# --- texts, in characters ---------------------------------------------------------------------
POST_CHARACTERS: Final = 500
LINK_CHARACTERS: Final = 23
"""What an address counts as in a post, whatever its length."""
WARNING_CHARACTERS: Final = 200
NAME_CHARACTERS: Final = 30
DISPLAY_NAME_CHARACTERS: Final = 50
NOTE_CHARACTERS: Final = 500
PROFILE_FIELDS: Final = 4
PROFILE_FIELD_CHARACTERS: Final = 255
TAG_CHARACTERS: Final = 100
URL_CHARACTERS: Final = 2_000
EMAIL_CHARACTERS: Final = 254
PASSWORD_CHARACTERS_MIN: Final = 8
PASSWORD_CHARACTERS_MAX: Final = 256
APP_NAME_CHARACTERS: Final = 100
REDIRECT_URIS: Final = 10
AGENT_CHARACTERS: Final = 200
KEY_CHARACTERS: Final = 200
"""Of a client's Idempotency-Key."""

# --- how many, per message --------------------------------------------------------------------
MENTIONS_PER_POST: Final = 50
TAGS_PER_POST: Final = 50
LINKS_PER_POST: Final = 50
ROWS_PER_MESSAGE: Final = 1_000
"""Rows one message may change, beside the floor scatter."""

# --- posts --------------------------------------------------------------------------------------
EDITS_PER_POST: Final = 100
DRAFTS_PER_ACCOUNT: Final = 300
"""Held at the same time."""
PINS_PER_ACCOUNT: Final = 5
POLL_OPTIONS: Final = 4
POLL_OPTION_CHARACTERS: Final = 50
POLL_SECONDS_MIN: Final = 300
POLL_SECONDS_MAX: Final = 30 * 24 * 60 * 60

# --- groups and the place -----------------------------------------------------------------------
GROUPS_PER_ACCOUNT: Final = 50
"""That one account may own."""
LANGUAGES_PER_FOLLOW: Final = 20
RULES: Final = 30
RULE_CHARACTERS: Final = 500
ANNOUNCEMENTS: Final = 20
ANNOUNCEMENT_CHARACTERS: Final = 2_000
REASON_CHARACTERS: Final = 500
"""Of why an account is limited or suspended."""
REACTIONS_PER_ANNOUNCEMENT: Final = 8
"""Different ones."""
REACTION_CHARACTERS: Final = 20
SETTING_CHARACTERS: Final = 50_000
"""Of a text of the place: its description, its terms."""
REPORT_CHARACTERS: Final = 1_000
POSTS_PER_REPORT: Final = 40
REPORTS_PER_DAY: Final = 50
"""By one account."""
INVITES_PER_ACCOUNT: Final = 20
"""Open at the same time."""
INVITE_USES_MAX: Final = 1_000

# --- tags and lists -----------------------------------------------------------------------------
FOLLOWED_TAGS: Final = 500
FEATURED_TAGS: Final = 10
LISTS_PER_ACCOUNT: Final = 50
LIST_TITLE_CHARACTERS: Final = 100
ACCOUNTS_PER_LIST: Final = 500
POSITIONS_PER_ACCOUNT: Final = 1_000
"""Queues of one account in which its reading position is kept."""

# --- what an account keeps for itself -----------------------------------------------------------
PRIVATE_NOTE_CHARACTERS: Final = 2_000
"""Of what one notes about another account."""
ENDORSEMENTS_PER_ACCOUNT: Final = 50
DOMAIN_BLOCKS_PER_ACCOUNT: Final = 1_000
DISMISSED_SUGGESTIONS: Final = 500
"""Remembered; of more the oldest are forgotten."""
FILTERS_PER_ACCOUNT: Final = 100
FILTER_TITLE_CHARACTERS: Final = 100
KEYWORDS_PER_FILTER: Final = 100
KEYWORD_CHARACTERS: Final = 100
POSTS_PER_FILTER: Final = 100

# --- push and what else goes out ----------------------------------------------------------------
PUSH_SUBSCRIPTIONS_PER_ACCOUNT: Final = 50
PUSH_ENDPOINT_CHARACTERS: Final = 2_048
PUSH_SEALED_BYTES: Final = 512
"""Of a sealed token."""
PUSH_BODY_CHARACTERS: Final = 140
"""Of a post's text in a push; the whole has to fit into 4 KB."""
PUSH_SECONDS: Final = 10
"""From looking up a push service's name until its answer has come."""
PUSH_TTL_SECONDS: Final = 48 * 3_600
"""How long a push service keeps a push for a device that is off."""
HOST_REST_SECONDS: Final = 60
"""A host that did not answer is left alone; twice as long each time, up to the next."""
HOST_REST_SECONDS_MAX: Final = 3_600
ANSWER_HEAD_BYTES: Final = 16 << 10
"""Of the answer of somebody else's server."""

# --- time, in milliseconds unless named -------------------------------------------------------
GRANT_MS: Final = 10 * 60 * 1000
KEY_CLIENT_MS: Final = 60 * 60 * 1000
KEY_EDGE_MS: Final = 10 * 60 * 1000
CHANGES_MS: Final = 7 * 24 * 60 * 60 * 1000
"""How far back a live stream can be resumed over deletes and positions."""
PLACE_KEPT_MS: Final = 30 * 24 * 60 * 60 * 1000
"""So long the place that was read to is kept after a jump forward."""
JUMP_POSTS: Final = 40
"""Passed over unread in home, more than these make a move of the marker a jump."""
NEW_ACCOUNT_MS: Final = 30 * 24 * 60 * 60 * 1000
"""So long an account counts as new for a notification policy."""
MUTE_MS_MAX: Final = 10 * 365 * 24 * 60 * 60 * 1000
DRAFT_MS_MAX: Final = 10 * 365 * 24 * 60 * 60 * 1000
"""How far ahead a post can be held."""
CLOCK_BACK_MS: Final = 60 * 1000
"""A wall clock further behind the last stamp than this is refused at start."""
SUBMIT_SECONDS: Final = 60
"""An edge gives up a submission after this, with 503: the same key may be tried again."""
SESSION_DAYS: Final = 90

# --- reading ----------------------------------------------------------------------------------
PAGE_POSTS: Final = 20
PAGE_POSTS_MAX: Final = 40
BOOST_WINDOW: Final = 40
"""A boost is dropped if its original, or another boost of it, is among so many next older
candidates."""
UNREAD_MAX: Final = 1_000
"""Unread counts are exact up to here, then "1,000+"."""
CONTEXT_ANCESTORS: Final = 40
CONTEXT_DESCENDANTS: Final = 200

# --- search -----------------------------------------------------------------------------------
QUERY_CHARACTERS: Final = 500
QUERY_TERMS: Final = 32
SEARCH_POSTS: Final = 20_000
"""That have the words, and are looked at for one page; the next goes on from there."""
SEARCH_MS: Final = 1_000
"""Then a search for posts ends with what it has found."""
SEARCH_ACCOUNTS: Final = 200
"""That begin as it is typed, of which the best are shown; tags likewise."""
SEARCH_FOLLOWED: Final = 5_000
"""Accounts that one follows, looked at for those that begin as it is typed (5 ms)."""
SEARCH_OFFSET_MAX: Final = 400
"""How many results can be passed over; further down one goes by ids."""
SEARCHES_PER_WINDOW: Final = 300
"""Per account (or address, when nobody is logged in) in READ_WINDOW_SECONDS, for each edge."""
SEARCHES_WAITING: Final = 32
"""Per edge: it looks for posts one search after the other."""

# --- live -------------------------------------------------------------------------------------
STREAM_BUFFER_EVENTS: Final = 1_000
"""Per connection; a reader further behind is cut off and resumes from its cursor."""
CATCH_UP_EVENTS: Final = 1_000
"""What a resumed stream is sent at most; beyond it comes one `gap` event."""
HEARTBEAT_SECONDS: Final = 15
STREAMS_PER_ACCOUNT: Final = 20
STREAMS_PER_ADDRESS: Final = 50
"""Of strangers, per edge: a household or a library shares an address."""
STREAMS_PER_EDGE: Final = 20_000
"""Connections that hold streams."""
SUBSCRIPTIONS_PER_SOCKET: Final = 50
"""Streams that one WebSocket follows."""
SOCKET_MESSAGE_BYTES: Final = 4 << 10
"""Of what a client sends over a WebSocket."""
SOCKET_PING_SECONDS: Final = 30
"""Between two pings; who does not answer one within as many is gone."""

# --- engine -----------------------------------------------------------------------------------
BATCH_MESSAGES: Final = 512
INBOX_MESSAGES: Final = 8_192
"""Submissions waiting; past it edges answer 503 with Retry-After."""
INBOX_MESSAGES_PER_EDGE: Final = 4_096
INBOX_MESSAGES_PER_ACCOUNT: Final = 256
FRAME_BYTES: Final = 1 << 20
DUE_PER_TICK: Final = 256
DUE_RETRY_MS: Final = 60 * 1000
"""Between two tries of a due that can't be applied."""
DISK_FREE_BYTES_MIN: Final = 256 << 20
"""Below this the server is read-only before it would fail."""
ACCOUNTS_MAX: Final = 4_000_000
"""Heads reserved in the arena (sparse: 16 bytes each once touched)."""
ARENA_BYTES_MAX: Final = 256 << 20
WAL_FRAMES_PASSIVE: Final = 16_000
WAL_FRAMES_RESTART: Final = 1_500

# --- readers ------------------------------------------------------------------------------------
READER_BATCH_ENTRIES: Final = 256
"""Log entries that a reader takes in at once."""
JOBS_PER_READER: Final = 10_000
"""Waiting to be done; with more a reader takes in no more entries until some are."""
JOB_RETRY_SECONDS: Final = 15
"""Before a job is tried again that failed; twice as long each time, up to the next."""
JOB_RETRY_SECONDS_MAX: Final = 3_600

# --- HTTP -------------------------------------------------------------------------------------
HEAD_BYTES: Final = 32 << 10
"""Request line and headers."""
REQUEST_SECONDS: Final = 30
"""From a request's first byte until it has come whole."""
STALLED_SECONDS: Final = 180
"""A client that takes nothing of its answer for so long is cut off."""
BODY_BYTES: Final = 256 << 10
FORM_FIELDS: Final = 200
NESTING: Final = 16
"""Of a JSON body or a form's brackets."""
IDS_PER_REQUEST: Final = 100
TAGS_PER_TIMELINE: Final = 10
"""Named in each of `any`, `all` and `none`."""
READS_PER_WINDOW: Final = 3_000
READ_WINDOW_SECONDS: Final = 300
"""Per account (or address, when nobody is logged in)."""
LOG_IN_ATTEMPTS: Final = 10
LOG_IN_WINDOW_SECONDS: Final = 300
"""Per account name, counted in the engine."""
LOG_IN_ATTEMPTS_PER_ADDRESS: Final = 60
"""In the same window: a household or a library shares an address."""
REGISTRATIONS_PER_ADDRESS: Final = 20
REGISTRATION_WINDOW_SECONDS: Final = 1_800
APPS_PER_ADDRESS: Final = 60
APP_WINDOW_SECONDS: Final = 1_800
APP_TOKENS_PER_ADDRESS: Final = 60
"""Tokens of apps on their own, in the same window."""
