"""The outputs of a comparison of two studies: a page, Markdown, CSV, and a table in a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from bench.core import BenchError, paths
from bench.report import html, protected_names, tables
from bench.report.comparison_stats import Compared, compare
from bench.report.report_manifest import state
from bench.report.reproducibility import environment, fingerprints
from bench.report.tables import DatasetResults, Results, Table, captions, markdown
from bench.report.tables.declared_tests import ALPHA, detectable_cell
from bench.report.tables.number_format import between, decimals, listed, number, plural, probability, signed
from bench.storage import provenance
from bench.storage.anonymise import ProtectedNames
from bench.storage.atomic_io import disk_errors, write_text

FOLDER = "comparisons"  # under the results root
ITSELF = (
    "Both sides are the same results of one study, so nothing can differ: this shows what a comparison looks like.",
    "Give another study, or FOLDER:STUDY for the same study in another folder of results.",
)
SHOWN = (0, 1, 3, 5, 6, 7, 10)  # columns that a terminal has room for


@dataclass(frozen=True)
class Comparison:
    """Two studies and their comparison. labels: their names; known: names that must not appear; itself: one study."""

    labels: tuple[str, str]
    sides: Table
    parts: tuple[Compared, ...]
    known: ProtectedNames
    itself: bool = False

    @property
    def title(self) -> str:
        return f"{self.labels[0]} against {self.labels[1]}"

    @property
    def summary(self) -> tuple[str, str]:
        """Two sentences, like those of a report."""
        if self.itself:
            return ITSELF
        rows = [row for part in self.parts for row in part.frame.to_dict("records")]
        tested = [row for row in rows if not math.isnan(row["p"])]
        significant = [row for row in tested if row["p_holm"] < ALPHA]
        same = sum(row["verdict"] == "the same records" for row in rows)
        first = _counted(significant, len(tested), self.labels[1]) if tested else "No shared arm could be tested"
        first += f"; {plural(same, 'other has', 'others have')} the very same records." if same else "."
        apart = [f"{part.name} ({'; '.join(part.apart)})" for part in self.parts if part.apart]
        second = "These differences were not declared beforehand: they are leads, not results"
        return first, second + (f"; shown apart: {listed(apart)}." if apart else ".")


def _counted(significant: Sequence[Mapping[str, Any]], tests: int, second: str) -> str:
    """`2 of 5 shared arms are better and 1 is worse in B`, after Holm's correction."""
    better = sum(row["improvement"] > 0 for row in significant)
    counts = {"better": better, "worse": len(significant) - better}
    parts = [(count, f"{'is' if count == 1 else 'are'} {word}") for word, count in counts.items() if count]
    if not parts:
        return f"None of {plural(tests, 'shared arm')} is shown to differ in {second}"
    more = "".join(f" and {count} {words}" for count, words in parts[1:])
    return f"{parts[0][0]} of {tests} shared arms {parts[0][1]}{more} in {second}, after Holm's correction"


def read(first: str, second: str, root: Path) -> Comparison:
    """The comparison of NAME or FOLDER:NAME with another. BenchError if one was not run, or nothing is shared."""
    places = [parse_study(text, root) for text in (first, second)]
    raw = [tables.read(study, folder) for folder, study in places]
    each = [protected_names.find_protected_names(results) for results in raw]
    known = ProtectedNames(each[0].names | each[1].names, each[0].words | each[1].words)
    sides = [protected_names.anonymise(results, known) for results in raw]
    labels = [results.name for results in sides]
    if labels[0] == labels[1]:
        labels = [f"{labels[0]} (first)", f"{labels[1]} (second)"]
    found = compare(*sides)
    return Comparison(tuple(labels), _sides(labels, sides), tuple(found), known, places[0] == places[1])


def parse_study(text: str, root: Path) -> tuple[Path, str]:
    """(results root, study) of `STUDY` or `FOLDER:STUDY`."""
    folder, colon, study = text.rpartition(":")
    if not colon:
        return Path(root).resolve(), text
    if not paths.expand(folder).is_dir():
        raise BenchError(f"{text!r} names results in {folder!r}, which is no folder; give STUDY or FOLDER:STUDY")
    return paths.expand(folder).resolve(), study


def write(found: Comparison, folder: Path) -> Path:
    """Write page, Markdown and CSV into a folder; returns the page."""
    texts = {"comparison.csv": as_csv(found), "comparison.md": as_markdown(found), "comparison.html": as_html(found)}
    with disk_errors(folder):
        for name, text in texts.items():
            write_text(folder / name, found.known.checked(name, text))
    return folder / "comparison.html"


def as_csv(found: Comparison) -> str:
    """A row for every arm on every shared data set, in full precision; a is the first study, b the second."""
    return pd.concat([part.frame for part in found.parts], ignore_index=True).to_csv(index=False, lineterminator="\n")


