"""Search: `python -m bench.search --follows F.csv --posts P.txt`.

50,000 posts of a graph, as `covey replay` draws them; every other account lets its public posts be
found. Then

- how long the worker takes to index them, beside a server at rest: from nothing, as after an update
  that cuts words otherwise;
- how long after it was accepted a post is found by its author: asked for again and again;
- questions of several kinds over HTTP by accounts that follow somebody, one after the other: how
  long one takes, and what it costs the edge;
- the size of the index for a post, and what two tokenizers of SQLite's own would make of the same
  texts: how many bytes and how long, and in how many of ten lines of Chinese, Japanese and Thai two
  characters are found that stand there.
"""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from urllib.parse import quote

import apsw
from bench.common import (
    Figure,
    Pipe,
    Population,
    Server,
    arguments,
    cpu_seconds,
    data_folder,
    get,
    people,
    pipe_to,
    population,
    quantile,
    report,
    tokens,
)

from covey.keys import edge_key
from covey.messages import Post, Profile
from covey.readers.cursors import FILE as CURSORS
from covey.readers.cursors import standings
from covey.readers.search.index import FILE
from covey.readers.search.words import words

SAMPLE = [
    "吾輩は猫である。名前はまだ無い", "東京都庁へ行く道を歩いた", "今日はいい天気ですね",
    "我爱北京天安门广场",
    "春眠不觉晓处处闻啼鸟", "明月几时有把酒问青天", "ฉันรักแมวของฉันมาก", "วันนี้อากาศดีมาก",
    "กรุงเทพมหานครเป็นเมืองหลวง", "すもももももももものうち",
]  # fmt: skip


def indexed(server: Server, number: int) -> None:
    """Wait until the index has come to this message."""
    while standings(server.folder / CURSORS).get("search", {}).get("cursor", 0) < number:
        time.sleep(0.005)


def ask(server: Server, token: str, q: str) -> list[str]:
    path = f"/api/v2/search?type=statuses&q={quote(q)}"
    status, body = get(server.port, path, token)
    assert status == 200, body
    return [found["id"] for found in json.loads(body)["statuses"]]


