"""The commands. Each is imported when it is called and not before: `covey --help` and the
supervisor of `covey serve` need neither numpy nor SQLite."""

from __future__ import annotations

import importlib
import sys
from typing import Final

import click

from covey import __version__
from covey.errors import Refused

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "demo": ("covey.cli.demo", "Show a server with a lively made-up population."),
    "serve": ("covey.cli.serve", "Run the server of a data folder."),
    "account": ("covey.cli.account", "Create and list accounts, set passwords and roles."),
    "token": ("covey.cli.token", "Create, list and revoke personal access tokens."),
    "submit": ("covey.cli.submit", "Submit any message, as any account."),
    "replay": ("covey.cli.replay", "Load a graph of follows and submit posts."),
    "inspect": ("covey.cli.inspect", "Print what stands in the log, a queue, an account."),
    "stats": ("covey.cli.stats", "Count what a data folder holds, and its bytes."),
    "verify": ("covey.cli.verify", "Check that log, state and homes agree."),
    "rebuild": ("covey.cli.rebuild", "Build the state anew from the log."),
}
"""name → (module that defines it under the same name, first line of its help)."""


class Commands(click.Group):
    """A group that imports a command when it is called, and says errors in one sentence."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(COMMANDS[name][0]), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except Exception as error:
            sentence = _sentence(error)
            if sentence is None:
                raise
            raise click.ClickException(sentence) from error


def _sentence(error: Exception) -> str | None:
    """What to tell a person about an error that is nobody's bug; None for any other."""
    if isinstance(error, Refused):
        return error.sentence
    if isinstance(error, BrokenPipeError):
        return None  # click ends in silence: whoever read has read enough
    if isinstance(error, OSError):
        named = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        return named or type(error).__name__
    # Where these are not imported, none of them was raised.
    for module, names in (
        ("covey.settings", ("WrongSetting",)),
        ("covey.database", ("WrongDatabase",)),
        ("covey.log", ("LogDamaged",)),
        ("covey.state.state", ("StateAhead",)),
        ("covey.engine.folder", ("Locked",)),
        ("covey.errors", ("Fatal",)),
        ("apsw", ("CantOpenError", "FullError", "IOError", "CorruptError", "NotADBError")),
    ):
        kinds = tuple(getattr(sys.modules[module], n) for n in names if module in sys.modules)
        if kinds and isinstance(error, kinds):
            return str(error)
    return None


@click.command(cls=Commands)
@click.version_option(__version__, prog_name="covey", message="%(prog)s %(version)s")
def main() -> None:
    """A self-hosted microblog built as a messaging system.

    \b
    Begin with:
      covey demo                                   look around
      covey serve --data DIR --host H --port P     run a server of your own
    """
