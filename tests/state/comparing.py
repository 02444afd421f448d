"""Rows and bitmaps against the oracle's lists; counts against a recount."""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec
from tests.histories import LANGUAGES, TAGS
from tests.oracle import Oracle

from covey.messages import decode
from covey.oracle.rows import Told
from covey.state.queries import StateReader
from covey.state.state import State


def compare(state: State, oracle: Oracle) -> None:
    rows = state.execute
    assert state.applied == oracle.number
    assert state.last_id == oracle.last_id
    assert {
        (a, b): (bool(boosts), bool(notify), tuple(filter(None, languages.split(","))), number)
        for a, b, boosts, notify, languages, number in rows("select * from follows")
    } == oracle.follows
    assert set(rows("select account, target from blocks")) == oracle.blocks
    assert {
        (a, b): (bool(notifications), until)
        for a, b, notifications, until, _ in rows("select * from mutes")
    } == oracle.mutes
    assert {
        (post, account): number for post, account, number in rows("select * from favourites")
    } == oracle.favourites
    told = rows("select account, number, kind, sender, post from notifications").fetchall()
    assert sorted(Told(*row) for row in told) == sorted(oracle.told)
    assert {
        (account, queue): position
        for account, queue, position in rows("select account, queue, position from positions")
    } == oracle.positions
    assert {
        (account, queue): (kept, until)
        for account, queue, kept, until in rows(
            "select account, queue, kept, kept_until from positions where kept_until > 0"
        )
    } == oracle.kept
    assert set(rows("select number, at, account, subject from dues")) == {
        (number, *due) for number, due in oracle.dues.items()
    }
    assert dict(rows("select session_hash, account from sessions")) == oracle.sessions
    assert dict(rows("select token_hash, account from tokens")) == oracle.tokens
    assert {
        hash_: (account, number, tuple(alerts.split()), policy)
        for hash_, account, number, alerts, policy in rows(
            "select token_hash, account, number, alerts, policy from push_subscriptions"
        )
    } == oracle.pushes
    # those that have expired are forgotten now and then
    assert set(rows("select code_hash from grants where expires > ?", (state.stamp,))) == {
        (code,) for code, (_, _, _, until) in oracle.grants.items() if until > state.stamp
    }
    for number in oracle.accounts:
        found = rows(
            "select followers_count, following_count, posts_count from accounts where number = ?",
            (number,),
        ).fetchone()
        assert found == oracle.counts(number)
    for row in oracle.posts:
        found = rows(
            "select deleted, quotes_count, replies_count, boosts_count, favourites_count"
            " from posts where id = ?",
            (row.id,),
        ).fetchone()
        assert found == (row.deleted, *oracle.post_counts(row.id))
    mentions = {
        (account, row.id)
        for row in oracle.posts
        for account in row.mentioned
        if not row.deleted and not row.boost_of
    }
    assert set(rows("select account, post from mentions")) == mentions
    tags = {
        (tag, row.id, tag in row.tags, not row.deleted and tag in row.versions[-1].tags)
        for row in oracle.posts
        if row.visibility == "public" and not row.boost_of
        for tag in (*row.tags, *row.versions[-1].tags)
        if tag in row.tags or not row.deleted
    }
    assert set(rows("select tag, post, first, now from tags")) == tags
    compare_posts(state, oracle)
    assert {
        (account, tag): number for account, tag, number in rows("select * from tag_follows")
    } == oracle.followed_tags
    assert {
        (account, tag): number for account, tag, number in rows("select * from tag_features")
    } == oracle.featured_tags
    assert {
        number: (owner, title, replies, bool(exclusive))
        for number, owner, title, replies, exclusive in rows("select * from lists")
    } == {n: (one.owner, one.title, one.replies, one.exclusive) for n, one in oracle.lists.items()}
    assert {
        (list_, account): number for list_, account, number in rows("select * from list_members")
    } == {
        (list_, account): number
        for list_, one in oracle.lists.items()
        for account, number in one.members.items()
    }
    compare_place(state, oracle)
    assert {
        (a, b): (bool(boosts), bool(notify), tuple(filter(None, languages.split(","))), number)
        for a, b, boosts, notify, languages, number in rows("select * from follow_requests")
    } == oracle.wishes
    assert {
        (group, account): (role, number)
        for group, account, role, number in rows("select * from memberships")
    } == {pair: (role, oracle.entered[pair]) for pair, role in oracle.roles.items()}
    assert dict(rows('select number, "join" from groups')) == oracle.groups
    assert set(rows("select * from group_posts")) == {
        (group, row.id, not row.deleted and group not in row.taken_out_of)
        for row in oracle.posts
        for group in row.groups
    }
    graph = state.graph
    assert set(graph.open_groups[0]) == {g for g, join in oracle.groups.items() if join == "open"}
    for account in oracle.accounts:
        for group in oracle.groups:
            assert graph.members.has(group, account) == oracle.is_member(group, account)
        for tag in TAGS:
            followed = (account, tag) in oracle.followed_tags
            assert graph.tag_followers.has(tag, account) == followed
    for a, b in itertools.product(oracle.accounts, repeat=2):
        follow = oracle.follows.get((a, b))
        assert graph.followers.has(b, a) == (follow is not None)
        assert graph.boost_hiders.has(b, a) == (follow is not None and not follow[0])
        assert graph.watchers.has(b, a) == (follow is not None and follow[1])
        chosen = set(follow.languages) if follow else set()
        assert graph.choosers.has(b, a) == bool(chosen)
        assert {lang for lang in LANGUAGES if graph.takers.has((b, lang), a)} == chosen
        hidden = [one for one in oracle.lists.values() if one.owner == a and one.exclusive]
        assert graph.hiders.has(b, a) == bool([one for one in hidden if b in one.members])
        assert graph.blocks.has(a, b) == graph.blockers.has(b, a) == ((a, b) in oracle.blocks)
        assert graph.muters.has(b, a) == ((a, b) in oracle.mutes)


