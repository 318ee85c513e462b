"""`bench verify`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import Json, print_json
from bench.core import paths

FAULTS = typer.Argument(help="Names of faults. Default: all.")
QUICK = typer.Option("--quick", help="Leave out the faults for which networks are trained.")
LIST = typer.Option("--list", help="List the faults and plant none.")
OUT = typer.Option("--out", "-o", help="File to write the table to, as Markdown.")


def verify(
    faults: Annotated[list[str] | None, FAULTS] = None,
    quick: Annotated[bool, QUICK] = False,
    listed: Annotated[bool, LIST] = False,
    out: Annotated[Path | None, OUT] = None,
    as_json: Json = False,
) -> None:
    """Plant faults of method into small data sets, studies and methods, and show which of them the harness catches.

    It works in folders of its own and changes nothing. The exit status is 1 if an answer is not the known one.
    """
    from bench.analysis.verify.verification import choose, verify_all
    from bench.analysis.verify.verification_table import summary_line, verification_page
    from bench.storage.atomic_io import write_text

    chosen = choose(faults or (), not quick)
    if listed:
        return print("\n".join(f"{fault.name}: {fault.planted}" for fault in chosen))
    progress = (lambda verified: None) if as_json else (lambda verified: print(_line(verified), flush=True))
    verified = list(verify_all(chosen, progress))
    if out is not None:
        write_text(paths.expand(out), verification_page(verified, shlex.join(["bench", *sys.argv[1:]])))
    if as_json:
        print_json([{"fault": each.fault.name, "answer": each.answer, "words": each.words} for each in verified])
    else:
        print(summary_line(verified))
    if not all(each.as_expected for each in verified):
        raise typer.Exit(1)
    return None


def _line(verified: object) -> str:
    known = "" if verified.as_expected else f" (expected: {verified.fault.answer})"
    return f"{verified.fault.name}: {verified.answer}{known}: {verified.words}"


COMMAND = verify
PANEL = "Results"
