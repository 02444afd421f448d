"""The state anew from the log: `python -m bench.rebuild [--follows F.csv --posts P.txt]`.

A server is filled with a graph and posts and stopped. Then what `covey rebuild` does is done in
this process, twice: with the log as it was before the posts and with all of it, so that posts a
second are of posts alone. "CPU" is of this process.
"""

from __future__ import annotations

import time

from bench.common import Figure, Server, arguments, data_folder, people, pipe_to, population, report

from covey.cli.rebuild import rebuild_folder
from covey.engine.folder import folder_lock


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--count", type=int, default=50_000, help="posts in the log")
    options = parser.parse_args()
    found = population(options)
    with data_folder() as folder:

        def rebuild() -> tuple[int, float, float]:
            """→ messages, seconds, seconds of CPU."""
            with folder_lock(folder):
                began, cpu = time.perf_counter(), time.process_time()
                messages, _ = rebuild_folder(folder)
                return messages, time.perf_counter() - began, time.process_time() - cpu

        with Server(folder=folder) as server, pipe_to(server) as pipe:
            people(pipe, found)
        graph = rebuild()
        with Server(folder=folder) as server, pipe_to(server) as pipe:
            pipe.submit(found.posts(options.count))
        full = rebuild()
    posts, seconds, cpu = (after - before for before, after in zip(graph, full, strict=True))
    report(
        f"rebuild: {full[0]:,} messages, {options.count:,} posts among them",
        [
            Figure("posts", posts / seconds, "/s", "10,000"),
            Figure("CPU", cpu / posts * 1e6, "µs a post"),
            Figure("registrations and follows", graph[0] / graph[1], "/s"),
            Figure("all of it", full[1], "s"),
        ],
        options,
    )


if __name__ == "__main__":
    main()
