"""The command line: `bench list, describe, prepare, plan, run, status, report, cost`.

Exit status: 0 all is well; 1 something that ran has failed; 2 the command or the study was wrong.
"""

from __future__ import annotations

import sys

import typer

from bench.cli import data, run, show
from bench.core import BenchError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Find out whether a method really helps on brain images. Begin with: bench run --study quickstart",
)
for module in (run, show, data):
    module.attach(app)


def main() -> None:
    """The entry point of the command `bench`."""
    try:
        app(joined(sys.argv[1:]))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(2)


def joined(arguments: list[str]) -> list[str]:
    """The arguments with `--shape 3 110 110` written as `--shape 3,110,110`, which is one value to the parser."""
    if "--shape" not in arguments:
        return arguments
    start = end = arguments.index("--shape") + 1
    while end < len(arguments) and arguments[end].isdigit():
        end += 1
    return [*arguments[:start], ",".join(arguments[start:end]), *arguments[end:]]
