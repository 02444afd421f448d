-- The read model: all that is known after `applied` messages. A cache with a query language: no
-- migrations. A changed schema is a new version (state.VERSION) and a new file, built from the log.
-- Every row is a function of the log alone: nothing here may come from a clock or from chance.
--
-- Stamps are milliseconds since 1970. `changed` is the number of the last log entry that changed
-- what a reader sees of the row: caches compare it.

create table facts (                    -- log, epoch, applied, checksum, stamp, last_id, …
    name text primary key, value any not null) strict, without rowid;

create table accounts (
    number integer primary key,         -- dense, in order of registration
    name text not null,
    name_key text not null,             -- lower case: names differ in more than case
    look_key text not null,             -- look-alikes share it (accounts.look_key)
    display_name text not null default '',
    note text not null default '',
    facets blob not null default x'',   -- of the note: msgpack (mentions, tags, links)
    fields blob not null default x'',   -- msgpack [[name, value], …]
    email text not null default '',
    password_hash text not null default '',
    role text not null default 'member',
    bot integer not null default 0,
    discoverable integer not null default 0,
    indexable integer not null default 0,
    language text not null default '',
    visibility text not null default 'public',   -- default of new posts
    quotes text not null default 'public',       -- public, followers, nobody: who may quote new posts
    sensitive integer not null default 0,
    locked integer not null default 0,  -- who wants to follow has to ask
    kind text not null default 'person',         -- or 'group'
    standing text not null default 'active',     -- or pending, limited, suspended, closed
    followers_count integer not null default 0,
    following_count integer not null default 0,
    posts_count integer not null default 0,
    last_post integer not null default 0,        -- newest post id but of direct ones; also of one since deleted
    created integer not null,           -- stamp
    changed integer not null) strict;
create unique index accounts_by_name on accounts (name_key);
create index accounts_by_standing on accounts (standing) where standing != 'active';
create index accounts_found_by_name on accounts (name_key)
    where (discoverable = 1 or kind = 'group');
create index accounts_found_by_display_name on accounts (display_name collate nocase)
    where (discoverable = 1 or kind = 'group');
create index accounts_by_look on accounts (look_key);
create index accounts_by_email on accounts (email) where email != '';

-- access ------------------------------------------------------------------------------------------
create table apps (
    number integer primary key, client_id text not null unique, secret_hash blob not null,
    name text not null, website text not null, redirect_uris text not null, -- one a line
    scopes text not null, created integer not null) strict;
create table grants (
    code_hash blob primary key, app integer not null, account integer not null,
    scopes text not null, redirect_uri text not null, challenge text not null,
    expires integer not null) strict, without rowid;
create table tokens (
    token_hash blob primary key, app integer not null, account integer not null, -- 0: the app's own
    scopes text not null, created integer not null) strict, without rowid;
create index tokens_by_account on tokens (account);
create table push_subscriptions (
    number integer primary key,         -- of the message that made it
    account integer not null, token_hash blob not null unique,
    endpoint text not null, public_key blob not null, auth blob not null,
    sealed blob not null,               -- the token (covey.seal)
    standard integer not null,
    alerts text not null,               -- space-separated
    policy text not null) strict;
create index push_subscriptions_by_account on push_subscriptions (account);
-- However a token ends: what is pushed with it ends, too.
create trigger push_ends_with_its_token after delete on tokens begin
    delete from push_subscriptions where token_hash = old.token_hash;
end;
create table sessions (
    session_hash blob primary key, account integer not null, agent text not null,
    created integer not null) strict, without rowid;
create index sessions_by_account on sessions (account);

-- graph -------------------------------------------------------------------------------------------
create table follows (
    follower integer not null, followed integer not null, boosts integer not null,
    notify integer not null, languages text not null default '', -- comma-separated; '': all
    number integer not null,            -- of the first follow message: pages by it
    primary key (follower, followed)) strict, without rowid;
create index follows_by_followed on follows (followed, number, follower);
create table follow_requests (
    follower integer not null, followed integer not null, boosts integer not null,
    notify integer not null, languages text not null, number integer not null,
    primary key (follower, followed)) strict, without rowid;
create index follow_requests_by_followed on follow_requests (followed, number);
create table domain_blocks (
    account integer not null, domain text not null, number integer not null,
    primary key (account, domain)) strict, without rowid;
create table notes (
    account integer not null, target integer not null, text text not null,
    primary key (account, target)) strict, without rowid;
create table endorsements (
    account integer not null, target integer not null, number integer not null,
    primary key (account, target)) strict, without rowid;
create table blocks (
    account integer not null, target integer not null, number integer not null,
    primary key (account, target)) strict, without rowid;