def compare_posts(state: State, oracle: Oracle) -> None:
    """What posts say and said, their polls, what accounts keep of them, conversations."""
    rows = state.execute
    columns = "text, language, warning, sensitive"
    versions = {row.id: row.versions for row in oracle.posts if row.versions and not row.deleted}
    assert {
        id_: (*words, edited)
        for id_, *words, edited in rows(
            f"select id, {columns}, edited from posts where deleted = 0 and boost_of = 0"
        )
    } == {
        id_: (*said[-1][:4], said[-1].stamp if len(said) > 1 else 0)
        for id_, said in versions.items()
    }
    assert set(rows(f"select post, number, stamp, {columns} from versions")) == {
        (id_, after.number, before.stamp, *before[:4])
        for id_, said in versions.items()
        for before, after in itertools.pairwise(said)
    }
    for id_, said in versions.items():
        before = rows("select poll from versions where post = ? order by number", (id_,)).fetchall()
        assert [_unpacked(column) for (column,) in before] == [v.options for v in said[:-1]]
    polls = {row.id: row.poll for row in oracle.posts if row.poll}
    assert {
        post: (_unpacked(options), bool(multiple), bool(hide), ends, bool(ended), voters, _unpacked(n))
        for post, options, multiple, hide, ends, ended, voters, n in rows(
            "select post, options, multiple, hide_totals, ends, ended, voters, counts from polls"
        )
    } == {
        post: (
            poll.options, poll.multiple, poll.hide_totals, poll.ends, poll.ended, len(poll.votes),
            tuple(sum(n in chosen for chosen in poll.votes.values()) for n in range(len(poll.options))),
        )
        for post, poll in polls.items()
    }  # fmt: skip
    assert {
        (post, account): _unpacked(choices)
        for post, account, choices in rows(
            "select votes.post, account, choices from votes join polls on polls.post = votes.post"
            " where number >= begun"
        )
    } == {(post, a): chosen for post, poll in polls.items() for a, chosen in poll.votes.items()}
    assert {
        number: (account, at, decode(body))
        for number, account, at, body in rows("select number, account, at, body from drafts")
    } == oracle.drafts
    for table, kept in (("bookmarks", oracle.bookmarks), ("pins", oracle.pins)):
        found = rows(f"select account, post, number from {table}").fetchall()
        assert {(account, post): number for account, post, number in found} == kept
    assert set(rows("select account, thread from muted_threads")) == oracle.muted_threads
    assert {
        id_: (quotes, bool(revoked))
        for id_, quotes, revoked in rows("select id, quotes, quote_revoked from posts")
    } == {row.id: (row.quotes, row.revoked) for row in oracle.posts}
    assert {
        (account, thread): last for account, thread, last in rows("select * from conversations")
    } == oracle.conversations


