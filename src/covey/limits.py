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
TOKEN_NAME_CHARACTERS: Final = 50
"""Of a personal access token."""
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

# --- media --------------------------------------------------------------------------------------
MEDIA_PER_POST: Final = 4
DESCRIPTION_CHARACTERS: Final = 1_500
"""Of what is said for those who can't see or hear it."""
BLURHASH_CHARACTERS: Final = 100
IMAGE_BYTES: Final = 16 << 20
"""Of a picture as it is sent."""
VIDEO_BYTES: Final = 99 << 20
"""Of a film or sound as it is sent."""
IMAGE_PIXELS: Final = 50_000_000
"""Of a picture as it is sent; a WebP of more than about 35 million needs more memory than one
picture may have."""
IMAGE_PIXELS_KEPT: Final = 3_840 * 2_160
"""A larger one is scaled down."""
SMALL_PIXELS: Final = 640 * 360
"""Of the picture for lists."""
GIF_FRAMES: Final = 1_000
VIDEO_PIXELS: Final = 3_840 * 2_160
"""Of a film's frame."""
VIDEO_FRAMES_PER_SECOND: Final = 120
MEDIA_SECONDS: Final = 4 * 60 * 60
"""How long a film or sound may play."""
MEDIA_UNUSED_MS: Final = 24 * 60 * 60 * 1000
"""So long media stay that nothing shows."""
MEDIA_QUOTA_BYTES: Final = 1 << 30
"""Of all media of an account, unless the setting media_quota says another number."""
MEDIA_QUOTA_BYTES_MAX: Final = 1 << 50
MEDIA_PER_ACCOUNT: Final = 60
"""Sent in a window, counted in the engine."""
MEDIA_WINDOW_SECONDS: Final = 1_800
MEDIA_WORKERS: Final = 1
"""Pictures decoded at the same time, by all edges together."""
UPLOADS_PER_EDGE: Final = 64
"""At the same time; past it they are told to come again."""
UPLOADS_PER_ACCOUNT: Final = 8
"""Likewise, of one edge."""
MEDIA_WORKER_BYTES: Final = 640 << 20
"""Address space of a process that decodes a picture."""
MEDIA_WORKER_SECONDS: Final = 30
"""CPU time of it."""
TRANSCODE_SECONDS: Final = 30 * 60
"""CPU time of a process that transcodes a film."""
UPLOAD_SECONDS: Final = 600
"""From an upload's first byte until it has come whole."""

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

# --- access -------------------------------------------------------------------------------------
TOKENS_PER_ACCOUNT: Final = 50
"""Personal ones; an app's are not counted."""
RECOVERY_CODES: Final = 10

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
"""Per account (or network, when nobody is logged in) in READ_WINDOW_SECONDS, divided by the
edges."""
SEARCHES_WAITING: Final = 32
"""Per edge: it looks for posts one search after the other."""

# --- live -------------------------------------------------------------------------------------
STREAM_BUFFER_EVENTS: Final = 1_000
"""Per connection; a reader further behind is cut off and resumes from its cursor."""
CATCH_UP_EVENTS: Final = 1_000
"""What a resumed stream is sent at most; beyond it comes one `gap` event."""
HEARTBEAT_SECONDS: Final = 15
WAIT_SECONDS_MAX: Final = 60
"""That a reader of a queue waits for the next event; asked for longer, it waits so long."""
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
WRITES_PER_WINDOW: Final = 300
READ_WINDOW_SECONDS: Final = 300
"""Both per account (or address, when nobody is logged in)."""
LOG_IN_ATTEMPTS: Final = 10
LOG_IN_WINDOW_SECONDS: Final = 300
"""Per account name, counted in the engine."""
LOG_IN_ATTEMPTS_PER_ADDRESS: Final = 60
"""In the same window: a household or a library shares an address."""
SECOND_FACTOR_ATTEMPTS: Final = 10
SECOND_FACTOR_WINDOW_SECONDS: Final = 3_600
"""Per account, by who knows its password: three codes of a million hold at a time, so a year of
guessing hits with a chance of one in four."""
REGISTRATIONS_PER_ADDRESS: Final = 5
REGISTRATION_WINDOW_SECONDS: Final = 1_800
APPS_PER_ADDRESS: Final = 60
APP_WINDOW_SECONDS: Final = 1_800
APP_TOKENS_PER_ADDRESS: Final = 60
"""Tokens of apps on their own, in the same window."""