create index blocks_by_target on blocks (target);
create table mutes (
    account integer not null, target integer not null, notifications integer not null,
    until integer not null, number integer not null,
    primary key (account, target)) strict, without rowid;
create index mutes_by_target on mutes (target);

-- posts -------------------------------------------------------------------------------------------
-- One row a post or boost. The first block is frozen: what the audience is computed from, for ever,
-- also in the tombstone that a deleted post leaves.
create table posts (
    id integer primary key,
    number integer not null,
    account integer not null,
    visibility integer not null,        -- 0 public, 1 unlisted, 2 followers, 3 direct, 4 group, 5 local
    reply_to integer not null,          -- post id; 0: none
    reply_account integer not null,     -- the parent's author
    boost_of integer not null,          -- original post id; 0: not a boost
    boost_account integer not null,     -- the original's author
    quote_of integer not null default 0,
    quote_account integer not null default 0,
    first_language text not null default '',
    first_tags text not null default '',         -- normalised names, space-separated
    groups blob not null default x'',            -- posted to: group numbers, uint32 little-endian each
    mentioned blob not null,            -- account numbers, uint32 little-endian each
    deleted integer not null default 0, -- 1: a tombstone
    stamp integer not null,
    language text not null default '',
    warning text not null default '',
    sensitive integer not null default 0,
    text text not null default '',
    facets blob not null default x'',   -- msgpack (mentions, tags, links)
    app integer not null default 0,
    edited integer not null default 0,           -- stamp of the last edit
    thread integer not null default 0,           -- id of the post that began it
    replies_count integer not null default 0,
    boosts_count integer not null default 0,
    quotes_count integer not null default 0,
    quotes text not null default 'public',       -- who may quote it: public, followers, nobody
    quote_revoked integer not null default 0,    -- 1: by the author of what it quoted
    favourites_count integer not null default 0,
    changed integer not null) strict;
create unique index posts_by_number on posts (number);
create index posts_by_account on posts (account, id);
create index posts_public on posts (id)
    where visibility = 0 and boost_of = 0 and deleted = 0
    and (reply_to = 0 or reply_account = account);
create index posts_by_thread on posts (thread, id) where visibility = 3; -- conversations
create index posts_by_quoted on posts (quote_of, id) where quote_of != 0;
create index posts_by_parent on posts (reply_to, id) where reply_to != 0;
create unique index boosts on posts (boost_of, account) where boost_of != 0 and deleted = 0;
create table mentions (                 -- direct posts are read from here, and who was mentioned
    account integer not null, post integer not null,
    primary key (account, post)) strict, without rowid;
create table tags (
    tag text not null, post integer not null, -- public posts only
    first integer not null default 1,   -- of the first version: it brought the post into homes
    now integer not null default 1,     -- of the present version: the tag's queue shows it
    primary key (tag, post)) strict, without rowid;
create table versions (                 -- what an edit replaced; number: of the edit
    post integer not null, number integer not null, stamp integer not null, -- since when it stood
    language text not null, warning text not null, sensitive integer not null, text text not null,
    facets blob not null, poll blob not null,
    primary key (post, number)) strict, without rowid;
create table polls (
    post integer primary key, options blob not null,  -- msgpack [text, …]
    multiple integer not null, hide_totals integer not null, ends integer not null, -- stamp
    ended integer not null default 0, voters integer not null default 0,
    counts blob not null,               -- msgpack [votes, …]
    begun integer not null) strict;     -- number of the message that opened it: older votes are void
create table votes (
    post integer not null, account integer not null, choices blob not null, number integer not null,
    primary key (post, account)) strict, without rowid;
create table drafts (
    number integer primary key, account integer not null, at integer not null,
    body blob not null) strict;         -- the message `post`, msgpack
create index drafts_by_account on drafts (account, at);
create table favourites (
    post integer not null, account integer not null, number integer not null,
    primary key (post, account)) strict, without rowid;
create index favourites_by_account on favourites (account, number);

create table bookmarks (
    account integer not null, number integer not null, post integer not null,
    primary key (account, number)) strict, without rowid;
create unique index bookmarks_by_post on bookmarks (post, account);
create table pins (
    account integer not null, number integer not null, post integer not null,
    primary key (account, number)) strict, without rowid;
create table muted_threads (
    account integer not null, thread integer not null,
    primary key (account, thread)) strict, without rowid;
create index muted_threads_by_thread on muted_threads (thread);

-- queues ------------------------------------------------------------------------------------------
create table notifications (            -- at most one per account and number
    account integer not null, number integer not null, kind text not null,
    sender integer not null, post integer not null, stamp integer not null,
    filtered integer not null default 0, -- 1: waits in the sender's request
    primary key (account, number)) strict, without rowid;