def _unpacked(column: bytes) -> tuple[object, ...]:
    return tuple(msgspec.msgpack.decode(column)) if column else ()


def compare_place(state: State, oracle: Oracle) -> None:
    """Standings, settings and what else of running the place; what accounts keep for themselves."""
    rows, graph = state.execute, state.graph
    assert dict(rows("select number, standing from accounts where kind = 'person'")) == {
        number: account.standing
        for number, account in oracle.accounts.items()
        if number not in oracle.groups
    }
    assert set(graph.hidden[graph.SUSPENDED]) == oracle.suspended
    assert set(graph.hidden[graph.LIMITED]) == oracle.limited
    assert dict(rows("select name, value from settings")) == oracle.settings
    texts = rows("select text from rules order by number").fetchall()
    assert tuple(text for (text,) in texts) == oracle.rules
    assert {
        number: (text, until)
        for number, text, until in rows("select number, text, until from announcements")
    } == oracle.announcements
    # a spent invitation may be forgotten
    assert {hash_: invite for hash_, *invite in rows("select * from invites where uses > 0")} == {
        hash_: list(invite) for hash_, invite in oracle.invites.items() if invite[1]
    }
    # what was done with an announcement that is gone may be forgotten
    there = tuple(oracle.announcements)
    for table, columns, kept, which in (
        ("announcement_reads", "account, announcement", oracle.read_announcements, 1),
        ("announcement_reactions", "announcement, name, account", oracle.reactions, 0),
    ):
        found = set(rows(f"select {columns} from {table}"))
        assert {row for row in found if row[which] in there} == {
            row for row in kept if row[which] in there
        }
    assert {
        (account, target): number
        for account, target, number in rows("select * from dismissed_suggestions")
    } == oracle.dismissed
    assert [
        (account, target, category, comment, tuple(one[0] for one in _unpacked(posts)), stamp)
        for account, target, category, comment, posts, stamp in rows(
            "select account, target, category, comment, posts, stamp from reports order by number"
        )
    ] == [
        (account, one.account, one.category, one.comment, tuple(dict.fromkeys(one.posts)), stamp)
        for account, stamp, one in oracle.reports
    ]
    assert {(a, b): text for a, b, text in rows("select * from notes")} == oracle.notes
    assert set(rows("select account, target from endorsements")) == oracle.endorsements
    assert set(rows("select account, domain from domain_blocks")) == oracle.domains
    assert {
        number: (account, title, contexts.split(","), until)
        for number, account, title, contexts, until in rows(
            "select number, account, title, contexts, until from filters"
        )
    } == {
        number: (account, one.title, list(one.contexts), one.until)
        for number, (account, one) in oracle.filters.items()
    }
    assert set(rows("select account, number from notifications where filtered = 1")) == (
        oracle.filtered
    )
    assert {
        (a, b): answer
        for a, b, answer in rows("select account, sender, state from notification_requests")
    } == oracle.requests


def compare_relations(path: Path, oracle: Oracle) -> None:
    reader = StateReader(path)
    with reader.snapshot() as snapshot:
        for account in oracle.accounts:
            found = snapshot.relations(account)
            follows = {b: options for (a, b), options in oracle.follows.items() if a == account}
            assert set(found.following) == set(follows)
            assert set(found.hides_boosts) == {
                b for b, options in follows.items() if not options[0]
            }
            assert found.languages == {
                b: frozenset(follow.languages) for b, follow in follows.items() if follow.languages
            }
            exclusive = [one for one in oracle.lists.values() if one.exclusive]
            members = [set(one.members) for one in exclusive if one.owner == account]
            assert set(found.exclusive) == set().union(*members)
            assert set(found.groups) == {g for g in oracle.groups if oracle.is_member(g, account)}
            assert found.tags == {tag for a, tag in oracle.followed_tags if a == account}
            assert set(found.everybody.hidden) == oracle.suspended
            assert set(found.everybody.limited) == oracle.limited
            assert set(found.blocks) == {b for a, b in oracle.blocks if a == account}
            assert set(found.blocked_by) == {a for a, b in oracle.blocks if b == account}
            assert set(found.aside) == {
                b for b in oracle.accounts if oracle.sets_aside(account, b) and b != account
            }
    reader.close()
