"""Filters are kept, changed, deleted, and end."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.state.plain_engine import PlainEngine

from covey.limits import FILTERS_PER_ACCOUNT
from covey.messages import SERVER, DeleteFilter, Due, Keyword, SetFilter

OWLS = SetFilter(title="Owls", contexts=("home",), keywords=(Keyword("owl"),))


def changed(**fields: object) -> SetFilter:
    return msgspec.structs.replace(OWLS, **fields)


@pytest.fixture
def engine(tmp_path: Path) -> PlainEngine:
    return PlainEngine(tmp_path, accounts=2)


def test_refusals(engine: PlainEngine) -> None:
    for message, code in (
        (changed(title=" "), "parameter_missing"),
        (changed(title="x" * 101), "text_long"),
        (changed(contexts=()), "filter_contexts"),
        (changed(contexts=("home",) * 6), "filter_long"),
        (changed(keywords=(Keyword("x"),) * 101), "filter_long"),
        (changed(posts=(1,) * 101), "filter_long"),
        (changed(keywords=(Keyword(" "),)), "text_empty"),
        (changed(keywords=(Keyword("x" * 101),)), "text_long"),
        (changed(until=engine.now), "parameter_malformed"),
        (changed(filter=7), "not_found"),
        (DeleteFilter(filter=7), "not_found"),
    ):
        assert engine.refusal(1, message) == code
    mine = engine.submit(1, OWLS).id
    assert engine.refusal(2, changed(filter=mine)) == "not_found"
    assert engine.refusal(2, DeleteFilter(filter=mine)) == "not_found"
    for _ in range(FILTERS_PER_ACCOUNT - 1):
        engine.submit(1, OWLS)
    assert engine.refusal(1, OWLS) == "filters_many"
    assert engine.refusal(1, changed(filter=mine, title="Other")) == ""


def test_it_is_kept_and_ends(engine: PlainEngine) -> None:
    soon, later = engine.now + 1_000, engine.now + 2_000
    first = engine.submit(1, changed(until=soon))
    second = engine.submit(
        1, changed(filter=first.id, contexts=("home", "thread"), action="hide", until=later)
    )
    (row,) = engine.state.execute("select * from filters").fetchall()
    assert row[:5] == (first.id, 1, "Owls", "home,thread", "hide")
    assert msgspec.msgpack.decode(row[5]) == [["owl", True]]
    engine.now = soon
    engine.submit(SERVER, Due(number=first.number))
    assert engine.state.count("select count(*) from filters") == 1
    engine.now = later
    engine.submit(SERVER, Due(number=second.number))
    assert engine.state.count("select count(*) from filters") == 0
    third = engine.submit(1, OWLS)
    engine.submit(1, DeleteFilter(filter=third.id))
    assert engine.state.count("select count(*) from filters") == 0
