"""`bench verify`."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli.options import Json, print_json
from bench.core import BenchError, paths
from bench.storage.atomic_io import write_text

Answers = tuple[Any, str, bool]

FAULTS = typer.Argument(help="Names of faults, or of published numbers with --yardsticks. Default: all.")
QUICK = typer.Option("--quick", help="Leave out the faults for which networks are trained.")
LIST = typer.Option("--list", help="List the faults, or the published numbers, and do nothing else.")
YARDSTICKS = typer.Option("--yardsticks", help="Compute numbers that others published, in place of planting faults.")
TABLES = typer.Option("--tables", help="With --yardsticks: folder with tables of others (a copy of SegVal_Repo).")
OUT = typer.Option("--out", "-o", help="File to write the table to, as Markdown.")


def verify(
    faults: Annotated[list[str] | None, FAULTS] = None,
    quick: Annotated[bool, QUICK] = False,
    listed: Annotated[bool, LIST] = False,
    yardsticks: Annotated[bool, YARDSTICKS] = False,
    tables: Annotated[Path | None, TABLES] = None,
    out: Annotated[Path | None, OUT] = None,
    as_json: Json = False,
) -> None:
    """Plant faults of method into small data sets, studies and methods, and show which of them the harness catches.

    It works in folders of its own and changes nothing. With --yardsticks it computes numbers that others published, and
    compares. The exit status is 1 if an answer is not the known one, or a number is not the published one.
    """
    if yardsticks and quick:
        raise BenchError("--quick leaves out faults; leave it out with --yardsticks")
    if tables is not None and not yardsticks:
        raise BenchError("--tables is for --yardsticks: no fault needs a table of others")
    work = _yardsticks if yardsticks else _faults
    words, page, good = work(faults or (), listed, quick, tables, as_json)
    if out is not None and page:
        write_text(paths.expand(out), page)
    print(words) if not as_json or listed else print_json(words)
    if not good:
        raise typer.Exit(1)


def _faults(names: Sequence[str], listed: bool, quick: bool, tables: Path | None, as_json: bool) -> Answers:
    """What is printed, the page, and whether every answer is the known one."""
    from bench.analysis.verify.verification import choose, verify_all
    from bench.analysis.verify.verification_table import summary_line, verification_page

    chosen = choose(names, not quick)
    if listed:
        return "\n".join(f"{fault.name}: {fault.planted}" for fault in chosen), "", True
    verified = list(verify_all(chosen, _printed(_line, as_json)))
    entries = [{"fault": each.fault.name, "answer": each.answer, "words": each.words} for each in verified]
    words = entries if as_json else summary_line(verified)
    return words, verification_page(verified, _command()), all(each.as_expected for each in verified)


def _yardsticks(names: Sequence[str], listed: bool, quick: bool, tables: Path | None, as_json: bool) -> Answers:
    """What is printed, the page, and whether no number differs."""
    from bench.analysis.verify.measuring import UNEQUAL, choose_yardsticks, measure_all
    from bench.analysis.verify.yardstick_table import count_line, yardstick_page

    chosen = choose_yardsticks(names)
    if listed:
        return "\n".join(f"{one.name}: {one.what}: {one.published}" for one in chosen), "", True
    folder = None if tables is None else paths.expand(tables)
    measured = list(measure_all(chosen, folder, _printed(_measured_line, as_json)))
    words = [_entry(each) for each in measured] if as_json else count_line(measured)
    return words, yardstick_page(measured, _command()), all(each.answer != UNEQUAL for each in measured)


def _command() -> str:
    return shlex.join(["bench", *sys.argv[1:]])


def _printed(line: Callable[[Any], str], as_json: bool) -> Callable[[Any], None]:
    return (lambda each: None) if as_json else (lambda each: print(line(each), flush=True))


def _entry(measured: Any) -> dict[str, object]:
    one, ours = measured.yardstick, None if math.isnan(measured.ours) else measured.ours
    published = {"number": one.name, "what": one.what, "published": one.published, "source": one.source}
    return {**published, "ours": ours, "answer": measured.answer}


def _measured_line(measured: Any) -> str:
    from bench.analysis.verify.yardstick_table import digits_of

    one = measured.yardstick
    return f"{one.name}: {measured.answer}: {digits_of(measured)}, published {one.published}"


def _line(verified: object) -> str:
    known = "" if verified.as_expected else f" (expected: {verified.fault.answer})"
    return f"{verified.fault.name}: {verified.answer}{known}: {verified.words}"


COMMAND = verify
PANEL = "Results"
