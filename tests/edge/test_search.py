"""Search against a plain model: what has the words, and may be found by whoever looks."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.edge.world import World, world
from tests.histories import EVERYTHING, Step, histories
from tests.oracle import Row
from tests.readers.toy import Worker

from covey.edge import search as searching
from covey.edge.cursor import Cursor
from covey.edge.query import parse
from covey.edge.search import Searcher, accounts, place_of, tags
from covey.errors import Refused
from covey.messages import (
    SERVER,
    AnyMessage,
    Block,
    CloseAccount,
    CreateGroup,
    Delete,
    Edit,
    Favourite,
    Follow,
    Post,
    Profile,
    Register,
    Suspend,
    Tag,
    id_at,
)
from covey.readers.reader import Surroundings
from covey.readers.search.index import FILE
from covey.readers.search.reader import Search
from covey.settings import Settings


class Looking:
    """A world, the reader that indexes it, and an edge's searcher beside it."""

    def __init__(self, made: World) -> None:
        self.world = made
        self.folder = made.engine.log.path.parent
        self.worker = Worker(made, self.folder)
        self.searcher = Searcher(Path(made.reader.connection.filename), None)

    def index(self) -> None:
        """The worker comes, takes in what there is, and goes."""
        around = Surroundings(
            self.folder, Settings(), self.world.reader, None, self.worker.now  # type: ignore[arg-type]
        )  # fmt: skip
        self.worker.run(Search(around))

    def find(self, account: int, text: str, offset: int = 0, **cursor: int) -> list[int]:
        with self.world.snapshot() as snapshot:
            reader = snapshot.relations(account)
        at = Cursor(**{"limit": 40, **cursor})
        return self.searcher.search_now(reader, parse(text), at, offset).ids

    def post(self, account: int, text: str, **more: object) -> int:
        return self.world.post(account, Post(text=text, **more))  # type: ignore[arg-type]

    def submit(self, account: int, message: AnyMessage) -> None:
        found = self.world.submit(account, message)
        assert not isinstance(found, str), found


@contextmanager
def looking(accounts: int = 4) -> Iterator[Looking]:
    with world(accounts) as made:
        found = Looking(made)
        try:
            yield found
        finally:
            found.searcher.close()


@pytest.fixture
def here() -> Iterator[Looking]:
    with looking() as found:
        yield found


# --- against the oracle -----------------------------------------------------------------------

Fits = Callable[[Row], bool]


def said(row: Row) -> list[str]:
    now = row.versions[-1]
    return re.findall("[a-z0-9]+", " ".join((now.warning, now.text, *now.options)).lower())


def has(*words: str) -> Fits:
    def fits(row: Row) -> bool:
        found = said(row)
        return any(
            tuple(found[at : at + len(words)]) == words for at in range(len(found) - len(words) + 1)
        )

    return fits


QUERIES: dict[str, Fits] = {
    "post": has("post"),
    "POST -birds": lambda row: has("post")(row) and not has("birds")(row),
    '"post 3"': has("post", "3"),
    '#birds "trees"': lambda row: has("birds")(row) and has("trees")(row),
    "@ann": has("ann"),
    "from:@Ann": lambda row: row.author == 1,
    "-from:ann post": lambda row: row.author != 1 and has("post")(row),
    "from:nobody post": lambda row: False,
    "mentions:bob": lambda row: 2 in row.mentioned,
    "is:reply -has:poll": lambda row: bool(row.reply_to) and row.poll is None,
    "has:media": lambda row: bool(row.versions[-1].media),
    "has:poll yes": lambda row: row.poll is not None and has("yes")(row),
    "is:quote": lambda row: bool(row.quote_of),
    "language:de": lambda row: row.versions[-1].language == "de",
    "in:library": lambda row: True,
    "in:home post": has("post"),
    "in:public": lambda row: True,
}


def may_find(made: World, indexable: set[int], row: Row, reader: int, scope: str) -> bool:
    oracle = made.oracle
    if row.boost_of or not oracle.is_shown(row, reader):
        return False
    mine = reader and (
        row.author == reader
        or reader in row.mentioned
        or (row.id, reader) in oracle.favourites
        or (reader, row.id) in oracle.bookmarks
        or (row.poll is not None and reader in row.poll.votes)
        or [b for b in oracle.posts if b.boost_of == row.id and b.author == reader if not b.deleted]
    )
    if mine and scope in ("all", "library"):
        return True
    set_aside = not oracle._shared(row, reader)
    public = row.author in indexable and (
        row.visibility == "public" or (row.visibility == "local" and reader)
    )
    if public and scope in ("all", "public"):
        return not set_aside
    home = scope in ("all", "home") and reader and oracle.is_candidate(row, reader)
    return bool(home) and not set_aside


