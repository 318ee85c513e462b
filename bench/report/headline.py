"""The answer of a study in a few sentences: significant differences, what was learnt, the most serious caution.

The first counts the planned comparisons that are significant after Holm's correction and claims nothing else. If a
control on random labels finds a difference, it makes no claim.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.report.learnt_or_not import learnt_words, planted_words
from bench.report.tables import DatasetResults, Results, SectionTables, captions
from bench.report.tables.above_chance_table import NOTHING_LEARNT
from bench.report.tables.controls_table import PLANTED
from bench.report.tables.declared_tests import ALPHA, no_fold
from bench.report.tables.metric_range import largest_difference
from bench.report.tables.number_format import decimals, listed, number, plural
from bench.report.tables.split_contrasts_table import SPLIT

NOT_DECLARED = "the study declares no comparison, so nothing is decided"
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
        return f"{sentence} in {captions.in_sentence(self.section.metric.title)}{place}" + (
            f" ({', '.join(but)})" if but else ""
        )


def summary(results: Results, found: Sequence[SectionTables]) -> tuple[str, ...]:
    """The answer in sentences: what was decided, what was learnt, and the most serious caution."""
    real = [frames for frames in found if not frames.section.phantom]
    made = [frames for frames in found if frames.section.phantom]
    apart = [[frames] for frames in found if tested(frames)] if 1 < len(found) <= NAMED else []
    groups = apart or [part for part in (real, made) if part]
    sentences = []
    for part in groups:
        decided = _significance(part)
        sentences.append(_sentence(_beginning(part, decided, len(groups), len(found)) + decided))
    if len(found) <= NAMED:
        sentences += [_sentence(words) for words in (learnt_words(frames, len(found) > 1) for frames in found) if words]
    sentences += [planted_words(results)] if results.plan.planted_leak else []
    caution = f"{_gravest(results, real or made)}; {_untested(real or made)}".removeprefix("; ").removesuffix("; ")
    return (*sentences, *([_sentence(caution)] if caution else []))


def _beginning(part: Sequence[SectionTables], decided: str, groups: int, sections: int) -> str:
    """Which data a sentence is about, and whether runs are missing."""
    where = ""
    if len(part) == 1 and sections > 1:
        where = f"On {captions.heading(part[0].section)}, "
    elif part[0].section.phantom:
        where = "On phantoms, "
    elif groups > 1:
        where = "On real data, "
    unfinished = decided != NOT_DECLARED and any(not run.done for frames in part for run in frames.section.runs)
    return f"{where}{'so far ' if unfinished else ''}"


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
        return NOT_DECLARED
    significant = [one for one in tests if one.significant]
    equal = sum(one.equal for one in tests)
    count = f"{len(significant)} of {plural(len(tests), 'planned comparison')}"
    if significant and any(_alarms(frames, "random labels") for frames in part):
        return (
            f"no claim is made, though {count} would be significant: a control found something where there is nothing"
            " to find"
        )
    if not any(one.done for one in tests):
        return f"none of {plural(len(tests), 'planned comparison')} could be tested"
    verb = "was" if len(significant) == 1 or len(tests) == 1 else "were"
    result = f"{count} {verb} significant after Holm's correction"
    same = f"; {equal} {'was' if equal == 1 else 'were'} equivalent within the declared margin" if equal else ""
    seen = _detectable(part)
    if significant:
        return f"{result}: {_listed(significant, len(part) > 1)}{same}{seen and f'; of the others, {seen}'}"
    return f"{_nobody(tests)}: {result}{same}{seen and f'; {seen}'}"


def _nobody(tests: Sequence[Tested]) -> str:
    """That nothing differed, with the arm that all were compared with where there is one."""
    against = {one.entry["against"] for one in tests}
    plain = all(one.entry["against"] and not one.entry.get("effect") for one in tests)
    who = f"no arm differed detectably from {against.pop()}" if plain and len(against) == 1 else ""
    return who or "nothing differed detectably"


def _listed(tests: Sequence[Tested], place: bool) -> str:
    if len(tests) <= NAMED and (together := _together(tests, place)):
        return together
    if len(tests) <= NAMED:
        return listed([one.words(place) for one in tests])
    better = sum(one.entry["improvement"] > 0 for one in tests)
    worse = len(tests) - better
    parts = [f"{better} for the better"] * bool(better) + [f"{worse} for the worse"] * bool(worse)
    if unfinished := sum(not one.entry["complete"] for one in tests):
        return f"{listed(parts)} ({unfinished} of them not final)"
    return listed(parts)


def _together(tests: Sequence[Tested], place: bool) -> str:
    """Several arms that are all better, or all worse, than one other; empty if they are not, or need more words."""
    against = {(one.entry["against"], one.entry["improvement"] > 0) for one in tests}
    plain = all(
        one.entry["against"]
        and not one.entry.get("effect")
        and one.entry["complete"]
        and "within" not in one.words(False)
        for one in tests
    )
    if place or len(tests) < 2 or len(against) > 1 or not plain:
        return ""
    other, better = against.pop()
    arms = listed([one.entry["arm"] for one in tests])
    title = captions.in_sentence(tests[0].section.metric.title)
    return f"{arms} are {'better' if better else 'worse'} than {other} in {title}"


def _alarms(found: SectionTables, control: str = "") -> list[Mapping[str, Any]]:
    rows = [entry for entry in found.controls.to_dict("records") if entry["passes"] is False]
    return [entry for entry in rows if not control or entry["control"] == control]


def _gravest(results: Results, part: Sequence[SectionTables]) -> str:
    """The most serious caution as a clause; empty if there is none."""
    for frames in part:
        for entry in _alarms(frames):
            if entry["control"] == PLANTED:
                return "the planted leak was not found: do not trust these scores before the reason is known"
            return (
                f"the control {entry['control']} ({entry['arm']}, {frames.section.name}) found something where there"
                " is nothing to find, which must be explained first"
            )
    if part[0].section.phantom:
        return "phantoms are made by a program, and nothing here says anything about real scans"
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


def _detectable(part: Sequence[SectionTables]) -> str:
    """The difference that the tests that show nothing would probably have found, by metric; empty if unknown."""
    sizes: dict[str, tuple[DatasetResults, list[float]]] = {}
    for frames in part:
        for one in tested(frames):
            if one.done and not (one.significant or one.equal) and one.entry["detectable"] > 0:
                undetected = sizes.setdefault(frames.section.metric.title, (frames.section, []))
                undetected[1].append(one.entry["detectable"])
    return listed([_found(section, max(values)) for section, values in sizes.values()]) if sizes else ""


def _found(section: DatasetResults, size: float) -> str:
    unit, title = section.unit(section.metric), captions.in_sentence(section.metric.title)
    if size >= largest_difference(section.metric):
        return f"even the largest possible difference in {title} could have been missed"
    of = f"{f' {unit}' if unit else ''} in {title}"
    return f"a difference above {number(size, decimals(section.metric))}{of} would probably have been found"


def _untested(part: Sequence[SectionTables]) -> str:
    """Why no test was possible; empty if one was, or none was declared."""
    tests = [one for frames in part for one in tested(frames)]
    if not tests or any(one.done for one in tests):
        return ""
    entry = tests[0].entry
    return f"no test was possible ({entry['reason'] if entry['folds'] else no_fold(entry)})"
