"""The answer of a study in two sentences: the significant differences, and the most serious caution.

The first counts the declared differences that are significant after Holm's correction and claims nothing else. If a
control on random labels finds a difference, it makes no claim.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.report.tables import DatasetResults, Results, SectionTables
from bench.report.tables.above_chance_table import NOTHING_LEARNT
from bench.report.tables.declared_tests import ALPHA, no_fold
from bench.report.tables.metric_range import largest_difference
from bench.report.tables.number_format import decimals, listed, number, plural
from bench.report.tables.split_contrasts_table import SPLIT

NAMED = 3  # up to so many differences are listed by name; of more, only the numbers


@dataclass(frozen=True)
class Tested:
    """A declared difference: of two arms, of two splits, of a level and its control, or an interaction."""

    section: DatasetResults
    entry: Mapping[str, Any]

    @property
    def done(self) -> bool:
        return not math.isnan(self.entry["p"])

    @property
    def significant(self) -> bool:
        return self.done and bool(self.entry["p_holm"] < ALPHA)

    @property
    def equal(self) -> bool:
        return self.done and not self.significant and bool(self.entry["p_equivalence_holm"] < ALPHA)

    def words(self, place: bool) -> str:
        """`A is better than B in AUC`. place: with the name of the data."""
        entry, word = self.entry, "better" if self.entry["improvement"] > 0 else "worse"
        sentence = f"{entry['arm']} is {word} than {entry['against']}"
        if entry.get("effect") == SPLIT:
            return self._ending(f"{entry['arm']} is {word} on {entry['data']} than on {entry['over']}")
        if entry.get("effect") == "interaction":
            sentence = f"{entry['factor']} at {entry['level']} is {word} together than apart"
        elif not entry["against"]:
            sentence = f"{entry['factor']} at {entry['level']} is {word} than at {entry['control']}"
        return self._ending(sentence, f" on {self.section.name}" if place else "")

    def _ending(self, sentence: str, place: str = "") -> str:
        entry = self.entry
        but = ["within the margin of equivalence"] * bool(entry["p_equivalence_holm"] < ALPHA)
        but += [] if entry["complete"] else ["not final"]
        return f"{sentence} in {self.section.metric.title}{place}" + (f" ({', '.join(but)})" if but else "")


def summary(results: Results, found: Sequence[SectionTables]) -> tuple[str, str]:
    """Two sentences. The second begins with the most serious caution."""
    real = [frames for frames in found if not frames.section.phantom]
    made = [frames for frames in found if frames.section.phantom]
    first = "; on phantoms, ".join(_significance(part) for part in (real, made) if part)
    before = ("On real data, " if real else "On phantoms, ") if made else ""
    sofar = "so far " if any(run.status == "open" for frames in found for run in frames.section.runs) else ""
    first = f"{before}{sofar}{first}"
    second = f"{_gravest(results, real or made)}; {_unseen(real or made)}".removeprefix("; ")
    return _sentence(first), _sentence(second)


def tested(found: SectionTables) -> list[Tested]:
    """Every primary difference of a data set once: contrasts, splits, effects."""
    rows: dict[tuple[str, str], Tested] = {}
    for frame in (found.contrasts, found.splits, found.effects):
        for entry in frame[frame["primary"]].to_dict("records") if len(frame) else ():
            rows.setdefault((entry["arm"], entry["against"]), Tested(found.section, entry))
    return list(rows.values())


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _significance(part: Sequence[SectionTables]) -> str:
    tests = [one for frames in part for one in tested(frames)]
    if not tests:
        return "no difference was declared, so nothing is decided"
    significant = [one for one in tests if one.significant]
    equal = sum(one.equal for one in tests)
    if significant and any(_alarms(frames, "random labels") for frames in part):
        return (
            f"no claim is made, though {len(significant)} of {plural(len(tests), 'declared difference')} would be"
            " shown: a control found something where there is nothing to find"
        )
    if not any(one.done for one in tests):
        return _none(len(tests), "could be tested", "could not be tested")
    same = f", and {equal} within the declared margin of equivalence" if equal else ""
    if not significant:
        return _none(len(tests), "is shown", "is not shown") + same
    if len(tests) == 1:
        return f"the one declared difference is shown: {significant[0].words(len(part) > 1)}"
    verb = "is" if len(significant) == 1 else "are"
    names = _listed(significant, len(part) > 1)
    return f"{len(significant)} of {len(tests)} declared differences {verb} shown: {names}{same}"


def _none(count: int, some: str, one: str) -> str:
    return f"the one declared difference {one}" if count == 1 else f"none of {count} declared differences {some}"


def _listed(tests: Sequence[Tested], place: bool) -> str:
    if len(tests) <= NAMED:
        return listed([one.words(place) for one in tests])
    better = sum(one.entry["improvement"] > 0 for one in tests)
    worse = len(tests) - better
    parts = [f"{better} for the better"] * bool(better) + [f"{worse} for the worse"] * bool(worse)
    if unfinished := sum(not one.entry["complete"] for one in tests):
        return f"{listed(parts)} ({unfinished} of them not final)"
    return listed(parts)


def _alarms(found: SectionTables, control: str = "") -> list[Mapping[str, Any]]:
    rows = [entry for entry in found.controls.to_dict("records") if entry["passes"] is False]
    return [entry for entry in rows if not control or entry["control"] == control]


def _gravest(results: Results, part: Sequence[SectionTables]) -> str:
    """The most serious caution as a clause; empty if there is none."""
    for frames in part:
        for entry in _alarms(frames):
            return (
                f"the control {entry['control']} ({entry['arm']}, {frames.section.name}) found something where there"
                " is nothing to find, which must be explained first"
            )
    if part[0].section.phantom:
        return "the data are phantoms made by a program, and nothing here says anything about real scans"
    runs = {run.cell.key: run for frames in part for run in frames.section.runs}.values()
    lacking, words = sum(not run.done for run in runs), []
    if lacking:
        verb = "is" if lacking == 1 else "are"
        words.append(f"{lacking} of {plural(len(runs), 'run')} {verb} missing, so nothing is final")
    if nothing := sorted({arm for frames in part for arm in _learnt_nothing(frames)}):
        words.append(f"{listed(nothing[:NAMED])}{' and others' * (len(nothing) > NAMED)} learnt no more than a floor")
    return ", and ".join(words)


def _learnt_nothing(found: SectionTables) -> list[str]:
    return found.learning[found.learning["verdict"] == NOTHING_LEARNT]["arm"].tolist()


def _unseen(part: Sequence[SectionTables]) -> str:
    """The smallest differences that the tests could detect, by metric; else a limit of every such study."""
    sizes: dict[str, tuple[DatasetResults, list[float]]] = {}
    for frames in part:
        for one in tested(frames):
            if one.done and not one.significant and one.entry["detectable"] > 0:
                undetected = sizes.setdefault(frames.section.metric.title, (frames.section, []))
                undetected[1].append(one.entry["detectable"])
    missed = [_missed(section, values) for section, values in sizes.values()]
    if missed:
        return f"true differences smaller than about {listed(missed)} would probably have been missed"
    tests = [one for frames in part for one in tested(frames)]
    if tests and not any(one.done for one in tests):
        entry = tests[0].entry
        return f"no test was possible ({entry['reason'] if entry['folds'] else no_fold(entry)})"
    return "how the methods do on other data, this study cannot tell"


def _missed(section: DatasetResults, values: Sequence[float]) -> str:
    digits, unit = decimals(section.metric), section.unit(section.metric)
    most = largest_difference(section.metric)
    low, high = (number(min(value, most), digits) for value in (min(values), max(values)))
    size = low if low == high else f"{low} to {high}"
    return f"{size}{f' {unit}' if unit else ''} in {section.metric.title}"
