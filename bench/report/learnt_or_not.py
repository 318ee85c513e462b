"""What the arms of a data set have learnt, and whether a planted leak was found, in a sentence each."""

from __future__ import annotations

from bench.report.tables import DatasetResults, Results, SectionTables
from bench.report.tables.above_chance_table import LEARNT, UNTESTED
from bench.report.tables.captions import in_sentence
from bench.report.tables.number_format import decimals, listed, number

NAMED = 4  # arms that a sentence names


def learnt_words(found: SectionTables, place: bool = False) -> str:
    """How many arms have learnt, against a floor that sees no scan; empty without such a floor. place: name the data.

    Of a phantom also the score of the oracle; on one without an effect nothing should have been learnt.
    """
    frame = found.learning
    if frame.empty:
        return ""
    verdicts = [words.partition(";")[0] for words in frame["verdict"]]
    learnt = [arm for arm, word in zip(frame["arm"], verdicts, strict=True) if word == LEARNT]
    untested = [arm for arm, word in zip(frame["arm"], verdicts, strict=True) if word.startswith(UNTESTED)]
    rest = [arm for arm in frame["arm"] if arm not in (*learnt, *untested)]
    tested = len(frame) - len(untested)
    where = f"on {found.section.name}, " if place else ""
    if without_effect(found.section):
        seen = f"; learnt: {_names(learnt)}, which must be explained" if learnt else ", as it should be"
        return f"{where}{len(learnt)} of {tested} arms learnt where there is nothing to learn{seen}"
    others = f"; not shown to have learnt: {_names(rest)}" if rest else ""
    others += f"; not tested: {_names(untested)}" if untested else ""
    return f"{where}{len(learnt)} of {tested} arms learnt{_best(found.section)}{others}"


def without_effect(section: DatasetResults) -> bool:
    """Whether the data are a phantom that was made without an effect."""
    return section.phantom and section.data.params.get("effect") == 0


def planted_words(results: Results) -> str:
    """What the checks of the data did with the leak that the study planted."""
    planted = results.plan.planted_leak
    if planted.refused:
        return f"The planted leak was caught before training: {planted.refused}."
    return "The planted leak was NOT found."


def _best(section: DatasetResults) -> str:
    if section.data.oracle is None:
        return ""
    best = number(section.data.oracle, decimals(section.metric))
    return f" (a perfect reader would have {in_sentence(section.metric.title)} {best})"


def _names(arms: list[str]) -> str:
    shown = arms if len(arms) <= NAMED + 1 else [*arms[:NAMED], f"{len(arms) - NAMED} more"]
    return listed(shown)
