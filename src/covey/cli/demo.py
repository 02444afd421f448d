"""`covey demo`: a real server with a made-up population, on one call. It imports neither numpy nor
SQLite: it becomes the server's supervisor."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from socket import socket
from typing import Final

import click
import msgspec

from covey import settings as settings_module
from covey.cli.demo_folder import LOG_INS, DemoFolder, default_folder
from covey.cli.serve import CannotServe, Supervisor, address_of, listen, prepare_folder

WHO: Final = dict(
    zip(LOG_INS, ("follows many", "has many followers", "is the administrator"), strict=True)
)


@click.command()
@click.option(
    "--data",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="The demo's folder.  [default: covey-demo among this user's data]",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8420,
    show_default=True,
    type=click.IntRange(0, 65_535),
    help="Port to listen on; another one if it is taken.",
)
def demo(data: Path | None, host: str, port: int) -> None:
    """Show a server with a lively made-up population.

    The first call makes 1,000 accounts and 5,000 posts, out of the program's own word lists; later
    ones find them again. Then a real server runs, and somebody posts every few seconds; what you
    write is answered. Ctrl-C stops it. To begin anew, delete the folder.

    \b
    Example:
      covey demo --data /tmp/covey-demo --port 8080
    """
    folder = DemoFolder((data or default_folder()).absolute())
    if not folder.settled:
        click.echo(f"The population moves in at {folder.path}, once:", err=True)
        run = [sys.executable, "-m", "covey.cli.population.settling", str(folder.path)]
        try:
            status = subprocess.run(run, check=False).returncode
        except KeyboardInterrupt:
            status = 130
        if status:
            click.echo("It is not complete: the next call goes on from here.", err=True)
            sys.exit(status)
    prepare_folder(folder.path)
    listening = _listen(host, port)
    address = address_of(listening, host)
    settings = msgspec.structs.replace(settings_module.load(folder.path), public_url=address)
    supervisor = Supervisor(folder.path, listening, settings)
    population: list[subprocess.Popen[bytes]] = []

    def ready() -> None:
        _greet(folder, address)
        population.append(
            subprocess.Popen(
                [sys.executable, "-m", "covey.cli.population.living", str(folder.path)],
                stdin=subprocess.PIPE,  # closed when we end, however we end
                start_new_session=True,
            )
        )

    status = supervisor.run(ready)
    for process in population:
        process.terminate()
        process.wait()
    sys.exit(status)


def _listen(host: str, port: int) -> socket:
    try:
        return listen(host, port)
    except CannotServe:
        listening = listen(host, 0)
        found = listening.getsockname()[1]
        click.echo(f"Port {port} is taken: this demo has port {found}.", err=True)
        return listening


def _greet(folder: DemoFolder, address: str) -> None:
    width = max(map(len, folder.passwords.values()))
    lines = [f"\nCovey answers at {address}\n"]
    for name, password in folder.passwords.items():
        lines.append(f"  {name}   {password:{width}}   {WHO[name]}")
    lines.append(f"\nIts data lies in {folder.path}. Ctrl-C stops it.")
    click.echo("\n".join(lines))
