"""Published numbers beside ours, as a page of Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from bench.analysis.verify.measuring import EQUAL, NOT_TRIED, UNEQUAL, Measured
from bench.core import plural

MOST_DIGITS = 10  # after the point


def digits_of(measured: Measured) -> str:
    """Our number with one digit more than the published one, so that rounding is seen.

    Parameters
    ----------
    measured : Measured
        The number.

    Returns
    -------
    str
        A dash if it was not tried.
    """
    if measured.answer == NOT_TRIED:
        return "—"
    decimals = measured.yardstick.decimals
    if not decimals:
        return f"{measured.ours:.0f}" if measured.ours == round(measured.ours) else f"{measured.ours:.2f}"
    return f"{measured.ours:.{min(decimals + 1, MOST_DIGITS) if decimals < MOST_DIGITS else decimals}f}"


def count_line(measured: Sequence[Measured]) -> str:
    """The counts in words.

    Parameters
    ----------
    measured : sequence of Measured
        The numbers.

    Returns
    -------
    str
        A sentence.
    """
    answers = [each.answer for each in measured]
    counts = ", ".join(f"{answers.count(name)} {name}" for name in (EQUAL, UNEQUAL, NOT_TRIED) if name in answers)
    return f"{plural(len(measured), 'published number')}: {counts}."


def yardstick_page(measured: Sequence[Measured], command: str) -> str:
    """The page: counts, and a row for every number.

    Parameters
    ----------
    measured : sequence of Measured
        The numbers.
    command : str
        The command that makes the page.

    Returns
    -------
    str
        Markdown.
    """
    lines = [
        "# Published numbers, computed here",
        "",
        f"{count_line(measured)} Each was published by others; this code computes it from the same data. *Equal* means:"
        " within the rounding of the source.",
        "",
        f"Made by `{command}`. The numbers are in `bench/analysis/verify/yardsticks/`.",
        "",
        "| what | published | ours | answer | source |",
        "| --- | ---: | ---: | --- | --- |",
        *(_row(each) for each in measured),
    ]
    return "\n".join(lines) + "\n"


def _row(measured: Measured) -> str:
    one = measured.yardstick
    answer = measured.answer if measured.answer != NOT_TRIED else f"{NOT_TRIED}: needs {one.table}"
    return f"| {one.what} | {one.published} | {digits_of(measured)} | {answer} | {one.source.replace('|', ' ')} |"
