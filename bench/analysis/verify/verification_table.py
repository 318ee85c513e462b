"""The answers to planted faults as a page of Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from bench.analysis.verify.planted_fault import CAUGHT, CONTROL, FALSE_ALARM, MISSED, PREVENTED
from bench.analysis.verify.verification import VerifiedFault, counts
from bench.core import plural

MEANING = {
    CAUGHT: "stopped, refused or marked by name",
    CONTROL: "the study runs, and a control, an audit or a caution of its report shows it",
    PREVENTED: "it was planted, and cannot change a score",
    MISSED: "the answer is that to a sound program; the table says why",
    FALSE_ALARM: "the same program without the fault gets that answer too",
}


def summary_line(verified: Sequence[VerifiedFault]) -> str:
    """The counts in words.

    Parameters
    ----------
    verified : sequence of VerifiedFault
        The answers.

    Returns
    -------
    str
        A sentence.
    """
    words = ", ".join(f"{count} {answer}" for answer, count in counts(verified).items())
    return f"{plural(len(verified), 'planted fault')}: {words}."


def verification_page(verified: Sequence[VerifiedFault], command: str) -> str:
    """The page: counts, what each answer means, and a row for every fault.

    Parameters
    ----------
    verified : sequence of VerifiedFault
        The answers.
    command : str
        The command that makes the page.

    Returns
    -------
    str
        Markdown.
    """
    given = counts(verified)
    seconds = sum(each.seconds for each in verified)
    lines = [
        "# What the harness catches",
        "",
        f"{summary_line(verified)} Each is planted by a small program, and the same program is run without it: an"
        " answer counts only if the sound program does not get it.",
        "",
        *(f"- *{answer}*: {MEANING[answer]}." for answer in given),
        "",
        f"Made by `{command}` in {seconds / 60:.0f} minutes. The programs are in `bench/analysis/verify/faults/`.",
        "",
        "| fault | what is planted | answer | in words |",
        "| --- | --- | --- | --- |",
        *(_row(each) for each in verified),
    ]
    return "\n".join(lines) + "\n"


def _row(verified: VerifiedFault) -> str:
    cells = (verified.fault.name, verified.fault.planted, verified.answer, verified.words)
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<")