@given(
    steps=histories(EVERYTHING, mean=50),
    indexable=st.sets(st.integers(1, 5)),
    limit=st.integers(1, 4),
    last=histories(),
)
@settings(max_examples=60)
def test_what_is_found_is_what_may_be_found(
    steps: list[Step], indexable: set[int], limit: int, last: list[Step]
) -> None:
    with looking(5) as here:
        made = here.world
        made.live(steps)
        here.index()
        for account in list(indexable):
            locked = made.oracle.accounts[account].locked
            if isinstance(made.submit(account, Profile(indexable=True, locked=locked)), str):
                indexable = indexable - {account}
        made.live(last)
        here.index()
        # a later `profile` of the history says no
        with made.snapshot() as snapshot:
            rows = snapshot.accounts(list(made.oracle.accounts))
        indexable = {number for number in indexable if rows[number].indexable}
        for reader in [0, *list(made.oracle.accounts)[:6]]:
            for text, fits in QUERIES.items():
                scope = text.partition("in:")[2].partition(" ")[0] or "all"
                expected = [
                    row.id
                    for row in reversed(made.oracle.posts)
                    if not row.boost_of and not row.deleted and fits(row)
                    if may_find(made, indexable, row, reader, scope)
                ]
                assert here.find(reader, text, limit=1000) == expected, (reader, text)
            down: list[int] = []
            whole = here.find(reader, "post", limit=1000)
            while found := here.find(
                reader, "post", limit=limit, max_id=down[-1] if down else 1 << 62
            ):
                down += found
            assert down == whole
            for at in whole[:3]:
                above = [id_ for id_ in whole if id_ > at]
                assert here.find(reader, "post", min_id=at, limit=limit) == above[-limit:]
                assert here.find(reader, "post", since_id=at, limit=limit) == above[:limit]
            assert here.find(reader, "post", offset=2, limit=limit) == whole[2 : 2 + limit]


# --- any question -----------------------------------------------------------------------------

typed = st.text(max_size=60) | st.lists(
    st.sampled_from([
        '"', "-", "from:", "has:", "in:", "is:", "before:", "during:2026-01-01", "after:2025-12-31",
        "-before:0001-01-01", "before:9999-12-31", "language:", "*", "NEAR", "AND", "OR", "NOT",
        "words :", "marks :", "all", "a1", "{", ")", "(", "^", "+", "post", "猫", "日本語", "กา",
        "\U0001f426",
        "'", "''", '""', "\\", ";", "--", "/*", " ", "from:ann", "has:poll", "in:home", "\ud83d",
    ]),
    max_size=12,
).map("".join)  # fmt: skip


@pytest.fixture(scope="module")
def shared() -> Iterator[Looking]:
    with looking() as found:
        found.post(1, "post all a1 \U0001f426")
        found.post(2, "a secret post", visibility="direct")
        found.index()
        yield found


@given(text=typed)
@settings(max_examples=600)
def test_any_question_has_an_answer(shared: Looking, text: str) -> None:
    own = shared.world.oracle.posts[0].id
    code = ""
    try:
        found = shared.find(1, text)
    except Refused as refused:
        found, code = [], refused.code
    assert found in ([], [own])
    assert code in ("", "query_malformed", "query_long", "query_terms")


def test_marks_are_no_words(shared: Looking) -> None:
    (own,) = shared.find(1, "all")
    assert shared.find(1, "a1") == [own]
    assert shared.find(1, "v0") == []
    assert shared.find(1, "a2") == []
    assert shared.find(1, 'marks : "a2"') == []
    assert shared.find(2, '"a1" OR marks:a1') == []


