"""From a command to the first answer: `python -m bench.start`.

`python -m covey serve` on an empty folder, then again on the same one; the clock runs from the
start of the process to a whole 200 for `/api/v1/instance`, asked every 2 ms. That is engine, edge
and supervisor: three Python interpreters and their imports. Files are in the page cache (a first
round is not counted). "CPU" is that of all processes, and bounds what a free machine would take.
"""

from __future__ import annotations

from bench.common import Figure, Server, arguments, cpu_seconds, data_folder, median, report


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of which the median is given")
    options = parser.parse_args()
    empty: list[float] = []
    again: list[float] = []
    cpu: list[float] = []
    for place in range(options.rounds + 1):
        with data_folder() as folder:
            for seconds in (empty, again):
                with Server(folder=folder) as server:
                    if place:
                        seconds.append(server.seconds_to_start)
                        cpu.append(sum(map(cpu_seconds, server.pids)))
    report(
        f"start: median of {options.rounds}",
        [
            Figure("empty folder to first answer", median(empty), "s", "1.5"),
            Figure("slowest of them", max(empty), "s"),
            Figure("second start", median(again), "s"),
            Figure("CPU of all processes", median(cpu), "s"),
        ],
        options,
    )


if __name__ == "__main__":
    main()
