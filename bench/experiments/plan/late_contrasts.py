"""Contrasts that were declared, or left out, when results of their arms were there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.core.study_plan import StudyPlan
from bench.storage.record_store import Store

Pair = tuple[str, str]
AFTER = "After results were there"  # the beginning of a note, which later plans of the study keep


def late_contrasts(
    before: StudyPlan | None, declared: Sequence[Pair], store: Store
) -> tuple[tuple[Pair, ...], tuple[str, ...]]:
    """Compare the contrasts of a study with those of its last plan.

    Parameters
    ----------
    before : StudyPlan or None
        The last plan of the study in this folder of results; None if there is none.
    declared : sequence of (str, str)
        The contrasts that the study declares now.
    store : Store
        The records.

    Returns
    -------
    late : tuple of (str, str)
        Contrasts that were declared when both arms had finished trials, now or before.
    notes : tuple of str
        What was declared, and what was left out, at such a time.
    """
    if before is None:
        return (), ()
    finished = {cell.arm for cell in before.cells if cell.role == "arm" and store.has(cell.key)}
    added = [pair for pair in declared if pair not in before.contrasts and finished.issuperset(pair)]
    left_out = [pair for pair in before.contrasts if pair not in declared and finished.issuperset(pair)]
    late = [pair for pair in declared if pair in before.late or pair in added]
    notes = [note for note in before.notes if note.startswith(AFTER)]
    notes += [f"{AFTER}, a contrast was declared, so it is exploratory: {_words(added)}."] if added else []
    notes += [f"{AFTER}, a declared contrast was left out: {_words(left_out)}."] if left_out else []
    return tuple(late), tuple(dict.fromkeys(notes))


def _words(pairs: Iterable[Pair]) -> str:
    return "; ".join(f"{arm} against {against}" for arm, against in pairs)