def as_markdown(found: Comparison) -> str:
    """The whole comparison in Markdown."""
    lines = [f"# {found.title}", *found.summary, markdown(found.sides)]
    for part in found.parts:
        lines += [f"## {captions.heading(part.sections[0])}", *cautions(part), markdown(table(found, part))]
    return "\n\n".join(lines) + "\n"


def as_html(found: Comparison) -> str:
    """The comparison as a page."""
    parts = [
        {
            "heading": captions.heading(part.sections[0]),
            "cautions": cautions(part),
            "table": html.html_table(table(found, part), f"compared-{part.name}", found.title),
        }
        for part in found.parts
    ]
    return html.render(
        "comparison.html", found=found, parts=parts, sides=html.html_table(found.sides, "sides", found.title)
    )


def terminal(found: Comparison) -> RenderableType:
    """The comparison for a terminal."""
    parts: list[RenderableType] = [Text(found.title, style="bold"), *(Text(sentence) for sentence in found.summary)]
    for part in found.parts:
        shown = table(found, part)
        parts.append(Text(f"\n{captions.heading(part.sections[0])}", style="bold"))
        parts += [Text(caution, style="yellow") for caution in cautions(part)]
        grid = RichTable(box=None, pad_edge=False, header_style="dim")
        for at in SHOWN:
            grid.add_column(Text(shown.columns[at]), justify="left" if at in shown.words else "right")
        for row in shown.rows:
            grid.add_row(*(Text(row[at]) for at in SHOWN))
        parts.append(grid)
    return Group(*parts)


def cautions(part: Compared) -> list[str]:
    """Cautions that qualify the rows."""
    words = [captions.warning(part.sections[0])]
    words += [f"Shown apart, and not compared: the two differ in {listed(part.apart)}."] if part.apart else []
    return [word for word in words if word]


def table(found: Comparison, part: Compared) -> Table:
    """The arms of a data set, first against second."""
    section = part.sections[0]
    title = section.metric.title
    columns = ("Arm", f"{title}, first", "Runs", f"{title}, second", "Runs", "Improvement", "95 %", "Holm p")
    columns += ("Detectable", "Folds", "Verdict", "Defined otherwise")
    rows = tuple(_row(section, entry) for entry in part.frame.to_dict("records"))
    caption = (
        f"{captions.data(section)} First: {found.labels[0]}; second: {found.labels[1]}. {captions.primary(section)}."
        " Improvement: of the second on the first, over the folds that both have, seeds averaged first; brackets: 95 %"
        " by the test over people; Holm over all arms compared here."
    )
    return Table("compared", "Arm by arm", columns, rows, caption, (), (0, 10, 11))


def _row(section: DatasetResults, entry: Mapping[str, Any]) -> tuple[str, ...]:
    digits = decimals(section.metric)
    sides = [
        word
        for side in "ab"
        for word in (number(entry[f"score_{side}"], digits), f"{entry[f'done_{side}']}/{entry[f'planned_{side}']}")
    ]
    tests = signed(entry["improvement"], digits), between(entry["low"], entry["high"], digits)
    tests += probability(entry["p_holm"]), detectable_cell(section, entry)
    folds = "" if math.isnan(entry["folds"]) else f"{entry['folds']:.0f}/{entry['folds_planned']:.0f}"
    return (entry["arm"], *sides, *tests, folds, entry["verdict"], entry["differs"])


def _sides(labels: Sequence[str], sides: Sequence[Results]) -> Table:
    """The facts of each study: a difference in them may explain a difference in scores."""
    facts = [dict(_facts(results)) for results in sides]
    names = list(dict.fromkeys((*facts[0], *facts[1])))
    rows = tuple(
        (name, *(each.get(name, "") for each in facts), "" if facts[0].get(name) == facts[1].get(name) else "differs")
        for name in names
    )
    return Table("sides", "The two sides", ("", *labels, "Differs"), rows, "", (), (0, 1, 2, 3))


def _facts(results: Results) -> Sequence[tuple[str, str]]:
    plan, counts = results.plan, state(results)
    codes = sorted({provenance.format_code_version(record.provenance) for record in results.records})
    marks = fingerprints(results)
    return [
        ("Question", plan.question),
        ("Protocol", str(plan.protocol)),
        ("Runs", f"{counts['done']} of {counts['planned']} done"),
        ("Design", captions.grid(plan)),
        ("Recipe", captions.budget(plan).removeprefix("Recipe: ")),
        *((f"Fingerprint of {name}", mark) for name, mark in marks.items()),
        ("Code", listed(codes) if codes else ""),
        ("Environment", environment(results.records)),
    ]