# --- how text is cut --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "queries", "not_these"),
    [
        ("Überraschung im Café", ["ÜBERRASCHUNG", "uberraschung cafe", '"im cafe"'], ["raschung"]),
        ("吾輩は猫である。名前はまだ無い", ["猫", "吾輩", "名前", "は猫", "い"], ["犬", "猫は"]),
        ("東京都庁へ行く", ["東京", "京都", "東京都", "東京都庁"], ["東都", "都京"]),
        ("ฉันรักแมวของฉัน", ["แมว", "รักแมว"], ["หมา"]),
        ("한국어를 배우다", ["한국어", "국어", "배우"], ["한어"]),
        ("ﾃｽﾄ ＡＢＣ①", ["テスト", "abc1"], ["②"]),
        ("مرحبا بالعالم", ["مرحبا"], ["العالم"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"], ["दुनि"]),
        ("iPhone15を買う", ["iphone15", "買う", "を買"], ["iphone"]),
        ("all done \U0001f389\U0001f389", ["\U0001f389", "done \U0001f389"], ["\U0001f426"]),
        ("don't stop, O’Neill", ["don't", "don’t", "o'neill"], ["dont"]),
        ("#CatsOfCovey and some_words", ["#catsofcovey", "catsof*", "words"], ["cats"]),
        ("https://example.org/a/path?x=1", ["example.org", "https://example.org"], ["org.example"]),
        ("می‌خواهم", ["میخواهم"], []),
    ],
)  # fmt: skip
def test_how_text_is_found(
    here: Looking, text: str, queries: list[str], not_these: list[str]
) -> None:
    id_ = here.post(1, text)
    here.index()
    for query in queries:
        assert here.find(1, query) == [id_], query
    for query in not_these:
        assert here.find(1, query) == [], query


def test_dates(here: Looking) -> None:
    """UTC days; an id carries its time."""
    id_ = here.post(1, "bird")
    day = "2026-01-01"
    here.index()
    assert id_ >= id_at(1767225600000)
    for found in (f"during:{day}", "after:2025-12-31", "before:2026-01-02", "-before:2026-01-01",
                  "-after:2026-01-01", f"bird during:{day}"):  # fmt: skip
        assert here.find(1, found) == [id_], found
    for nothing in (
        "before:2026-01-01",
        "after:2026-01-01",
        "during:2025-12-31",
        "-after:2025-12-31",
    ):
        assert here.find(1, nothing) == [], nothing
    for wrong in ("before:yesterday", "after:2026-02-30", "is:bird", "in:there", "has:wings"):
        with pytest.raises(Refused, match=wrong.partition(":")[2]):
            here.find(1, wrong)


# --- what becomes of posts --------------------------------------------------------------------


def words_of_the_file(here: Looking) -> set[str]:
    """All that the index holds, and the files themselves."""
    connection = apsw.Connection(str(here.folder / FILE))
    connection.execute("create virtual table temp.terms using fts5vocab (main, search, row)")
    found = {term for (term,) in connection.execute("select term from temp.terms").fetchall()}
    connection.close()
    return found


def test_an_edit_and_a_delete_leave_no_old_words(here: Looking) -> None:
    id_ = here.post(1, "unmistakable words")
    other = here.post(1, "gone soon")
    here.index()
    here.submit(1, Edit(post=id_, text="different now"))
    here.submit(1, Delete(post=other))
    here.index()
    assert here.find(1, "unmistakable") == []
    assert here.find(1, "different") == [id_]
    assert here.find(1, "soon") == []
    assert not {"unmistakable", "gone", "soon"} & words_of_the_file(here)
    connection = apsw.Connection(str(here.folder / FILE))
    connection.execute("pragma wal_checkpoint(truncate)").fetchall()
    connection.close()
    assert b"unmistakable" not in (here.folder / FILE).read_bytes()
    assert b"different" in (here.folder / FILE).read_bytes()


def test_who_closes_the_account_takes_the_words_along(here: Looking) -> None:
    for n in range(3):
        here.post(1, f"ephemeral {n}")
    here.submit(2, Favourite(post=here.world.oracle.posts[0].id))
    here.index()
    assert len(here.find(2, "ephemeral")) == 1
    here.submit(1, CloseAccount())
    here.index()
    assert here.find(2, "ephemeral") == []
    assert "ephemeral" not in words_of_the_file(here)


def test_an_index_that_is_deleted_is_made_anew_and_edges_notice(here: Looking) -> None:
    id_ = here.post(1, "bird")
    here.index()
    assert here.find(1, "bird") == [id_]
    for path in here.folder.glob(f"{FILE}*"):
        path.unlink()
    with pytest.raises(Refused, match="still being made"):
        here.find(1, "bird")
    here.index()
    assert here.find(1, "bird") == [id_]


@pytest.mark.parametrize("damage", [b"", b"no database" * 1000])
def test_a_file_that_is_none_is_made_anew(here: Looking, damage: bytes) -> None:
    id_ = here.post(1, "bird")
    (here.folder / FILE).write_bytes(damage)
    here.index()
    assert here.find(1, "bird") == [id_]


def test_an_index_from_before_a_restore_is_made_anew(here: Looking) -> None:
    """It knows more than the state: another future."""
    with looking() as other:
        for n in range(5):
            other.post(1, f"lost {n}")
        other.index()
        shutil.copy(other.folder / FILE, here.folder / FILE)
        connection = apsw.Connection(str(here.folder / FILE))
        connection.execute(
            "update facts set value = ? where name = 'log'", (here.world.engine.log.id,)
        )
        connection.close()
    id_ = here.post(1, "bird")
    here.index()
    assert words_of_the_file(here) == {"bird", "all", "a1", "v0"}
    assert here.find(1, "bird") == [id_]


def test_edges_can_not_write_it(here: Looking) -> None:
    here.post(1, "bird")
    here.index()
    reader = here.searcher._opened()
    with pytest.raises(apsw.ReadOnlyError):
        reader.connection.execute("delete from found.posts")


# --- bounds -----------------------------------------------------------------------------------


def test_no_more_is_looked_at_than_the_limit_and_the_next_page_goes_on(
    here: Looking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "SEARCH_POSTS", 5)
    mine = here.post(1, "bird")
    for _ in range(12):
        here.post(2, "bird")  # not for 1 to find
    here.index()
    with here.world.snapshot() as snapshot:
        reader = snapshot.relations(1)
    at, pages = Cursor(), 0
    while True:
        found = here.searcher.search_now(reader, parse("bird"), at, 0)
        pages += 1
        if found.ids or not found.more:
            break
        at = Cursor(max_id=found.last)
    assert found.ids == [mine]
    assert pages == 3


def test_what_takes_too_long_ends_with_what_there_is(
    here: Looking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "SEARCH_MS", 0)
    monkeypatch.setattr(searching, "STEPS", 1)
    here.post(1, "bird")
    here.index()
    assert here.find(1, "bird") == []


# --- accounts and tags ------------------------------------------------------------------------


def test_accounts_by_how_they_begin(here: Looking) -> None:
    made = here.world
    numbers = {
        name: made.post(SERVER, Register(name=name, display_name=display))
        for name, display in [("Cat", ""), ("catherine", "Wren"), ("caro", "Catbird"), ("cara", "")]
    }
    for name in ("catherine", "caro"):
        here.submit(
            numbers[name],
            Profile(display_name={"caro": "Catbird"}.get(name, "Wren"), discoverable=True),
        )
    secret = made.post(1, CreateGroup(name="catsecret", join="secret"))
    made.post(1, CreateGroup(name="catclub"))
    here.submit(2, Follow(account=numbers["Cat"]))

    def found(account: int, text: str, following: bool = False) -> list[str]:
        with made.snapshot() as snapshot:
            reader = snapshot.relations(account)
            rows = accounts(snapshot, reader, text, "here.example", following=following)
        return [row.name for row in rows]

    assert found(0, "cat") == ["Cat", "catclub", "catherine", "caro"]
    assert found(0, "ca") == ["catclub", "catherine", "caro"]
    assert found(2, "ca") == ["Cat", "catclub", "catherine", "caro"]
    assert found(2, "ca", following=True) == ["Cat"]
    assert found(1, "cats") == ["catsecret"]
    assert found(1, "@CATSECRET@here.example") == ["catsecret"]
    for stranger in (0, 2):
        assert found(stranger, "cats") == found(stranger, "catsecret") == []
    assert found(0, "wren") == ["catherine"]
    assert found(0, "@cat@elsewhere.example") == []
    assert found(0, "") == found(0, "@") == found(0, "\U0010ffff") == []
    here.submit(SERVER, Suspend(account=numbers["caro"]))
    here.submit(2, Block(account=numbers["catherine"]))
    assert found(2, "ca") == ["Cat", "catclub"]
    assert found(2, "catherine") == ["catherine"]  # or how would one unblock
    assert secret


def test_tags_by_how_they_begin(here: Looking) -> None:
    def tagged(*names: str, **more: object) -> int:
        text = " ".join(f"#{name}" for name in names)
        places = [Tag(m.start(), m.end(), m[0][1:]) for m in re.finditer("#[a-z]+", text)]
        return here.post(1, text, tags=tuple(places), **more)

    tagged("birds", "bird")
    tagged("birds", "bee")
    tagged("birdhouse", visibility="followers")
    gone = tagged("birdbath")
    here.submit(1, Delete(post=gone))
    with here.world.snapshot() as snapshot:
        assert tags(snapshot, "#Bird", 10) == ["bird", "birds"]
        assert tags(snapshot, "b", 10) == ["birds", "bee", "bird"]
        assert tags(snapshot, "b", 1) == ["birds"]
        assert tags(snapshot, "", 10) == tags(snapshot, "!", 10) == tags(snapshot, "zz", 10) == []


# --- addresses --------------------------------------------------------------------------------


@given(st.text(max_size=30))
def test_any_address_is_looked_at(text: str) -> None:
    place_of(text, "https://here.example")
    assert place_of(f"https://here.example/{text}", "https://here.example") is not None


def test_addresses_of_ours() -> None:
    def place(text: str) -> tuple[str, int, str] | None:
        found = place_of(text, "https://here.example")
        return found and (found.name, found.post, found.tag)

    assert place("https://here.example/@ann") == ("ann", 0, "")
    assert place("https://Here.example/@ann/12/") == ("ann", 12, "")
    assert place("https://here.example/@ann/12?x#y") == ("ann", 12, "")
    assert place("https://here.example/tags/B%C3%A4r") == ("", 0, "bär")
    assert place("https://here.example/@ann/x") == ("", 0, "")
    assert place("https://here.example.evil/@ann") is None
    assert place("https://there.example/@ann") is None
    assert place("ann") is None
