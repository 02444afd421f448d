"""Memory of a server: `python -m bench.memory`.

PSS (each shared page by its share), which adds up over the processes of one server to what would be
free without it. First of a fresh server on an empty folder, after its first answer and again after
one page of each door. Then what an idle stream costs the edge: 2,000 accounts that read
`/api/v1/streaming/user`, their sockets' buffers in the kernel not counted. Then what an idle
account costs the engine: 200,000 are registered through its socket, then 100,000 more, and what it
holds of its own (Pss_Anon: no file, no arena) is compared before and after these.
"""

from __future__ import annotations

import asyncio
import time

from bench.common import (
    Figure,
    Pipe,
    Server,
    arguments,
    get,
    memory,
    pipe_to,
    report,
    request,
    tokens,
)

from covey.keys import edge_key
from covey.messages import SERVER, Register

WARM_STREAMS = 50


async def open_streams(port: int, secrets: list[str]) -> list[asyncio.StreamWriter]:
    """One for each token. Each has said that it is connected."""
    writers = []
    for secret in secrets:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("GET", "/api/v1/streaming/user", secret))
        await reader.readuntil(b":)\n\n")
        writers.append(writer)
    return writers


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--registrations", type=int, default=100_000)
    parser.add_argument("--streams", type=int, default=2_000)
    options = parser.parse_args()
    figures = []

    def pss(server: Server) -> float:
        return sum(memory(pid)["Pss"] for pid in server.pids) / 1e6

    with Server() as server:
        figures.append(Figure("fresh server, all processes", pss(server), "MB", "120"))
        for path in ("/", "/public", "/api/v1/timelines/public", "/api/v2/instance"):
            assert get(server.port, path)[0] == 200
        figures.append(Figure("after a page of each door", pss(server), "MB", "120"))
        for name, pid in (
            ("supervisor", server.process.pid),
            ("engine", server.engine),
            ("edge", server.edges[0]),
            ("worker", server.worker),
        ):
            figures.append(Figure(f"  {name}", memory(pid)["Pss"] / 1e6, "MB"))

        with pipe_to(server) as pipe:
            readers = range(1, options.streams + WARM_STREAMS + 1)
            _register(pipe, 1, readers[-1])
            secrets = tokens(pipe, readers)
            asyncio.run(_measure_streams(server.port, server.edges[0], secrets, figures))
            # Twice as many first: SQLite's page cache, which has an end, is to be full by then.
            count = options.registrations
            _register(pipe, readers[-1] + 1, 2 * count)
            before = memory(server.engine)["Pss_Anon"]
            _register(pipe, 2 * count + 1, 3 * count)
            time.sleep(1)
            found = memory(server.engine)
            each = (found["Pss_Anon"] - before) / count
            figures.append(Figure("an idle account, engine", each, "bytes", "200"))
            figures.append(Figure(f"engine with {3 * count:,} accounts", found["Pss"] / 1e6, "MB"))
    report("memory", figures, options)


async def _measure_streams(port: int, edge: int, secrets: list[str], figures: list[Figure]) -> None:
    warm = await open_streams(port, secrets[:WARM_STREAMS])
    before = memory(edge)["Pss"]
    writers = await open_streams(port, secrets[WARM_STREAMS:])
    each = (memory(edge)["Pss"] - before) / len(writers) / 1e3
    figures.append(Figure("an idle stream, edge", each, "KB", "30"))
    for writer in [*warm, *writers]:
        writer.close()


def _register(pipe: Pipe, first: int, last: int) -> None:
    pipe.submit(
        [(SERVER, Register(name=f"u{number}"), edge_key()) for number in range(first, last + 1)]
    )


if __name__ == "__main__":
    main()
