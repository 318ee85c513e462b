"""The command line: `bench list, describe, prepare, audit, plan, run, tune, status, report, compare, export, cost,
explain, stress, gallery, template, guide`.

Exit status: 0 all is well; 1 something that ran has failed, or could not go on; 2 the command or the study was wrong;
130 and 143 it was interrupted. An error is one message without a traceback, unless that is asked for.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from typing import NoReturn

import typer

from bench.cli import (  # fmt: skip
    audit,
    cost,
    explain,
    export,
    gallery,
    guide,
    plan,
    prepare,
    report,
    run,
    stress,
    template,
    tune,
)
from bench.cli import status as following
from bench.core import BenchError

TRACEBACK = "--traceback"

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Find out whether a method really helps on brain images. Begin with: bench run --study quickstart."
    " Read on: bench guide",
    epilog=f"With {TRACEBACK}, anywhere on the line, an error says where in the program it arose.",
)
for module in (
    run, tune, plan, following, report, prepare, audit, cost, explain, stress, export, gallery, template, guide,
):  # fmt: skip
    module.attach(app)


_asked: list[int] = []  # the exit status of each signal that asked this process to end


class StoppedError(SystemExit):
    """A signal asked this process to end."""


def main() -> None:
    """The entry point of the command `bench`."""
    arguments = [each for each in sys.argv[1:] if each != TRACEBACK]
    traced = len(arguments) < len(sys.argv) - 1
    before = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        app(joined(arguments))
    except BenchError as error:
        _end(f"bench: {error}", error.status, traced)
    except StoppedError:
        _end("", 1, False)
    except BrokenPipeError:  # whoever read this has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # of the machine: a log on a full disk, a folder that may not be read
        place = f"{error.filename}: " if error.filename else ""
        _end(f"bench: {place}{error.strerror or error}; mend this, and give the command again", 1, traced)
    except Exception as error:  # a fault of the program: told as such, with how to see more of it
        hint = "" if traced else f"; {TRACEBACK} shows where"
        _end(f"bench: a fault of the program: {type(error).__name__}: {error}{hint}", 1, traced)
    finally:  # who calls this from a program of their own has their signals back
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, _: object) -> NoReturn:
    _asked.append(128 + number)
    raise StoppedError(128 + number)


def _end(message: str, status: int, traced: bool) -> NoReturn:
    """Say why, and end. Whoever was asked to end says that: a library may have turned it into an error of its own."""
    if _asked:
        goes_on = (
            "what runs goes on" if "status" in sys.argv[1:2] else "what is done is kept, and the same command goes on"
        )
        message, status = f"bench: interrupted; {goes_on}", _asked[0]
    if traced:
        traceback.print_exc()
    print(message, file=sys.stderr)
    sys.exit(status)


def joined(arguments: list[str]) -> list[str]:
    """The arguments with `--shape 3 110 110` written as `--shape 3,110,110`, which is one value to the parser."""
    if "--shape" not in arguments:
        return arguments
    start = end = arguments.index("--shape") + 1
    while end < len(arguments) and arguments[end].isdigit():
        end += 1
    return [*arguments[:start], ",".join(arguments[start:end]), *arguments[end:]]
