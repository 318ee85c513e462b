"""The site of a results root: a page of all studies, a leaderboard, and a feed of what changed. Plain files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bench.core import BenchError
from bench.report import ReportData, build, html, read
from bench.report.site.atom_feed import as_atom
from bench.report.site.comparable_scores import BoardRow, board_rows, boards, mean_ranks
from bench.report.site.site_history import FILE, SiteHistory, read_history, updated, without_times
from bench.report.site.study_state import study_state
from bench.report.tables.number_format import listed, plural
from bench.storage.anonymise import ProtectedNames, clean
from bench.storage.atomic_io import disk_errors, write_text
from bench.storage.locks import locked
from bench.storage.machine_names import hide_machine

NEWEST = 12  # changes on the page; all are in the feed
NO_DATE = "a date"  # in the place of dates of runs where a text is searched for dates of people


@dataclass(frozen=True)
class IndexEntry:
    """A study on the page. page: the path of its report; fault: the reason if there is none."""

    name: str
    question: str = ""
    summary: tuple[str, ...] = ()
    state: str = ""
    page: str = ""
    fault: str = ""
    date: str = ""
    protocol: str = ""
    code: str = ""


@dataclass
class _Site:
    """What is gathered while the studies are read, one after the other."""

    entries: list[IndexEntry] = field(default_factory=list)
    states: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    rows: list[BoardRow] = field(default_factory=list)
    protected: ProtectedNames = field(default_factory=ProtectedNames)

    def add(self, name: str, data: ReportData) -> None:
        known = self.protected
        self.protected = ProtectedNames(known.names | data.protected.names, known.words | data.protected.words)
        self.states[name] = study_state(data)
        self.rows += board_rows(data)
        self.entries.append(_entry(name, self.states[name]))


def studies(root: Path) -> list[str]:
    """The studies that have a plan under a results root."""
    return sorted(path.parent.name for path in Path(root).glob("*/plan.json"))


def build_all(
    root: Path, progress: Callable[[str, str], None] = lambda name, words: None, since: Path | None = None
) -> tuple[Path, int]:
    """Build every report and the site; returns the path of its first page, and how many reports could not be built.

    progress: called with the name of each study and the path of its report, or why it has none. since: other results,
    with which they are compared; None: with those of the last time. BenchError if there is no study under `root`.
    """
    names = studies(root)
    if not names:
        raise BenchError(f"no study was run in {root}; run: bench run --study quickstart")
    before = None if since is None else _states(since)
    site = _Site()
    for name in names:
        try:
            data = read(name, root)
            progress(name, str(build(name, root, data)))
            site.add(name, data)
        except BenchError as error:
            progress(name, str(error))
            site.entries.append(IndexEntry(name, fault=clean(hide_machine(str(error).replace(str(root), "results")))))
    with disk_errors(root), locked(Path(root) / ".site.claim"):
        history = updated(read_history(root), site.states, before)
        _write(Path(root), site, history)
    return Path(root) / "index.html", sum(bool(entry.fault) for entry in site.entries)


def _states(root: Path) -> dict[str, Mapping[str, Any]]:
    """The states of other results; those that cannot be read are left out."""
    states = {}
    for name in studies(root):
        try:
            states[name] = study_state(read(name, root))
        except BenchError:
            continue
    if not states:
        raise BenchError(f"no study can be read in {root}; give a folder of results with --since")
    return states


def _write(root: Path, site: _Site, history: SiteHistory) -> None:
    """The pages, the feed and the file of the history; nothing is written if one would show people."""
    texts = _texts(site, history)
    shown = _texts(_without_dates(site), _undated(history))
    for name, text in shown.items():
        site.protected.checked(name, text)
    for name, text in texts.items():
        write_text(root / name, text)


def _texts(site: _Site, history: SiteHistory) -> dict[str, str]:
    faults = sum(bool(entry.fault) for entry in site.entries)
    state = plural(len(site.entries), "study", "studies") + (f", {faults} without a report" if faults else "")
    newest = [replace(change, time=_day(change.time)) for change in history.history[: -NEWEST - 1 : -1]]
    ranks, why = mean_ranks(site.rows)
    return {
        "index.html": html.render("index.html", studies=site.entries, state=f"{state}.", changes=newest),
        "leaderboard.html": html.render("leaderboard.html", boards=_tables(site.rows), ranks=_ranked(ranks), why=why),
        "feed.xml": as_atom(history.history, history.id, history.began),
        FILE: history.as_json(),
    }


def _tables(rows: Sequence[BoardRow]) -> list[tuple[Any, Any]]:
    return [(board, html.html_table(board.table, board.table.name, board.basis)) for board in boards(rows)]


def _ranked(tables: Sequence[Any]) -> list[Any]:
    return [html.html_table(table, table.name, "all studies") for table in tables]


def _without_dates(site: _Site) -> _Site:
    """The same without dates of runs: any date that is left would be one of a person or a scan."""
    entries = [replace(entry, date=NO_DATE) for entry in site.entries]
    return replace(site, entries=entries, states={name: without_times(one) for name, one in site.states.items()})


def _undated(history: SiteHistory) -> SiteHistory:
    changes = tuple(replace(change, time=NO_DATE) for change in history.history)
    states = {name: without_times(one) for name, one in history.studies.items()}
    return replace(history, began=NO_DATE, studies=states, history=changes)


def _day(time: str) -> str:
    """The day of a time."""
    return time.partition("T")[0]


def _entry(name: str, state: Mapping[str, Any]) -> IndexEntry:
    where = f"{quote(name)}/report.html"
    known = {
        "date": _day(state["date"]),
        "protocol": str(state["protocol"]),
        "code": listed(state["code"]) if state["code"] else "",
    }
    return IndexEntry(name, state["question"], tuple(state["verdict"]), state["state"], where, **known)
