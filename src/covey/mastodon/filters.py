"""Filters: kept here, applied by `filtered` to what is shown.

A keyword, and a status in a filter, is known by its place: PLACES × the filter's number + place.
What is taken out moves those behind it.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import structs

from covey.edge.requests import Parameters
from covey.edge.text import normal
from covey.errors import Refused
from covey.mastodon.door import EMPTY_TREE, Answer, Call, as_json, operation
from covey.mastodon.filtered import FILTER, FilterRow, filter_fields, filters_of
from covey.mastodon.times import iso
from covey.messages import DeleteFilter, Keyword, SetFilter
from covey.state.queries import Snapshot

PLACES: Final = 1_000
_CONTEXTS: Final = ("home", "notifications", "public", "thread", "account")
_ACTIONS: Final = ("warn", "hide", "blur")
_YEARS_SECONDS: Final = 100 * 365 * 24 * 60 * 60


def _keyword_fields(number: int, place: int, keyword: Keyword) -> dict[str, Any]:
    return {
        "id": str(number * PLACES + place),
        "keyword": keyword.text,
        "whole_word": keyword.whole_word,
    }


def _post_fields(number: int, place: int, post: int) -> dict[str, Any]:
    return {"id": str(number * PLACES + place), "status_id": str(post)}


def _keywords_fields(row: FilterRow) -> list[dict[str, Any]]:
    return [_keyword_fields(row.number, n, keyword) for n, keyword in enumerate(row.keywords)]


def _posts_fields(row: FilterRow) -> list[dict[str, Any]]:
    return [_post_fields(row.number, n, post) for n, post in enumerate(row.posts)]


def _fields(row: FilterRow) -> dict[str, Any]:
    return {
        **filter_fields(row),
        "keywords": _keywords_fields(row),
        "statuses": _posts_fields(row),
    }


def _own(call: Call, snapshot: Snapshot, number: int) -> FilterRow:
    """Raises Refused("not_found")."""
    sql = f"select {FILTER} from filters where account = ? and number = ?"
    row = snapshot.row(sql, (call.account, number))
    if row is None:
        raise Refused("not_found")
    return FilterRow(*row)


def _read(call: Call, number: int) -> FilterRow:
    with call.edge.snapshot() as snapshot:
        return _own(call, snapshot, number)


def _as_message(row: FilterRow) -> SetFilter:
    return SetFilter(
        filter=row.number,
        title=row.title,
        contexts=tuple(row.contexts),  # type: ignore[arg-type]
        action=row.action,  # type: ignore[arg-type]
        keywords=row.keywords,
        posts=row.posts,
        until=row.until,
    )


# --- filters ----------------------------------------------------------------------------------


@operation("GET", "/api/v2/filters", "read:filters")
async def filters(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        return as_json([_fields(row) for row in filters_of(snapshot, call.account)])


@operation("GET", "/api/v2/filters/*", "read:filters")
async def show(call: Call) -> Answer:
    return as_json(_fields(_read(call, call.id)))


@operation("POST", "/api/v2/filters", "write:filters")
async def create(call: Call) -> Answer:
    call.parameters.required_text("title")
    accepted = await call.edge.submit(call.account, _said(call, SetFilter(title="", contexts=())))
    return as_json(_fields(_read(call, accepted.id)))


@operation("PUT", "/api/v2/filters/*", "write:filters")
async def change(call: Call) -> Answer:
    """What is not said stays; keywords that are not named, too."""
    before = _as_message(_read(call, call.id))
    await call.edge.submit(call.account, _said(call, before))
    return as_json(_fields(_read(call, call.id)))


@operation("DELETE", "/api/v2/filters/*", "write:filters")
async def delete(call: Call) -> Answer:
    await call.edge.submit(call.account, DeleteFilter(filter=call.id))
    return EMPTY_TREE


def _said(call: Call, before: SetFilter) -> SetFilter:
    """The filter as the request wants it. Raises Refused."""
    parameters = call.parameters
    contexts = before.contexts
    if "context" in parameters:
        words = dict.fromkeys(parameters.texts("context"))
        contexts = tuple(_one_of("context", word, _CONTEXTS) for word in words)  # type: ignore[misc]
    until = before.until
    if "expires_in" in parameters:
        seconds = parameters.integer("expires_in", 0, 0, _YEARS_SECONDS)
        until = call.edge.now() + seconds * 1000 if seconds else 0
    action = parameters.text("filter_action") or before.action
    return structs.replace(
        before,
        title=normal(parameters.text("title", before.title)).strip(),
        contexts=contexts,
        action=_one_of("filter_action", action, _ACTIONS),
        keywords=_keywords(parameters, before),
        until=until,
    )


def _one_of(name: str, word: str, words: tuple[str, ...]) -> str:
    if word not in words:
        raise Refused("parameter_malformed", name=name, why=f"it is one of: {', '.join(words)}")
    return word


def _keywords(parameters: Parameters, before: SetFilter) -> tuple[Keyword, ...]:
    """Those before, as `keywords_attributes` changes them (`id`), takes out (`_destroy`), adds."""
    kept: dict[int, Keyword] = dict(enumerate(before.keywords))
    new = []
    for said in parameters.trees("keywords_attributes"):
        number, place = divmod(said.id("id"), PLACES)
        if not number:
            new.append(_keyword(said, Keyword("")))
        elif number != before.filter or place not in kept:
            raise Refused("not_found")
        elif said.boolean("_destroy"):
            del kept[place]
        else:
            kept[place] = _keyword(said, kept[place])
    return (*kept.values(), *new)


def _keyword(said: Parameters, before: Keyword) -> Keyword:
    return Keyword(
        normal(said.text("keyword", before.text)).strip(),
        said.boolean("whole_word", before.whole_word),
    )


# --- keywords ---------------------------------------------------------------------------------


def _place(call: Call, count: int) -> int:
    place = call.id % PLACES
    if place >= count:
        raise Refused("not_found")
    return place


async def _set(call: Call, row: FilterRow, **changed: Any) -> FilterRow:
    await call.edge.submit(call.account, structs.replace(_as_message(row), **changed))
    return _read(call, row.number)


@operation("GET", "/api/v2/filters/*/keywords", "read:filters")
async def keywords(call: Call) -> Answer:
    return as_json(_keywords_fields(_read(call, call.id)))


@operation("POST", "/api/v2/filters/*/keywords", "write:filters")
async def add_keyword(call: Call) -> Answer:
    row = _read(call, call.id)
    call.parameters.required_text("keyword")
    keyword = _keyword(call.parameters, Keyword(""))
    row = await _set(call, row, keywords=(*row.keywords, keyword))
    return as_json(_keywords_fields(row)[-1])


@operation("GET", "/api/v2/filters/keywords/*", "read:filters")
async def keyword(call: Call) -> Answer:
    row = _read(call, call.id // PLACES)
    return as_json(_keywords_fields(row)[_place(call, len(row.keywords))])


@operation("PUT", "/api/v2/filters/keywords/*", "write:filters")
async def change_keyword(call: Call) -> Answer:
    row = _read(call, call.id // PLACES)
    found = list(row.keywords)
    place = _place(call, len(found))
    found[place] = _keyword(call.parameters, found[place])
    row = await _set(call, row, keywords=tuple(found))
    return as_json(_keywords_fields(row)[place])


@operation("DELETE", "/api/v2/filters/keywords/*", "write:filters")
async def delete_keyword(call: Call) -> Answer:
    row = _read(call, call.id // PLACES)
    found = list(row.keywords)
    del found[_place(call, len(found))]
    await _set(call, row, keywords=tuple(found))
    return EMPTY_TREE


# --- statuses ---------------------------------------------------------------------------------


@operation("GET", "/api/v2/filters/*/statuses", "read:filters")
async def statuses(call: Call) -> Answer:
    return as_json(_posts_fields(_read(call, call.id)))


@operation("POST", "/api/v2/filters/*/statuses", "write:filters")
async def add_status(call: Call) -> Answer:
    row = _read(call, call.id)
    post = call.parameters.id("status_id")
    if not post:
        raise Refused("parameter_missing", name="status_id")
    if post not in row.posts:
        row = await _set(call, row, posts=(*row.posts, post))
    return as_json(_posts_fields(row)[row.posts.index(post)])


@operation("GET", "/api/v2/filters/statuses/*", "read:filters")
async def status(call: Call) -> Answer:
    row = _read(call, call.id // PLACES)
    return as_json(_posts_fields(row)[_place(call, len(row.posts))])


@operation("DELETE", "/api/v2/filters/statuses/*", "write:filters")
async def delete_status(call: Call) -> Answer:
    row = _read(call, call.id // PLACES)
    found = list(row.posts)
    place = _place(call, len(found))
    gone = _posts_fields(row)[place]
    del found[place]
    await _set(call, row, posts=tuple(found))
    return as_json(gone)


# --- version 1, to read -----------------------------------------------------------------------


def _old_fields(row: FilterRow, place: int, keyword: Keyword) -> dict[str, Any]:
    return {
        "id": str(row.number * PLACES + place),
        "phrase": keyword.text,
        "context": row.contexts,
        "whole_word": keyword.whole_word,
        "expires_at": iso(row.until) if row.until else None,
        "irreversible": row.action == "hide",
    }


@operation("GET", "/api/v1/filters", "read:filters")
async def old_filters(call: Call) -> Answer:
    """A filter for each keyword."""
    with call.edge.snapshot() as snapshot:
        return as_json(
            [
                _old_fields(row, place, keyword)
                for row in filters_of(snapshot, call.account)
                for place, keyword in enumerate(row.keywords)
            ]
        )


@operation("GET", "/api/v1/filters/*", "read:filters")
async def old_filter(call: Call) -> Answer:
    row = _read(call, call.id // PLACES)
    place = _place(call, len(row.keywords))
    return as_json(_old_fields(row, place, row.keywords[place]))