def questions(found: Population, draw: random.Random, common: list[str]) -> dict[str, list[str]]:
    """Kind → what is asked."""
    texts = [words(text) for text in draw.sample(found.texts, 400)]
    texts = [text for text in texts if len(text) > 5]
    return {
        "a word of some post": [draw.choice(text) for text in texts[:200]],
        "two words of a post": [" ".join(draw.sample(text, 2)) for text in texts[:200]],
        "a phrase of three words": [f'"{" ".join(text[2:5])}"' for text in texts[:200]],
        "one of the 20 commonest words": [draw.choice(common) for _ in range(200)],
        "a common word, in one's library": [
            f"in:library {draw.choice(common)}" for _ in range(200)
        ],
        "a common word, in one's home": [f"in:home {draw.choice(common)}" for _ in range(200)],
        "by somebody, a common word": [
            f"from:u{draw.choice(found.authors)} {draw.choice(common)}" for _ in range(200)
        ],
        "what is nowhere": [f"nowhere{n}" for n in range(200)],
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--count", type=int, default=50_000)
    options = parser.parse_args()
    found = population(options)
    draw = random.Random(options.seed)
    doings = found.posts(options.count)
    figures: list[Figure] = []
    with Server() as server:
        with pipe_to(server) as pipe:
            people(pipe, found)
            pipe.submit([
                (number, Profile(indexable=True), edge_key())
                for number in range(1, found.accounts + 1, 2)
            ])  # fmt: skip
            began = time.perf_counter()
            pipe.submit(doings)
            number = pipe.facts().applied
            figures.append(
                Figure(
                    "posts while they are indexed",
                    len(doings) / (time.perf_counter() - began),
                    "/s",
                )
            )
            indexed(server, number)
            figures.append(
                Figure("until the last was indexed too", time.perf_counter() - began, "s")
            )
            secrets = tokens(pipe, sorted(found.following))
        server.stop()
        for path in server.folder.glob(f"{FILE}*"):
            path.unlink()
        again = Server(folder=server.folder)
        began = time.perf_counter()
        indexed(again, number)
        seconds = time.perf_counter() - began
        figures.append(Figure("index made anew", len(doings) / seconds, "posts/s"))
        used = cpu_seconds(again.worker)
        figures.append(Figure("  CPU of the worker, a post", used / len(doings) * 1e6, "µs"))
        try:
            with pipe_to(again) as pipe:
                _lag(again, pipe, dict(zip(sorted(found.following), secrets, strict=True)), figures)
            texts = [message.text for _, message, _ in doings if isinstance(message, Post)]
            counts: dict[str, int] = {}
            for text in texts:
                for word in words(text):
                    counts[word] = counts.get(word, 0) + 1
            common = sorted(counts, key=lambda word: -counts[word])[:20]
            for kind, asked in questions(found, draw, common).items():
                _questions(again, kind, asked, [draw.choice(secrets) for _ in asked], figures)
        finally:
            again.stop()
        size = (server.folder / FILE).stat().st_size
        figures.append(Figure("the index", size / len(doings), "bytes/post"))
    _tokenizers(texts, figures)
    report("search", figures, options)


def _lag(server: Server, pipe: Pipe, secrets: dict[int, str], figures: list[Figure]) -> None:
    taken = []
    for n, (author, secret) in enumerate(list(secrets.items())[:100]):
        (id_,) = pipe.submit([(author, Post(text=f"laggard{n}"), edge_key())])
        began = time.perf_counter()
        while ask(server, secret, f"laggard{n}") != [str(id_)]:
            time.sleep(0.003)
        taken.append((time.perf_counter() - began) * 1e3)
        time.sleep(0.3)  # at rest, as a small server is
    for share in (0.5, 0.99):
        name = f"accepted → found, p{share * 100:.0f}"
        figures.append(Figure(name, quantile(taken, share), "ms"))


def _questions(
    server: Server, kind: str, asked: list[str], secrets: list[str], figures: list[Figure]
) -> None:
    before, taken, results = cpu_seconds(server.edges[0]), [], 0
    for q, secret in zip(asked, secrets, strict=True):
        began = time.perf_counter()
        results += len(ask(server, secret, q))
        taken.append((time.perf_counter() - began) * 1e3)
    cpu = (cpu_seconds(server.edges[0]) - before) / len(asked) * 1e3
    figures += [
        Figure(f"{kind}: p50", quantile(taken, 0.5), "ms"),
        Figure("  p99", quantile(taken, 0.99), "ms"),
        Figure("  CPU of the edge", cpu, "ms"),
        Figure("  found", results / len(asked), "posts"),
    ]


def _tokenizers(texts: list[str], figures: list[Figure]) -> None:
    for name, tokenizer, cut in (
        ("ours", "ascii", True),
        ("unicode61", "unicode61 remove_diacritics 2", False),
        ("trigram", "trigram", False),
    ):
        with data_folder() as folder:
            found = _tokenizer(folder / "t.db", tokenizer, cut, texts)
        for what, value, unit in found:
            figures.append(Figure(f"{name}: {what}", value, unit))


def _tokenizer(
    path: Path, tokenizer: str, cut: bool, texts: list[str]
) -> list[tuple[str, float, str]]:
    connection = apsw.Connection(str(path))
    connection.execute(
        f"create virtual table t using fts5 (x, content = '', tokenize = '{tokenizer}')"
    )
    began = time.process_time()
    with connection:
        for n, text in enumerate([*SAMPLE, *texts]):
            connection.execute(
                "insert into t (rowid, x) values (?, ?)",
                (n, " ".join(words(text)) if cut else text),
            )
    seconds = time.process_time() - began
    recalled = 0
    for n, text in enumerate(SAMPLE):
        two = text[4:6]
        query = " ".join(words(two)[:1]) if cut else two
        rows = connection.execute("select rowid from t where t match ?", (f'"{query}"',)).fetchall()
        recalled += (n,) in rows
    connection.close()
    return [
        ("bytes of the index alone", path.stat().st_size / len(texts), "bytes/post"),
        ("CPU", seconds / len(texts) * 1e6, "µs/post"),
        ("two characters found, of 10", recalled, "lines"),
    ]


if __name__ == "__main__":
    main()
