"""A page of all studies under a results root: the question of each, its state, and its answer."""

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
from bench.storage.atomic_io import disk_errors, write_text
from bench.storage.machine_names import hide_machine


@dataclass(frozen=True)
class IndexEntry:
    """A study on the page. page: the path of its report; fault: the reason if there is none."""

    name: str
    question: str = ""
    summary: tuple[str, ...] = ()
    state: str = ""
    page: str = ""
    fault: str = ""


def studies(root: Path) -> list[str]:
    """The studies that have a plan under a results root."""
    return sorted(path.parent.name for path in Path(root).glob("*/plan.json"))


def build_all(root: Path, progress: Callable[[str, str], None] = lambda name, words: None) -> tuple[Path, int]:
    """Build every report and the page of all; returns its path, and how many reports could not be built.

    progress: called with the name of each study and the path of its report, or why it has none. BenchError if there is
    no study under `root`.
    """
    names = studies(root)
    if not names:
        raise BenchError(f"no study was run in {root}; run: bench run --study quickstart")
    entries, protected = [], ProtectedNames()
    for name in names:
        try:
            data = read(name, root)
            progress(name, str(build(name, root, data)))
        except BenchError as error:
            progress(name, str(error))
            entries.append(IndexEntry(name, fault=clean(hide_machine(str(error).replace(str(root), "results")))))
            continue
        protected = ProtectedNames(protected.names | data.protected.names, protected.words | data.protected.words)
        entries.append(_entry(name, data))
    faults = sum(bool(entry.fault) for entry in entries)
    state = plural(len(entries), "study", "studies") + (f", {faults} without a report" if faults else "")
    with disk_errors(root):
        text = html.render("index.html", studies=entries, state=f"{state}.")
        write_text(Path(root) / "index.html", protected.checked("index.html", text))
    return Path(root) / "index.html", faults


def _entry(name: str, data: ReportData) -> IndexEntry:
    results = data.results
    where = f"{quote(name)}/report.html"
    return IndexEntry(name, results.plan.question, summary(results, data.tables), run_so_far(results), where)
