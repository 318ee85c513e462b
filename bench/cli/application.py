"""The application of the command line: its commands, and how an error ends it."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated, NoReturn

import typer

from bench import registry
from bench.cli.commands import CommandGroup
from bench.cli.interruption import InterruptedBySignal, interruption
from bench.cli.own_process import shield_process
from bench.cli.study_command import check_settings
from bench.core import BenchError
from bench.core.printable_text import printable

TRACEBACK = "--traceback"

app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Find out whether a method really helps on brain images. Begin with: bench run --study quickstart."
    " Read on: bench guide",
    epilog=f"Add {TRACEBACK} to any command to see where in the program an error arose.",
)


def _print_version(asked: bool) -> None:
    if asked:
        from bench import __version__

        print(__version__)
        raise typer.Exit


@app.callback()
def _begin(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version of the package.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """The options before a command."""


def run_command() -> None:
    """Run the command of `sys.argv`; ends with SystemExit."""
    arguments = [each for each in sys.argv[1:] if each != TRACEBACK]
    traced = len(arguments) < len(sys.argv) - 1
    try:
        shield_process()
        check_filled(arguments)
        check_settings(arguments)
        app(join_numbers(arguments), prog_name="bench")
    except BenchError as error:
        _end(f"bench: {error}", error.status, traced)
    except InterruptedBySignal:
        _end("", 1, False)
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # a log on a full disk, a folder without permission
        place = f"{error.filename}: " if error.filename else ""
        _end(f"bench: {place}{error.strerror or error}; correct this and run the same command again", 1, traced)
    except Exception as error:
        hint = "" if traced else f"; rerun with {TRACEBACK}"
        place = registry.plugin_line(error) or "internal error (please report)"
        _end(f"bench: {place}: {registry.error_text(error)}{hint}", 1, traced)


def _end(message: str, status: int, traced: bool) -> NoReturn:
    """Print the message and exit. After a signal the message is that one: a library may have raised its own error."""
    if stopped := interruption():
        message, status = stopped
    if traced:
        traceback.print_exc()
    print("\n".join(map(printable, message.split("\n"))), file=sys.stderr)
    sys.exit(status)


def check_filled(arguments: list[str]) -> None:
    """Refuse empty arguments: they come from variables of the shell that are not set, and `''` would be this folder."""
    for before, word in zip(["", *arguments], arguments, strict=False):
        name, sign, value = word.partition("=") if word.startswith("--") else (before, "=", word)
        if sign and not value.strip():
            place = f"the value of {name}" if name.startswith("-") else "an argument"
            raise BenchError(f"{place} is empty; if it comes from a variable of the shell, set the variable")


def join_numbers(arguments: list[str]) -> list[str]:
    """The arguments with `--shape 3 110 110` written as `--shape 3,110,110`, which is one value to the parser."""
    if "--shape" not in arguments:
        return arguments
    start = end = arguments.index("--shape") + 1
    while end < len(arguments) and arguments[end].isdigit():
        end += 1
    if end == start:  # `--shape 3,110,110`, or no value
        return arguments
    return [*arguments[:start], ",".join(arguments[start:end]), *arguments[end:]]
