"""What must be read: who gets a post, who may see it, and what stands in each queue."""

from __future__ import annotations

from covey import limits
from covey.messages import App, NotificationPolicy, Post, Report, SetFilter
from covey.oracle.rows import Account, Followed, List, Row, Told


class Reading:
    """Lists, dicts and loops over what `Model` keeps."""

    def __init__(self) -> None:
        self.stamp = 0
        self.number = 0
        self.last_id = 0
        self.accounts: dict[int, Account] = {}
        self.apps: dict[int, App] = {}
        self.grants: dict[bytes, tuple[int, int, str, int]] = {}
        self.tokens: dict[bytes, int] = {}
        self.pushes: dict[bytes, tuple[int, int, tuple[str, ...], str]] = {}
        """Hash of a token → account, number, alerts, policy of its push subscription."""
        self.sessions: dict[bytes, int] = {}
        self.names: dict[str, int] = {}
        """In lower case → account."""
        self.follows: dict[tuple[int, int], Followed] = {}
        """(follower, followed) → how."""
        self.watchers: dict[int, set[int]] = {}
        """account → who follows it and is told of each post."""
        self.wishes: dict[tuple[int, int], Followed] = {}
        """The same of those who asked to follow and wait."""
        self.blocks: set[tuple[int, int]] = set()
        self.mutes: dict[tuple[int, int], tuple[bool, int]] = {}
        """(account, target) → notifications too, until."""
        self.posts: list[Row] = []
        self.rows: dict[int, Row] = {}
        """The same, by id."""
        self.boosts: dict[int, list[Row]] = {}
        """Of a post, undone ones too."""
        self.favourites: dict[tuple[int, int], int] = {}
        """(post, account) → number."""
        self.notified: dict[int, dict[int, Told]] = {}
        """number → account → what it was told."""
        self.positions: dict[tuple[int, str], int] = {}
        self.in_pieces = False
        """Whether some act was too large for one message: then its rest came in `due`s of which
        nothing is known here, where acts have no size."""
        self.dues: dict[int, tuple[int, int, int]] = {}
        """number → at, account, what about."""
        self.due_kinds: dict[int, str] = {}
        self.lists: dict[int, List] = {}
        self.followed_tags: dict[tuple[int, str], int] = {}
        """(account, tag) → number."""
        self.featured_tags: dict[tuple[int, str], int] = {}
        self.groups: dict[int, str] = {}
        """group → how one comes in: open, request, invitation, secret."""
        self.roles: dict[tuple[int, int], str] = {}
        """(group, account) → asked, invited, member, moderator, owner."""
        self.entered: dict[tuple[int, int], int] = {}
        """(group, account) → number of the message that let it in, or nearer."""
        self.suspended: set[int] = set()
        """Or closed, or pending: nobody sees what they wrote."""
        self.limited: set[int] = set()
        self.filtered: set[tuple[int, int]] = set()
        """(account, number) of notifications that wait in a request."""
        self.policies: dict[int, NotificationPolicy] = {}
        self.requests: dict[tuple[int, int], str] = {}
        """(account, sender) → waiting, accepted, dismissed."""
        self.settings: dict[str, str] = {}
        self.rules: tuple[str, ...] = ()
        self.announcements: dict[int, tuple[str, int]] = {}
        """number → text, until."""
        self.invites: dict[bytes, tuple[int, int, int]] = {}
        """hash of the code → account, uses left, until."""
        self.notes: dict[tuple[int, int], str] = {}
        self.endorsements: set[tuple[int, int]] = set()
        self.domains: set[tuple[int, str]] = set()
        self.filters: dict[int, tuple[int, SetFilter]] = {}
        """number → account, what it says."""
        self.drafts: dict[int, tuple[int, int, Post]] = {}
        """number → account, at, what it posts then."""
        self.bookmarks: dict[tuple[int, int], int] = {}
        """(account, post) → number."""
        self.pins: dict[tuple[int, int], int] = {}
        self.muted_threads: set[tuple[int, int]] = set()
        self.conversations: dict[tuple[int, int], int] = {}
        """(account, thread) → its last direct post."""
        self.quoting: dict[int, list[Row]] = {}
        """Post → what quotes it, oldest first."""
        self.kept: dict[tuple[int, str], tuple[int, int]] = {}
        """(account, queue) → an older place, until when."""
        self.dismissed: dict[tuple[int, int], int] = {}
        """(account, whom it wants suggested no more) → number."""
        self.reports: list[tuple[int, int, Report]] = []
        """(by whom, when, what)."""
        self.read_announcements: set[tuple[int, int]] = set()
        self.reactions: set[tuple[int, str, int]] = set()
        """(announcement, name, account)."""

    # --- looking up ---------------------------------------------------------------------------

    def row(self, id_: int) -> Row | None:
        return self.rows.get(id_)

    def stamp_of(self, id_: int) -> int:
        """When a post was made: ids carry it."""
        return id_ >> 16

    def thread_of(self, row: Row) -> int:
        """The id of the post that began the thread."""
        while row.reply_to:
            parent = self.row(row.reply_to)
            assert parent is not None
            row = parent
        return row.id

    def boost_by(self, actor: int, original: int) -> int:
        """The id of the actor's standing boost of the post, or 0."""
        for row in self.boosts.get(original, []):
            if row.author == actor and not row.deleted:
                return row.id
        return 0

    @property
    def told(self) -> list[Told]:
        """All notifications."""
        return [told for by_account in self.notified.values() for told in by_account.values()]

    def blocked_either_way(self, one: int, other: int) -> bool:
        return (one, other) in self.blocks or (other, one) in self.blocks

    def sets_aside(self, reader: int, author: int) -> bool:
        """The reader blocks or mutes the author, or the author blocks the reader."""
        return self.blocked_either_way(reader, author) or (reader, author) in self.mutes

    # --- who gets it: the design's table ------------------------------------------------------

    def _is_group(self, account: int) -> bool:
        """With members: what they all left is nothing more."""
        return bool(
            [group for group, a in self.roles if group == account and self.is_member(group, a)]
        )

    def is_member(self, group: int, account: int) -> bool:
        return self.roles.get((group, account)) in ("member", "moderator", "owner")

    @staticmethod
    def _in_group(row: Row, group: int) -> bool:
        return group in row.groups and group not in row.taken_out_of and not row.deleted

    def visible(self, row: Row, reader: int) -> bool:
        """Reader 0 is a stranger."""
        if row.author in self.suspended:
            return False
        if row.author == reader:
            return True
        if (row.author, reader) in self.blocks:
            return False
        if row.visibility in ("public", "unlisted"):
            return True
        if row.visibility == "group" and [g for g in row.groups if self.groups[g] == "open"]:
            return True
        if not reader:
            return False
        if reader in row.mentioned and not row.boost_of:
            return True
        match row.visibility:
            case "followers":
                return (reader, row.author) in self.follows
            case "group":
                return bool([g for g in row.groups if self.is_member(g, reader)])
            case "local":
                return True
        return False

    def is_candidate(self, row: Row, reader: int, but_for_lists: bool = False) -> bool:
        """`but_for_lists`: were there no exclusive lists."""
        if row.visibility == "direct" or row.author in self.suspended:
            return False
        if row.author == reader:
            return True
        for_a_reason = (
            self._by_follow(row, reader, but_for_lists)
            or self._by_group(row, reader)
            or self._by_tag(row, reader)
        )
        return for_a_reason and not self._puts_aside(row, reader)

    def _puts_aside(self, row: Row, reader: int) -> bool:
        for original in (row.original_author, row.quoted_author):
            # one who passes on what is its own is judged as the author
            if original and original != row.author and self.sets_aside(reader, original):
                return True
        if [account for account in row.mentioned if (reader, account) in self.blocks]:
            return True
        return self.sets_aside(reader, row.author)

    def _by_follow(self, row: Row, reader: int, but_for_lists: bool) -> bool:
        if row.visibility not in ("public", "unlisted", "followers", "local"):
            return False
        follow = self.follows.get((reader, row.author))
        if follow is None:
            return False
        if row.reply_to and row.parent_author not in (row.author, reader):
            if (reader, row.parent_author) not in self.follows:
                return False
        if row.boost_of and not follow.boosts:
            return False
        if row.language and follow.languages and row.language not in follow.languages:
            return False
        if but_for_lists:
            return True
        lists = [one for one in self.lists.values() if one.owner == reader and one.exclusive]
        return not [one for one in lists if row.author in one.members]

    def _by_group(self, row: Row, reader: int) -> bool:
        return bool([group for group in row.groups if self.is_member(group, reader)])

    def _by_tag(self, row: Row, reader: int) -> bool:
        if row.visibility != "public" or row.author in self.limited:
            return False
        return bool([tag for tag in row.tags if (reader, tag) in self.followed_tags])

    def is_public(self, row: Row) -> bool:
        """It stands in the queue of everybody: no boosts, no replies to others."""
        own = not row.reply_to or row.parent_author == row.author
        return row.visibility == "public" and not row.boost_of and own

    def is_shown(self, row: Row, reader: int) -> bool:
        """It stands and may be seen: a boost where its original is shown, a quote where its
        original may be seen, is gone or was revoked."""
        if row.deleted or not self.visible(row, reader):
            return False
        original, quoted = self.row(row.boost_of), self.row(row.quote_of)
        if original is not None:
            return self.is_shown(original, reader)
        if quoted is None or quoted.deleted or row.revoked:
            return True
        return self.visible(quoted, reader)

    # --- what is read -------------------------------------------------------------------------

    def candidates(self, reader: int) -> list[Row]:
        """Newest first, tombstones too."""
        return [row for row in reversed(self.posts) if self.is_candidate(row, reader)]

    def home(self, reader: int) -> list[int]:
        """Ids of what a reader is shown, newest first, to the very first post."""
        return self._folded(self.candidates(reader), reader)

    def list_queue(self, number: int) -> list[int]:
        """Of a list, as its owner is shown it."""
        one = self.lists[number]
        rows = [row for row in reversed(self.posts) if self.is_listed(row, one)]
        return self._folded(rows, one.owner)

    def is_listed(self, row: Row, one: List) -> bool:
        """Posts of the members that would stand in the owner's home if there were no exclusive
        lists; replies to others by the list's policy."""
        owner, parent = one.owner, row.parent_author
        if row.author not in one.members or not self.is_candidate(row, owner, but_for_lists=True):
            return False
        if not row.reply_to or parent in (row.author, owner):
            return True
        if one.replies == "followed":
            return (owner, parent) in self.follows
        return one.replies == "list" and parent in one.members

    def group_queue(self, group: int, reader: int) -> list[int] | None:
        """Newest first; None: the reader may not read it."""
        if self.groups.get(group) != "open" and not self.is_member(group, reader):
            return None
        return [
            row.id
            for row in reversed(self.posts)
            if group in row.groups and group not in row.taken_out_of and self._shared(row, reader)
        ]

    def conversation(self, thread: int, reader: int) -> list[int]:
        """The direct posts of a thread that the reader may see."""
        return [
            row.id
            for row in reversed(self.posts)
            if row.visibility == "direct" and self.thread_of(row) == thread
            if self._shared(row, reader)
        ]

    def _folded(self, candidates: list[Row], reader: int) -> list[int]:
        """Without what is gone or hidden, and without boosts of what stands near by."""
        shown = []
        for place, row in enumerate(candidates):
            if not self.is_shown(row, reader):
                continue
            if row.boost_of:
                older = candidates[place + 1 : place + 1 + limits.BOOST_WINDOW]
                if [o for o in older if row.boost_of in (o.id, o.boost_of)]:
                    continue
            shown.append(row.id)
        return shown

    def public(self, reader: int) -> list[int]:
        """The queue of everybody, newest first, without what the reader set aside."""
        return [
            row.id
            for row in reversed(self.posts)
            if self.is_public(row) and self._shared(row, reader)
        ]

    def tag(self, name: str, reader: int) -> list[int]:
        """Public posts with the tag, replies too."""
        return [
            row.id
            for row in reversed(self.posts)
            if row.visibility == "public" and not row.boost_of
            if name in row.versions[-1].tags and self._shared(row, reader)
        ]

    def queue(self, name: str, reader: int) -> list[int] | None:
        """Positions of any queue of the reader's, newest first; None: it has no such queue."""
        kind, _, which = name.partition("/")
        match kind:
            case "home":
                return self.home(reader)
            case "notifications":
                return [told.number for told in self.notifications(reader)]
            case "tag":
                return self.tag(which, reader)
            case "group":
                return self.group_queue(int(which), reader)
            case "conversation":
                return self.conversation(int(which), reader)
        number = int(which)
        found = number in self.lists and self.lists[number].owner == reader
        return self.list_queue(number) if found else None

    def _shared(self, row: Row, reader: int) -> bool:
        if not self.is_shown(row, reader) or self.sets_aside(reader, row.author):
            return False
        if row.author in self.limited and row.author != reader:
            if (reader, row.author) not in self.follows:
                return False
        mentions_blocked = [a for a in row.mentioned if (reader, a) in self.blocks]
        return row.author == reader or not mentions_blocked

    def outbox(self, author: int, reader: int) -> list[int]:
        """Ids of an account's posts and boosts that a reader may see, newest first."""
        shown = []
        for row in reversed(self.posts):
            if row.author == author and self.is_shown(row, reader):
                shown.append(row.id)
        return shown

    def notifications(self, account: int) -> list[Told]:
        """What an account is shown of its notifications, newest first: not of whom it blocks, or
        who blocks it, and not of posts that are gone or hidden."""
        shown = []
        mine = [told[account] for told in self.notified.values() if account in told]
        for told in sorted(mine, key=lambda t: -t.number):
            if self.blocked_either_way(account, told.sender):
                continue
            if told[:2] in self.filtered or told.sender in self.suspended:
                continue
            if told.post:
                row = self.row(told.post)
                assert row is not None
                if not self.is_shown(row, account):
                    continue
            shown.append(told)
        return shown
