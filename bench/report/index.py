"""One page over all studies under a results root: what each asks, how far it is, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from bench.core import BenchError
from bench.report import ReportData, build, html, read
from bench.report.conclusions import run_so_far
from bench.report.headline import summary
from bench.report.tables.number_format import plural
from bench.storage.anonymise import ProtectedNames, clean
from bench.storage.atomic_io import storing, write_text


@dataclass(frozen=True)
class IndexEntry:
    """A study on the index. page: where its report lies; fault: why it has none."""

    name: str
    question: str = ""
    summary: tuple[str, ...] = ()
    state: str = ""
    page: str = ""
    fault: str = ""


def studies(root: Path) -> list[str]:
    """The studies that have a plan under a results root."""
    return sorted(path.parent.name for path in Path(root).glob("*/plan.json"))


def build_all(root: Path, told: Callable[[str, str], None] = lambda name, words: None) -> tuple[Path, int]:
    """Every report anew, and the index; returns its page and how many reports could not be built.

    told: is given the name of each study and where its report lies, or why it has none. BenchError where there is none.
    """
    names = studies(root)
    if not names:
        raise BenchError(f"no study was run in {root}; run: bench run --study quickstart")
    entries, known = [], ProtectedNames()
    for name in names:
        try:
            sheet = read(name, root)
            told(name, str(build(name, root, sheet)))
        except BenchError as error:
            told(name, str(error))
            entries.append(IndexEntry(name, fault=clean(str(error).replace(str(root), "results"))))
            continue
        known = ProtectedNames(known.names | sheet.known.names, known.words | sheet.known.words)
        entries.append(_entry(name, sheet))
    faults = sum(bool(entry.fault) for entry in entries)
    state = plural(len(entries), "study", "studies") + (f", {faults} without a report" if faults else "")
    with storing(root):
        text = html.rendered("index.html", studies=entries, state=f"{state}.")
        write_text(Path(root) / "index.html", known.checked("index.html", text))
    return Path(root) / "index.html", faults


def _entry(name: str, sheet: ReportData) -> IndexEntry:
    results = sheet.results
    where = f"{quote(name)}/report.html"
    return IndexEntry(name, results.plan["question"], summary(results, sheet.frames), run_so_far(results), where)
