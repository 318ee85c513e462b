"""`bench status`."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from bench.cli import search_status
from bench.cli.options import Json, print_json
from bench.core import BenchError
from bench.experiments.clock_text import duration
from bench.experiments.status_text import State, counts, damages, pace, running_lines, troubles
from bench.experiments.trial_notes import score_words

LAST = 5  # errors that the live view shows
SHOWN = 12  # running trials that it shows
REPEAT = 60.0  # seconds until a line that has not changed is printed again
STORAGE = typer.Option("--storage", help="Storage of its search, if the URL given to `bench tune` has a password.")
STATUSES = ("done", "failed", "refused", "open")


def status(
    study: Annotated[str, typer.Option("--study", "-s", help="Name of a study. Default: all that were run here.")] = "",
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Update the status until all trials are done.")] = False,
    every: Annotated[float, typer.Option("--every", help="Seconds between two updates.")] = 2.0,
    storage: Annotated[str, STORAGE] = "",
    as_json: Json = False,
) -> None:
    """Show how far a study and its search are: trials by status, what is running, the speed, and all failures."""
    if every <= 0:
        raise BenchError(f"--every takes more than 0 seconds, not {every:g}")
    console = Console()
    if not study and not watch:
        return _overview(console, as_json)
    if not study:
        raise BenchError("--watch shows one study; give --study NAME")
    look = _Look(study, storage)
    if watch:
        return _watch(look, console, every, as_json)
    run, search = look()
    if as_json:
        return print_json(_joined(study, run, search))
    if run:
        _show(run, console)
    if search:
        search_status.show(search, console)
    return None


class _Look:
    """Reads the status of a study: its run, its search, or both."""

    def __init__(self, study: str, storage: str) -> None:
        """BenchError if neither has been started here."""
        from bench.core import paths
        from bench.experiments import plan
        from bench.experiments.progress import StatusReader
        from bench.experiments.search import result_files
        from bench.storage.record_store import Store

        self.study, self.storage, self.folder = study, storage, plan.folder(study)
        searched = bool(result_files.read_searches(self.folder)) and not (self.folder / "plan.json").is_file()
        self.reader = None if searched else StatusReader(plan.read(study), Store(paths.results_root()))

    def __call__(self) -> tuple[State | None, State | None]:
        """Status of the run and of the search; None for one that has not been started."""
        from bench.experiments.search import result_files, search_progress

        rows = result_files.read_searches(self.folder)
        search = search_progress.read_progress(self.study, rows, self.storage) if rows else None
        return asdict(self.reader.status()) if self.reader else None, search


def _joined(study: str, run: State | None, search: State | None) -> State:
    return {**(run or {"study": study}), **({"search": search} if search else {})}


def _goes_on(run: State | None, search: State | None) -> bool:
    """Whether anything is open. A search that was given up does not keep the display of a run open."""
    if run is None:
        return bool(search["open"] or search["running"])
    return bool(run["open"] or (search and search["running"]))


def _show(state: State, console: Console) -> None:
    console.print(counts(state), markup=False, highlight=False)
    console.print(_arms(state))
    for line in pace(state):
        console.print(line, markup=False, highlight=False)
    for line in [*running_lines(state)[:SHOWN], *damages(state), *troubles(state["troubles"])]:
        console.print(line, markup=False, highlight=False)


def _overview(console: Console, as_json: bool) -> None:
    """Print a line for every study that was run here, and one for each of its trials that runs."""
    from bench.core import paths
    from bench.experiments.progress import status_of

    root, states = paths.results_root(), []
    for name in sorted(path.parent.name for path in root.glob("*/plan.json")):
        try:
            states.append(asdict(status_of(name, root)))
        except BenchError as error:  # of an older protocol, or damaged: show the others
            console.print(f"{name}: {error}", markup=False, highlight=False)
    if as_json:
        return print_json(states)
    if not states:
        console.print(f"no study has been run in {root}; start with: bench run --study quickstart", highlight=False)
    for state in states:
        console.print("; ".join([counts(state), *pace(state)]), markup=False, highlight=False, soft_wrap=True)
        for line in running_lines(state)[:SHOWN]:
            console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
    return None


def _watch(look: _Look, console: Console, every: float, as_json: bool) -> None:
    """Show the status until nothing is open: in place on a terminal, else a line per update."""
    if console.is_terminal and not as_json:
        with Live(console=console, auto_refresh=False) as live:
            while True:
                run, search = look()
                parts = ([_view(run)] if run else []) + ([search_status.view(search)] if search else [])
                live.update(Group(*parts), refresh=True)
                if not _goes_on(run, search):
                    return
                time.sleep(every)
    printed: set[str] = set()
    lines = _NewLines()
    while True:
        run, search = look()
        if as_json:
            print_json(_joined(look.study, run, search))
        else:
            _lines(console, run, search, printed, lines)
        if not _goes_on(run, search):
            return
        time.sleep(every)


class _NewLines:
    """Prints a line that differs from the last one of its kind, and an equal one once a minute."""

    def __init__(self) -> None:
        self.last: dict[str, tuple[str, float]] = {}

    def show(self, kind: str, line: str) -> None:
        words, printed_at = self.last.get(kind, ("", 0.0))
        if line != words or time.monotonic() - printed_at >= REPEAT:
            self.last[kind] = line, time.monotonic()
            print(line, flush=True)


def _lines(console: Console, run: State | None, search: State | None, printed: set[str], lines: _NewLines) -> None:
    """Print a line for each where it has changed, and one for every new failure."""
    if run:
        _line(console, run, printed, lines)
    if search:
        lines.show("search", search_status.line(search))
        for words in [*search_status.troubles(search["troubles"]), *search["closed"].values()]:
            if words not in printed:
                printed.add(words)
                console.print(words, markup=False, highlight=False)


def _line(console: Console, state: dict[str, Any], printed: set[str], lines: _NewLines) -> None:
    """Print one line if it has changed, and one for every new failure."""
    lines.show("run", "; ".join([", ".join([counts(state), *pace(state)]), *running_lines(state)[:1]]))
    for row in state["troubles"]:
        if row["key"] not in printed:
            printed.add(row["key"])
            console.print(*troubles([row]), markup=False, highlight=False)


def _view(state: dict[str, Any]) -> Group:
    running = Table("running", "fold", "steps", "validation", "for", "node", box=None, pad_edge=False)
    for row in state["running"][:SHOWN]:
        place = f"{row['data']}, {row['arm']}"
        steps = f"{row['step']}/{row['steps']}" if row["steps"] else f"{row['fraction']:.0%}"
        score = "" if row["validation"] is None else score_words(row["metric"], row["validation"])
        running.add_row(escape(place), str(row["fold"] + 1), steps, score, duration(row["seconds"]), row["node"])
    more = len(state["running"]) - SHOWN
    recent = sorted(state["troubles"], key=lambda row: row["ended"] or 0)[-LAST:]
    lines = [Text(line) for line in [*([f"and {more} more"] if more > 0 else []), *troubles(recent)]]
    return Group(Text(counts(state)), Text(", ".join(pace(state))), _arms(state), running, *lines)


def _arms(state: dict[str, Any]) -> Table:
    table = Table("arm", *STATUSES, box=None, pad_edge=False)
    for arm, count in state["arms"].items():
        table.add_row(escape(arm), *(str(count.get(name, 0)) for name in STATUSES))
    return table


COMMAND = status
PANEL = "Studies"
