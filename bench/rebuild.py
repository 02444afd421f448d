"""The state anew from the log: `python -m bench.rebuild [--follows F.csv --posts P.txt]`.

A server is filled with a graph and posts and stopped. Then what `covey rebuild` does is done in
this process, twice: with the log as it was before the posts and with all of it; the difference in
CPU is that of the posts alone. The rate is of the whole: time for accounts and follows is in it.
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
    cpu = full[2] - graph[2]
    report(
        f"rebuild: {full[0]:,} messages, {options.count:,} posts among them",
        [
            Figure("posts, all else counted in", options.count / full[1], "/s", "10,000"),
            Figure("messages", full[0] / full[1], "/s"),
            Figure("CPU of posts alone", cpu / options.count * 1e6, "µs a post"),
            Figure("posts by that CPU alone", options.count / cpu, "/s"),
            Figure("all of it", full[1], "s"),
        ],
        options,
    )


if __name__ == "__main__":
    main()
