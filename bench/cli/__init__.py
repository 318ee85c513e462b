"""The command line: `bench COMMAND`. Every command has a file of its own here; see `bench.cli.commands`.

Exit status: 0 if all is well; 1 if something that ran has failed or could not go on; 2 if the command or the study is
wrong; 130 or 143 if it was interrupted. An error is one message; `--traceback` adds the traceback.

This module imports nothing that takes time, so that a signal in the first second ends the command with one message.
"""

from __future__ import annotations

from bench.cli import interruption

_APPLICATION = ("app", "join_numbers")


def main() -> None:
    """The entry point of the command `bench`."""
    before = interruption.catch_signals()
    try:
        from bench.cli.application import run_command

        interruption.raise_in_commands()
        run_command()
    finally:
        interruption.restore_signals(before)


def __getattr__(name: str) -> object:
    if name not in _APPLICATION:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bench.cli import application

    return getattr(application, name)