create index notifications_filtered on notifications (account, sender, number) where filtered = 1;
create table positions (
    account integer not null, queue text not null, position integer not null,
    version integer not null, stamp integer not null,
    kept integer not null default 0,    -- an older place to go back to, until then (stamp)
    kept_until integer not null default 0,
    primary key (account, queue)) strict, without rowid;
create table changes (                  -- what a resumed stream needs beside posts and notifications
    number integer primary key, kind text not null, subject integer not null,
    account integer not null, stamp integer not null) strict;

create table notification_policies (
    account integer primary key, not_following text not null, not_followers text not null,
    new_accounts text not null, private_mentions text not null, limited_accounts text not null)
    strict;
create table notification_requests (    -- of whom notifications are filtered; or taken for good
    account integer not null, sender integer not null, state text not null, -- waiting, accepted, dismissed
    number integer not null,            -- the last notification
    primary key (account, sender)) strict, without rowid;
create index notification_requests_waiting on notification_requests (account, number)
    where state = 'waiting';
create table conversations (            -- direct posts: one row an account and thread
    account integer not null, thread integer not null, last_post integer not null,
    primary key (account, thread)) strict, without rowid;
create index conversations_by_last on conversations (account, last_post);
create table dismissed_suggestions (
    account integer not null, target integer not null, number integer not null,
    primary key (account, target)) strict, without rowid;
create table tag_follows (
    account integer not null, tag text not null, number integer not null,
    primary key (account, tag)) strict, without rowid;
create index tag_follows_by_tag on tag_follows (tag);
create table tag_features (
    account integer not null, tag text not null, number integer not null,
    primary key (account, tag)) strict, without rowid;
create table lists (
    number integer primary key, account integer not null, title text not null,
    replies text not null, exclusive integer not null) strict;
create index lists_by_account on lists (account);
create table list_members (
    list integer not null, account integer not null, number integer not null,
    primary key (list, account)) strict, without rowid;
create index list_members_by_account on list_members (account);
create table filters (
    number integer primary key, account integer not null, title text not null,
    contexts text not null, action text not null, keywords blob not null, posts blob not null,
    until integer not null) strict;
create index filters_by_account on filters (account);

-- groups ------------------------------------------------------------------------------------------
create table groups (
    number integer primary key,         -- of its account
    "join" text not null,               -- open, request, invitation, secret
    rules blob not null default x'') strict; -- msgpack [text, …]
create table memberships (
    "group" integer not null, account integer not null,
    role text not null,                 -- asked, invited, member, moderator, owner
    number integer not null,
    primary key ("group", account)) strict, without rowid;
create index memberships_by_account on memberships (account);
create table group_posts (
    "group" integer not null, post integer not null,
    now integer not null default 1,     -- 0: deleted, or taken out by a moderator
    primary key ("group", post)) strict, without rowid;
create index group_posts_by_post on group_posts (post);

-- running it --------------------------------------------------------------------------------------
create table rules (number integer primary key, text text not null) strict;
create table announcements (
    number integer primary key, text text not null, until integer not null, stamp integer not null)
    strict;
create table announcement_reads (
    account integer not null, announcement integer not null,
    primary key (account, announcement)) strict, without rowid;
create table announcement_reactions (
    announcement integer not null, name text not null, account integer not null,
    number integer not null,
    primary key (announcement, name, account)) strict, without rowid;
create index announcement_reactions_by_account on announcement_reactions (account);
create table reports (
    number integer primary key, account integer not null, -- who reported
    target integer not null, category text not null, comment text not null,
    posts blob not null,                -- msgpack [[id, stamp, warning, text], …] as they were then
    rules blob not null,                -- msgpack [number, …]
    stamp integer not null) strict;
create index reports_by_account on reports (account, stamp);
create table invites (
    code_hash blob primary key, account integer not null, uses integer not null,
    until integer not null) strict, without rowid;
create table settings (name text primary key, value text not null, stamp integer not null) strict, without rowid;

-- the engine's memory -----------------------------------------------------------------------------
create table answers (                  -- what was accepted under a key
    hash integer primary key,           -- of actor and key (keys.answer_hash); both stand in the log
    number integer not null,
    expires integer not null) strict;   -- stamp; 0: never
create index answers_by_expiry on answers (expires) where expires != 0;
create table dues (
    number integer primary key,         -- of the message that made it
    at integer not null, kind text not null, account integer not null,
    subject integer not null) strict;
create index dues_by_time on dues (at);
